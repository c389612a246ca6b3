/* gateway_autocrypt: the Autocrypt field (autocrypt.org, level 1), by which a mail brings its
 * sender's OpenPGP certificate: read, and written for our own users. Autocrypt-Gossip is for
 * nobody's use here: it says things of others. Pure. */
#ifndef CRYPTO_GATEWAY_AUTOCRYPT_H
#define CRYPTO_GATEWAY_AUTOCRYPT_H

#include "crypto/gateway_head.h"

enum { GATEWAY_AUTOCRYPT_MAX = 16384 /* octets of a certificate, as the store keeps */ };

/* The certificate of the one field whose addr is the mail's one From (address: its canonical
 * form). Empty: there is none, there are several, one can't be read or says something critical
 * that isn't known. */
struct slice gateway_autocrypt_read(
	const struct gateway_head *h, struct slice address, struct arena *a);
/* In the place of all that are there. */
void gateway_autocrypt_put(struct gateway_head *h, struct slice address, struct slice octets);

#endif
