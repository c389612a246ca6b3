/* dkim_sign: keys for DKIM (RFC 6376, RFC 8463). Signing itself comes with the
 * encryption engine. Pure but for random numbers. */
#ifndef CRYPTO_DKIM_SIGN_H
#define CRYPTO_DKIM_SIGN_H

#include "core/buf.h"
#include "core/err.h"

enum dkim_sign_kind { DKIM_SIGN_RSA, DKIM_SIGN_ED25519 };
/* Appends the private key as PEM and the TXT record's text ("v=DKIM1; k=rsa; p=..."). key_pem
 * holds a secret. */
enum err dkim_sign_new_key(enum dkim_sign_kind kind, struct buf *key_pem, struct buf *record);
/* Appends the record's text for a key that is there. ERR_SYNTAX: not a private key in PEM;
 * ERR_UNSUPPORTED: neither RSA nor Ed25519. */
enum err dkim_sign_record(struct slice key_pem, struct buf *record);

#endif
