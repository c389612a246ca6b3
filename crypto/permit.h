/* permit: what keyd wants to see before it opens a key: a MAC over who may,
 * what for, and until when. The keys are made by the parent at each boot:
 * one for LOGIN (auth issues, keyd checks), one for ITEM and KEY (the courier
 * issues, keyd checks). Pure.
 *
 *   LOGIN  u8 'L', u64 account, u64 session, u64 expiry_sec, MAC 32
 *   ITEM   u8 'I', u64 queue item, u64 slot (filterd's instance, 0 none), u64 expiry_sec,
 *          MAC 32
 *   KEY    u8 'K', u64 private key, u64 queue item that it is for, u64 expiry_sec, MAC 32 */
#ifndef CRYPTO_PERMIT_H
#define CRYPTO_PERMIT_H

#include "core/err.h"
#include "crypto/seal.h"

enum {
	PERMIT_SIZE = 1 + 8 + 8 + 8 + 32,
	PERMIT_LOGIN = 'L',
	PERMIT_ITEM = 'I',
	PERMIT_KEY = 'K'
};

struct permit {
	uint8_t kind;
	uint64_t id;	 /* account, item or key */
	uint64_t detail; /* session, slot or item */
	uint64_t expiry_sec;
};

void permit_issue(const struct seal_key *key, const struct permit *p, uint8_t out[PERMIT_SIZE]);
/* ERR_DENIED: not ours, of another kind or id, or over. */
enum err permit_check(const struct seal_key *key, uint8_t kind, uint64_t id, uint64_t now_sec,
	struct slice raw);

#endif
