/* apply_key: the private keys of S/MIME, OpenPGP and DKIM (tables key, key_of). A key's row has
 * it sealed under 32 octets of its own, whose wrapped form is in the vault: with that it is
 * destroyed. */
#ifndef STORE_APPLY_KEY_H
#define STORE_APPLY_KEY_H

#include "store/apply.h"

enum {
	APPLY_KEY_CERTIFICATES_MAX = 10,
	APPLY_KEY_CHAIN_MAX = 65536, /* octets of all of them */
	APPLY_KEY_PUBLIC_MAX = 2048,
	APPLY_KEY_SEALED_MAX = 8192 + 64,
	APPLY_KEY_SELECTOR_MAX = 63,
	APPLY_KEY_ALSO_MAX = 31,
	APPLY_KEY_PER_ADDRESS_MAX = 64 /* of one kind */
};

/* INVALID: out of those limits. EXISTS: a wrapped secret for one that is there. NOT_FOUND: it
 * isn't there, and there is no wrapped secret. LIMIT: an address is full. */
enum err apply_key_put(struct apply *a, const Commands__KeyPut *c);
/* NOT_FOUND. */
enum err apply_key_del(struct apply *a, const Commands__KeyDel *c);

#endif
