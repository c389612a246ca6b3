/* view_sending: reading, over any transaction, to how many an account sent. */
#ifndef STORE_VIEW_SENDING_H
#define STORE_VIEW_SENDING_H

#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/sending.h"

struct db_txn;

/* Those that hold for it. usual: for users without limits of their own; a service that has none
 * sends as many as it likes. */
struct sending_limits view_sending_limits(
	const Commands__Account *a, const struct sending_limits *usual);

/* As of now_sec; nothing for one that never sent. */
enum err view_sending_get(
	struct db_txn *txn, uint64_t account, uint64_t now_sec, struct sending *out);

#endif
