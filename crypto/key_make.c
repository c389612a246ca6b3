#include "crypto/key_make.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "core/must.h"
#include "core/rand.h"
#include "core/utf8.h"
#include "crypto/cert_x509.h"
#include "crypto/key_pgp.h"
#include "crypto/key_pkcs8.h"
#include "crypto/pgp_info.h"
#include "crypto/tls.h"
#include "crypto/tls_pem.h"

/* Rounds of PBKDF2 for files with a password; a common name (RFC 5280). */
enum { ITERATIONS = 100000, NAME_MAX_OCTETS = 64 };

enum err
key_make_new(const char *kind, struct arena *a, struct slice *pkcs8)
{
	static const struct {
		const char *kind, *curve;
		unsigned bits;
	} kinds[] = {{"rsa2048", NULL, 2048}, {"rsa3072", NULL, 3072}, {"rsa4096", NULL, 4096},
		{"p256", "P-256", 0}, {"p384", "P-384", 0}};
	EVP_PKEY *key = NULL;
	enum err e;

	tls_init();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kind, kinds[i].kind))
			key = kinds[i].curve ? EVP_EC_gen(kinds[i].curve)
					     : EVP_RSA_gen(kinds[i].bits);
	if (!key)
		return ERR_UNSUPPORTED;
	e = key_pkcs8_of(key, a, pkcs8);
	EVP_PKEY_free(key);
	return e;
}

/* --- certificates --- */

/* RFC 9598: an rfc822Name is ASCII; else a SmtpUTF8Mailbox. */
static GENERAL_NAME *
general_name(struct slice address)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *text = ASN1_STRING_type_new(
		utf8_is_ascii(address) ? V_ASN1_IA5STRING : V_ASN1_UTF8STRING);
	ASN1_TYPE *value;

	must(name && text && ASN1_STRING_set(text, address.p, (int)address.n) == 1);
	if (utf8_is_ascii(address)) {
		GENERAL_NAME_set0_value(name, GEN_EMAIL, text);
		return name;
	}
	value = ASN1_TYPE_new();
	must(value != NULL);
	ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
	must(GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_id_on_SmtpUTF8Mailbox), value) ==
		1);
	return name;
}

static GENERAL_NAMES *
names_of(const struct key_make *q)
{
	GENERAL_NAMES *all = GENERAL_NAMES_new();

	must(all != NULL);
	for (size_t i = 0; i < q->addresses; i++)
		must(sk_GENERAL_NAME_push(all, general_name(q->address[i])) > 0);
	return all;
}

/* What differs: RSA enciphers keys, elliptic curves agree on them, Ed25519 does neither. */
static const char *
usage_of(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return "critical,digitalSignature,keyEncipherment";
	case EVP_PKEY_EC:
		return "critical,digitalSignature,keyAgreement";
	default:
		return "critical,digitalSignature";
	}
}

static STACK_OF(X509_EXTENSION) * extensions_of(const struct key_make *q, const EVP_PKEY *key)
{
	const struct {
		int nid;
		const char *value;
	} rows[] = {{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, usage_of(key)}, {NID_ext_key_usage, "emailProtection"}};
	STACK_OF(X509_EXTENSION) *all = NULL;
	GENERAL_NAMES *names = names_of(q);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		X509_EXTENSION *one = X509V3_EXT_conf_nid(
			NULL, NULL, rows[i].nid, rows[i].value);

		must(one && X509v3_add_ext(&all, one, -1));
		X509_EXTENSION_free(one);
	}
	must(X509V3_add1_i2d(&all, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1);
	GENERAL_NAMES_free(names);
	return all;
}

static X509_NAME *
subject_of(const struct key_make *q)
{
	struct slice text = q->address[0];
	X509_NAME *name = X509_NAME_new();

	if (text.n > NAME_MAX_OCTETS)
		text = SLICE_LIT("mail");
	must(name && X509_NAME_add_entry_by_txt(
			     name, "CN", MBSTRING_UTF8, text.p, (int)text.n, -1, 0) == 1);
	return name;
}

static const EVP_MD *
digest_of(const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

static void
set_serial(X509 *cert)
{
	uint8_t serial[16];
	BIGNUM *number;

	rand_bytes(serial, sizeof serial);
	serial[0] = (serial[0] & 0x7f) | 0x40;
	number = BN_bin2bn(serial, sizeof serial, NULL);
	must(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)));
	BN_free(number);
}

static X509 *
certificate(const struct key_make *q, EVP_PKEY *key)
{
	STACK_OF(X509_EXTENSION) *all = extensions_of(q, key);
	X509_NAME *name = subject_of(q);
	X509 *cert = X509_new();

	must(cert && X509_set_version(cert, X509_VERSION_3) == 1);
	set_serial(cert);
	must(ASN1_TIME_adj(X509_getm_notBefore(cert), (time_t)q->now_sec, 0, -3600) != NULL);
	must(ASN1_TIME_adj(X509_getm_notAfter(cert), (time_t)q->now_sec, (int)q->days, 0) !=
		NULL);
	must(X509_set_pubkey(cert, key) == 1 && X509_set_subject_name(cert, name) == 1 &&
		X509_set_issuer_name(cert, name) == 1);
	for (int i = 0; i < sk_X509_EXTENSION_num(all); i++)
		must(X509_add_ext(cert, sk_X509_EXTENSION_value(all, i), -1) == 1);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	X509_NAME_free(name);
	return cert;
}

enum err
key_make_certificate(const struct key_make *q, struct buf *der)
{
	EVP_PKEY *key = key_pkcs8_parse(q->pkcs8);
	X509 *cert;
	uint8_t *p = NULL;
	int n = -1;
	enum err e;

	if (!key)
		return ERR_CRYPTO;
	cert = certificate(q, key);
	if (X509_sign(cert, key, digest_of(key)) > 0)
		n = i2d_X509(cert, &p);
	e = n <= 0 ? ERR_CRYPTO : buf_put(der, p, (size_t)n) ? ERR_OK : ERR_LIMIT;
	OPENSSL_free(p);
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return e;
}

enum err
key_make_request(const struct key_make *q, struct buf *pem)
{
	EVP_PKEY *key = key_pkcs8_parse(q->pkcs8);
	STACK_OF(X509_EXTENSION) * all;
	X509_REQ *request = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	X509_NAME *name = subject_of(q);
	bool ok;

	must(request && bio);
	ok = key && X509_REQ_set_subject_name(request, name) == 1 &&
	     X509_REQ_set_pubkey(request, key) == 1;
	if (ok) {
		all = extensions_of(q, key);
		ok = X509_REQ_add_extensions(request, all) == 1 &&
		     X509_REQ_sign(request, key, digest_of(key)) > 0 &&
		     PEM_write_bio_X509_REQ(bio, request) == 1;
		sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	}
	X509_NAME_free(name);
	X509_REQ_free(request);
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (ok)
		return tls_pem_take(bio, pem) ? ERR_OK : ERR_LIMIT;
	BIO_free(bio);
	return ERR_CRYPTO;
}

/* --- files --- */

enum err
key_make_cert_pem(struct slice der, struct buf *out)
{
	X509 *cert = pgp_info_is(der) ? NULL : cert_x509_parse(der);
	BIO *bio;

	if (pgp_info_is(der))
		return key_pgp_put_cert(der, out);
	bio = BIO_new(BIO_s_mem());
	must(bio != NULL);
	if (!cert || PEM_write_bio_X509(bio, cert) != 1) {
		X509_free(cert);
		BIO_free(bio);
		return ERR_SYNTAX;
	}
	X509_free(cert);
	return tls_pem_take(bio, out) ? ERR_OK : ERR_LIMIT;
}

enum err
key_make_pem(const struct key_make_file *q, struct buf *out)
{
	const char *word = q->password;
	EVP_PKEY *key;
	BIO *bio;
	enum err e = ERR_OK;

	if (pgp_info_is(q->pkcs8))
		return key_pgp_put(q, out);
	key = key_pkcs8_parse(q->pkcs8);
	bio = BIO_new(BIO_s_secmem());
	must(bio != NULL);
	if (!key || PEM_write_bio_PKCS8PrivateKey(bio, key, word ? EVP_aes_256_cbc() : NULL,
			    word, word ? (int)strlen(word) : 0, NULL, NULL) != 1) {
		EVP_PKEY_free(key);
		BIO_free(bio);
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	EVP_PKEY_free(key);
	if (!tls_pem_take(bio, out))
		e = ERR_LIMIT;
	for (size_t i = 0; i < q->certs && !e; i++)
		e = key_make_cert_pem(q->cert[i], out);
	return e;
}

enum err
key_make_p12(const struct key_make_file *q, struct buf *out)
{
	EVP_PKEY *key = key_pkcs8_parse(q->pkcs8);
	X509 *own = q->certs ? cert_x509_parse(q->cert[0]) : NULL;
	STACK_OF(X509) *chain = sk_X509_new_null();
	int cipher = q->is_old ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
	PKCS12 *p12 = NULL;
	uint8_t *der = NULL;
	int n = -1;
	enum err e;

	must(chain != NULL);
	for (size_t i = 1; i < q->certs; i++) {
		X509 *one = cert_x509_parse(q->cert[i]);

		if (one)
			must(sk_X509_push(chain, one) > 0);
	}
	if (key && (own || !q->certs))
		p12 = PKCS12_create(
			q->password, NULL, key, own, chain, cipher, cipher, ITERATIONS, -1, 0);
	if (p12 && PKCS12_set_mac(p12, q->password, -1, NULL, 0, ITERATIONS,
			   q->is_old ? EVP_sha1() : EVP_sha256()) == 1)
		n = i2d_PKCS12(p12, &der);
	e = n <= 0 ? ERR_CRYPTO : buf_put(out, der, (size_t)n) ? ERR_OK : ERR_LIMIT;
	OPENSSL_free(der);
	PKCS12_free(p12);
	sk_X509_pop_free(chain, X509_free);
	X509_free(own);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return e;
}
