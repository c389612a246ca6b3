#include "crypto/smime_recipient.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "core/must.h"
#include "crypto/cms_agree.h"
#include "crypto/cms_der.h"
#include "crypto/smime_capability.h"

enum { NUMBER_MAX = SMIME_RECIPIENT_RSA_MAX / 8, POINT_MAX = 200 };

#define PKCS_1 "\x2a\x86\x48\x86\xf7\x0d\x01\x01"

/* --- whom ------------------------------------------------------------------------------ */

static bool
is_usable(EVP_PKEY *key)
{
	if (!EVP_PKEY_is_a(key, "RSA"))
		return true;
	return EVP_PKEY_get_bits(key) >= SMIME_RECIPIENT_RSA_MIN &&
	       EVP_PKEY_get_bits(key) <= SMIME_RECIPIENT_RSA_MAX;
}

enum err
smime_recipient_init(struct smime_recipient *r, struct slice certificate, unsigned capabilities)
{
	memset(r, 0, sizeof *r);
	if (!cms_certificate_parse(certificate, &r->certificate))
		return ERR_SYNTAX;
	if (capabilities & SMIME_CAPABILITY_OAEP_SHA1)
		r->oaep = "SHA1";
	if ((capabilities & SMIME_CAPABILITY_OAEP) ||
		(r->certificate.kind == CMS_CERTIFICATE_RSA_OAEP && !r->oaep))
		r->oaep = "SHA256";
	r->key = cms_certificate_key(&r->certificate);
	if (r->key && is_usable(r->key))
		return ERR_OK;
	smime_recipient_fini(r);
	return ERR_UNSUPPORTED;
}

void
smime_recipient_fini(struct smime_recipient *r)
{
	EVP_PKEY_free(r->key);
	memset(r, 0, sizeof *r);
}

bool
smime_recipient_is_agreed(const struct smime_recipient *r)
{
	return !EVP_PKEY_is_a(r->key, "RSA");
}

/* IssuerAndSerialNumber. */
static void
put_name(const struct smime_recipient *r, struct buf *out)
{
	size_t at = out->n;

	buf_put_slice(out, r->certificate.issuer);
	buf_put_slice(out, r->certificate.serial);
	cms_der_wrap(out, at, CMS_DER_SEQUENCE);
}

/* --- RSA ------------------------------------------------------------------------------- */

static bool
encrypt(const struct smime_recipient *r, struct slice cek, uint8_t *number, size_t *n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, r->key, NULL);
	bool ok = ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(
			  ctx, r->oaep ? RSA_PKCS1_OAEP_PADDING : RSA_PKCS1_PADDING) == 1;

	if (ok && r->oaep)
		ok = EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, r->oaep, NULL) == 1 &&
		     EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, r->oaep, NULL) == 1;
	*n = NUMBER_MAX;
	ok = ok && EVP_PKEY_encrypt(ctx, number, n, cek.p, cek.n) == 1;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

#define SHA256 "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
#define MGF1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"

static struct slice
transport_algorithm(const char *oaep)
{
	if (!oaep)
		return SLICE_LIT("\x06\x09" PKCS_1 "\x01\x05\x00");
	if (strcmp(oaep, "SHA1") == 0)
		return SLICE_LIT("\x06\x09" PKCS_1 "\x07\x30\x00");
	return SLICE_LIT(
		"\x06\x09" PKCS_1 "\x07\x30\x2f\xa0\x0f" SHA256 "\xa1\x1c\x30\x1a" MGF1 SHA256);
}

static bool
put_transport(const struct smime_recipient *r, struct slice cek, struct buf *out)
{
	size_t at = out->n, n;
	uint8_t number[NUMBER_MAX];

	if (!encrypt(r, cek, number, &n))
		return false;
	buf_put_slice(out, SLICE_LIT("\x02\x01\x00"));
	put_name(r, out);
	cms_der_put(out, CMS_DER_SEQUENCE, transport_algorithm(r->oaep));
	cms_der_put(out, CMS_DER_OCTET_STRING, slice_of(number, n));
	cms_der_wrap(out, at, CMS_DER_SEQUENCE);
	return true;
}

/* --- ECDH ------------------------------------------------------------------------------ */

static EVP_PKEY *
ephemeral_key(EVP_PKEY *like)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, like, NULL);
	EVP_PKEY *key = NULL;

	/* As the other: its group is the recipient's. */
	if (ctx && EVP_PKEY_keygen_init(ctx) == 1)
		EVP_PKEY_generate(ctx, &key);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* originator [0] EXPLICIT { originatorKey [1] { algorithm, publicKey } }. RFC 5753 section
 * 3.1.1, RFC 8410 section 3: no parameters. */
static void
put_originator(EVP_PKEY *key, struct buf *out)
{
	size_t at = out->n, inner;
	uint8_t *point = NULL;
	size_t n = EVP_PKEY_get1_encoded_public_key(key, &point);

	cms_der_put(out, CMS_DER_OID,
		EVP_PKEY_is_a(key, "EC") ? SLICE_LIT("\x2a\x86\x48\xce\x3d\x02\x01")
					 : SLICE_LIT("\x2b\x65\x6e"));
	cms_der_wrap(out, at, CMS_DER_SEQUENCE);
	inner = out->n;
	buf_put_u8(out, 0);
	buf_put(out, point, n);
	cms_der_wrap(out, inner, CMS_DER_BIT_STRING);
	cms_der_wrap(out, at, CMS_DER_1);
	cms_der_wrap(out, at, CMS_DER_0);
	OPENSSL_free(point);
}

static bool
wrap(const struct smime_recipient *r, EVP_PKEY *own, struct slice algorithm, struct slice cek,
	struct buf *wrapped)
{
	uint8_t kek[CMS_AGREE_KEK_MAX];
	struct slice body, oid;
	struct cms_agree a;
	bool ok = cms_der_take(&algorithm, CMS_DER_SEQUENCE, &body) &&
		  cms_der_take(&body, CMS_DER_OID, &oid) &&
		  cms_agree_by(oid, body, &a) == ERR_OK &&
		  cms_agree_kek(&a, own, r->key, kek) && cms_agree_wrap(&a, kek, cek, wrapped);

	OPENSSL_cleanse(kek, sizeof kek);
	return ok;
}

static bool
put_agree(const struct smime_recipient *r, struct slice cek, struct buf *out)
{
	EVP_PKEY *own = ephemeral_key(r->key);
	struct buf algorithm, wrapped;
	size_t at = out->n, keys;
	bool ok;

	buf_init(&algorithm, POINT_MAX);
	buf_init(&wrapped, POINT_MAX);
	ok = own && cms_agree_choose(r->key, cek.n, &algorithm) &&
	     wrap(r, own, buf_slice(&algorithm), cek, &wrapped);
	if (ok) {
		buf_put_slice(out, SLICE_LIT("\x02\x01\x03"));
		put_originator(own, out);
		buf_put_slice(out, buf_slice(&algorithm));
		keys = out->n;
		put_name(r, out);
		cms_der_put(out, CMS_DER_OCTET_STRING, buf_slice(&wrapped));
		cms_der_wrap(out, keys, CMS_DER_SEQUENCE);
		cms_der_wrap(out, keys, CMS_DER_SEQUENCE);
		cms_der_wrap(out, at, CMS_DER_1);
	}
	EVP_PKEY_free(own);
	buf_fini(&algorithm);
	buf_fini(&wrapped);
	ERR_clear_error();
	return ok;
}

bool
smime_recipient_put(const struct smime_recipient *r, struct slice cek, struct buf *out)
{
	bool ok = smime_recipient_is_agreed(r) ? put_agree(r, cek, out)
					       : put_transport(r, cek, out);

	return ok && !out->overflow;
}
