/* pgp_private: how OpenPGP messages use private keys, wherever these are: in this process
 * (crypto/pgp_secret) or in keyd, by permit. Beside gateway_keys, which says the same of
 * S/MIME.
 *
 * `unwrap` has one answer for all that is wrong with what was sent: a session key that opens
 * nothing, always the same for the same octets. So neither words nor time tell a stranger
 * whether his padding was right (Bleichenbacher). */
#ifndef CRYPTO_PGP_PRIVATE_H
#define CRYPTO_PGP_PRIVATE_H

#include "crypto/pgp_public.h"

struct pgp_private {
	/* fields: all of a PKESK behind its algorithm octet, at most PGP_PUBLIC_FIELDS_MAX;
	 * version: 3 or 6, where session->cipher is then 0. ERR_NOT_FOUND: it has no such key;
	 * ERR_UNAVAILABLE, ERR_DENIED: keyd; ERR_UNSUPPORTED: not a key for this, whatever the
	 * fields are. Nothing else. */
	enum err (*unwrap)(void *arg, const struct pgp_public *key, uint8_t version,
		struct slice fields, struct pgp_session *session);
	/* Appends all of a signature packet behind the digest's two octets (version 6: behind
	 * the salt). ERR_NOT_FOUND, ERR_UNAVAILABLE, ERR_DENIED; ERR_UNSUPPORTED: key and hash
	 * don't go together; ERR_CRYPTO. */
	enum err (*sign)(void *arg, const struct pgp_public *key, uint8_t hash,
		struct slice digest, struct buf *fields);
	void *arg;
};

#endif
