/* Which session key opens a message: of those that are given, those wrapped to our keys, those
 * of our passwords. */
#include "crypto/pgp_open_inner.h"

#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_skesk.h"

/* A PKESK, RFC 9580 section 5.1. */
struct recipient {
	uint8_t version, algorithm;
	struct slice id; /* key id, fingerprint, or empty: anonymous */
	struct slice fields;
};
struct search {
	struct pgp_open *o;
	uint8_t pkesk, skesk; /* versions that go with the packet */
	uint8_t cipher;	      /* that the packet names; 0 */
	struct pgp_session *session;
	enum err error; /* ERR_NOT_FOUND until one was chosen */
};

static bool
read_recipient(struct slice body, struct recipient *r)
{
	static const uint8_t anonymous[PGP_KEY_ID];
	size_t id = PGP_KEY_ID + 1;

	if (body.n < 2)
		return false;
	r->version = body.p[0];
	if (r->version == 3) {
		r->id = slice_cut(body, 1, id);
		if (slice_eq(r->id, slice_of(anonymous, PGP_KEY_ID)))
			r->id = SLICE_EMPTY;
	} else if (r->version == 6) {
		/* The version of the key stands before its fingerprint; both may be missing. */
		id = 2 + (size_t)body.p[1];
		r->id = slice_cut(body, 3, id);
	} else {
		return false;
	}
	if (body.n <= id)
		return false;
	r->algorithm = body.p[id];
	r->fields = slice_from(body, id + 1);
	return true;
}

static bool
is_named(const struct recipient *r, const struct pgp_public *key)
{
	if (r->algorithm != key->algorithm)
		return false;
	if (r->id.n == 0)
		return key->may_encrypt;
	return r->version == 3
		       ? slice_eq(r->id, slice_of(key->key_id, PGP_KEY_ID))
		       : slice_eq(r->id, slice_of(key->fingerprint, key->n_fingerprint));
}

/* Is it this one's turn? */
static bool
is_chosen(struct search *s)
{
	size_t i = s->o->facts.attempts;

	if (i == PGP_OPEN_ATTEMPTS_MAX)
		return false;
	s->o->facts.attempts++;
	return i == s->o->setup.attempt;
}

static void
try_key(struct search *s, const struct recipient *r, const struct pgp_public *key)
{
	const struct pgp_private *private = s->o->setup.private;

	if (!is_chosen(s))
		return;
	s->error = private->unwrap(private->arg, key, r->version, r->fields, s->session);
	s->o->facts.key = key;
}

static void
try_recipient(struct search *s, struct slice body)
{
	const struct pgp_cert_ring *ring = s->o->setup.keys;
	struct recipient r;

	s->o->facts.recipients++;
	if (!ring || !s->o->setup.private || !read_recipient(body, &r) ||
		r.version != s->pkesk || r.fields.n > PGP_PUBLIC_FIELDS_MAX)
		return;
	for (size_t i = 0; i < ring->n; i++)
		for (size_t k = 0; k < ring->cert[i]->n_keys; k++)
			if (is_named(&r, &ring->cert[i]->key[k].public))
				try_key(s, &r, &ring->cert[i]->key[k].public);
}

/* A password with a packet is a try, whether or not it turns out to fit: what it takes to find
 * that out may be seconds, and a message may have many such packets. */
static void
try_passwords(struct search *s, struct slice body)
{
	struct pgp_session session;

	if (body.n < 1 || body.p[0] != s->skesk)
		return;
	for (size_t i = 0; i < s->o->setup.n_passwords; i++) {
		if (!is_chosen(s))
			continue;
		s->error = ERR_CRYPTO;
		if (pgp_skesk_open(body, s->o->setup.password[i], &session) == ERR_OK) {
			*s->session = session;
			s->error = ERR_OK;
			s->o->facts.key = NULL;
		}
		explicit_bzero(&session, sizeof session);
	}
}

enum err
pgp_open_find(struct pgp_open *o, uint8_t tag, const struct pgp_symmetric_head *head,
	struct pgp_session *session)
{
	bool is_v2 = tag == PGP_TAG_SEIPD && head->version == 2;
	struct search s = {.o = o,
		.pkesk = is_v2 ? 6 : 3,
		.skesk = is_v2		      ? 6
			 : tag == PGP_TAG_OCB ? 5
					      : 4,
		.session = session,
		.error = ERR_NOT_FOUND};
	struct slice rest = buf_slice(&o->keys);
	struct pgp_packet_whole p;

	for (size_t i = 0; i < o->setup.n_sessions; i++)
		if (is_chosen(&s)) {
			*session = o->setup.session[i];
			s.error = ERR_OK;
		}
	while (pgp_packet_next(&rest, &p) == ERR_OK) {
		if (p.tag == PGP_TAG_PKESK)
			try_recipient(&s, p.body);
		else
			try_passwords(&s, p.body);
		/* GnuPG writes either version before its own packet. */
		if (tag == PGP_TAG_OCB && p.tag == PGP_TAG_SKESK && p.body.n &&
			p.body.p[0] == 4) {
			s.skesk = 4;
			try_passwords(&s, p.body);
			s.skesk = 5;
		}
	}
	return s.error;
}
