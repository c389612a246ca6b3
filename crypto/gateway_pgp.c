#include "crypto/gateway_pgp.h"

#include <stdio.h>

#include "core/codec.h"
#include "core/mail_addr.h"
#include "crypto/pgp_armor.h"
#include "crypto/pgp_info.h"
#include "crypto/pgp_packet.h"
#include "crypto/seal.h"

/* --- a ring --- */

void
gateway_pgp_init(struct gateway_pgp_ring *r, struct arena *a, const struct gateway_keys *keys)
{
	*r = (struct gateway_pgp_ring){.arena = a, .keys = keys};
	r->ring.cert = r->cert;
}

static void
free_cert(void *arg)
{
	pgp_cert_free(arg);
}

static struct pgp_cert *
parse(struct gateway_pgp_ring *r, struct slice octets)
{
	struct pgp_cert *cert = pgp_info_parse(octets);

	if (cert)
		arena_hook(r->arena, free_cert, cert);
	return cert;
}

struct gateway_pgp_one *
gateway_pgp_add(struct gateway_pgp_ring *r, struct slice octets, Gateway__Trust trust)
{
	struct gateway_pgp_one *one = &r->one[r->ring.n];
	struct pgp_cert *cert = r->ring.n < GATEWAY_PGP_CERTS_MAX ? parse(r, octets) : NULL;

	if (!cert)
		return NULL;
	*one = (struct gateway_pgp_one){.cert = cert, .octets = octets, .trust = trust};
	r->cert[r->ring.n++] = cert;
	return one;
}

struct gateway_pgp_one *
gateway_pgp_add_key(struct gateway_pgp_ring *r, const Gateway__Key *key)
{
	struct gateway_pgp_one *one = NULL;

	if (key->n_certificate)
		one = gateway_pgp_add(
			r, codec_slice(key->certificate[0]), GATEWAY__TRUST__TRUST_NONE);
	if (one)
		one->key = key;
	return one;
}

struct pgp_cert *
gateway_pgp_cert(struct gateway_pgp_ring *r, struct slice octets)
{
	const struct gateway_pgp_one *one;

	for (size_t i = 0; i < r->ring.n; i++)
		if (r->one[i].octets.p == octets.p)
			return r->cert[i];
	one = gateway_pgp_add(r, octets, GATEWAY__TRUST__TRUST_NONE);
	return one ? one->cert : parse(r, octets);
}

void
gateway_pgp_renew(struct gateway_pgp_ring *r, struct gateway_pgp_one *one, struct slice octets)
{
	struct pgp_cert *cert = parse(r, octets);

	if (!cert)
		return;
	one->cert = r->cert[one - r->one] = cert;
	one->octets = octets;
}

const struct gateway_pgp_one *
gateway_pgp_of(const struct gateway_pgp_ring *r, const struct pgp_cert *cert)
{
	for (size_t i = 0; i < r->ring.n; i++)
		if (r->one[i].cert == cert)
			return &r->one[i];
	return NULL;
}

static bool
is_same(const struct pgp_public *a, const struct pgp_public *b)
{
	return slice_eq(slice_of(a->fingerprint, a->n_fingerprint),
		slice_of(b->fingerprint, b->n_fingerprint));
}

const struct gateway_pgp_one *
gateway_pgp_with(const struct gateway_pgp_ring *r, const struct pgp_public *key)
{
	for (size_t i = 0; i < r->ring.n; i++)
		for (size_t k = 0; k < r->cert[i]->n_keys; k++)
			if (is_same(&r->cert[i]->key[k].public, key))
				return &r->one[i];
	return NULL;
}

/* --- its private keys --- */

static const Gateway__Key *
find_key(const struct gateway_pgp_ring *r, const struct pgp_public *key)
{
	const struct gateway_pgp_one *one = gateway_pgp_with(r, key);

	return one ? one->key : NULL;
}

static enum err
unwrap(void *arg, const struct pgp_public *key, uint8_t version, struct slice fields,
	struct pgp_session *session)
{
	struct gateway_pgp_ring *r = arg;
	const Gateway__Key *with = find_key(r, key);
	const struct gateway_keys_pgp q = {
		slice_of(key->fingerprint, key->n_fingerprint), version, fields};

	if (!with || !r->keys->pgp_unwrap)
		return ERR_NOT_FOUND;
	return r->keys->pgp_unwrap(r->keys->arg, with, &q, session);
}

static enum err
sign(void *arg, const struct pgp_public *key, uint8_t hash, struct slice digest,
	struct buf *fields)
{
	struct gateway_pgp_ring *r = arg;
	const Gateway__Key *with = find_key(r, key);
	const struct gateway_keys_pgp q = {
		slice_of(key->fingerprint, key->n_fingerprint), hash, digest};

	if (!with || !r->keys->pgp_sign)
		return ERR_NOT_FOUND;
	return r->keys->pgp_sign(r->keys->arg, with, &q, fields);
}

struct pgp_private
gateway_pgp_private(struct gateway_pgp_ring *r)
{
	return (struct pgp_private){unwrap, sign, r};
}

/* --- rules --- */

/* at_sec: has it a valid one? NULL: signed or not. */
static bool
has_user(struct pgp_cert *cert, struct slice address, const uint64_t *at_sec)
{
	struct slice wanted, has;
	struct arena a;
	bool is = false;

	arena_init(&a, 0);
	if (!mail_addr_canonical_text(address, &a, &wanted))
		for (size_t i = 0; i < cert->n_users && !is; i++) {
			has = cert->user[i].tag == PGP_TAG_USER_ID
				      ? pgp_valid_address(cert->user[i].text)
				      : SLICE_EMPTY;
			is = has.n && !mail_addr_canonical_text(has, &a, &has) &&
			     slice_eq(has, wanted) &&
			     (!at_sec || pgp_valid_user(cert, i, *at_sec));
		}
	arena_reset(&a);
	return is;
}

bool
gateway_pgp_is_for(struct pgp_cert *cert, struct slice address, uint64_t at_sec)
{
	return has_user(cert, address, &at_sec);
}

bool
gateway_pgp_names(struct pgp_cert *cert, struct slice address)
{
	return has_user(cert, address, NULL);
}

/* The least bad of its keys says it. */
const char *
gateway_pgp_fault(struct pgp_cert *cert, uint64_t at_sec)
{
	static const char *const texts[PGP_PROBLEM_COUNT] = {
		[PGP_PROBLEM_ALGORITHM] = "the OpenPGP key is too weak, or of a kind that "
					  "isn't known here",
		[PGP_PROBLEM_UNBOUND] = "the OpenPGP key isn't signed by itself",
		[PGP_PROBLEM_REVOKED] = "the OpenPGP key is revoked",
		[PGP_PROBLEM_EXPIRED] = "the OpenPGP key has expired",
		[PGP_PROBLEM_TIME] = "the OpenPGP key isn't valid yet",
		[PGP_PROBLEM_PURPOSE] = "the OpenPGP key isn't for encrypting"};
	enum pgp_problem least = PGP_PROBLEM_ALGORITHM;

	if (!cert)
		return "the OpenPGP key can't be read";
	for (size_t i = 0; i < cert->n_keys && least != PGP_PROBLEM_NONE; i++) {
		enum pgp_problem p = pgp_valid_key(cert, i, PGP_USE_ENCRYPT, at_sec);

		if (p == PGP_PROBLEM_NONE || i == 0 ||
			(p != PGP_PROBLEM_PURPOSE && least == PGP_PROBLEM_PURPOSE))
			least = p;
	}
	return least == PGP_PROBLEM_NONE ? NULL : texts[least];
}

const char *
gateway_pgp_print(const struct pgp_public *key, char out[GATEWAY_PGP_PRINT])
{
	for (size_t i = 0; i < PGP_KEY_ID; i++)
		snprintf(out + 2 * i, 3, "%02x", key->key_id[i]);
	return out;
}

/* --- a message --- */

static enum err
feed_unarmor(void *arg, struct slice octets)
{
	return pgp_unarmor_feed(arg, octets);
}

/* Nothing but one message: what stands around it would be shown as if it were part of it. */
static enum err
finish_armor(struct pgp_unarmor *u)
{
	enum err e = pgp_unarmor_finish(u);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_SYNTAX : e;
	return u->blocks == 1 && !u->has_text &&
			       (u->kind == PGP_ARMOR_MESSAGE || u->kind == PGP_ARMOR_NONE)
		       ? ERR_OK
		       : ERR_SYNTAX;
}

static enum err
read_message(void *arg, struct text_sink to)
{
	const struct gateway_pgp_message *m = arg;
	struct pgp_unarmor u;
	enum err e;

	pgp_unarmor_init(&u, to);
	e = gateway_mime_decode(
		m->text, m->range, m->encoding, &(struct text_sink){feed_unarmor, &u});
	return e == ERR_IO || e == ERR_CORRUPT ? e : finish_armor(&u);
}

enum err
gateway_pgp_open(const struct gateway_pgp_message *m, struct pgp_opened *facts)
{
	struct pgp_private private = gateway_pgp_private(m->keys);
	struct pgp_open_setup setup = {.keys = &m->keys->ring,
		.private = &private,
		.attempt = m->attempt,
		.judge = {&m->signers->ring, m->now_sec},
		.limit_bytes = GATEWAY_PGP_TEXT_MAX,
		.to = m->to};
	struct pgp_open_source source = {read_message, (void *)(uintptr_t)m};
	enum err e = pgp_open_message(&setup, &source, facts);

	seal_wipe(&facts->session, sizeof facts->session);
	/* It would be no smaller later. */
	return e == ERR_TOO_BIG ? ERR_LIMIT : e;
}

/* --- what only looks like one ------------------------------------------------------------ */

struct shape {
	size_t session_keys, encrypted;
	bool is_other;
};

static enum err
see_packet(void *arg, uint8_t tag)
{
	struct shape *s = arg;

	switch (tag) {
	case PGP_TAG_PKESK:
	case PGP_TAG_SKESK:
		s->session_keys++;
		s->is_other |= s->encrypted > 0;
		break;
	case PGP_TAG_SEIPD:
	case PGP_TAG_OCB:
		s->is_other |= s->encrypted++ > 0 || s->session_keys == 0;
		break;
	case PGP_TAG_MARKER:
	case PGP_TAG_PADDING:
		break;
	default:
		s->is_other = true;
	}
	return ERR_OK;
}

static enum err
pass_over(void *arg, struct slice octets)
{
	(void)arg;
	(void)octets;
	return ERR_OK;
}

static enum err
end_packet(void *arg)
{
	(void)arg;
	return ERR_OK;
}

static enum err
feed_packets(void *arg, struct slice octets)
{
	return pgp_packet_feed(arg, octets);
}

enum err
gateway_pgp_looks_encrypted(const struct text *t, struct gateway_mime_range range,
	enum mail_encoding encoding, bool *does)
{
	struct shape s = {0, 0, false};
	struct pgp_packet p;
	struct pgp_unarmor u;
	enum err e;

	pgp_packet_init(&p, &(struct pgp_packet_to){see_packet, pass_over, end_packet, &s});
	pgp_unarmor_init(&u, (struct text_sink){feed_packets, &p});
	e = gateway_mime_decode(t, range, encoding, &(struct text_sink){feed_unarmor, &u});
	*does = !e && !finish_armor(&u) && !pgp_packet_finish(&p) && !s.is_other &&
		s.encrypted == 1;
	return e == ERR_IO || e == ERR_CORRUPT ? e : ERR_OK;
}
