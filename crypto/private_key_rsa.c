#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/must.h"
#include "crypto/octet_mask.h"
#include "crypto/private_key_inner.h"

#define PKCS_1 "\x2a\x86\x48\x86\xf7\x0d\x01\x01"

/* --- paddings -------------------------------------------------------------------------- */

struct oaep {
	const EVP_MD *hash, *mgf;
	struct slice label;
};

/* MGF1 (RFC 8017 appendix B.2.1) over a slice, XORed into n octets. */
static void
xor_mgf1(const EVP_MD *md, struct slice seed, uint8_t *p, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t counter[4] = {0}, block[EVP_MAX_MD_SIZE];
	size_t size = (size_t)EVP_MD_get_size(md);

	must(ctx != NULL);
	for (size_t i = 0; i < n; i++) {
		if (i % size == 0) {
			counter[2] = (uint8_t)(i / size >> 8);
			counter[3] = (uint8_t)(i / size);
			must(EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
				EVP_DigestUpdate(ctx, seed.p, seed.n) == 1 &&
				EVP_DigestUpdate(ctx, counter, sizeof counter) == 1 &&
				EVP_DigestFinal_ex(ctx, block, NULL) == 1);
		}
		p[i] ^= block[i % size];
	}
	OPENSSL_cleanse(block, sizeof block);
	EVP_MD_CTX_free(ctx);
}

/* EM = 00 maskedSeed maskedDB, DB = lHash 00... 01 CEK: RFC 8017 section 7.1.2. */
static void
unpad_oaep(const struct oaep *o, uint8_t *em, size_t n, size_t cek_size, uint8_t *cek)
{
	size_t h = (size_t)EVP_MD_get_size(o->hash), db_size = n - h - 1, one;
	uint8_t label[EVP_MAX_MD_SIZE], *seed = em + 1, *db = em + 1 + h;
	uint32_t bad;

	if (n < cek_size + 2 * h + 2)
		return;
	must(EVP_Digest(o->label.p, o->label.n, label, NULL, o->hash, NULL) == 1);
	xor_mgf1(o->mgf, slice_of(db, db_size), seed, h);
	xor_mgf1(o->mgf, slice_of(seed, h), db, db_size);
	one = db_size - cek_size - 1;
	bad = em[0] | (db[one] ^ 1U);
	for (size_t i = 0; i < h; i++)
		bad |= (uint32_t)(db[i] ^ label[i]);
	for (size_t i = h; i < one; i++)
		bad |= db[i];
	octet_mask_take(octet_mask_zero(bad), slice_of(db, db_size), cek_size, cek);
}

/* --- parameters ------------------------------------------------------------------------ */

static const EVP_MD *
digest_of(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *oid;

	/* RFC 8017 appendix A.2.1: absent is SHA-1. */
	if (!algorithm)
		return EVP_sha1();
	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	switch (OBJ_obj2nid(oid)) {
	case NID_sha1:
		return EVP_sha1();
	case NID_sha224:
		return EVP_sha224();
	case NID_sha256:
		return EVP_sha256();
	case NID_sha384:
		return EVP_sha384();
	case NID_sha512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

static const EVP_MD *
mgf_of(const X509_ALGOR *mask)
{
	const ASN1_OBJECT *oid;
	X509_ALGOR *hash;
	const EVP_MD *md;

	if (!mask)
		return EVP_sha1();
	X509_ALGOR_get0(&oid, NULL, NULL, mask);
	if (OBJ_obj2nid(oid) != NID_mgf1 || !mask->parameter)
		return NULL;
	hash = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), mask->parameter);
	md = hash ? digest_of(hash) : NULL;
	X509_ALGOR_free(hash);
	return md;
}

/* The label borrows p. */
static bool
label_of(const RSA_OAEP_PARAMS *p, struct slice *label)
{
	const ASN1_OBJECT *oid;
	const void *value;
	int type;

	*label = SLICE_EMPTY;
	if (!p->pSourceFunc)
		return true;
	X509_ALGOR_get0(&oid, &type, &value, p->pSourceFunc);
	if (OBJ_obj2nid(oid) != NID_pSpecified || type != V_ASN1_OCTET_STRING)
		return false;
	*label = slice_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	return true;
}

static RSA_OAEP_PARAMS *
parse_oaep(struct slice parameters, struct oaep *o)
{
	static const uint8_t defaults[] = {CMS_DER_SEQUENCE, 0};
	const uint8_t *at = parameters.n ? parameters.p : defaults;
	size_t n = parameters.n ? parameters.n : sizeof defaults;
	RSA_OAEP_PARAMS *p = d2i_RSA_OAEP_PARAMS(NULL, &at, (long)n);

	if (!p)
		return NULL;
	o->hash = digest_of(p->hashFunc);
	o->mgf = mgf_of(p->maskGenFunc);
	if (o->hash && o->mgf && label_of(p, &o->label))
		return p;
	RSA_OAEP_PARAMS_free(p);
	return NULL;
}

/* --- the key's own part ---------------------------------------------------------------- */

bool
private_key_rsa_raw(EVP_PKEY *pkey, struct slice number, uint8_t *em)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	size_t n = PRIVATE_KEY_MODULUS_MAX;
	bool ok = ctx && EVP_PKEY_decrypt_init(ctx) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
		  EVP_PKEY_decrypt(ctx, em, &n, number.p, number.n) == 1;

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok && n == number.n;
}

static void
unwrap(const struct private_key *k, const struct cms_recipient *r, const struct oaep *o,
	size_t cek_size, uint8_t *cek)
{
	size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
	uint8_t em[PRIVATE_KEY_MODULUS_MAX];
	struct buf number;

	buf_init(&number, PRIVATE_KEY_MODULUS_MAX);
	if (n <= sizeof em && cms_der_octets(&r->key, &number) && number.n == n &&
		private_key_rsa_raw(k->pkey, buf_slice(&number), em)) {
		if (o)
			unpad_oaep(o, em, n, cek_size, cek);
		else
			octet_mask_take(octet_mask_pkcs1(slice_of(em, n), cek_size),
				slice_of(em, n), cek_size, cek);
	}
	OPENSSL_cleanse(em, sizeof em);
	buf_fini(&number);
}

enum err
private_key_rsa(const struct private_key *k, const struct cms_recipient *r, size_t cek_size,
	uint8_t *cek)
{
	RSA_OAEP_PARAMS *p;
	struct oaep o = {0};

	if (slice_eq(r->oid, SLICE_LIT(PKCS_1 "\x01"))) {
		unwrap(k, r, NULL, cek_size, cek);
		return ERR_OK;
	}
	if (!slice_eq(r->oid, SLICE_LIT(PKCS_1 "\x07")))
		return ERR_UNSUPPORTED;
	p = parse_oaep(r->parameters, &o);
	ERR_clear_error();
	if (!p)
		return ERR_UNSUPPORTED;
	unwrap(k, r, &o, cek_size, cek);
	RSA_OAEP_PARAMS_free(p);
	return ERR_OK;
}
