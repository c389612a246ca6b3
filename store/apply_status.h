/* apply_status: what was heard of certificates' revocation (tables status, status_due), and the
 * authorities that were fetched (table authority). The rules stand at StatusPut in
 * commands.proto. What a list says is read elsewhere. */
#ifndef STORE_APPLY_STATUS_H
#define STORE_APPLY_STATUS_H

#include "store/apply.h"

/* ENTRIES: of one command. TEXT: octets of an address, or of why. AUTHORITIES: in the table;
 * all of them go along with each mail to the engine. */
enum {
	APPLY_STATUS_ENTRIES_MAX = 100,
	APPLY_STATUS_TEXT_MAX = 500,
	APPLY_STATUS_AUTHORITIES_MAX = 64,
	APPLY_STATUS_DER_MAX = 4096
};

/* INVALID: out of those limits. LIMIT: no room for another authority; then nothing is done. */
enum err apply_status_put(struct apply *a, const Commands__StatusPut *c);
/* Forgets what is said of certificates whose time is over, at most limit. */
enum err apply_status_expire(struct apply *a, uint32_t limit);

#endif
