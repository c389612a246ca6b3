#include "crypto/cms_algorithm.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "core/must.h"
#include "crypto/cms_der.h"

enum {
	PSS_SALT_DEFAULT = 20, /* RFC 4055 section 3.1 */
	PSS_SALT_MAX = 512,
	CMS_DER_3 = CMS_DER_0 + 3,
	CMS_DER_NULL = 0x05,
	RSA_BITS_LARGE = 8192
};

static const struct {
	int nid;
	const char *name, *micalg;
	struct slice oid, with_rsa, with_ecdsa;
} digests[CMS_ALGORITHM_DIGESTS] = {
	{NID_sha256, "SHA-256", "sha-256", SLICE_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x01"),
		SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"),
		SLICE_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x02")},
	{NID_sha384, "SHA-384", "sha-384", SLICE_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x02"),
		SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"),
		SLICE_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x03")},
	{NID_sha512, "SHA-512", "sha-512", SLICE_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x03"),
		SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"),
		SLICE_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x04")},
};
static const struct slice rsa_encryption = SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"),
			  mgf1 = SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"),
			  pss = SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"),
			  ed25519 = SLICE_LIT("\x2b\x65\x70");

size_t
cms_algorithm_index(int nid)
{
	size_t i = 0;

	while (i + 1 < CMS_ALGORITHM_DIGESTS && digests[i].nid != nid)
		i++;
	return i;
}

int
cms_algorithm_nid(size_t index)
{
	return digests[index].nid;
}

const char *
cms_algorithm_name(int nid)
{
	return digests[cms_algorithm_index(nid)].name;
}

const char *
cms_algorithm_micalg(int nid)
{
	return digests[cms_algorithm_index(nid)].micalg;
}

/* --- reading ---------------------------------------------------------------------------- */

/* RFC 5754 section 2: parameters are NULL, or aren't there. */
static bool
is_null_or_nothing(struct slice parameters)
{
	return parameters.n == 0 || slice_eq(parameters, SLICE_LIT("\x05\x00"));
}

int
cms_algorithm_digest(struct slice identifier)
{
	struct slice oid;

	if (!cms_der_take(&identifier, CMS_DER_OID, &oid) || !is_null_or_nothing(identifier))
		return NID_undef;
	for (size_t i = 0; i < CMS_ALGORITHM_DIGESTS; i++)
		if (slice_eq(oid, digests[i].oid))
			return digests[i].nid;
	return NID_undef;
}

static bool
take_digest(struct slice in, int *nid)
{
	struct slice identifier;

	*nid = NID_undef;
	if (cms_der_take(&in, CMS_DER_SEQUENCE, &identifier) && in.n == 0)
		*nid = cms_algorithm_digest(identifier);
	return *nid != NID_undef;
}

static bool
take_mgf(struct slice in, int *nid)
{
	struct slice identifier, oid;

	return cms_der_take(&in, CMS_DER_SEQUENCE, &identifier) && in.n == 0 &&
	       cms_der_take(&identifier, CMS_DER_OID, &oid) && slice_eq(oid, mgf1) &&
	       take_digest(identifier, nid);
}

static bool
take_salt(struct slice in, int *salt)
{
	struct slice n;

	if (!cms_der_take(&in, CMS_DER_INTEGER, &n) || in.n || n.n < 1 || n.n > 2 ||
		n.p[0] & 0x80)
		return false;
	*salt = n.n == 1 ? n.p[0] : n.p[0] << 8 | n.p[1];
	return *salt <= PSS_SALT_MAX;
}

/* RSASSA-PSS-params, whole. */
static bool
parse_pss(struct slice in, struct cms_algorithm *out)
{
	struct slice sequence, part;
	int digest;

	out->scheme = CMS_ALGORITHM_PSS;
	out->salt = PSS_SALT_DEFAULT;
	if (!cms_der_take(&in, CMS_DER_SEQUENCE, &sequence) || in.n)
		return false;
	if (!cms_der_take(&sequence, CMS_DER_0, &part) || !take_digest(part, &digest) ||
		digest != out->digest)
		return false;
	if (!cms_der_take(&sequence, CMS_DER_1, &part) || !take_mgf(part, &out->mgf))
		return false;
	if (cms_der_take(&sequence, CMS_DER_2, &part) && !take_salt(part, &out->salt))
		return false;
	if (cms_der_take(&sequence, CMS_DER_3, &part) &&
		!slice_eq(part, SLICE_LIT("\x02\x01\x01")))
		return false;
	return sequence.n == 0;
}

bool
cms_algorithm_parse(struct slice identifier, int digest, struct cms_algorithm *out)
{
	size_t i = cms_algorithm_index(digest);
	struct slice oid;

	*out = (struct cms_algorithm){.digest = digest};
	if (!cms_der_take(&identifier, CMS_DER_OID, &oid))
		return false;
	if (slice_eq(oid, pss))
		return parse_pss(identifier, out);
	if (slice_eq(oid, rsa_encryption) || slice_eq(oid, digests[i].with_rsa))
		out->scheme = CMS_ALGORITHM_RSA;
	else if (slice_eq(oid, digests[i].with_ecdsa))
		out->scheme = CMS_ALGORITHM_ECDSA;
	else if (slice_eq(oid, ed25519))
		out->scheme = CMS_ALGORITHM_ED25519;
	else
		return false;
	return is_null_or_nothing(identifier);
}

/* --- choosing and writing --------------------------------------------------------------- */

bool
cms_algorithm_for(EVP_PKEY *key, bool is_pss, struct cms_algorithm *out)
{
	int bits = EVP_PKEY_get_bits(key), demanded = NID_undef;

	*out = (struct cms_algorithm){.digest = NID_sha256};
	if (EVP_PKEY_is_a(key, "RSA")) {
		out->scheme = is_pss ? CMS_ALGORITHM_PSS : CMS_ALGORITHM_RSA;
	} else if (EVP_PKEY_is_a(key, "RSA-PSS")) {
		out->scheme = CMS_ALGORITHM_PSS;
		/* 2: the certificate allows no other. */
		if (EVP_PKEY_get_default_digest_nid(key, &demanded) == 2)
			out->digest = demanded;
	} else if (EVP_PKEY_is_a(key, "EC")) {
		out->scheme = CMS_ALGORITHM_ECDSA;
		out->digest = bits > 384 ? NID_sha512 : bits > 256 ? NID_sha384 : NID_sha256;
	} else if (EVP_PKEY_is_a(key, "ED25519")) {
		/* RFC 8419 section 2.2 */
		out->scheme = CMS_ALGORITHM_ED25519;
		out->digest = NID_sha512;
	} else {
		return false;
	}
	out->mgf = out->digest;
	out->salt = EVP_MD_get_size(EVP_get_digestbynid(out->digest));
	return cms_algorithm_nid(cms_algorithm_index(out->digest)) == out->digest &&
	       bits <= RSA_BITS_LARGE;
}

void
cms_algorithm_put_digest(struct buf *b, int digest)
{
	size_t at = b->n;

	cms_der_put(b, CMS_DER_OID, digests[cms_algorithm_index(digest)].oid);
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
}

static void
put_pss(struct buf *b, const struct cms_algorithm *a)
{
	uint8_t salt = (uint8_t)a->salt; /* 32 to 64 */
	size_t all = b->n, at = b->n;

	cms_algorithm_put_digest(b, a->digest);
	cms_der_wrap(b, at, CMS_DER_0);
	at = b->n;
	cms_der_put(b, CMS_DER_OID, mgf1);
	cms_algorithm_put_digest(b, a->mgf);
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
	cms_der_wrap(b, at, CMS_DER_1);
	at = b->n;
	cms_der_put(b, CMS_DER_INTEGER, slice_of(&salt, 1));
	cms_der_wrap(b, at, CMS_DER_2);
	cms_der_wrap(b, all, CMS_DER_SEQUENCE);
}

void
cms_algorithm_put(struct buf *b, const struct cms_algorithm *a)
{
	size_t at = b->n, i = cms_algorithm_index(a->digest);

	switch (a->scheme) {
	case CMS_ALGORITHM_RSA:
		/* RFC 5754 section 3.2: this, or one with a digest; all know this. */
		cms_der_put(b, CMS_DER_OID, rsa_encryption);
		cms_der_put(b, CMS_DER_NULL, SLICE_EMPTY);
		break;
	case CMS_ALGORITHM_PSS:
		cms_der_put(b, CMS_DER_OID, pss);
		put_pss(b, a);
		break;
	case CMS_ALGORITHM_ECDSA:
		cms_der_put(b, CMS_DER_OID, digests[i].with_ecdsa);
		break;
	case CMS_ALGORITHM_ED25519:
		cms_der_put(b, CMS_DER_OID, ed25519);
		break;
	}
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
}

/* --- verifying -------------------------------------------------------------------------- */

static bool
fits(const struct cms_algorithm *a, EVP_PKEY *key)
{
	switch (a->scheme) {
	case CMS_ALGORITHM_RSA:
		return EVP_PKEY_is_a(key, "RSA");
	case CMS_ALGORITHM_PSS:
		return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
	case CMS_ALGORITHM_ECDSA:
		return EVP_PKEY_is_a(key, "EC");
	case CMS_ALGORITHM_ED25519:
		return EVP_PKEY_is_a(key, "ED25519");
	}
	return false;
}

static bool
verify_ed25519(EVP_PKEY *key, struct slice message, struct slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	must(ctx != NULL);
	ok = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool
set_padding(EVP_PKEY_CTX *ctx, const struct cms_algorithm *a)
{
	if (a->scheme == CMS_ALGORITHM_RSA)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (a->scheme != CMS_ALGORITHM_PSS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbynid(a->mgf)) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, a->salt) == 1;
}

static bool
verify_hash(
	const struct cms_algorithm *a, EVP_PKEY *key, struct slice hash, struct slice signature)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	const EVP_MD *md = EVP_get_digestbynid(a->digest);
	bool ok;

	must(ctx && md);
	ok = EVP_PKEY_verify_init(ctx) == 1 && set_padding(ctx, a) &&
	     EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
	     EVP_PKEY_verify(ctx, signature.p, signature.n, hash.p, hash.n) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

bool
cms_algorithm_verify(
	const struct cms_algorithm *a, EVP_PKEY *key, struct slice tbs, struct slice signature)
{
	bool ok = false;

	if (fits(a, key) && a->scheme == CMS_ALGORITHM_ED25519)
		ok = verify_ed25519(key, tbs, signature);
	else if (fits(a, key))
		ok = verify_hash(a, key, tbs, signature);
	ERR_clear_error();
	return ok;
}

size_t
cms_algorithm_hash(int digest, struct slice octets, uint8_t *hash)
{
	unsigned n = 0;

	must(EVP_Digest(octets.p, octets.n, hash, &n, EVP_get_digestbynid(digest), NULL) == 1);
	return n;
}
