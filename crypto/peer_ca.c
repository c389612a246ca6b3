#include "crypto/peer_ca.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/tls.h"
#include "crypto/tls_pem.h"

enum { SERIAL = 16, NAME_OCTETS = 8 };

struct peer_ca {
	EVP_PKEY *key;
	X509 *cert;
};

static void
hash_of_key(EVP_PKEY *key, uint8_t hash[PEER_CA_HASH])
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	must(n > 0 && EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1);
	OPENSSL_free(der);
}

static void
put_serial(X509 *cert, const uint8_t random[SERIAL])
{
	uint8_t serial[SERIAL];
	BIGNUM *number;

	memcpy(serial, random, sizeof serial);
	/* RFC 5280 section 4.1.2.2: positive, at most 20 octets. */
	serial[0] = (serial[0] & 0x7f) | 0x40;
	number = BN_bin2bn(serial, sizeof serial, NULL);
	must(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)));
	BN_free(number);
}

/* "hairpin WHAT 0123456789abcdef": whose it is, for whoever looks at it with a tool. */
static void
put_name(X509_NAME *name, const char *what, const uint8_t hash[PEER_CA_HASH])
{
	struct buf text;

	buf_init(&text, 64);
	buf_printf(&text, "hairpin %s ", what);
	for (size_t i = 0; i < NAME_OCTETS; i++)
		buf_printf(&text, "%02x", hash[i]);
	must(!text.overflow && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text.p,
				       (int)text.n, -1, 0) == 1);
	buf_fini(&text);
}

static void
put_life(X509 *cert)
{
	must(ASN1_TIME_set_string(X509_getm_notBefore(cert), "20000101000000Z") == 1);
	must(ASN1_TIME_set_string(X509_getm_notAfter(cert), "99991231235959Z") == 1);
}

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext != NULL);
	must(X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

/* Nothing of it is random or of today. */
static X509 *
own_cert(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	uint8_t hash[PEER_CA_HASH];

	must(cert != NULL);
	hash_of_key(key, hash);
	put_serial(cert, hash + PEER_CA_HASH - SERIAL);
	must(X509_set_version(cert, X509_VERSION_3) == 1);
	put_life(cert);
	must(X509_set_pubkey(cert, key) == 1);
	put_name(X509_get_subject_name(cert), "cluster", hash);
	must(X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1);
	add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	add_extension(cert, cert, NID_key_usage, "critical,keyCertSign");
	add_extension(cert, cert, NID_subject_key_identifier, "hash");
	must(X509_sign(cert, key, NULL) > 0);
	return cert;
}

struct peer_ca *
peer_ca_new(const struct seal_key *master)
{
	struct peer_ca *ca = must_zalloc(sizeof *ca);
	struct seal_key seed;

	tls_init();
	seal_subkey(master, "cluster ca", &seed);
	ca->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.b, sizeof seed.b);
	seal_wipe(&seed, sizeof seed);
	must(ca->key != NULL);
	ca->cert = own_cert(ca->key);
	return ca;
}

void
peer_ca_free(struct peer_ca *ca)
{
	if (!ca)
		return;
	EVP_PKEY_free(ca->key);
	X509_free(ca->cert);
	free(ca);
}

static enum err
put_pem(X509 *cert, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(bio && PEM_write_bio_X509(bio, cert) == 1);
	return tls_pem_take(bio, pem) ? ERR_OK : ERR_LIMIT;
}

enum err
peer_ca_certificate(const struct peer_ca *ca, struct buf *pem)
{
	return put_pem(ca->cert, pem);
}

void
peer_ca_hash(const struct peer_ca *ca, uint8_t hash[PEER_CA_HASH])
{
	unsigned n = PEER_CA_HASH;

	must(X509_digest(ca->cert, EVP_sha256(), hash, &n) == 1);
}

static X509 *
node_cert(const struct peer_ca *ca, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	uint8_t hash[PEER_CA_HASH], serial[SERIAL];

	must(cert != NULL);
	hash_of_key(key, hash);
	rand_bytes(serial, sizeof serial);
	put_serial(cert, serial);
	must(X509_set_version(cert, X509_VERSION_3) == 1);
	put_life(cert);
	must(X509_set_pubkey(cert, key) == 1);
	put_name(X509_get_subject_name(cert), "node", hash);
	must(X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) == 1);
	add_extension(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(cert, ca->cert, NID_key_usage, "critical,digitalSignature");
	add_extension(cert, ca->cert, NID_ext_key_usage, "serverAuth,clientAuth");
	add_extension(cert, ca->cert, NID_authority_key_identifier, "keyid:always");
	must(X509_sign(cert, ca->key, NULL) > 0);
	return cert;
}

/* The whole of the slice, and in the one way that DER has. */
static EVP_PKEY *
read_public_key(struct slice spki)
{
	const uint8_t *p = spki.p;
	EVP_PKEY *key = spki.n && spki.n < PEER_CA_PEM_MAX ? d2i_PUBKEY(NULL, &p, (long)spki.n)
							   : NULL;

	ERR_clear_error();
	if (key && p == spki.p + spki.n && EVP_PKEY_is_a(key, "ED25519"))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

enum err
peer_ca_issue(const struct peer_ca *ca, struct slice spki, struct buf *pem)
{
	EVP_PKEY *key = read_public_key(spki);
	enum err e;
	X509 *cert;

	if (!key)
		return ERR_SYNTAX;
	cert = node_cert(ca, key);
	e = put_pem(cert, pem);
	X509_free(cert);
	EVP_PKEY_free(key);
	return e;
}

enum err
peer_ca_new_key(struct buf *key_pem, struct buf *spki)
{
	EVP_PKEY *key;
	BIO *bio;
	uint8_t *der = NULL;
	int n;
	bool ok;

	tls_init();
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	bio = BIO_new(BIO_s_secmem());
	must(key && bio);
	must(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	n = i2d_PUBKEY(key, &der);
	must(n > 0);
	ok = buf_put(spki, der, (size_t)n);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return tls_pem_take(bio, key_pem) && ok ? ERR_OK : ERR_LIMIT;
}

enum err
peer_ca_key_hash(struct slice cert_pem, uint8_t hash[PEER_CA_HASH])
{
	X509 *cert = tls_pem_first(cert_pem);
	EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;

	if (key)
		hash_of_key(key, hash);
	X509_free(cert);
	ERR_clear_error();
	return key ? ERR_OK : ERR_SYNTAX;
}
