/* smime_world: keys with certificates, made on the spot, and a keyd that has them: for the
 * tests of S/MIME. */
#ifndef TESTS_SMIME_WORLD_H
#define TESTS_SMIME_WORLD_H

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "crypto/private_key.h"
#include "crypto/tls.h"
#include "tests/test.h"

struct smime_world_key {
	Gateway__Key key;
	Gateway__Certificate to;
	ProtobufCBinaryData certificate;
	EVP_PKEY *pkey;
	X509 *x509;
	struct private_key *own;
};

static inline X509 *
smime_world_certificate(EVP_PKEY *pkey, EVP_PKEY *issuer, long serial)
{
	X509 *x = X509_new();
	X509V3_CTX ctx;
	X509_EXTENSION *ski;
	X509_NAME *name = X509_get_subject_name(x);

	assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	ASN1_TIME_set_string(X509_getm_notBefore(x), "20200101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(x), "20991231235959Z");
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_UTF8, (const uint8_t *)"Test", -1, -1, 0);
	X509_set_issuer_name(x, name);
	assert_int_equal(X509_set_pubkey(x, pkey), 1);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ski = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_key_identifier, "hash");
	assert_int_equal(X509_add_ext(x, ski, -1), 1);
	X509_EXTENSION_free(ski);
	assert_true(X509_sign(x, issuer,
			    EVP_PKEY_is_a(issuer, "ED25519") ? NULL : EVP_sha256()) > 0);
	return x;
}

/* Before the first key is made. */
static inline void
smime_world_begin(void)
{
	tls_init();
}

/* Takes pkey. Serial and id are the same number. */
static inline void
smime_world_make(struct smime_world_key *k, EVP_PKEY *pkey, uint64_t id)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	EVP_PKEY *issuer = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t *der = NULL;
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);

	memset(k, 0, sizeof *k);
	gateway__key__init(&k->key);
	gateway__certificate__init(&k->to);
	k->pkey = pkey;
	k->x509 = smime_world_certificate(pkey, issuer, (long)id);
	k->certificate.len = (size_t)i2d_X509(k->x509, &k->certificate.data);
	k->key.id = id;
	k->key.n_certificate = 1;
	k->key.certificate = &k->certificate;
	k->to.der = k->certificate;
	assert_int_equal(private_key_parse(slice_of(der, (size_t)n), &k->own), ERR_OK);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(issuer);
}

static inline void
smime_world_forget(struct smime_world_key *k)
{
	EVP_PKEY_free(k->pkey);
	X509_free(k->x509);
	OPENSSL_free(k->certificate.data);
	private_key_free(k->own);
}

/* A keyd: its keys by their ids, up to the one without a key. */
static inline enum err
smime_world_unwrap(void *arg, const Gateway__Key *key, struct slice recipient_info,
	size_t cek_size, uint8_t *cek)
{
	for (struct smime_world_key *k = arg; k->own; k++) {
		if (k->key.id == key->id)
			return private_key_unwrap(k->own,
				slice_of(key->certificate[0].data, key->certificate[0].len),
				recipient_info, cek_size, cek);
	}
	return ERR_DENIED;
}

static inline enum err
smime_world_sign(void *arg, const Gateway__Key *key, const struct gateway_keys_sign *q,
	struct buf *signature)
{
	for (struct smime_world_key *k = arg; k->own; k++) {
		if (k->key.id == key->id)
			return private_key_sign(k->own, q, signature);
	}
	return ERR_DENIED;
}

/* keys: the last one's `own` is NULL. */
static inline struct gateway_keys
smime_world_keys(struct smime_world_key *keys)
{
	return (struct gateway_keys){
		.unwrap = smime_world_unwrap, .sign = smime_world_sign, .arg = keys};
}

#endif
