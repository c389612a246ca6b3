/* gateway_keys: how the engine uses private keys that it never sees: keyd has them, by permit
 * (cmd/filterd_keys); the command line and tests have them in memory (crypto/private_key).
 *
 * `unwrap` has one answer for all that is wrong with what was sent: a key that opens nothing,
 * always the same for the same octets. So neither words nor time tell a stranger whether his
 * padding was right (Bleichenbacher, Marvin, RFC 8551 section 6). */
#ifndef CRYPTO_GATEWAY_KEYS_H
#define CRYPTO_GATEWAY_KEYS_H

#include "core/buf.h"
#include "core/err.h"
#include "crypto/gateway.pb-c.h"
#include "crypto/pgp.h"

enum { GATEWAY_KEYS_CEK_MAX = 32, GATEWAY_KEYS_RECIPIENT_MAX = 8192 };

struct gateway_keys_sign {
	struct slice message; /* unhashed */
	int digest;
	bool pss;
};
/* Of OpenPGP a private key is all keys of one certificate. */
struct gateway_keys_pgp {
	struct slice fingerprint; /* which of them */
	uint8_t number;		  /* to unwrap: the PKESK's version; to sign: enum pgp_hash */
	struct slice octets;	  /* the PKESK's fields; the digest */
};
struct gateway_keys {
	/* The content key that one RecipientInfo (DER, whole, of at most
	 * GATEWAY_KEYS_RECIPIENT_MAX octets) has for the key: cek_size octets, 1 to
	 * GATEWAY_KEYS_CEK_MAX. ERR_UNAVAILABLE, ERR_DENIED: keyd; ERR_UNSUPPORTED: an
	 * algorithm that we don't have. Nothing else. */
	enum err (*unwrap)(void *arg, const Gateway__Key *key, struct slice recipient_info,
		size_t cek_size, uint8_t *cek);
	/* Signs the octets of SET OF signedAttributes (or the content), as RFC 5652 wants it
	 * hashed. digest: NID of SHA-256, 384 or 512 (Ed25519: 0). pss: RSASSA-PSS with that
	 * digest, MGF1 of it and a salt of its length; else PKCS#1 v1.5. */
	enum err (*sign)(void *arg, const Gateway__Key *key, const struct gateway_keys_sign *q,
		struct buf *signature);
	void *arg;
	/* As pgp_private's, whose errors they have but for ERR_NOT_FOUND. Both NULL: there are
	 * no keys of OpenPGP. */
	enum err (*pgp_unwrap)(void *arg, const Gateway__Key *key,
		const struct gateway_keys_pgp *q, struct pgp_session *session);
	enum err (*pgp_sign)(void *arg, const Gateway__Key *key,
		const struct gateway_keys_pgp *q, struct buf *fields);
};

#endif
