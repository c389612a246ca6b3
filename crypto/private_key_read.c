#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "core/must.h"
#include "crypto/cms_certificate.h"
#include "crypto/private_key_inner.h"

/* OpenSSL 3.0 looks through all of its decoders for each PKCS#8 it is given, which takes longer
 * than the key's use; keyd is given one for each mail. So the usual forms are read here, and
 * the others by it. */

enum { RSA_NUMBERS = 8, PUBLIC_TAG = 0xa1, PARAMETERS_TAG = 0xa0 };

static const char *const rsa_names[RSA_NUMBERS] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E,
	OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
	OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
	OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

static EVP_PKEY *
make_rsa(OSSL_PARAM_BLD *build)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* RSAPrivateKey ::= SEQUENCE { version 0, n, e, d, p, q, dP, dQ, qInv } */
static EVP_PKEY *
read_rsa(struct slice der)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *number[RSA_NUMBERS] = {NULL};
	struct slice body, one;
	EVP_PKEY *key = NULL;
	bool ok = cms_der_take(&der, CMS_DER_SEQUENCE, &body) &&
		  cms_der_take(&body, CMS_DER_INTEGER, &one) && slice_eq(one, SLICE_LIT("\0"));

	must(build != NULL);
	for (size_t i = 0; i < RSA_NUMBERS && ok; i++) {
		ok = cms_der_take(&body, CMS_DER_INTEGER, &one) && one.n && !(one.p[0] & 0x80);
		number[i] = ok ? BN_secure_new() : NULL;
		ok = ok && number[i] && BN_bin2bn(one.p, (int)one.n, number[i]) &&
		     OSSL_PARAM_BLD_push_BN(build, rsa_names[i], number[i]) == 1;
	}
	if (ok && body.n == 0)
		key = make_rsa(build);
	for (size_t i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(number[i]);
	OSSL_PARAM_BLD_free(build);
	return key;
}

/* ECPrivateKey ::= SEQUENCE { version 1, privateKey, parameters [0], publicKey [1] BIT STRING
 * }, the curve being that of PKCS#8's algorithm. */
static EVP_PKEY *
read_ec(struct slice curve, struct slice der)
{
	struct slice body, version, secret, ignored, explicit, bits;

	if (!cms_der_take(&der, CMS_DER_SEQUENCE, &body) ||
		!cms_der_take(&body, CMS_DER_INTEGER, &version) ||
		!cms_der_take(&body, CMS_DER_OCTET_STRING, &secret))
		return NULL;
	cms_der_take(&body, PARAMETERS_TAG, &ignored);
	if (!cms_der_take(&body, PUBLIC_TAG, &explicit) ||
		!cms_der_take(&explicit, CMS_DER_BIT_STRING, &bits) || bits.n < 2 || bits.p[0])
		return NULL;
	return cms_certificate_ec(curve, slice_from(bits, 1), secret);
}

static EVP_PKEY *
read_raw(int type, struct slice der)
{
	struct slice octets;

	if (!cms_der_take(&der, CMS_DER_OCTET_STRING, &octets) || der.n)
		return NULL;
	return EVP_PKEY_new_raw_private_key(type, NULL, octets.p, octets.n);
}

static EVP_PKEY *
read_known(struct slice algorithm, struct slice key)
{
	struct slice oid;

	if (!cms_der_take(&algorithm, CMS_DER_OID, &oid))
		return NULL;
	if (slice_eq(oid, SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")))
		return read_rsa(key);
	if (slice_eq(oid, SLICE_LIT("\x2a\x86\x48\xce\x3d\x02\x01")))
		return read_ec(algorithm, key);
	if (slice_eq(oid, SLICE_LIT("\x2b\x65\x6e")))
		return read_raw(EVP_PKEY_X25519, key);
	if (slice_eq(oid, SLICE_LIT("\x2b\x65\x70")))
		return read_raw(EVP_PKEY_ED25519, key);
	return NULL;
}

static EVP_PKEY *
read_by_openssl(struct slice pkcs8)
{
	const uint8_t *p = pkcs8.p;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n);
	EVP_PKEY *key = info ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	return key;
}

/* PrivateKeyInfo ::= SEQUENCE { version, privateKeyAlgorithm, privateKey OCTET STRING, ... } */
enum err
private_key_read(struct slice pkcs8, EVP_PKEY **key)
{
	struct slice rest = pkcs8, body, version, algorithm, octets;

	if (!cms_der_take(&rest, CMS_DER_SEQUENCE, &body) || rest.n ||
		!cms_der_take(&body, CMS_DER_INTEGER, &version) ||
		!cms_der_take(&body, CMS_DER_SEQUENCE, &algorithm) ||
		!cms_der_take(&body, CMS_DER_OCTET_STRING, &octets))
		return ERR_SYNTAX;
	*key = read_known(algorithm, octets);
	if (!*key)
		*key = read_by_openssl(pkcs8);
	ERR_clear_error();
	return *key ? ERR_OK : ERR_UNSUPPORTED;
}
