/* view_opened: was a mail decrypted here? Over any transaction. */
#ifndef STORE_VIEW_OPENED_H
#define STORE_VIEW_OPENED_H

#include "core/err.h"
#include "store/schema.h"

struct db_txn;

/* hash: schema_trace_hash of its Message-ID, SCHEMA_OPENED_HASH octets. ERR_NOT_FOUND: it
 * wasn't, or is forgotten. One whose time (*until_sec) is over may still be there. */
enum err view_opened_until(struct db_txn *txn, const uint8_t *hash, uint64_t *until_sec);

#endif
