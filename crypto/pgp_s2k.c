#include "crypto/pgp_s2k.h"

#include <argon2.h>
#include <openssl/crypto.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/pgp_algorithm.h"

enum {
	SALT = 8,
	SALT_ARGON2 = 16,
	COUNT_MAX = 0xff, /* 65,011,712 octets */
	PIECE = 8192	  /* octets that are hashed at once, at least */
};

/* --- specifiers -------------------------------------------------------------------------- */

static bool
take_octets(struct slice *rest, uint8_t *out, size_t n)
{
	if (rest->n < n)
		return false;
	memcpy(out, rest->p, n);
	*rest = slice_from(*rest, n);
	return true;
}

static enum err
take_argon2(struct slice *rest, struct pgp_s2k *s)
{
	unsigned least = 3;

	if (!take_octets(rest, s->salt, SALT_ARGON2) || !take_octets(rest, &s->passes, 1) ||
		!take_octets(rest, &s->lanes, 1) || !take_octets(rest, &s->memory, 1) ||
		s->passes == 0 || s->lanes == 0)
		return ERR_SYNTAX;
	/* RFC 9580 section 3.7.1.4: from 3 + ceil(log2(lanes)) on, at most 31. */
	while (1U << (least - 3) < s->lanes)
		least++;
	if (s->memory < least || s->memory > 31)
		return ERR_SYNTAX;
	return s->memory > PGP_S2K_MEMORY_MAX ||
			       ((uint64_t)s->passes << s->memory) > PGP_S2K_COST_MAX
		       ? ERR_LIMIT
		       : ERR_OK;
}

static enum err
take_hashed(struct slice *rest, struct pgp_s2k *s)
{
	if (!take_octets(rest, &s->hash, 1))
		return ERR_SYNTAX;
	if (s->kind == PGP_S2K_GNU)
		return ERR_NOT_FOUND;
	if (s->kind != PGP_S2K_SIMPLE && !take_octets(rest, s->salt, SALT))
		return ERR_SYNTAX;
	if (s->kind == PGP_S2K_ITERATED && !take_octets(rest, &s->count, 1))
		return ERR_SYNTAX;
	return pgp_algorithm_md(s->hash) ? ERR_OK : ERR_UNSUPPORTED;
}

enum err
pgp_s2k_take(struct slice *rest, struct pgp_s2k *s)
{
	memset(s, 0, sizeof *s);
	if (!take_octets(rest, &s->kind, 1))
		return ERR_SYNTAX;
	switch (s->kind) {
	case PGP_S2K_SIMPLE:
	case PGP_S2K_SALTED:
	case PGP_S2K_ITERATED:
	case PGP_S2K_GNU:
		return take_hashed(rest, s);
	case PGP_S2K_ARGON2:
		return take_argon2(rest, s);
	default:
		return ERR_UNSUPPORTED;
	}
}

void
pgp_s2k_put(const struct pgp_s2k *s, struct buf *out)
{
	buf_put_u8(out, s->kind);
	if (s->kind == PGP_S2K_ARGON2) {
		buf_put(out, s->salt, SALT_ARGON2);
		buf_put_u8(out, s->passes);
		buf_put_u8(out, s->lanes);
		buf_put_u8(out, s->memory);
		return;
	}
	buf_put_u8(out, s->hash);
	if (s->kind != PGP_S2K_SIMPLE)
		buf_put(out, s->salt, SALT);
	if (s->kind == PGP_S2K_ITERATED)
		buf_put_u8(out, s->count);
}

void
pgp_s2k_choose(enum pgp_s2k_kind kind, struct pgp_s2k *s)
{
	must(kind == PGP_S2K_ITERATED || kind == PGP_S2K_ARGON2);
	memset(s, 0, sizeof *s);
	s->kind = (uint8_t)kind;
	rand_bytes(s->salt, sizeof s->salt);
	if (kind == PGP_S2K_ARGON2) {
		s->passes = 3;
		s->lanes = 4;
		s->memory = 16;
	} else {
		s->hash = PGP_SHA256;
		s->count = COUNT_MAX;
	}
}

/* --- keys -------------------------------------------------------------------------------- */

/* RFC 9580 section 3.7.1.3: how many octets are hashed, at least all of salt and password. */
static size_t
octets_of(const struct pgp_s2k *s, size_t once)
{
	size_t n = (size_t)(16 + (s->count & 15)) << ((s->count >> 4) + 6);

	return s->kind == PGP_S2K_ITERATED && n > once ? n : once;
}

/* Salt and password again and again, in pieces that are many of them: a hash of 65 million
 * octets that is fed 16 at a time takes thrice as long. */
static void
hash_once(const struct pgp_s2k *s, struct slice once, size_t preload, uint8_t *digest)
{
	static const uint8_t zeros[PGP_DIGEST_MAX];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t times = PIECE / (once.n ? once.n : 1) + 1, left = octets_of(s, once.n), n;
	uint8_t *piece = must_alloc(times * once.n);

	for (size_t i = 0; i < times; i++)
		memcpy(piece + i * once.n, once.p, once.n);
	must(ctx && EVP_DigestInit_ex2(ctx, pgp_algorithm_md(s->hash), NULL) == 1 &&
		EVP_DigestUpdate(ctx, zeros, preload) == 1);
	for (; left; left -= n) {
		n = left < times * once.n ? left : times * once.n;
		must(EVP_DigestUpdate(ctx, piece, n) == 1);
	}
	must(EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
	EVP_MD_CTX_free(ctx);
	OPENSSL_cleanse(piece, times * once.n);
	free(piece);
}

static void
key_by_hash(const struct pgp_s2k *s, struct slice password, uint8_t *key, size_t n)
{
	size_t salt = s->kind == PGP_S2K_SIMPLE ? 0 : SALT,
	       size = pgp_algorithm_hash_size(s->hash), some;
	uint8_t *once = must_alloc(salt + password.n + 1), digest[PGP_DIGEST_MAX];

	memcpy(once, s->salt, salt);
	if (password.n)
		memcpy(once + salt, password.p, password.n);
	/* A key longer than the hash: another hash that begins with a zero, and so on. */
	for (size_t i = 0, at = 0; at < n; i++, at += some) {
		some = n - at < size ? n - at : size;
		hash_once(s, slice_of(once, salt + password.n), i, digest);
		memcpy(key + at, digest, some);
	}
	OPENSSL_cleanse(digest, sizeof digest);
	OPENSSL_cleanse(once, salt + password.n);
	free(once);
}

static enum err
key_by_argon2(const struct pgp_s2k *s, struct slice password, uint8_t *key, size_t n)
{
	uint8_t *copy = must_alloc(password.n + 1), salt[SALT_ARGON2];
	/* One thread: lanes only say what is computed, not by whom. */
	argon2_context q = {.out = key,
		.outlen = (uint32_t)n,
		.pwd = copy,
		.pwdlen = (uint32_t)password.n,
		.salt = salt,
		.saltlen = sizeof salt,
		.t_cost = s->passes,
		.m_cost = 1U << s->memory,
		.lanes = s->lanes,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.flags = ARGON2_FLAG_CLEAR_PASSWORD};
	int code;

	memcpy(salt, s->salt, sizeof salt);
	if (password.n)
		memcpy(copy, password.p, password.n);
	code = argon2id_ctx(&q);
	OPENSSL_cleanse(copy, password.n + 1);
	free(copy);
	must(code == ARGON2_OK || code == ARGON2_MEMORY_ALLOCATION_ERROR);
	return code == ARGON2_OK ? ERR_OK : ERR_LIMIT;
}

enum err
pgp_s2k_key(const struct pgp_s2k *s, struct slice password, uint8_t *key, size_t n)
{
	must(n > 0 && n <= PGP_S2K_KEY_MAX && password.n <= PGP_S2K_PASSWORD_MAX);
	if (s->kind == PGP_S2K_ARGON2)
		return key_by_argon2(s, password, key, n);
	key_by_hash(s, password, key, n);
	return ERR_OK;
}
