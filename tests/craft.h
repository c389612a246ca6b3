/* craft: certificates of OpenPGP that no program would make, signature by signature: a primary
 * key with what is put behind it, and two subkeys that it may bind. For tests. */
#ifndef TESTS_CRAFT_H
#define TESTS_CRAFT_H

#include "crypto/pgp_packet.h"
#include "crypto/pgp_secret.h"
#include "crypto/pgp_sig_make.h"
#include "crypto/pgp_valid.h"
#include "tests/test.h"

enum { CRAFT_NOW = 1795000000, CRAFT_DAY = 86400, CRAFT_MAX = 1 << 20, CRAFT_SALT = 16 };

struct craft {
	struct pgp_secret primary, encryption, signing;
	uint32_t from_sec; /* when all keys were made */
	struct buf octets;
};
struct craft_subpackets {
	int flags, features, reason; /* -1: none */
	uint32_t key_expires, expires;
	uint8_t critical; /* a type that nobody knows; 0: none */
	bool is_primary;
	struct slice embedded;
};
static const struct craft_subpackets CRAFT_NONE = {.flags = -1, .features = -1, .reason = -1};

/* What is signed besides the primary key. */
struct craft_about {
	const struct pgp_public *subkey;
	const char *user;
	bool is_attribute; /* the user is one */
};
struct craft_signature {
	uint8_t type;
	int64_t after_sec; /* the keys were made */
	struct craft_subpackets q;
	struct craft_about about;
	uint8_t hash;			 /* 0: SHA-256 */
	const struct pgp_secret *by;	 /* NULL: the primary key */
	const struct pgp_public *issuer; /* whose fingerprint it has; NULL: its own key's */
	struct slice unhashed;		 /* subpackets */
	bool is_spoilt;			 /* everything fits but the number that it is */
};

static inline void
craft_put_subpackets(const struct craft_subpackets *q, struct buf *out)
{
	uint8_t flags = (uint8_t)q->flags, features = (uint8_t)q->features,
		reason = (uint8_t)q->reason, yes = 1;

	if (q->flags >= 0)
		pgp_sig_make_subpacket(out, PGP_SIG_KEY_FLAGS, true, slice_of(&flags, 1));
	if (q->features >= 0)
		pgp_sig_make_subpacket(out, PGP_SIG_FEATURES, false, slice_of(&features, 1));
	if (q->reason >= 0)
		pgp_sig_make_subpacket(out, PGP_SIG_REASON, false, slice_of(&reason, 1));
	if (q->key_expires)
		pgp_sig_make_number(out, PGP_SIG_KEY_EXPIRES, q->key_expires);
	if (q->expires)
		pgp_sig_make_number(out, PGP_SIG_EXPIRES, q->expires);
	if (q->is_primary)
		pgp_sig_make_subpacket(out, PGP_SIG_PRIMARY_USER_ID, true, slice_of(&yes, 1));
	if (q->critical)
		pgp_sig_make_subpacket(out, q->critical, true, SLICE_LIT("?"));
	if (q->embedded.n)
		pgp_sig_make_subpacket(out, PGP_SIG_EMBEDDED, false, q->embedded);
}

/* Subpackets of one area, with their length. */
static inline void
craft_put_area(uint8_t version, struct slice area, struct buf *out)
{
	if (version == 6)
		buf_put_u32(out, (uint32_t)area.n);
	else
		buf_put(out, (uint8_t[]){(uint8_t)(area.n >> 8), (uint8_t)area.n}, 2);
	buf_put_slice(out, area);
}

static inline void
craft_put_hashed(const struct craft *c, const struct craft_signature *s, struct buf *out)
{
	const struct pgp_public *by = s->by ? &s->by->public : &c->primary.public,
				*issuer = s->issuer ? s->issuer : by;
	uint8_t fingerprint[1 + PGP_FINGERPRINT_MAX] = {issuer->version};
	struct buf area;

	buf_init(&area, CRAFT_MAX);
	memcpy(fingerprint + 1, issuer->fingerprint, issuer->n_fingerprint);
	pgp_sig_make_number(
		&area, PGP_SIG_CREATED, (uint32_t)((int64_t)c->from_sec + s->after_sec));
	pgp_sig_make_subpacket(&area, PGP_SIG_ISSUER_FINGERPRINT, false,
		slice_of(fingerprint, 1 + issuer->n_fingerprint));
	if (by->version == 4)
		pgp_sig_make_subpacket(
			&area, PGP_SIG_ISSUER, false, slice_of(by->key_id, PGP_KEY_ID));
	craft_put_subpackets(&s->q, &area);
	buf_put_u8(out, by->version);
	buf_put_u8(out, s->type);
	buf_put_u8(out, by->algorithm);
	buf_put_u8(out, s->hash ? s->hash : PGP_SHA256);
	craft_put_area(by->version, buf_slice(&area), out);
	buf_fini(&area);
}

static inline struct slice
craft_digest(const struct craft *c, const struct craft_signature *s, struct slice hashed,
	struct slice salt, uint8_t *room)
{
	struct pgp_sig_hash h;

	assert_int_equal(pgp_sig_hash_begin(&h, hashed.p[3], salt, false), ERR_OK);
	pgp_sig_hash_key(&h, &c->primary.public);
	if (s->about.subkey)
		pgp_sig_hash_key(&h, s->about.subkey);
	if (s->about.user)
		pgp_sig_hash_user(&h,
			s->about.is_attribute ? PGP_TAG_USER_ATTRIBUTE : PGP_TAG_USER_ID,
			slice_str(s->about.user));
	return pgp_sig_hash_finish(&h, hashed.p[0], hashed, room);
}

/* Appends the body of a signature packet. */
static inline void
craft_body(const struct craft *c, const struct craft_signature *s, struct buf *body)
{
	const struct pgp_secret *by = s->by ? s->by : &c->primary;
	bool is_salted = by->public.version == 6;
	struct slice salt = is_salted ? SLICE_LIT("0123456789abcdef") : SLICE_EMPTY, digest;
	uint8_t room[PGP_DIGEST_MAX];
	struct buf hashed;

	buf_init(&hashed, CRAFT_MAX);
	craft_put_hashed(c, s, &hashed);
	digest = craft_digest(c, s, buf_slice(&hashed), salt, room);
	buf_put_slice(body, buf_slice(&hashed));
	craft_put_area(by->public.version, s->unhashed, body);
	buf_put(body, digest.p, 2);
	if (is_salted)
		buf_put_u8(body, CRAFT_SALT);
	buf_put_slice(body, salt);
	assert_int_equal(pgp_secret_sign(by, hashed.p[3], digest, body), ERR_OK);
	if (s->is_spoilt)
		body->p[body->n - 1] ^= 1;
	buf_fini(&hashed);
}

static inline void
craft_put_signature(struct craft *c, const struct craft_signature *s)
{
	struct buf body;

	buf_init(&body, CRAFT_MAX);
	craft_body(c, s, &body);
	pgp_packet_put(&c->octets, PGP_TAG_SIGNATURE, buf_slice(&body));
	buf_fini(&body);
}

/* By the primary key, days after it was made. */
static inline void
craft_put(struct craft *c, uint8_t type, int64_t days, struct craft_subpackets q,
	struct craft_about about)
{
	craft_put_signature(c,
		&(struct craft_signature){
			.type = type, .after_sec = days * CRAFT_DAY, .q = q, .about = about});
}

static inline void
craft_put_key(struct craft *c, uint8_t tag, const struct pgp_public *key)
{
	pgp_packet_put(&c->octets, tag, key->body);
}

/* A user id and the signature that binds it. */
static inline void
craft_put_user(struct craft *c, const char *user, int64_t days, struct craft_subpackets q)
{
	pgp_packet_put(&c->octets, PGP_TAG_USER_ID, slice_str(user));
	craft_put(c, PGP_SIG_CERT_POSITIVE, days, q, (struct craft_about){.user = user});
}

static inline struct craft_subpackets
craft_flags(int value)
{
	struct craft_subpackets q = CRAFT_NONE;

	q.flags = value;
	return q;
}

static inline struct craft_subpackets
craft_reason(int value)
{
	struct craft_subpackets q = CRAFT_NONE;

	q.reason = value;
	return q;
}

/* kind: the primary key's, as are the subkeys' version and time. */
static inline void
craft_begin_as(struct craft *c, struct pgp_secret_kind kind)
{
	struct pgp_secret_kind sub = {.version = kind.version,
		.algorithm = kind.version == 6 ? PGP_X25519 : PGP_ECDH,
		.created_sec = kind.created_sec,
		.curve = kind.version == 6 ? NULL : "Curve25519"};

	c->from_sec = kind.created_sec;
	assert_int_equal(pgp_secret_generate(&kind, &c->primary), ERR_OK);
	assert_int_equal(pgp_secret_generate(&kind, &c->signing), ERR_OK);
	assert_int_equal(pgp_secret_generate(&sub, &c->encryption), ERR_OK);
	buf_init(&c->octets, CRAFT_MAX);
	craft_put_key(c, PGP_TAG_PUBLIC_KEY, &c->primary.public);
}

static inline void
craft_begin(struct craft *c)
{
	craft_begin_as(c,
		(struct pgp_secret_kind){
			.version = 4, .algorithm = PGP_EDDSA_LEGACY, .created_sec = CRAFT_NOW});
}

static inline void
craft_end(struct craft *c)
{
	buf_fini(&c->octets);
	pgp_secret_fini(&c->primary);
	pgp_secret_fini(&c->signing);
	pgp_secret_fini(&c->encryption);
}

static inline struct pgp_cert *
craft_cert(const struct craft *c)
{
	struct slice rest = buf_slice(&c->octets);
	struct pgp_cert *cert;

	assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_OK);
	return cert;
}

/* A little later than so many days. */
static inline enum pgp_problem
craft_may(const struct craft *c, size_t key, enum pgp_use use, int64_t days)
{
	struct pgp_cert *cert = craft_cert(c);
	enum pgp_problem p = pgp_valid_key(
		cert, key, use, (uint64_t)((int64_t)c->from_sec + days * CRAFT_DAY + 10));

	pgp_cert_free(cert);
	return p;
}
#define CRAFT_SIGNS(c, days) craft_may(c, 0, PGP_USE_SIGN, days)
#define CRAFT_ENCRYPTS(c, days) craft_may(c, 1, PGP_USE_ENCRYPT, days)

#endif
