#include "crypto/gateway_learn.h"

#include "core/codec.h"
#include "core/mail_addr.h"
#include "core/mail_scan.h"
#include "crypto/gateway_autocrypt.h"
#include "crypto/pgp_armor.h"
#include "crypto/pgp_merge.h"

enum { COPIES_MAX = 2 * GATEWAY_PGP_CERTS_MAX + 1 };

static uint64_t
now_sec(const struct gateway_learn *l)
{
	return l->w->e->q->now_sec;
}

/* --- one copy --- */

/* Known copies of it, and in the end itself. */
struct copies {
	struct pgp_cert *cert[COPIES_MAX];
	size_t n;
	struct gateway_pgp_one *used; /* the first of signers that is one; or NULL */
	bool is_known, is_blocked;    /* known: not from this mail alone */
};

static void
find_copies(struct gateway_learn *l, struct gateway_pgp_ring *r, const struct pgp_cert *cert,
	struct copies *c)
{
	for (size_t i = 0; i < r->ring.n; i++) {
		struct gateway_pgp_one *one = &r->one[i];

		if (!slice_eq(one->cert->key[0].public.body, cert->key[0].public.body))
			continue;
		c->cert[c->n++] = one->cert;
		c->is_blocked |= gateway_answer_is_blocked(l->w, one->octets);
		c->is_known |= r == &l->others || one->trust > GATEWAY__TRUST__TRUST_NONE;
		if (r == &l->signers && !c->used)
			c->used = one;
	}
}

static void
harvest(struct gateway_learn *l, struct slice octets, const char *way)
{
	Gateway__Harvest h;

	gateway__harvest__init(&h);
	h.address = codec_bytes(l->address);
	h.der = codec_bytes(octets);
	h.trust = GATEWAY__TRUST__HARVESTED;
	gateway_answer_harvest(l->w, &h);
	gateway_answer_fact(l->w, NULL, "%s: a key of %.*s", way, SLICE_FMT(l->address));
}

/* Of nobody known: can it be encrypted to, and is it his? */
static bool
is_of_use(const struct gateway_learn *l, struct gateway_pgp_one *one)
{
	return one && !gateway_pgp_fault(one->cert, now_sec(l)) &&
	       gateway_pgp_is_for(one->cert, l->address, now_sec(l));
}

static void
put_together(struct gateway_learn *l, const struct copies *c, const char *way)
{
	struct gateway_pgp_one *one;
	struct slice octets;
	struct buf out;
	bool has_news = false;
	enum err e;

	buf_init(&out, PGP_MERGE_MAX);
	e = pgp_merge(c->cert, c->n, PGP_MERGE_MAX, &out, &has_news);
	octets = e ? SLICE_EMPTY : arena_dup(l->w->e->arena, buf_slice(&out));
	buf_fini(&out);
	if (e)
		gateway_answer_fact(l->w, NULL, "%s: a key of %.*s is left out: %s", way,
			SLICE_FMT(l->address), err_text(e));
	one = c->used;
	/* Of a large one old bindings aren't kept, so they are news in each copy. */
	if (!has_news || !octets.n || (one && slice_eq(octets, one->octets)))
		return;
	if (one)
		gateway_pgp_renew(&l->signers, one, octets);
	else
		one = gateway_pgp_add(&l->signers, octets, GATEWAY__TRUST__TRUST_NONE);
	if (c->is_known || is_of_use(l, one))
		harvest(l, octets, way);
}

/* A copy that the mail brings. */
static void
learn(struct gateway_learn *l, struct pgp_cert *cert, const char *way)
{
	struct copies *c = arena_zalloc(l->w->e->arena, sizeof *c);

	if (cert->is_secret || l->copies == GATEWAY_LEARN_COPIES_MAX)
		return;
	/* Somebody else's: whoever signed with it isn't the one in From. */
	if (!gateway_pgp_names(cert, l->address)) {
		if (l->strangers++ < GATEWAY_LEARN_STRANGERS_MAX)
			gateway_pgp_add(&l->signers,
				arena_dup(l->w->e->arena, buf_slice(&cert->octets)),
				GATEWAY__TRUST__TRUST_NONE);
		return;
	}
	l->copies++;
	find_copies(l, &l->signers, cert, c);
	find_copies(l, &l->others, cert, c);
	if (c->is_blocked)
		return;
	c->cert[c->n++] = cert;
	put_together(l, c, way);
}

static void
learn_all(struct gateway_learn *l, struct slice octets, const char *way)
{
	struct pgp_cert *cert;

	for (int n = 0; n < GATEWAY_LEARN_PACKED_MAX; n++) {
		enum err e = pgp_cert_parse(&octets, &cert);

		if (e == ERR_UNSUPPORTED || e == ERR_LIMIT)
			continue;
		if (e)
			return;
		learn(l, cert, way);
		pgp_cert_free(cert);
	}
}

/* --- what isn't in use --- */

static bool
has_primary(const struct gateway_pgp_ring *r, const struct pgp_cert *cert)
{
	for (size_t i = 0; i < r->ring.n; i++)
		if (slice_eq(r->cert[i]->key[0].public.body, cert->key[0].public.body))
			return true;
	return false;
}

/* All that is known of it: a copy that says less would say that all is well. */
static void
add_unused(struct gateway_learn *l, const struct gateway_pgp_one *one)
{
	struct copies *c = arena_zalloc(l->w->e->arena, sizeof *c);
	struct slice octets = one->octets;
	struct buf out;
	bool has_news;

	find_copies(l, &l->others, one->cert, c);
	buf_init(&out, PGP_MERGE_MAX);
	if (c->n > 1)
		octets = pgp_merge(c->cert, c->n, PGP_MERGE_MAX, &out, &has_news)
				 ? SLICE_EMPTY
				 : arena_dup(l->w->e->arena, buf_slice(&out));
	buf_fini(&out);
	if (octets.n)
		gateway_pgp_add(&l->signers, octets, GATEWAY__TRUST__TRUST_NONE);
}

struct gateway_pgp_ring *
gateway_learn_signers(struct gateway_learn *l)
{
	for (size_t i = 0; i < l->others.ring.n && !l->has_all; i++)
		if (!has_primary(&l->signers, l->others.cert[i]))
			add_unused(l, &l->others.one[i]);
	l->has_all = true;
	return &l->signers;
}

/* --- attached --- */

static enum err
feed_unarmor(void *arg, struct slice octets)
{
	return pgp_unarmor_feed(arg, octets);
}

/* What can't be read is no key. */
static enum err
learn_part(struct gateway_learn *l, const struct text *t, const struct mail_part *p)
{
	const struct gateway_mime_range body = {p->body_at, p->end_at};
	struct pgp_unarmor u;
	struct buf packets;
	enum err e;

	if (p->end_at - p->body_at > GATEWAY_LEARN_PART_MAX)
		return ERR_OK;
	buf_init(&packets, GATEWAY_LEARN_PART_MAX);
	pgp_unarmor_init(&u, text_into(&packets));
	e = gateway_mime_decode(t, body, (enum mail_encoding)p->encoding,
		&(struct text_sink){feed_unarmor, &u});
	if (!e && !pgp_unarmor_finish(&u) &&
		(u.kind == PGP_ARMOR_PUBLIC_KEY || u.kind == PGP_ARMOR_NONE))
		learn_all(l, buf_slice(&packets), "attached");
	buf_fini(&packets);
	return e == ERR_IO || e == ERR_CORRUPT ? e : ERR_OK;
}

static bool
has_keys(const struct mail_part *p, struct arena *a)
{
	struct mail_type type;

	if (p->kind != MAIL_PART_LEAF || p->encoding == MAIL_ENCODING_UNKNOWN)
		return false;
	mail_scan_type(p, a, &type);
	return mail_type_is(&type, SLICE_LIT("application"), SLICE_LIT("pgp-keys"));
}

static enum err
feed_scan(void *arg, struct slice octets)
{
	mail_scan_feed(arg, octets);
	return ERR_OK;
}

static enum err
learn_parts(struct gateway_learn *l, const struct text *t)
{
	struct mail_scan *s = mail_scan_new();
	const struct mail_part *parts;
	uint32_t count;
	enum err e = text_copy(t, 0, t->size, &(struct text_sink){feed_scan, s});
	size_t n = 0;

	mail_scan_finish(s);
	parts = mail_scan_parts(s, &count);
	for (uint32_t i = 0; i < count && !e && n < GATEWAY_LEARN_PARTS_MAX; i++)
		if (has_keys(&parts[i], l->w->e->arena)) {
			e = learn_part(l, t, &parts[i]);
			n++;
		}
	mail_scan_free(s);
	return e;
}

static bool
may_have_parts(const struct gateway_head *h, const struct text *t, struct arena *a)
{
	size_t i = gateway_head_find(h, SLICE_LIT("Content-Type"), 0);
	struct mail_type type;

	return t->size <= GATEWAY_LEARN_TEXT_MAX && i < h->n &&
	       mail_type_parse(h->field[i].body, a, &type) &&
	       slice_eq_nocase(type.type, SLICE_LIT("multipart"));
}

enum err
gateway_learn_attached(
	struct gateway_learn *l, const struct gateway_head *head, const struct text *t)
{
	if (!l->address.n || !may_have_parts(head, t, l->w->e->arena))
		return ERR_OK;
	return learn_parts(l, t);
}

/* --- the mail --- */

static bool
is_from_somebody(const struct gateway_head *h, struct arena *a)
{
	size_t i = gateway_head_find(h, SLICE_LIT("Content-Type"), 0);
	struct mail_type type;

	if (gateway_head_count(h, SLICE_LIT("List-Id")) ||
		gateway_head_count(h, SLICE_LIT("List-Post")))
		return false;
	return i >= h->n || !mail_type_parse(h->field[i].body, a, &type) ||
	       !mail_type_is(&type, SLICE_LIT("multipart"), SLICE_LIT("report"));
}

enum err
gateway_learn_mail(
	struct gateway_learn *l, const struct gateway_head *head, const struct text *t)
{
	struct arena *a = l->w->e->arena;

	if (l->address.n && !is_from_somebody(head, a))
		l->address = SLICE_EMPTY;
	if (!l->address.n)
		return ERR_OK;
	learn_all(l, gateway_autocrypt_read(head, l->address, a), "Autocrypt");
	return gateway_learn_attached(l, head, t);
}

void
gateway_learn_begin(
	struct gateway_learn *l, struct gateway_work *w, const struct gateway_judge_from *from)
{
	const Gateway__Party *p = w->e->q->sender;
	struct arena *a = w->e->arena;

	*l = (struct gateway_learn){.w = w};
	gateway_pgp_init(&l->signers, a, w->e->keys);
	gateway_pgp_init(&l->others, a, w->e->keys);
	for (size_t i = 0; p && i < p->n_certificate; i++)
		gateway_pgp_add(&l->signers, codec_slice(p->certificate[i]->der),
			p->certificate[i]->trust);
	for (size_t i = 0; p && i < p->n_other; i++)
		gateway_pgp_add(
			&l->others, codec_slice(p->other[i]), GATEWAY__TRUST__TRUST_NONE);
	if (!from->why && mail_addr_canonical_text(from->address, a, &l->address))
		l->address = SLICE_EMPTY;
}
