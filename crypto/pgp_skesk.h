/* pgp_skesk: session keys by a password: Symmetric Key Encrypted Session Key packets of
 * versions 4 and 6 (RFC 9580 section 5.3), and of 5, which goes with GnuPG's packet 20 and is
 * only read. For crypto/ only. Pure but for random numbers. */
#ifndef CRYPTO_PGP_SKESK_H
#define CRYPTO_PGP_SKESK_H

#include "core/buf.h"
#include "core/err.h"
#include "crypto/pgp.h"

enum { PGP_SKESK_BODY_MAX = 256 };

/* Opens the packet's body. Version 4 has no check of its own: any password gives some session
 * key, and the message's tag says whether it is the one; what can't be one is ERR_AUTH, as a
 * wrong password of versions 5 and 6 is, whose session->cipher is 0. ERR_SYNTAX;
 * ERR_UNSUPPORTED; ERR_LIMIT: too costly. */
enum err pgp_skesk_open(struct slice body, struct slice password, struct pgp_session *session);
/* Appends a body of version 4 (iterated S2K, in session's cipher) or 6 (Argon2, AES-256,
 * OCB). */
void pgp_skesk_make(uint8_t version, struct slice password, const struct pgp_session *session,
	struct buf *body);

#endif
