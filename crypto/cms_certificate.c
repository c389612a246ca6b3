#include "crypto/cms_certificate.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "core/must.h"

enum { VERSION_TAG = 0xa0, EXTENSIONS_TAG = 0xa3, BOOLEAN = 0x01 };

#define PKCS_1 "\x2a\x86\x48\x86\xf7\x0d\x01\x01"

static const struct {
	struct slice oid;
	enum cms_certificate_kind kind;
} kinds[] = {
	{SLICE_LIT(PKCS_1 "\x01"), CMS_CERTIFICATE_RSA},
	{SLICE_LIT(PKCS_1 "\x07"), CMS_CERTIFICATE_RSA_OAEP},
	{SLICE_LIT("\x2a\x86\x48\xce\x3d\x02\x01"), CMS_CERTIFICATE_AGREE},
	{SLICE_LIT("\x2b\x65\x6e"), CMS_CERTIFICATE_AGREE},
};

static const struct {
	struct slice parameters;
	const char *group, *name;
} curves[] = {
	{SLICE_LIT("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), "prime256v1", "ECDH P-256"},
	{SLICE_LIT("\x06\x05\x2b\x81\x04\x00\x22"), "secp384r1", "ECDH P-384"},
	{SLICE_LIT("\x06\x05\x2b\x81\x04\x00\x23"), "secp521r1", "ECDH P-521"},
};
enum { CURVES = sizeof curves / sizeof curves[0] };

static size_t
curve_of(struct slice parameters)
{
	size_t i = 0;

	while (i < CURVES && !slice_eq(parameters, curves[i].parameters))
		i++;
	return i;
}

/* --- reading --------------------------------------------------------------------------- */

/* SubjectPublicKeyInfo ::= SEQUENCE { algorithm, subjectPublicKey BIT STRING } */
static bool
parse_key(struct slice spki, struct cms_certificate *c)
{
	struct slice algorithm, oid;

	if (!cms_der_take(&spki, CMS_DER_SEQUENCE, &algorithm) ||
		!cms_der_take(&algorithm, CMS_DER_OID, &oid) ||
		!cms_der_take(&spki, CMS_DER_BIT_STRING, &c->key) || c->key.n < 2 ||
		c->key.p[0] != 0)
		return false;
	c->key = slice_from(c->key, 1);
	c->parameters = algorithm;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (slice_eq(oid, kinds[i].oid))
			c->kind = kinds[i].kind;
	}
	return true;
}

/* Extensions ::= SEQUENCE OF SEQUENCE { extnID, critical DEFAULT FALSE, extnValue } */
static bool
parse_extensions(struct slice explicit, struct cms_certificate *c)
{
	struct slice list, one, oid, critical, value;

	if (!cms_der_take(&explicit, CMS_DER_SEQUENCE, &list))
		return false;
	while (list.n) {
		if (!cms_der_take(&list, CMS_DER_SEQUENCE, &one) ||
			!cms_der_take(&one, CMS_DER_OID, &oid))
			return false;
		cms_der_take(&one, BOOLEAN, &critical);
		if (!cms_der_take(&one, CMS_DER_OCTET_STRING, &value))
			return false;
		if (slice_eq(oid, SLICE_LIT("\x55\x1d\x0e")) &&
			!cms_der_take(&value, CMS_DER_OCTET_STRING, &c->ski))
			return false;
	}
	return true;
}

/* TBSCertificate ::= SEQUENCE { version [0] DEFAULT v1, serialNumber, signature, issuer,
 * validity, subject, subjectPublicKeyInfo, issuerUniqueID [1], subjectUniqueID [2], extensions
 * [3] } */
static bool
parse_tbs(struct slice tbs, struct cms_certificate *c)
{
	struct cms_der serial, issuer, e;
	struct slice ignored, spki;

	cms_der_take(&tbs, VERSION_TAG, &ignored);
	if (!cms_der_next(&tbs, &serial) || serial.tag != CMS_DER_INTEGER ||
		!cms_der_take(&tbs, CMS_DER_SEQUENCE, &ignored) ||
		!cms_der_next(&tbs, &issuer) || issuer.tag != CMS_DER_SEQUENCE ||
		!cms_der_take(&tbs, CMS_DER_SEQUENCE, &ignored) ||
		!cms_der_take(&tbs, CMS_DER_SEQUENCE, &ignored) ||
		!cms_der_take(&tbs, CMS_DER_SEQUENCE, &spki) || !parse_key(spki, c))
		return false;
	c->serial = serial.whole;
	c->issuer = issuer.whole;
	while (tbs.n) {
		if (!cms_der_next(&tbs, &e) ||
			(e.tag == EXTENSIONS_TAG && !parse_extensions(e.body, c)))
			return false;
	}
	return true;
}

bool
cms_certificate_parse(struct slice der, struct cms_certificate *c)
{
	struct slice body, tbs, algorithm, signature;

	memset(c, 0, sizeof *c);
	return cms_der_take(&der, CMS_DER_SEQUENCE, &body) && der.n == 0 &&
	       cms_der_take(&body, CMS_DER_SEQUENCE, &tbs) &&
	       cms_der_take(&body, CMS_DER_SEQUENCE, &algorithm) &&
	       cms_der_take(&body, CMS_DER_BIT_STRING, &signature) && body.n == 0 &&
	       parse_tbs(tbs, c);
}

const char *
cms_certificate_agrees(const struct cms_certificate *c)
{
	size_t curve = curve_of(c->parameters);

	if (c->kind != CMS_CERTIFICATE_AGREE)
		return NULL;
	if (c->parameters.n == 0)
		return "X25519";
	return curve < CURVES ? curves[curve].name : NULL;
}

/* --- keys ------------------------------------------------------------------------------ */

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *build, int selection)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	ERR_clear_error();
	return key;
}

EVP_PKEY *
cms_certificate_ec(struct slice curve, struct slice point, struct slice secret)
{
	size_t i = curve_of(curve);
	OSSL_PARAM_BLD *build;
	BIGNUM *number = NULL;
	EVP_PKEY *key;

	if (i == CURVES || point.n < 2)
		return NULL;
	build = OSSL_PARAM_BLD_new();
	must(build &&
		OSSL_PARAM_BLD_push_utf8_string(
			build, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(
			build, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1);
	if (secret.n) {
		number = BN_secure_new();
		must(number && BN_bin2bn(secret.p, (int)secret.n, number) &&
			OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1);
	}
	key = from_params("EC", build, secret.n ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
	BN_clear_free(number);
	OSSL_PARAM_BLD_free(build);
	return key;
}

/* RSAPublicKey ::= SEQUENCE { modulus, publicExponent } */
static EVP_PKEY *
rsa_key(struct slice der)
{
	const uint8_t *p = der.p;
	EVP_PKEY *key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)der.n);

	ERR_clear_error();
	return key;
}

EVP_PKEY *
cms_certificate_key(const struct cms_certificate *c)
{
	if (c->kind == CMS_CERTIFICATE_RSA || c->kind == CMS_CERTIFICATE_RSA_OAEP)
		return rsa_key(c->key);
	if (!cms_certificate_agrees(c))
		return NULL;
	if (c->parameters.n == 0)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, c->key.p, c->key.n);
	return cms_certificate_ec(c->parameters, c->key, SLICE_EMPTY);
}
