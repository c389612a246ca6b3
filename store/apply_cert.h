/* apply_cert: the certificates of others and of ours (table cert): which of an address's are
 * good, held for approval, or old. The rules stand at CertPut in commands.proto. No X.509 is
 * read here: how long one is valid, and the hash of its key, come with the command. */
#ifndef STORE_APPLY_CERT_H
#define STORE_APPLY_CERT_H

#include "store/apply.h"

enum {
	APPLY_CERT_DER_MAX =
		16384, /* octets of a certificate, here and in apply_key, apply_trust */
	APPLY_CERT_CAPABILITIES_MAX = 2048,
	APPLY_CERT_PER_ADDRESS_MAX = 32 /* of each kind, X.509 and OpenPGP */
};

/* INVALID: out of those limits, or not an address. NOT_FOUND: its private key isn't there, or
 * isn't that address's. LIMIT: the address is full. */
enum err apply_cert_put(struct apply *a, const Commands__CertPut *c);
/* NOT_FOUND. */
enum err apply_cert_del(struct apply *a, const Commands__CertDel *c);
/* The address's certificates that belong to that private key go. */
enum err apply_cert_forget_key(struct apply *a, struct slice address, uint64_t key);

#endif
