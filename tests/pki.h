/* pki: certificates of all kinds for unit tests, made on the spot. */
#ifndef TESTS_PKI_H
#define TESTS_PKI_H

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "core/codec.h"
#include "core/must.h"
#include "crypto/private_key.h"
#include "crypto/tls.h"

#define PKI_NOW ((uint64_t)1800000000)
#define PKI_DAY ((time_t)86400)

struct pki {
	EVP_PKEY *key;
	X509 *cert;
	struct slice der;
	struct private_key *private_key;
	Gateway__Key of_gateway; /* its certificate, then that of who signed it */
	ProtobufCBinaryData chain[2];
};
/* What isn't set is as usual. */
struct pki_how {
	const char *key;	/* "P-256", "RSA 2048", "ED25519" ...; none: P-256 */
	const struct pki *same; /* its key instead */
	const char *name;	/* CN */
	const char *email;	/* of the subject */
	const char *san;	/* "email:ann@example.org", as openssl.cnf has it */
	const char *usage, *extended, *basic, *constraints;
	const struct pki *by; /* none: itself */
	int from_days, to_days;
	const EVP_MD *digest;
	int serial;
};

static inline void
pki_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	if (!value)
		return;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static inline EVP_PKEY *
pki_key(const char *name)
{
	EVP_PKEY *key;

	tls_init();
	if (!strncmp(name, "RSA-PSS ", 8)) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);

		key = NULL;
		must(ctx && EVP_PKEY_keygen_init(ctx) == 1 &&
			EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, atoi(name + 8)) == 1 &&
			EVP_PKEY_generate(ctx, &key) == 1);
		EVP_PKEY_CTX_free(ctx);
	} else if (!strncmp(name, "RSA ", 4)) {
		key = EVP_RSA_gen((size_t)atoi(name + 4));
	} else if (!strcmp(name, "ED25519") || !strcmp(name, "X25519")) {
		key = EVP_PKEY_Q_keygen(NULL, NULL, name);
	} else {
		key = EVP_EC_gen(name);
	}
	must(key != NULL);
	return key;
}

static inline void
pki_put_name(X509 *cert, int nid, const char *value)
{
	if (value)
		must(X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), nid, MBSTRING_UTF8,
			     (const uint8_t *)value, -1, -1, 0) == 1);
}

static inline void
pki_finish(struct pki *c, const struct pki *by)
{
	uint8_t *der = NULL, *p8 = NULL;
	int n = i2d_X509(c->cert, &der), p8_n;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(c->key);

	must(n > 0 && info);
	c->der = slice_of(der, (size_t)n);
	p8_n = i2d_PKCS8_PRIV_KEY_INFO(info, &p8);
	PKCS8_PRIV_KEY_INFO_free(info);
	/* Weak ones have none. */
	if (private_key_parse(slice_of(p8, (size_t)p8_n), &c->private_key) != ERR_OK)
		c->private_key = NULL;
	OPENSSL_clear_free(p8, (size_t)p8_n);
	gateway__key__init(&c->of_gateway);
	c->of_gateway.certificate = c->chain;
	c->of_gateway.n_certificate = by ? 2 : 1;
	c->chain[0] = codec_bytes(c->der);
	if (by)
		c->chain[1] = codec_bytes(by->der);
}

/* By field: an unset one is the usual. */
static inline void
pki_make(struct pki *c, const struct pki_how *how)
{
	const struct pki *by = how->by;
	static int serial = 1000;
	time_t now = (time_t)PKI_NOW;
	X509 *cert = X509_new(), *issuer = by ? by->cert : cert;
	EVP_PKEY *signer;

	memset(c, 0, sizeof *c);
	c->cert = cert;
	c->key = how->same ? how->same->key : pki_key(how->key ? how->key : "P-256");
	if (how->same)
		EVP_PKEY_up_ref(c->key);
	signer = by ? by->key : c->key;
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), how->serial ? how->serial : ++serial);
	X509_time_adj_ex(
		X509_getm_notBefore(cert), how->from_days ? how->from_days : -1, 0, &now);
	X509_time_adj_ex(X509_getm_notAfter(cert), how->to_days ? how->to_days : 100, 0, &now);
	pki_put_name(cert, NID_commonName, how->name ? how->name : "somebody");
	pki_put_name(cert, NID_pkcs9_emailAddress, how->email);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer));
	X509_set_pubkey(cert, c->key);
	pki_extend(cert, issuer, NID_basic_constraints, how->basic);
	pki_extend(cert, issuer, NID_key_usage, how->usage);
	pki_extend(cert, issuer, NID_ext_key_usage, how->extended);
	pki_extend(cert, issuer, NID_subject_alt_name, how->san);
	pki_extend(cert, issuer, NID_name_constraints, how->constraints);
	pki_extend(cert, issuer, NID_subject_key_identifier, "hash");
	must(X509_sign(cert, signer,
		     EVP_PKEY_is_a(signer, "ED25519") ? NULL
		     : how->digest		      ? how->digest
						      : EVP_sha256()) > 0);
	pki_finish(c, by);
}

static inline void
pki_free(struct pki *c)
{
	private_key_free(c->private_key);
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	OPENSSL_free((uint8_t *)(uintptr_t)c->der.p);
}

/* An authority, and below it whoever. */
static inline void
pki_authority(struct pki *c, const char *name, const struct pki *by)
{
	pki_make(c, &(struct pki_how){.name = name,
			    .by = by,
			    .basic = "critical,CA:TRUE",
			    .usage = "critical,keyCertSign,cRLSign"});
}

/* A list of what the authority takes back. */
static inline struct slice
pki_crl(const struct pki *by, const struct pki *revoked, EVP_PKEY *signer)
{
	X509_CRL *crl = X509_CRL_new();
	X509_REVOKED *entry = X509_REVOKED_new();
	time_t now = (time_t)PKI_NOW;
	ASN1_TIME *at = X509_time_adj_ex(NULL, -1, 0, &now);
	uint8_t *der = NULL;
	int n;

	must(crl && entry && at);
	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(by->cert));
	X509_CRL_set1_lastUpdate(crl, at);
	X509_CRL_set1_nextUpdate(crl, at);
	X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->cert));
	X509_REVOKED_set_revocationDate(entry, at);
	X509_CRL_add0_revoked(crl, entry);
	X509_CRL_sort(crl);
	must(X509_CRL_sign(crl, signer, EVP_sha256()) > 0);
	n = i2d_X509_CRL(crl, &der);
	must(n > 0);
	X509_CRL_free(crl);
	ASN1_TIME_free(at);
	return slice_of(der, (size_t)n);
}

/* gateway_keys of a struct pki, whose of_gateway is the key. */
static inline enum err
pki_sign(void *arg, const Gateway__Key *key, const struct gateway_keys_sign *q,
	struct buf *signature)
{
	const struct pki *c = arg;

	must(key == &c->of_gateway && c->private_key);
	return private_key_sign(c->private_key, q, signature);
}

static inline struct gateway_keys
pki_keys(struct pki *c)
{
	return (struct gateway_keys){.sign = pki_sign, .arg = c};
}

#endif
