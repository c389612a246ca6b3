#include "crypto/key_p12.h"

#include <openssl/err.h>
#include <string.h>

#include "core/must.h"
#include "crypto/rc2_cbc.h"

enum { ITERATIONS_MAX = 10000000, DEPTH_MAX = 4 };

/* The password as PKCS#12 means it: none and an empty one are two things (RFC 7292 B.1). */
struct opening {
	const struct key_p12 *to;
	const char *pass;
	int pass_n;
};

/* --- RC2, which OpenSSL's own functions lack here --- */

/* The octets of the key, or 0: another algorithm. */
static size_t
rc2_octets(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *oid;

	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	switch (OBJ_obj2nid(oid)) {
	case NID_pbe_WithSHA1And40BitRC2_CBC:
		return 5;
	case NID_pbe_WithSHA1And128BitRC2_CBC:
		return 16;
	default:
		return 0;
	}
}

static bool
derive(const struct opening *o, const PBEPARAM *q, int id, uint8_t *out, size_t n)
{
	long iterations = q->iter ? ASN1_INTEGER_get(q->iter) : 1;

	return iterations > 0 && iterations <= ITERATIONS_MAX &&
	       PKCS12_key_gen_utf8(o->pass, o->pass_n, q->salt->data, q->salt->length, id,
		       (int)iterations, (int)n, out, EVP_sha1()) == 1;
}

static enum err
decrypt_rc2(const struct opening *o, const X509_ALGOR *algorithm, const ASN1_OCTET_STRING *in,
	uint8_t **out, int *n)
{
	PBEPARAM *q = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), algorithm->parameter);
	uint8_t key[16], iv[RC2_CBC_BLOCK];
	size_t key_n = rc2_octets(algorithm), text_n = 0;
	uint8_t *text = OPENSSL_malloc(in->length ? (size_t)in->length : 1);
	enum err e = q ? ERR_OK : ERR_SYNTAX;

	must(text != NULL);
	if (!e && (!derive(o, q, PKCS12_KEY_ID, key, key_n) ||
			  !derive(o, q, PKCS12_IV_ID, iv, sizeof iv)))
		e = ERR_SYNTAX;
	if (!e && !rc2_cbc_decrypt(slice_of(key, key_n), iv,
			  slice_of(in->data, (size_t)in->length), text, &text_n))
		e = ERR_AUTH;
	PBEPARAM_free(q);
	OPENSSL_cleanse(key, sizeof key);
	if (e) {
		OPENSSL_clear_free(text, (size_t)in->length);
		return e;
	}
	*out = text;
	*n = (int)text_n;
	return ERR_OK;
}

/* ERR_UNSUPPORTED: a cipher that isn't here; ERR_AUTH: it doesn't open. */
static enum err
decrypt(const struct opening *o, const X509_ALGOR *algorithm, const ASN1_OCTET_STRING *in,
	uint8_t **out, int *n)
{
	unsigned long why;

	if (rc2_octets(algorithm))
		return decrypt_rc2(o, algorithm, in, out, n);
	ERR_clear_error();
	if (PKCS12_pbe_crypt(algorithm, o->pass, o->pass_n, in->data, in->length, out, n, 0))
		return ERR_OK;
	why = ERR_get_error();
	ERR_clear_error();
	return ERR_GET_LIB(why) == ERR_LIB_EVP &&
			       (ERR_GET_REASON(why) == EVP_R_UNSUPPORTED_ALGORITHM ||
				       ERR_GET_REASON(why) == EVP_R_UNKNOWN_PBE_ALGORITHM ||
				       ERR_GET_REASON(why) == ERR_R_UNSUPPORTED)
		       ? ERR_UNSUPPORTED
		       : ERR_AUTH;
}

/* --- bags --- */

static enum err
on_shrouded(const struct opening *o, const X509_SIG *sealed)
{
	const X509_ALGOR *algorithm;
	const ASN1_OCTET_STRING *in;
	PKCS8_PRIV_KEY_INFO *key;
	const uint8_t *p;
	uint8_t *text;
	int n;
	enum err e;

	X509_SIG_get0(sealed, &algorithm, &in);
	e = decrypt(o, algorithm, in, &text, &n);
	if (e)
		return e;
	p = text;
	key = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, n);
	e = key ? o->to->on_key(o->to->arg, key) : ERR_AUTH;
	PKCS8_PRIV_KEY_INFO_free(key);
	OPENSSL_clear_free(text, (size_t)n);
	return e;
}

static enum err
on_cert_bag(const struct opening *o, const PKCS12_SAFEBAG *bag)
{
	X509 *cert = PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate
			     ? PKCS12_SAFEBAG_get1_cert(bag)
			     : NULL;
	enum err e = cert ? o->to->on_cert(o->to->arg, cert) : ERR_OK;

	X509_free(cert);
	return e;
}

static enum err
read_bags(const struct opening *o, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth)
{
	enum err e = depth > DEPTH_MAX ? ERR_SYNTAX : ERR_OK;

	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags) && !e; i++) {
		const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);

		switch (PKCS12_SAFEBAG_get_nid(bag)) {
		case NID_keyBag:
			e = o->to->on_key(o->to->arg, PKCS12_SAFEBAG_get0_p8inf(bag));
			break;
		case NID_pkcs8ShroudedKeyBag:
			e = on_shrouded(o, PKCS12_SAFEBAG_get0_pkcs8(bag));
			break;
		case NID_certBag:
			e = on_cert_bag(o, bag);
			break;
		case NID_safeContentsBag:
			e = read_bags(o, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
			break;
		default: /* CRLs, secrets */
			break;
		}
	}
	return e;
}

/* --- the file --- */

static enum err
unpack_encrypted(const struct opening *o, PKCS7 *part, STACK_OF(PKCS12_SAFEBAG) * *bags)
{
	const PKCS7_ENC_CONTENT *content = part->d.encrypted->enc_data;
	const uint8_t *p;
	uint8_t *text;
	int n;
	enum err e;

	if (!content->enc_data)
		return ERR_SYNTAX;
	e = decrypt(o, content->algorithm, content->enc_data, &text, &n);
	if (e)
		return e;
	p = text;
	*bags = (STACK_OF(PKCS12_SAFEBAG) *)ASN1_item_d2i(
		NULL, &p, n, ASN1_ITEM_rptr(PKCS12_SAFEBAGS));
	OPENSSL_clear_free(text, (size_t)n);
	return *bags ? ERR_OK : ERR_AUTH;
}

static enum err
read_part(const struct opening *o, PKCS7 *part)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	enum err e = ERR_SYNTAX;

	if (PKCS7_type_is_data(part)) {
		bags = PKCS12_unpack_p7data(part);
		e = bags ? ERR_OK : ERR_SYNTAX;
	} else if (PKCS7_type_is_encrypted(part)) {
		e = unpack_encrypted(o, part, &bags);
	} else if (PKCS7_type_is_enveloped(part)) {
		e = ERR_UNSUPPORTED; /* to a certificate instead of a password */
	}
	if (!e)
		e = read_bags(o, bags, 0);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return e;
}

static enum err
check_mac(PKCS12 *p12, struct opening *o)
{
	if (!PKCS12_mac_present(p12))
		return ERR_OK;
	/* No password given: there may be none, written in either way. */
	if (!o->to->password || !*o->to->password) {
		o->pass = NULL;
		o->pass_n = 0;
		if (PKCS12_verify_mac(p12, NULL, 0) == 1)
			return ERR_OK;
		o->pass = "";
		if (PKCS12_verify_mac(p12, "", 0) == 1)
			return ERR_OK;
		return o->to->password ? ERR_AUTH : ERR_DENIED;
	}
	return PKCS12_verify_mac(p12, o->pass, o->pass_n) == 1 ? ERR_OK : ERR_AUTH;
}

enum err
key_p12_read(PKCS12 *p12, const struct key_p12 *to)
{
	struct opening o = {.to = to, .pass = to->password ? to->password : ""};
	STACK_OF(PKCS7) * parts;
	enum err e;

	o.pass_n = (int)strlen(o.pass);
	e = check_mac(p12, &o);
	parts = e ? NULL : PKCS12_unpack_authsafes(p12);
	if (!e && !parts)
		e = ERR_SYNTAX;
	for (int i = 0; i < sk_PKCS7_num(parts) && !e; i++)
		e = read_part(&o, sk_PKCS7_value(parts, i));
	sk_PKCS7_pop_free(parts, PKCS7_free);
	ERR_clear_error();
	/* Without a MAC the first thing that doesn't open tells it. */
	return e == ERR_AUTH && !to->password ? ERR_DENIED : e;
}
