#include <openssl/crypto.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/pgp_block.h"
#include "crypto/pgp_old_cfb.h"
#include "crypto/pgp_s2k.h"
#include "crypto/pgp_secret_inner.h"

/* S2K usage octets (RFC 9580 section 3.7.2). */
enum { CLEAR = 0, AEAD = 253, SHA1_CFB = 254, SUM_CFB = 255 };
enum { SUM = 2, SHA1 = 20, OPENPGP_TAG = 0xc0, INFO = 4 };

/* What stands before the private part. */
struct head {
	uint8_t usage, cipher, aead;
	struct pgp_s2k s2k;
	struct slice iv;
};

/* --- the head ---------------------------------------------------------------------------- */

static bool
take_u8(struct slice *rest, uint8_t *v)
{
	struct slice s;

	if (!pgp_public_take_octets(rest, 1, &s))
		return false;
	*v = *s.p;
	return true;
}

static size_t
block_size(uint8_t cipher)
{
	return pgp_old_cfb_has(cipher) ? PGP_OLD_CFB_BLOCK : pgp_algorithm_block_size(cipher);
}

static size_t
key_size(uint8_t cipher)
{
	return pgp_old_cfb_has(cipher) ? PGP_OLD_CFB_KEY : pgp_algorithm_key_size(cipher);
}

/* RFC 9580 section 3.7.2: what only has a cipher is an MD5 of the password. */
static void
set_legacy(struct head *h)
{
	h->cipher = h->usage;
	h->usage = SUM_CFB;
	h->s2k.kind = PGP_S2K_SIMPLE;
	h->s2k.hash = PGP_MD5;
}

static enum err
take_s2k(struct slice *rest, uint8_t version, struct head *h)
{
	struct slice s2k, *from = rest;
	uint8_t n;
	enum err e;

	if (version == 6) {
		if (!take_u8(rest, &n) || !pgp_public_take_octets(rest, n, &s2k))
			return ERR_SYNTAX;
		from = &s2k;
	}
	e = pgp_s2k_take(from, &h->s2k);
	return !e && version == 6 && s2k.n ? ERR_SYNTAX : e;
}

static enum err
take_parameters(struct slice *rest, uint8_t version, struct head *h)
{
	bool is_aead = h->usage == AEAD;
	enum err e;
	size_t n;

	if (h->usage != AEAD && h->usage != SHA1_CFB && h->usage != SUM_CFB) {
		set_legacy(h);
	} else {
		if (!take_u8(rest, &h->cipher) || (is_aead && !take_u8(rest, &h->aead)))
			return ERR_SYNTAX;
		e = take_s2k(rest, version, h);
		if (e)
			return e;
		/* RFC 9580 section 3.7.2.1. */
		if (h->s2k.kind == PGP_S2K_ARGON2 && !is_aead)
			return ERR_SYNTAX;
	}
	n = is_aead ? pgp_algorithm_nonce_size(h->aead) : block_size(h->cipher);
	if (n == 0 || (is_aead && !pgp_algorithm_has_aead(h->cipher, h->aead)))
		return ERR_UNSUPPORTED;
	return pgp_public_take_octets(rest, n, &h->iv) ? ERR_OK : ERR_SYNTAX;
}

static enum err
take_head(struct slice *rest, uint8_t version, struct head *h)
{
	struct slice parameters;
	uint8_t n;
	enum err e;

	memset(h, 0, sizeof *h);
	if (!take_u8(rest, &h->usage))
		return ERR_SYNTAX;
	if (h->usage == CLEAR)
		return ERR_OK;
	if (version != 6)
		return take_parameters(rest, version, h);
	/* RFC 9580 section 5.5.3: the others aren't for version 6. */
	if (h->usage != AEAD && h->usage != SHA1_CFB)
		return ERR_SYNTAX;
	if (!take_u8(rest, &n) || !pgp_public_take_octets(rest, n, &parameters))
		return ERR_SYNTAX;
	e = take_parameters(&parameters, version, h);
	return !e && parameters.n ? ERR_SYNTAX : e;
}

enum err
pgp_secret_is_locked(const struct pgp_public *public, struct slice rest)
{
	struct head h;
	enum err e = take_head(&rest, public->version, &h);

	return e ? e : h.usage == CLEAR ? ERR_OK : ERR_AUTH;
}

/* --- AEAD -------------------------------------------------------------------------------- */

/* RFC 9580 section 5.5.3: the key that protects is bound to the packet's kind and the
 * algorithms, the private part to the public one. */
static void
init_block(const struct pgp_secret_lock *lock, const struct head *h, const uint8_t *key,
	bool is_seal, struct pgp_block *block)
{
	const uint8_t info[INFO] = {
		OPENPGP_TAG | lock->tag, lock->public->version, h->cipher, h->aead};
	size_t n = pgp_algorithm_key_size(h->cipher);
	const struct pgp_algorithm_hkdf q = {
		.key = slice_of(key, n), .info = slice_of(info, sizeof info)};
	uint8_t derived[PGP_SESSION_MAX];

	pgp_algorithm_hkdf(&q, derived, n);
	pgp_block_init(block, &(struct pgp_block_how){h->cipher, h->aead, is_seal}, derived);
	OPENSSL_cleanse(derived, sizeof derived);
}

static void
put_aad(const struct pgp_secret_lock *lock, struct buf *aad)
{
	buf_init(aad, PGP_PUBLIC_BODY_MAX + 1);
	buf_put_u8(aad, OPENPGP_TAG | lock->tag);
	buf_put_slice(aad, lock->public->body);
}

static enum err
open_aead(const struct pgp_secret_lock *lock, const struct head *h, const uint8_t *key,
	struct slice in, struct buf *material)
{
	struct pgp_block block;
	struct buf aad;
	uint8_t *out = buf_room(material, in.n);
	bool ok;

	if (in.n < PGP_ALGORITHM_TAG)
		return ERR_SYNTAX;
	must(out != NULL);
	put_aad(lock, &aad);
	init_block(lock, h, key, false, &block);
	ok = pgp_block_open(
		&block, &(struct pgp_block_text){h->iv.p, buf_slice(&aad), in}, out);
	pgp_block_fini(&block);
	buf_fini(&aad);
	if (ok)
		buf_grow(material, in.n - PGP_ALGORITHM_TAG);
	return ok ? ERR_OK : ERR_AUTH;
}

/* --- checksums --------------------------------------------------------------------------- */

static void
sum_octets(struct slice s, uint8_t sum[SUM])
{
	unsigned all = 0;

	for (size_t i = 0; i < s.n; i++)
		all += s.p[i];
	sum[0] = (uint8_t)(all >> 8);
	sum[1] = (uint8_t)all;
}

static size_t
checksum(uint8_t usage, struct slice material, uint8_t check[SHA1])
{
	if (usage != SHA1_CFB) {
		sum_octets(material, check);
		return SUM;
	}
	must(EVP_Digest(material.p, material.n, check, NULL, pgp_algorithm_md(PGP_SHA1),
		     NULL) == 1);
	return SHA1;
}

/* Takes the checksum off the end of the material. */
static bool
check_end(uint8_t usage, struct buf *material)
{
	size_t n = usage == SHA1_CFB ? SHA1 : SUM;
	uint8_t check[SHA1];

	if (material->n < n)
		return false;
	material->n -= n;
	checksum(usage, buf_slice(material), check);
	return CRYPTO_memcmp(check, material->p + material->n, n) == 0;
}

static enum err
open_cfb(const struct head *h, const uint8_t *key, struct slice in, struct buf *material)
{
	uint8_t *out = buf_room(material, in.n);

	must(out != NULL);
	if (pgp_old_cfb_has(h->cipher))
		pgp_old_cfb_open(h->cipher, key, h->iv.p, in, out);
	else
		pgp_block_cfb(&(struct pgp_block_cfb){h->cipher, false, key, h->iv.p}, in, out);
	buf_grow(material, in.n);
	return check_end(h->usage, material) ? ERR_OK : ERR_AUTH;
}

/* --- both ways --------------------------------------------------------------------------- */

static enum err
open_clear(uint8_t version, struct slice rest, struct buf *material)
{
	must(buf_put_slice(material, rest));
	return version == 6 || check_end(CLEAR, material) ? ERR_OK : ERR_SYNTAX;
}

enum err
pgp_secret_unlock(const struct pgp_secret_lock *lock, struct slice rest, struct buf *material)
{
	uint8_t key[PGP_SESSION_MAX];
	struct head h;
	enum err e = take_head(&rest, lock->public->version, &h);

	if (e)
		return e;
	if (h.usage == CLEAR)
		return open_clear(lock->public->version, rest, material);
	if (!lock->password.n || lock->password.n > PGP_S2K_PASSWORD_MAX)
		return ERR_AUTH;
	e = pgp_s2k_key(&h.s2k, lock->password, key, key_size(h.cipher));
	if (!e)
		e = h.usage == AEAD ? open_aead(lock, &h, key, rest, material)
				    : open_cfb(&h, key, rest, material);
	OPENSSL_cleanse(key, sizeof key);
	return e;
}

static void
put_aead(const struct pgp_secret_lock *lock, const struct head *h, const uint8_t *key,
	struct slice material, struct buf *body)
{
	uint8_t *out = buf_room(body, material.n + PGP_ALGORITHM_TAG);
	struct pgp_block block;
	struct buf aad;

	if (!out)
		return;
	put_aad(lock, &aad);
	init_block(lock, h, key, true, &block);
	pgp_block_seal(
		&block, &(struct pgp_block_text){h->iv.p, buf_slice(&aad), material}, out);
	pgp_block_fini(&block);
	buf_fini(&aad);
	buf_grow(body, material.n + PGP_ALGORITHM_TAG);
}

static void
put_cfb(const struct head *h, const uint8_t *key, struct slice material, struct buf *body)
{
	uint8_t check[SHA1], *out;
	size_t at = body->n, n = checksum(h->usage, material, check);

	buf_put_slice(body, material);
	if (!buf_put(body, check, n))
		return;
	out = body->p + at;
	pgp_block_cfb(&(struct pgp_block_cfb){h->cipher, true, key, h->iv.p},
		slice_of(out, material.n + n), out);
}

static void
put_head(const struct head *h, uint8_t version, struct buf *body)
{
	struct buf s2k, parameters;

	buf_init(&s2k, UINT8_MAX);
	buf_init(&parameters, UINT8_MAX);
	pgp_s2k_put(&h->s2k, &s2k);
	buf_put_u8(&parameters, h->cipher);
	if (h->usage == AEAD)
		buf_put_u8(&parameters, h->aead);
	if (version == 6)
		buf_put_u8(&parameters, (uint8_t)s2k.n);
	buf_put_slice(&parameters, buf_slice(&s2k));
	buf_put_slice(&parameters, h->iv);
	buf_put_u8(body, h->usage);
	if (version == 6)
		buf_put_u8(body, (uint8_t)parameters.n);
	buf_put_slice(body, buf_slice(&parameters));
	buf_fini(&s2k);
	buf_fini(&parameters);
}

static void
put_clear(uint8_t version, struct slice material, struct buf *body)
{
	uint8_t check[SHA1];

	buf_put_u8(body, CLEAR);
	buf_put_slice(body, material);
	if (version != 6)
		buf_put(body, check, checksum(CLEAR, material, check));
}

void
pgp_secret_lock(const struct pgp_secret_lock *lock, struct slice material, struct buf *body)
{
	uint8_t key[PGP_SESSION_MAX], iv[PGP_ALGORITHM_BLOCK_MAX],
		version = lock->public->version;
	struct head h = {.usage = version == 6 ? AEAD : SHA1_CFB,
		.cipher = PGP_AES256,
		.aead = version == 6 ? PGP_OCB : 0};

	if (!lock->password.n) {
		put_clear(version, material, body);
		return;
	}
	pgp_s2k_choose(version == 6 ? PGP_S2K_ARGON2 : PGP_S2K_ITERATED, &h.s2k);
	rand_bytes(iv, sizeof iv);
	h.iv = slice_of(iv, version == 6 ? pgp_algorithm_nonce_size(PGP_OCB) : sizeof iv);
	/* 64 MiB: who hasn't got as much can't have a password. */
	must(pgp_s2k_key(&h.s2k, lock->password, key, sizeof key) == ERR_OK);
	put_head(&h, version, body);
	if (version == 6)
		put_aead(lock, &h, key, material, body);
	else
		put_cfb(&h, key, material, body);
	OPENSSL_cleanse(key, sizeof key);
}
