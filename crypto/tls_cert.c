#include "crypto/tls_cert.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/tls.h"
#include "crypto/tls_pem.h"

static bool
is_host_name(struct slice s)
{
	if (s.n == 0 || s.n > 253 || s.p[0] == '.' || s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = slice_lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
			c != '.' && c != '_')
			return false;
	}
	return true;
}

static void
add_names(X509 *cert, const struct slice *names, size_t n)
{
	GENERAL_NAMES *all = GENERAL_NAMES_new();

	must(all != NULL);
	for (size_t i = 0; i < n; i++) {
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();

		must(name != NULL && text != NULL);
		must(ASN1_STRING_set(text, names[i].p, (int)names[i].n) == 1);
		GENERAL_NAME_set0_value(name, GEN_DNS, text);
		must(sk_GENERAL_NAME_push(all, name) > 0);
	}
	must(X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, 0) == 1);
	GENERAL_NAMES_free(all);
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(ext != NULL);
	must(X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static void
set_subject(X509 *cert, struct slice name)
{
	X509_NAME *subject = X509_get_subject_name(cert);

	/* RFC 5280: ub-common-name is 64. */
	if (name.n > 64)
		name = SLICE_LIT("mail server");
	must(X509_NAME_add_entry_by_txt(
		     subject, "CN", MBSTRING_UTF8, name.p, (int)name.n, -1, 0) == 1);
	must(X509_set_issuer_name(cert, subject) == 1);
}

static X509 *
new_cert(EVP_PKEY *key, const struct slice *names, size_t n, int64_t now_sec)
{
	X509 *cert = X509_new();
	uint8_t serial[16];
	BIGNUM *number;

	must(cert != NULL);
	rand_bytes(serial, sizeof serial);
	serial[0] = (serial[0] & 0x7f) | 0x40;
	number = BN_bin2bn(serial, sizeof serial, NULL);
	must(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)));
	BN_free(number);
	must(X509_set_version(cert, X509_VERSION_3) == 1);
	must(ASN1_TIME_adj(X509_getm_notBefore(cert), (time_t)now_sec, 0, -3600) != NULL);
	must(ASN1_TIME_adj(X509_getm_notAfter(cert), (time_t)now_sec, TLS_CERT_DAYS, 0) !=
		NULL);
	must(X509_set_pubkey(cert, key) == 1);
	set_subject(cert, names[0]);
	add_names(cert, names, n);
	add_extension(cert, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(cert, NID_key_usage, "critical,digitalSignature");
	add_extension(cert, NID_ext_key_usage, "serverAuth,clientAuth");
	must(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

enum err
tls_cert_new(const struct slice *names, size_t n, int64_t now_sec, struct buf *key_pem,
	struct buf *cert_pem)
{
	BIO *key_bio, *cert_bio;
	EVP_PKEY *key;
	X509 *cert;
	bool ok;

	if (n == 0 || n > TLS_CERT_NAMES_MAX)
		return ERR_CONFIG;
	for (size_t i = 0; i < n; i++)
		if (!is_host_name(names[i]))
			return ERR_CONFIG;
	tls_init();
	key = EVP_EC_gen("P-256");
	key_bio = BIO_new(BIO_s_secmem());
	cert_bio = BIO_new(BIO_s_mem());
	must(key && key_bio && cert_bio);
	cert = new_cert(key, names, n, now_sec);
	must(PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	must(PEM_write_bio_X509(cert_bio, cert) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	ok = tls_pem_take(key_bio, key_pem);
	return tls_pem_take(cert_bio, cert_pem) && ok ? ERR_OK : ERR_LIMIT;
}

static int64_t
seconds_of(const ASN1_TIME *t)
{
	struct tm tm = {0};

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

enum err
tls_cert_read(struct slice chain_pem, struct tls_cert_facts *out)
{
	X509 *cert = tls_pem_first(chain_pem);
	unsigned n = sizeof out->sha256;

	if (!cert)
		return ERR_SYNTAX;
	out->not_before_sec = seconds_of(X509_get0_notBefore(cert));
	out->not_after_sec = seconds_of(X509_get0_notAfter(cert));
	out->is_self_signed = X509_self_signed(cert, 0) == 1;
	must(X509_digest(cert, EVP_sha256(), out->sha256, &n) == 1);
	X509_free(cert);
	return ERR_OK;
}

bool
tls_cert_is_for(struct slice chain_pem, struct slice name)
{
	X509 *cert = tls_pem_first(chain_pem);
	bool good = cert && name.n &&
		    X509_check_host(cert, (const char *)name.p, name.n, 0, NULL) == 1;

	X509_free(cert);
	ERR_clear_error();
	return good;
}

enum err
tls_cert_key_id(struct slice chain_pem, uint32_t *id)
{
	X509 *cert = tls_pem_first(chain_pem);
	EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;

	if (key)
		*id = tls_pem_key_id(key);
	X509_free(cert);
	ERR_clear_error();
	return key ? ERR_OK : ERR_SYNTAX;
}
