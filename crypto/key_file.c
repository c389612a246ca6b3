#include "crypto/key_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "core/must.h"
#include "crypto/cert_x509.h"
#include "crypto/key_p12.h"
#include "crypto/key_pgp.h"
#include "crypto/key_pkcs8.h"
#include "crypto/pgp_info.h"
#include "crypto/tls.h"

enum { RSA_BITS_MIN = 1024, RSA_BITS_MAX = 8192 };

struct reading {
	const char *password;
	struct arena *arena;
	struct key_file *out;
	bool asked; /* for the password */
};

/* --- what was found --- */

static bool
is_ours(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
	case EVP_PKEY_EC:
		return bits == 256 || bits == 384 || bits == 521;
	case EVP_PKEY_X25519:
	case EVP_PKEY_ED25519:
		return true;
	default:
		return false;
	}
}

/* Takes key. */
static enum err
add_key(struct reading *r, EVP_PKEY *key)
{
	struct key_file *f = r->out;
	enum err e = key && is_ours(key) ? ERR_OK : ERR_UNSUPPORTED;

	if (!e && f->keys == KEY_FILE_KEYS_MAX)
		e = ERR_LIMIT;
	if (!e)
		e = key_pkcs8_of(key, r->arena, &f->key[f->keys]);
	if (!e)
		f->keys++;
	EVP_PKEY_free(key);
	ERR_clear_error();
	return e;
}

static enum err
on_key(void *arg, const PKCS8_PRIV_KEY_INFO *key)
{
	return add_key(arg, EVP_PKCS82PKEY(key));
}

static enum err
add_cert(void *arg, X509 *cert)
{
	struct reading *r = arg;
	struct key_file *f = r->out;
	uint8_t *der = NULL;
	int n = i2d_X509(cert, &der);

	if (f->certs == KEY_FILE_CERTS_MAX || n <= 0) {
		OPENSSL_free(der);
		return n <= 0 ? ERR_SYNTAX : ERR_LIMIT;
	}
	f->cert[f->certs++] = arena_dup(r->arena, slice_of(der, (size_t)n));
	OPENSSL_free(der);
	return ERR_OK;
}

/* --- the kinds of files --- */

static enum err
add_pkcs7(struct reading *r, const PKCS7 *p7)
{
	const STACK_OF(X509) *certs = PKCS7_type_is_signed(p7) ? p7->d.sign->cert : NULL;
	enum err e = ERR_OK;

	for (int i = 0; i < sk_X509_num(certs) && !e; i++)
		e = add_cert(r, sk_X509_value(certs, i));
	return e;
}

static enum err
add_p12(struct reading *r, PKCS12 *p12)
{
	const struct key_p12 to = {
		.password = r->password, .on_key = on_key, .on_cert = add_cert, .arg = r};

	return key_p12_read(p12, &to);
}

/* A PKCS#8 that is encrypted. */
static enum err
add_sealed(struct reading *r, const X509_SIG *sealed)
{
	PKCS8_PRIV_KEY_INFO *info;
	enum err e;

	if (!r->password)
		return ERR_DENIED;
	info = PKCS8_decrypt(sealed, r->password, (int)strlen(r->password));
	e = info ? on_key(r, info) : ERR_AUTH;
	PKCS8_PRIV_KEY_INFO_free(info);
	ERR_clear_error();
	return e;
}

static int
give_password(char *p, int room, int writing, void *arg)
{
	struct reading *r = arg;
	size_t n = r->password ? strlen(r->password) : 0;

	(void)writing;
	r->asked = true;
	if (!r->password || room < 0 || n > (size_t)room)
		return -1;
	memcpy(p, r->password, n);
	return (int)n;
}

/* The old forms, which say themselves in the head of their PEM how they are encrypted. */
static enum err
add_traditional(struct reading *r, const char *header, uint8_t *data, long n)
{
	EVP_CIPHER_INFO how;
	const uint8_t *p = data;
	EVP_PKEY *key;

	if (PEM_get_EVP_CIPHER_INFO((char *)(uintptr_t)header, &how) != 1)
		return ERR_UNSUPPORTED;
	r->asked = false;
	if (PEM_do_header(&how, data, &n, give_password, r) != 1)
		return !r->password && r->asked ? ERR_DENIED : ERR_AUTH;
	key = d2i_AutoPrivateKey(NULL, &p, n);
	/* One wrong password of 256 ends in a padding that is right. */
	if (!key && r->asked)
		return ERR_AUTH;
	return add_key(r, key);
}

/* One block of PEM. What isn't a key or a certificate is passed over. */
static enum err
add_block(struct reading *r, const char *name, const char *header, struct slice data)
{
	const uint8_t *p = data.p;
	enum err e = ERR_OK;

	if (!strcmp(name, PEM_STRING_X509) || !strcmp(name, PEM_STRING_X509_OLD)) {
		X509 *cert = cert_x509_parse(data);

		e = cert ? add_cert(r, cert) : ERR_SYNTAX;
		X509_free(cert);
	} else if (!strcmp(name, PEM_STRING_PKCS8)) {
		X509_SIG *sealed = d2i_X509_SIG(NULL, &p, (long)data.n);

		e = sealed ? add_sealed(r, sealed) : ERR_SYNTAX;
		X509_SIG_free(sealed);
	} else if (!strcmp(name, PEM_STRING_PKCS7)) {
		PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)data.n);

		e = p7 ? add_pkcs7(r, p7) : ERR_SYNTAX;
		PKCS7_free(p7);
	} else if (slice_ends(slice_str(name), SLICE_LIT("PRIVATE KEY"))) {
		e = add_traditional(r, header, (uint8_t *)(uintptr_t)data.p, (long)data.n);
	}
	return e;
}

static enum err
read_pem(struct reading *r, struct slice file)
{
	BIO *bio = BIO_new_mem_buf(file.p, (int)file.n);
	char *name, *header;
	uint8_t *data;
	long n;
	enum err e = ERR_OK;

	must(bio != NULL);
	while (!e && PEM_read_bio(bio, &name, &header, &data, &n) == 1) {
		e = add_block(r, name, header, slice_of(data, (size_t)n));
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, (size_t)n);
	}
	BIO_free(bio);
	ERR_clear_error();
	return e;
}

static enum err
read_der_key(struct reading *r, struct slice file)
{
	const uint8_t *p = file.p;
	X509_SIG *sealed = d2i_X509_SIG(NULL, &p, (long)file.n);
	EVP_PKEY *key;
	enum err e;

	if (sealed) {
		e = add_sealed(r, sealed);
		X509_SIG_free(sealed);
		return e;
	}
	p = file.p;
	key = d2i_AutoPrivateKey(NULL, &p, (long)file.n);
	ERR_clear_error();
	return key ? add_key(r, key) : ERR_SYNTAX;
}

static enum err
read_der(struct reading *r, struct slice file)
{
	const uint8_t *p = file.p;
	X509 *cert = cert_x509_parse(file);
	PKCS12 *p12;
	PKCS7 *p7;
	enum err e;

	if (cert) {
		e = add_cert(r, cert);
		X509_free(cert);
		return e;
	}
	p12 = d2i_PKCS12(NULL, &p, (long)file.n);
	if (p12) {
		e = add_p12(r, p12);
		PKCS12_free(p12);
		return e;
	}
	p = file.p;
	p7 = d2i_PKCS7(NULL, &p, (long)file.n);
	if (p7) {
		e = add_pkcs7(r, p7);
		PKCS7_free(p7);
		return e;
	}
	ERR_clear_error();
	return read_der_key(r, file);
}

enum err
key_file_read(struct slice file, const char *password, struct arena *a, struct key_file *out)
{
	struct key_file found = {.keys = 0};
	struct reading r = {.password = password, .arena = a, .out = &found};
	bool is_pem = slice_find_slice(file, SLICE_LIT("-----BEGIN ")) < file.n;
	enum err e;

	tls_init();
	if (file.n > KEY_FILE_MAX)
		return ERR_TOO_BIG;
	if (key_pgp_is(file))
		e = key_pgp_read(file, password, a, &found);
	else
		e = !file.n ? ERR_SYNTAX : is_pem ? read_pem(&r, file) : read_der(&r, file);
	ERR_clear_error();
	if (!e && !found.keys && !found.certs)
		e = ERR_SYNTAX;
	if (!e)
		*out = found;
	return e;
}

/* --- what belongs together --- */

bool
key_file_fits(struct slice pkcs8, struct slice der)
{
	EVP_PKEY *key, *public_key;
	X509 *cert;
	bool fits;

	if (pgp_info_is(pkcs8) || pgp_info_is(der))
		return key_pgp_fits(pkcs8, der);
	key = key_pkcs8_parse(pkcs8);
	cert = cert_x509_parse(der);
	public_key = cert ? X509_get0_pubkey(cert) : NULL;
	fits = key && public_key && EVP_PKEY_eq(key, public_key) == 1;
	EVP_PKEY_free(key);
	X509_free(cert);
	ERR_clear_error();
	return fits;
}

struct slice
key_file_public(struct slice pkcs8, struct arena *a)
{
	EVP_PKEY *key = pgp_info_is(pkcs8) ? NULL : key_pkcs8_parse(pkcs8);
	uint8_t *der = NULL;
	int n = key ? i2d_PUBKEY(key, &der) : -1;
	struct slice out = n > 0 ? arena_dup(a, slice_of(der, (size_t)n)) : SLICE_EMPTY;

	OPENSSL_free(der);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return out;
}

struct slice
key_file_of_certificate(struct slice der, struct arena *a)
{
	X509 *cert = pgp_info_is(der) ? NULL : cert_x509_parse(der);
	uint8_t *spki = NULL;
	int n = cert ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki) : -1;
	struct slice out = n > 0 ? arena_dup(a, slice_of(spki, (size_t)n)) : SLICE_EMPTY;

	if (pgp_info_is(der))
		return key_pgp_public(der, a);
	OPENSSL_free(spki);
	X509_free(cert);
	ERR_clear_error();
	return out;
}

static bool
has_signed(struct slice issuer_der, struct slice der)
{
	X509 *issuer = NULL, *cert = NULL;
	bool has;

	if (pgp_info_is(issuer_der) || pgp_info_is(der))
		return false;
	issuer = cert_x509_parse(issuer_der);
	cert = cert_x509_parse(der);
	has = issuer && cert && X509_check_issued(issuer, cert) == X509_V_OK;
	X509_free(issuer);
	X509_free(cert);
	return has;
}

size_t
key_file_chain(
	const struct key_file *f, struct slice cert, struct slice chain[KEY_FILE_CHAIN_MAX])
{
	size_t n = 1;

	chain[0] = cert;
	for (size_t i = 0; i < f->certs && n < KEY_FILE_CHAIN_MAX; i++) {
		bool is_there = false;

		for (size_t j = 0; j < n; j++)
			is_there |= slice_eq(chain[j], f->cert[i]);
		if (is_there || !has_signed(f->cert[i], chain[n - 1]))
			continue;
		chain[n++] = f->cert[i];
		i = SIZE_MAX; /* from the beginning: who signed that one? */
	}
	return n;
}
