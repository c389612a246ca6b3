#include "crypto/cms_agree.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include "core/must.h"

enum { SECRET_MAX = 66, WRAPPED_MAX = 64, SHARED_INFO_MAX = 16384 };

struct cms_agree_scheme {
	struct slice oid;
	const char *kdf, *digest;
};
#define X963 OSSL_KDF_NAME_X963KDF
#define HKDF OSSL_KDF_NAME_HKDF
#define SECG "\x2b\x81\x04\x01"
#define SMIME_ALG "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03"
#define AES "\x60\x86\x48\x01\x65\x03\x04\x01"
/* The curves' cofactor is 1, so stdDH and cofactorDH are the same. */
static const struct cms_agree_scheme schemes[] = {
	{SLICE_LIT("\x2b\x81\x05\x10\x86\x48\x3f\x00\x02"), X963, "SHA1"},
	{SLICE_LIT("\x2b\x81\x05\x10\x86\x48\x3f\x00\x03"), X963, "SHA1"},
	{SLICE_LIT(SECG "\x0b\x00"), X963, "SHA2-224"},
	{SLICE_LIT(SECG "\x0b\x01"), X963, "SHA2-256"},
	{SLICE_LIT(SECG "\x0b\x02"), X963, "SHA2-384"},
	{SLICE_LIT(SECG "\x0b\x03"), X963, "SHA2-512"},
	{SLICE_LIT(SECG "\x0e\x00"), X963, "SHA2-224"},
	{SLICE_LIT(SECG "\x0e\x01"), X963, "SHA2-256"},
	{SLICE_LIT(SECG "\x0e\x02"), X963, "SHA2-384"},
	{SLICE_LIT(SECG "\x0e\x03"), X963, "SHA2-512"},
	{SLICE_LIT(SMIME_ALG "\x13"), HKDF, "SHA2-256"},
	{SLICE_LIT(SMIME_ALG "\x14"), HKDF, "SHA2-384"},
	{SLICE_LIT(SMIME_ALG "\x15"), HKDF, "SHA2-512"},
};

struct cms_agree_wrap {
	struct slice oid;
	size_t kek_size;
	const char *cipher;
};
static const struct cms_agree_wrap wraps[] = {
	{SLICE_LIT(AES "\x05"), 16, "AES-128-WRAP"},
	{SLICE_LIT(AES "\x19"), 24, "AES-192-WRAP"},
	{SLICE_LIT(AES "\x2d"), 32, "AES-256-WRAP"},
	{SLICE_LIT(SMIME_ALG "\x06"), 24, "DES3-WRAP"},
};

enum err
cms_agree_by(struct slice oid, struct slice parameters, struct cms_agree *a)
{
	struct cms_der wrap;
	struct slice wrap_oid;

	memset(a, 0, sizeof *a);
	if (!cms_der_next(&parameters, &wrap) || wrap.tag != CMS_DER_SEQUENCE ||
		!cms_der_take(&wrap.body, CMS_DER_OID, &wrap_oid))
		return ERR_UNSUPPORTED;
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		if (slice_eq(oid, schemes[i].oid))
			a->scheme = &schemes[i];
	}
	for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
		if (slice_eq(wrap_oid, wraps[i].oid))
			a->wrap = &wraps[i];
	}
	a->wrap_algorithm = wrap.whole;
	return a->scheme && a->wrap ? ERR_OK : ERR_UNSUPPORTED;
}

/* --- what we write --------------------------------------------------------------------- */

static const struct {
	const char *group, *name;
	struct slice scheme;
} groups[] = {
	{"prime256v1", "ECDH P-256", SLICE_LIT(SECG "\x0b\x01")},
	{"secp384r1", "ECDH P-384", SLICE_LIT(SECG "\x0b\x02")},
	{"secp521r1", "ECDH P-521", SLICE_LIT(SECG "\x0b\x03")},
	{"X25519", "X25519", SLICE_LIT(SMIME_ALG "\x13")},
};

/* An index of groups, or their number. */
static size_t
group_of(EVP_PKEY *key)
{
	char name[32] = "X25519";
	size_t i = 0, n = sizeof groups / sizeof groups[0];

	if (!key || (!EVP_PKEY_is_a(key, "X25519") &&
			    (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, name,
								  sizeof name, NULL) != 1)))
		return n;
	while (i < n && strcmp(name, groups[i].group) != 0)
		i++;
	return i;
}

const char *
cms_agree_name(EVP_PKEY *key)
{
	size_t group = group_of(key);

	return group < sizeof groups / sizeof groups[0] ? groups[group].name : NULL;
}

bool
cms_agree_choose(EVP_PKEY *recipient, size_t cek_size, struct buf *algorithm)
{
	size_t group = group_of(recipient), at = algorithm->n, inner;

	if (group == sizeof groups / sizeof groups[0])
		return false;
	cms_der_put(algorithm, CMS_DER_OID, groups[group].scheme);
	inner = algorithm->n;
	/* RFC 3565 section 2.3.2: no parameters. */
	cms_der_put(algorithm, CMS_DER_OID, wraps[cek_size <= 16 ? 0 : 2].oid);
	cms_der_wrap(algorithm, inner, CMS_DER_SEQUENCE);
	cms_der_wrap(algorithm, at, CMS_DER_SEQUENCE);
	return true;
}

/* --- the key that wraps ---------------------------------------------------------------- */

/* ECC-CMS-SharedInfo ::= SEQUENCE { keyInfo, entityUInfo [0] EXPLICIT OPTIONAL,
 * suppPubInfo [2] EXPLICIT }: the KEK's length in bits (RFC 5753 section 7.2). */
static void
put_shared_info(const struct cms_agree *a, struct buf *b)
{
	size_t at;

	buf_put_slice(b, a->wrap_algorithm);
	if (a->ukm.n) {
		at = b->n;
		cms_der_put(b, CMS_DER_OCTET_STRING, a->ukm);
		cms_der_wrap(b, at, CMS_DER_0);
	}
	at = b->n;
	cms_der_put_header(b, CMS_DER_OCTET_STRING, 4);
	buf_put_u32(b, (uint32_t)(a->wrap->kek_size * 8));
	cms_der_wrap(b, at, CMS_DER_2);
	cms_der_wrap(b, 0, CMS_DER_SEQUENCE);
}

static OSSL_PARAM
octets(const char *key, struct slice s)
{
	return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)s.p, s.n);
}

static bool
derive(const struct cms_agree *a, struct slice secret, struct slice info, uint8_t *kek)
{
	/* RFC 8418 section 2.2: with HKDF the ukm is the salt, too. */
	bool has_salt = a->ukm.n && strcmp(a->scheme->kdf, HKDF) == 0;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)a->scheme->digest, 0),
		octets(OSSL_KDF_PARAM_KEY, secret),
		octets(OSSL_KDF_PARAM_INFO, info),
		has_salt ? octets(OSSL_KDF_PARAM_SALT, a->ukm) : OSSL_PARAM_construct_end(),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, a->scheme->kdf, NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	bool ok;

	must(kdf && ctx);
	ok = EVP_KDF_derive(ctx, kek, a->wrap->kek_size, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

static bool
agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t secret[SECRET_MAX], size_t *n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	bool ok;

	*n = SECRET_MAX;
	/* The peer needs no second look: that its point is on the curve was seen when it was
	 * read, and there are no points of small order on it. */
	ok = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
	     EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1 &&
	     EVP_PKEY_derive(ctx, secret, n) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

bool
cms_agree_kek(const struct cms_agree *a, EVP_PKEY *own, EVP_PKEY *peer,
	uint8_t kek[CMS_AGREE_KEK_MAX])
{
	uint8_t secret[SECRET_MAX];
	struct buf info;
	size_t n;
	bool ok;

	buf_init(&info, SHARED_INFO_MAX);
	put_shared_info(a, &info);
	ok = !info.overflow && agree(own, peer, secret, &n) &&
	     derive(a, slice_of(secret, n), buf_slice(&info), kek);
	OPENSSL_cleanse(secret, sizeof secret);
	buf_fini(&info);
	ERR_clear_error();
	return ok;
}

static bool
run_wrap(const struct cms_agree *a, const uint8_t *kek, bool is_wrap, struct slice in,
	struct buf *out)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, a->wrap->cipher, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *p = buf_room(out, in.n + EVP_MAX_BLOCK_LENGTH);
	int n = 0;

	must(cipher && ctx && p);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_CipherInit_ex2(ctx, cipher, kek, NULL, is_wrap, NULL) != 1 ||
		EVP_CipherUpdate(ctx, p, &n, in.p, (int)in.n) != 1)
		n = 0;
	buf_grow(out, n > 0 ? (size_t)n : 0);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	ERR_clear_error();
	return n > 0;
}

bool
cms_agree_wrap(const struct cms_agree *a, const uint8_t kek[CMS_AGREE_KEK_MAX],
	struct slice cek, struct buf *wrapped)
{
	return run_wrap(a, kek, true, cek, wrapped);
}

bool
cms_agree_unwrap(const struct cms_agree *a, const uint8_t kek[CMS_AGREE_KEK_MAX],
	struct slice wrapped, size_t cek_size, uint8_t *cek)
{
	struct buf b;
	bool ok;

	if (wrapped.n > WRAPPED_MAX)
		return false;
	buf_init(&b, WRAPPED_MAX + EVP_MAX_BLOCK_LENGTH);
	ok = run_wrap(a, kek, false, wrapped, &b) && b.n == cek_size;
	if (ok)
		memcpy(cek, b.p, cek_size);
	buf_fini_secret(&b);
	return ok;
}
