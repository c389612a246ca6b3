/* view_status: reading, over any transaction, what is known of certificates' revocation (table
 * status), and the authorities between them and trusted ones (table authority). Records live in
 * the arena. */
#ifndef STORE_VIEW_STATUS_H
#define STORE_VIEW_STATUS_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"

struct db_txn;

/* ERR_NOT_FOUND; ERR_CORRUPT. */
enum err view_status_get(
	struct db_txn *txn, struct slice sha256, struct arena *a, Commands__Status **out);

enum view_status_kind { VIEW_STATUS_UNKNOWN, VIEW_STATUS_GOOD, VIEW_STATUS_REVOKED };
/* What that comes to at now_sec. */
struct view_status {
	enum view_status_kind kind;
	bool is_authoritys;    /* REVOKED: the row is that of an authority above it */
	Commands__Status *row; /* NULL: nobody has looked yet */
};
/* GOOD past its time is UNKNOWN; who is revoked takes with him all below. ERR_CORRUPT. */
enum err view_status_judge(struct db_txn *txn, struct slice sha256, uint64_t now_sec,
	struct arena *a, struct view_status *out);
enum err view_status_is_revoked(
	struct db_txn *txn, struct slice sha256, struct arena *a, bool *is_revoked);

/* All of table authority. False ends it. sha256 is borrowed until return. */
enum err view_status_authorities(struct db_txn *txn, struct arena *a,
	bool (*each)(void *arg, struct slice sha256, Commands__Authority *row), void *arg);

#endif
