/* private_key: a private key in memory, and the two things that are done with it. For keyd,
 * the command line and tests; filterd has none. Pure but for random numbers. */
#ifndef CRYPTO_PRIVATE_KEY_H
#define CRYPTO_PRIVATE_KEY_H

#include "crypto/gateway_keys.h"

enum { PRIVATE_KEY_DER_MAX = 8192 };

struct private_key;
/* PKCS#8 DER: RSA of 1,024 to 8,192 bits, EC P-256, P-384, P-521, X25519, Ed25519.
 * ERR_SYNTAX; ERR_UNSUPPORTED. */
enum err private_key_parse(struct slice pkcs8, struct private_key **key);
void private_key_free(struct private_key *k); /* NULL is fine; wipes */
/* As gateway_keys.unwrap says: KeyTransRecipientInfo (PKCS#1 v1.5 with implicit
 * rejection, OAEP) and KeyAgreeRecipientInfo (X9.63 and HKDF KDFs, AES key wrap).
 * certificate: DER, whose entry of a KeyAgreeRecipientInfo is meant. ERR_UNSUPPORTED, or
 * ERR_OK whatever came. */
enum err private_key_unwrap(const struct private_key *k, struct slice certificate,
	struct slice recipient_info, size_t cek_size, uint8_t *cek);
/* ERR_UNSUPPORTED: digest and key don't go together; ERR_CRYPTO. */
enum err private_key_sign(
	const struct private_key *k, const struct gateway_keys_sign *q, struct buf *signature);
/* The same of a message that was hashed elsewhere: q->message is the hash. Not for Ed25519,
 * which has no such thing. */
enum err private_key_sign_hash(
	const struct private_key *k, const struct gateway_keys_sign *q, struct buf *signature);

#endif
