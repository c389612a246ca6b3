#include <openssl/err.h>
#include <openssl/rsa.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_public_inner.h"
#include "crypto/x25519.h"

enum {
	CHECKSUM = 2,
	TEXT_MAX = 40, /* cipher, key, checksum, padding */
	WRAP_BLOCK = 8
};

/* --- the key that wraps ------------------------------------------------------------------ */

/* RFC 9580 section 11.5: the hash of a counter, the secret and the parameters. */
static void
kdf_ecdh(const struct pgp_public *key, struct slice secret, uint8_t *kek, size_t n)
{
	const struct slice parts[] = {
		SLICE_LIT("\0\0\0\1"),
		secret,
		slice_of((const uint8_t[]){(uint8_t)key->key->curve->oid.n}, 1),
		key->key->curve->oid,
		slice_of((const uint8_t[]){PGP_ECDH, 3, 1, key->kdf_hash, key->kdf_cipher}, 5),
		SLICE_LIT("Anonymous Sender    "),
		slice_of(key->fingerprint, key->n_fingerprint),
	};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[PGP_DIGEST_MAX];

	must(ctx && EVP_DigestInit_ex2(ctx, pgp_algorithm_md(key->kdf_hash), NULL) == 1);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		must(EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1);
	must(EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
	memcpy(kek, digest, n);
	OPENSSL_cleanse(digest, sizeof digest);
	EVP_MD_CTX_free(ctx);
}

static void
kdf_native(const struct pgp_public *key, struct slice ephemeral, struct slice secret,
	uint8_t *kek, size_t n)
{
	uint8_t all[3 * PGP_CURVE_SECRET_MAX], *p = all;
	const struct slice parts[] = {ephemeral, key->key->number[0], secret};
	struct pgp_algorithm_hkdf q = {.is_512 = key->algorithm == PGP_X448,
		.info = key->algorithm == PGP_X448 ? SLICE_LIT("OpenPGP X448")
						   : SLICE_LIT("OpenPGP X25519")};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		memcpy(p, parts[i].p, parts[i].n);
		p += parts[i].n;
	}
	q.key = slice_of(all, (size_t)(p - all));
	pgp_algorithm_hkdf(&q, kek, n);
	OPENSSL_cleanse(all, sizeof all);
}

size_t
pgp_public_kek(const struct pgp_public *key, struct slice ephemeral, struct slice secret,
	uint8_t kek[PGP_PUBLIC_KEK_MAX])
{
	size_t n;

	if (key->algorithm == PGP_ECDH) {
		n = pgp_algorithm_key_size(key->kdf_cipher);
		kdf_ecdh(key, secret, kek, n);
	} else {
		n = key->algorithm == PGP_X448 ? 32 : 16;
		kdf_native(key, ephemeral, secret, kek, n);
	}
	return n;
}

bool
pgp_public_run_wrap(struct slice kek, bool is_wrap, struct slice in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx;
	size_t want = is_wrap ? in.n + WRAP_BLOCK : in.n - WRAP_BLOCK;
	int n = 0;
	bool ok;

	if (in.n % WRAP_BLOCK || in.n < (is_wrap ? 2 : 3) * WRAP_BLOCK)
		return false;
	ctx = EVP_CIPHER_CTX_new();
	must(ctx != NULL);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	must(EVP_CipherInit_ex2(ctx, pgp_algorithm_wrap(kek.n), kek.p, NULL, is_wrap, NULL) ==
		1);
	ok = EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.n) == 1 && n > 0 && (size_t)n == want;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

/* --- wrapping ---------------------------------------------------------------------------- */

/* What RSA and ECDH encrypt: the cipher (version 3), the key, and the sum of its octets. */
static size_t
put_text(uint8_t version, const struct pgp_session *session, uint8_t text[TEXT_MAX])
{
	size_t n = 0;
	unsigned sum = 0;

	if (version == 3)
		text[n++] = session->cipher;
	memcpy(text + n, session->key, session->n);
	n += session->n;
	for (size_t i = 0; i < session->n; i++)
		sum += session->key[i];
	text[n++] = (uint8_t)(sum >> 8);
	text[n++] = (uint8_t)sum;
	return n;
}

static enum err
wrap_rsa(const struct pgp_public *key, struct slice text, struct buf *fields)
{
	uint8_t number[PGP_PUBLIC_MODULUS_MAX];
	size_t n = sizeof number;
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *pkey;
	enum err e = pgp_public_pkey(key, &pkey);
	bool ok;

	if (e)
		return e;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	ok = ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
	     EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
	     EVP_PKEY_encrypt(ctx, number, &n, text.p, text.n) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (ok)
		pgp_public_put_mpi(fields, slice_of(number, n));
	return ok ? ERR_OK : ERR_CRYPTO;
}

struct ephemeral {
	uint8_t point[PGP_CURVE_POINT_MAX];
	size_t n;
	uint8_t kek[PGP_PUBLIC_KEK_MAX];
	size_t n_kek;
};

static size_t
agree_x25519(struct slice peer, struct ephemeral *e, uint8_t *secret)
{
	uint8_t own[X25519_SIZE];
	bool ok;

	rand_bytes(own, sizeof own);
	x25519_public(own, e->point);
	e->n = X25519_SIZE;
	ok = peer.n == X25519_SIZE && x25519_agree(own, peer.p, secret);
	OPENSSL_cleanse(own, sizeof own);
	return ok ? X25519_SIZE : 0;
}

static size_t
agree_openssl(const struct pgp_public *key, struct ephemeral *e, uint8_t *secret)
{
	EVP_PKEY *peer, *own;
	size_t n;

	if (pgp_public_pkey(key, &peer))
		return 0;
	own = pgp_curve_generate(key->key->curve);
	n = pgp_curve_agree(own, peer, secret);
	e->n = pgp_curve_point(own, e->point);
	EVP_PKEY_free(own);
	return n;
}

/* A key for one message, and what it and the recipient's agree on. */
static bool
agree(const struct pgp_public *key, struct ephemeral *e)
{
	uint8_t secret[PGP_CURVE_SECRET_MAX];
	size_t n = pgp_curve_is_x25519(key->key->curve)
			   ? agree_x25519(key->key->number[0], e, secret)
			   : agree_openssl(key, e, secret);

	if (n)
		e->n_kek = pgp_public_kek(
			key, slice_of(e->point, e->n), slice_of(secret, n), e->kek);
	OPENSSL_cleanse(secret, sizeof secret);
	return n > 0;
}

static void
put_point(const struct pgp_public *key, const struct ephemeral *e, struct buf *fields)
{
	uint8_t prefixed[1 + PGP_CURVE_POINT_MAX] = {0x40};

	if (key->key->curve->form == PGP_CURVE_PREFIXED) {
		memcpy(prefixed + 1, e->point, e->n);
		pgp_public_put_mpi(fields, slice_of(prefixed, 1 + e->n));
	} else if (key->key->curve->form == PGP_CURVE_SEC1) {
		pgp_public_put_mpi(fields, slice_of(e->point, e->n));
	} else {
		buf_put(fields, e->point, e->n);
	}
}

/* RFC 9580 section 11.5: padded as PKCS#5 does, and to the same length for all ciphers. */
static void
pad_text(uint8_t text[TEXT_MAX], size_t n)
{
	memset(text + n, (int)(TEXT_MAX - n), TEXT_MAX - n);
}

static enum err
wrap_agreed(const struct pgp_public *key, struct slice text, uint8_t cipher, struct buf *fields)
{
	uint8_t wrapped[TEXT_MAX + WRAP_BLOCK];
	size_t n = text.n + WRAP_BLOCK;
	struct ephemeral e;
	bool ok = agree(key, &e) &&
		  pgp_public_run_wrap(slice_of(e.kek, e.n_kek), true, text, wrapped);

	if (ok) {
		put_point(key, &e, fields);
		buf_put_u8(fields, (uint8_t)(cipher ? n + 1 : n));
		if (cipher)
			buf_put_u8(fields, cipher);
		buf_put(fields, wrapped, n);
	}
	OPENSSL_cleanse(&e, sizeof e);
	return ok ? ERR_OK : ERR_CRYPTO;
}

enum err
pgp_public_wrap(const struct pgp_public *key, uint8_t pkesk_version,
	const struct pgp_session *session, struct buf *fields)
{
	uint8_t text[TEXT_MAX];
	size_t n;
	enum err e;

	must(pkesk_version == 3 || pkesk_version == 6);
	must(session->n == 16 || session->n == 24 || session->n == 32);
	if (!key->may_encrypt || !key->is_ours)
		return ERR_UNSUPPORTED;
	if (key->key->curve && key->key->curve->form == PGP_CURVE_NATIVE) {
		e = wrap_agreed(key, slice_of(session->key, session->n),
			pkesk_version == 3 ? session->cipher : 0, fields);
	} else {
		n = put_text(pkesk_version, session, text);
		if (pgp_public_is_rsa(key->algorithm)) {
			e = wrap_rsa(key, slice_of(text, n), fields);
		} else {
			pad_text(text, n);
			e = wrap_agreed(key, slice_of(text, TEXT_MAX), 0, fields);
		}
		OPENSSL_cleanse(text, sizeof text);
	}
	ERR_clear_error();
	return e;
}
