/* dkim_key: keys for DKIM (RFC 6376 3.6.1, RFC 8301, RFC 8463): made, shown as the records
 * that the DNS is to have, and used where they are in memory. Pure but for random numbers. */
#ifndef CRYPTO_DKIM_KEY_H
#define CRYPTO_DKIM_KEY_H

#include "core/buf.h"
#include "core/err.h"

enum dkim_key_kind { DKIM_KEY_RSA, DKIM_KEY_ED25519 };
enum { DKIM_KEY_HASH = 32, DKIM_KEY_SIGNATURE_MAX = 1024 };

/* Appends a new private key (PKCS#8, DER: a secret) and its public half (SubjectPublicKeyInfo,
 * DER). ERR_LIMIT: no room. */
enum err dkim_key_new(enum dkim_key_kind kind, struct buf *pkcs8, struct buf *spki);
/* The same for one that is there, in PEM. ERR_SYNTAX: not a private key; ERR_UNSUPPORTED:
 * neither RSA of 1,024 to 8,192 bits (RFC 8301 3.2) nor Ed25519. */
enum err dkim_key_import(
	struct slice pem, enum dkim_key_kind *kind, struct buf *pkcs8, struct buf *spki);
/* Appends the text of the TXT record, "v=DKIM1; k=rsa; p=...". ERR_SYNTAX, ERR_UNSUPPORTED. */
enum err dkim_key_record(struct slice spki, struct buf *record);
/* "RSA", "Ed25519". */
const char *dkim_key_name(enum dkim_key_kind kind);
/* For private_key_sign: OpenSSL's number of the digest. */
int dkim_key_digest(enum dkim_key_kind kind);

/* --- a private key in memory: for the command line --- */
struct dkim_key;
/* PEM; errors as with dkim_key_import. */
enum err dkim_key_parse(struct slice key_pem, struct dkim_key **key);
void dkim_key_free(struct dkim_key *key); /* NULL is fine; wipes */
enum dkim_key_kind dkim_key_kind(const struct dkim_key *key);
/* Signs what dkim_sign_begin has hashed; appends at most DKIM_KEY_SIGNATURE_MAX octets. RSA:
 * PKCS#1 v1.5 with SHA-256; Ed25519: pure, of the hash's octets (RFC 8463 section 3). */
enum err dkim_key_sign(
	const struct dkim_key *key, const uint8_t hash[DKIM_KEY_HASH], struct buf *signature);

#endif
