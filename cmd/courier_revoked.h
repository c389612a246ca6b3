/* courier_revoked: what the log knows of certificates' revocation, for the engine. */
#ifndef CMD_COURIER_REVOKED_H
#define CMD_COURIER_REVOKED_H

#include "crypto/gateway.pb-c.h"
#include "store/view_status.h"

struct db_txn;

/* The question's intermediates, and which of them are revoked; and which of the certificates
 * that are known of from (canonical; empty: nobody) and of its domain. Memory of a. */
enum err courier_revoked_put(
	struct db_txn *txn, struct slice from, struct arena *a, Gateway__Question *q);
/* Why there is no certificate for the address: "certificate 9f3a... is revoked since ...", the
 * best one's of those that are, or that an OpenPGP key is over; or "". */
enum err courier_revoked_words(struct db_txn *txn, struct slice address, uint64_t now_sec,
	struct arena *a, char **words);
/* Is that certificate? */
enum err courier_revoked_is(
	struct db_txn *txn, struct slice der, struct arena *a, bool *is_revoked);

#endif
