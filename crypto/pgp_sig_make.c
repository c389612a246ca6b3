#include "crypto/pgp_sig_make.h"

#include "core/big_endian.h"
#include "core/rand.h"
#include "crypto/pgp_algorithm.h"

enum {
	HASHED_MAX = PGP_SIG_MAKE_SUBPACKETS_MAX + 256,
	SALT_MAX = 32,
	CRITICAL = 0x80,
	P384_BITS = 384
};

void
pgp_sig_make_subpacket(struct buf *out, uint8_t type, bool is_critical, struct slice body)
{
	size_t n = body.n + 1;

	if (n < 192) {
		buf_put_u8(out, (uint8_t)n);
	} else {
		buf_put_u8(out, 255);
		buf_put_u32(out, (uint32_t)n);
	}
	buf_put_u8(out, (uint8_t)(is_critical ? type | CRITICAL : type));
	buf_put_slice(out, body);
}

void
pgp_sig_make_number(struct buf *out, uint8_t type, uint32_t value)
{
	uint8_t octets[4];

	big_endian_put_u32(octets, value);
	pgp_sig_make_subpacket(out, type, true, slice_of(octets, sizeof octets));
}

uint8_t
pgp_sig_make_hash(const struct pgp_public *key)
{
	switch (key->algorithm) {
	case PGP_EDDSA_LEGACY:
	case PGP_ED25519:
	case PGP_ED448:
		return PGP_SHA512;
	case PGP_ECDSA:
		return key->bits > P384_BITS	? PGP_SHA512
		       : key->bits == P384_BITS ? PGP_SHA384
						: PGP_SHA256;
	default:
		return PGP_SHA256;
	}
}

static bool
is_ours(uint8_t hash)
{
	return hash == PGP_SHA256 || hash == PGP_SHA384 || hash == PGP_SHA512 ||
	       hash == PGP_SHA3_256 || hash == PGP_SHA3_512;
}

static void
put_issuer(const struct pgp_public *key, struct buf *out)
{
	uint8_t body[1 + PGP_FINGERPRINT_MAX] = {key->version};

	memcpy(body + 1, key->fingerprint, key->n_fingerprint);
	pgp_sig_make_subpacket(out, PGP_SIG_ISSUER_FINGERPRINT, key->version == 6,
		slice_of(body, 1 + key->n_fingerprint));
	/* Old programs look for nothing else. */
	if (key->version == 4)
		pgp_sig_make_subpacket(
			out, PGP_SIG_ISSUER, false, slice_of(key->key_id, PGP_KEY_ID));
}

static void
put_length(struct buf *out, uint8_t version, size_t n)
{
	if (version == 6) {
		buf_put_u32(out, (uint32_t)n);
	} else {
		buf_put_u8(out, (uint8_t)(n >> 8));
		buf_put_u8(out, (uint8_t)n);
	}
}

enum err
pgp_sig_make_begin(struct pgp_sig_make *m, const struct pgp_sig_make_setup *setup)
{
	struct buf area;
	uint8_t *salt;

	*m = (struct pgp_sig_make){.key = setup->key};
	buf_init(&m->hashed, HASHED_MAX);
	buf_init(&m->salt, SALT_MAX);
	if (!is_ours(setup->hash))
		return ERR_UNSUPPORTED;
	buf_init(&area, HASHED_MAX);
	pgp_sig_make_number(&area, PGP_SIG_CREATED, setup->created_sec);
	put_issuer(setup->key, &area);
	buf_put_slice(&area, setup->subpackets);
	buf_put_u8(&m->hashed, setup->key->version);
	buf_put_u8(&m->hashed, setup->type);
	buf_put_u8(&m->hashed, setup->key->algorithm);
	buf_put_u8(&m->hashed, setup->hash);
	put_length(&m->hashed, setup->key->version, area.n);
	buf_put_slice(&m->hashed, buf_slice(&area));
	buf_fini(&area);
	if (setup->key->version == 6) {
		size_t n = pgp_algorithm_salt_size(setup->hash);

		salt = buf_room(&m->salt, n);
		rand_bytes(salt, n);
		buf_grow(&m->salt, n);
	}
	return pgp_sig_hash_begin(
		&m->hash, setup->hash, buf_slice(&m->salt), setup->type == PGP_SIG_TEXT);
}

enum err
pgp_sig_make_finish(struct pgp_sig_make *m, const struct pgp_private *private, struct buf *body)
{
	uint8_t room[PGP_DIGEST_MAX];
	struct slice digest = pgp_sig_hash_finish(
		&m->hash, m->key->version, buf_slice(&m->hashed), room);
	struct buf fields;
	enum err e;

	buf_init(&fields, PGP_PUBLIC_FIELDS_MAX);
	e = private->sign(private->arg, m->key, m->hashed.p[3], digest, &fields);
	if (e == ERR_OK) {
		buf_put_slice(body, buf_slice(&m->hashed));
		put_length(body, m->key->version, 0);
		buf_put(body, digest.p, 2);
		if (m->salt.n)
			buf_put_u8(body, (uint8_t)m->salt.n);
		buf_put_slice(body, buf_slice(&m->salt));
		buf_put_slice(body, buf_slice(&fields));
	}
	buf_fini(&fields);
	return e == ERR_OK && body->overflow ? ERR_TOO_BIG : e;
}

void
pgp_sig_make_fini(struct pgp_sig_make *m)
{
	pgp_sig_hash_fini(&m->hash);
	buf_fini(&m->hashed);
	buf_fini(&m->salt);
}
