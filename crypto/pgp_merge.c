#include "crypto/pgp_merge.h"

#include "core/arena.h"
#include "crypto/pgp_packet.h"

/* How many bindings of each component are kept, as long as it doesn't fit. */
static const size_t KEEP[] = {PGP_CERT_SIGNATURES_MAX, 8, 4, 2, 1};

/* Revocations first, then the newest. */
struct one_sig {
	struct one_sig *next;
	const struct pgp_cert_sig *sig;
	bool is_revocation, is_news;
};
struct component {
	struct component *next;
	uint8_t tag;
	struct slice body;
	struct one_sig *sigs;
};
struct merging {
	struct arena arena;
	struct component *first, **end;
	size_t n_keys, n_users, n_sigs;
	bool is_last;	    /* the copy that is taken */
	bool has_unchecked; /* it may revoke, and nobody knows */
};

/* --- taking copies apart --- */

static struct component *
component_of(struct merging *m, uint8_t tag, struct slice body)
{
	struct component *c;

	for (c = m->first; c; c = c->next)
		if (c->tag == tag && slice_eq(c->body, body))
			return c;
	c = arena_zalloc(&m->arena, sizeof *c);
	c->tag = tag;
	c->body = body;
	*m->end = c;
	m->end = &c->next;
	if (tag == PGP_TAG_USER_ID)
		m->n_users++;
	else
		m->n_keys++;
	return c;
}

/* Whoever passes a copy on may write what he wants into what isn't hashed. */
static bool
is_same(const struct pgp_sig *a, const struct pgp_sig *b)
{
	return a->version == b->version && slice_eq(a->hashed, b->hashed) &&
	       slice_eq(a->fields, b->fields);
}

static bool
is_before(const struct one_sig *a, const struct one_sig *b)
{
	const struct pgp_sig *x = &a->sig->sig, *y = &b->sig->sig;

	if (a->is_revocation != b->is_revocation)
		return a->is_revocation;
	if (x->created_sec != y->created_sec)
		return x->created_sec > y->created_sec;
	return slice_cmp(a->sig->body, b->sig->body) < 0;
}

static void
add_sig(struct merging *m, struct component *c, const struct one_sig *fresh)
{
	struct one_sig **at, *s = arena_alloc(&m->arena, sizeof *s);

	*s = *fresh;
	for (at = &c->sigs; *at && is_before(*at, s);)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
	m->n_sigs++;
}

static void
take_sigs(struct merging *m, struct component *c, struct pgp_cert *cert,
	const struct pgp_cert_sigs *sigs)
{
	for (size_t i = sigs->from; i < sigs->from + sigs->n; i++) {
		struct one_sig fresh = {.sig = &cert->sig[i], .is_news = m->is_last}, *s;
		enum pgp_cert_state state = pgp_valid_own(cert, i, &fresh.is_revocation);

		if (state == PGP_CERT_BAD ||
			(state == PGP_CERT_UNKNOWN && !fresh.is_revocation))
			continue;
		m->has_unchecked |= m->is_last && state == PGP_CERT_UNKNOWN;
		for (s = c->sigs; s && !is_same(&s->sig->sig, &fresh.sig->sig);)
			s = s->next;
		if (!s)
			add_sig(m, c, &fresh);
	}
}

static void
take(struct merging *m, struct pgp_cert *cert)
{
	for (size_t i = 0; i < cert->n_keys; i++) {
		const struct pgp_cert_key *k = &cert->key[i];

		take_sigs(m,
			component_of(m, i ? PGP_TAG_PUBLIC_SUBKEY : PGP_TAG_PUBLIC_KEY,
				k->public.body),
			cert, &k->sigs);
	}
	for (size_t i = 0; i < cert->n_users; i++)
		if (cert->user[i].tag == PGP_TAG_USER_ID)
			take_sigs(m, component_of(m, PGP_TAG_USER_ID, cert->user[i].text), cert,
				&cert->user[i].sigs);
}

/* --- and putting them together --- */

static void
put_component(const struct component *c, size_t keep, struct buf *out)
{
	if (!c->sigs && c->tag != PGP_TAG_PUBLIC_KEY)
		return;
	pgp_packet_put(out, c->tag, c->body);
	for (const struct one_sig *s = c->sigs; s; s = s->next) {
		if (!s->is_revocation && keep-- == 0)
			return;
		pgp_packet_put(out, PGP_TAG_SIGNATURE, s->sig->body);
	}
}

/* In the order of RFC 9580 section 10.1. */
static bool
put(const struct merging *m, size_t keep, struct buf *out)
{
	static const uint8_t order[] = {
		PGP_TAG_PUBLIC_KEY, PGP_TAG_USER_ID, PGP_TAG_PUBLIC_SUBKEY};

	for (size_t i = 0; i < sizeof order; i++)
		for (const struct component *c = m->first; c; c = c->next)
			if (c->tag == order[i])
				put_component(c, keep, out);
	return !out->overflow;
}

static enum err
put_fitting(const struct merging *m, size_t max, struct buf *out)
{
	enum err e = ERR_TOO_BIG;
	struct buf one;

	for (size_t i = 0; e && i < sizeof KEEP / sizeof *KEEP; i++) {
		buf_init(&one, max);
		if (put(m, KEEP[i], &one))
			e = buf_put_slice(out, buf_slice(&one)) ? ERR_OK : ERR_TOO_BIG;
		buf_fini(&one);
	}
	return e;
}

static bool
has_news(const struct merging *m)
{
	for (const struct component *c = m->first; c; c = c->next)
		for (const struct one_sig *s = c->sigs; s; s = s->next)
			if (s->is_news)
				return true;
	return false;
}

enum err
pgp_merge(struct pgp_cert *const *copy, size_t n, size_t max, struct buf *out, bool *news)
{
	struct merging m = {.end = &m.first};
	enum err e = ERR_OK;

	for (size_t i = 1; i < n; i++)
		if (!slice_eq(copy[i]->key[0].public.body, copy[0]->key[0].public.body))
			return ERR_SYNTAX;
	arena_init(&m.arena, 0);
	for (size_t i = 0; i < n; i++) {
		m.is_last = i + 1 == n;
		take(&m, copy[i]);
	}
	*news = n == 1 || has_news(&m);
	/* Whoever made the copy may have seen to that: what he wrote would revoke the key for
	 * all who know it. */
	if (m.has_unchecked || m.n_keys > PGP_SUBKEYS_MAX + 1 || m.n_users > PGP_USER_IDS_MAX ||
		m.n_sigs > PGP_CERT_SIGNATURES_MAX)
		e = ERR_LIMIT;
	e = e ? e : put_fitting(&m, max, out);
	arena_reset(&m.arena);
	return e;
}
