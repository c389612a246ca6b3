/* view_queue: reading the queue over any transaction. */
#ifndef STORE_VIEW_QUEUE_H
#define STORE_VIEW_QUEUE_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"

struct db_txn;

enum err view_queue_item(
	struct db_txn *txn, uint64_t item, struct arena *a, Commands__Item **out);
enum err view_queue_rcpt(struct db_txn *txn, uint64_t item, uint32_t number, struct arena *a,
	Commands__RcptRow **out);
enum err view_queue_rcpts(struct db_txn *txn, uint64_t item, struct arena *a,
	bool (*each)(void *arg, uint32_t number, const Commands__RcptRow *row), void *arg);
/* Items in id order from `from`. */
enum err view_queue_items(struct db_txn *txn, uint64_t from, struct arena *a,
	bool (*each)(void *arg, const Commands__Item *item), void *arg);
/* Who has the recipient in hand before it is routed: a hop's name; empty: nobody, or not any
 * more. Borrowed from the item. */
struct slice view_queue_filter(const Commands__Item *item, const Commands__Rcpt *rcpt);
/* The queue keys, oldest first. */
struct view_queue_key {
	uint64_t id;
	uint8_t flags; /* enum schema_queue_key_flag */
};
enum err view_queue_keys(
	struct db_txn *txn, struct arena *a, struct view_queue_key **list, size_t *n);
/* Who runs the items that a node took in. ERR_NOT_FOUND: there was no such node. */
enum err view_queue_owner(struct db_txn *txn, uint32_t node, struct schema_owner *out);
/* All of them, by node. */
enum err view_queue_owners(struct db_txn *txn,
	bool (*each)(void *arg, uint32_t node, const struct schema_owner *owner), void *arg);
/* What is due up to now_sec of the items that node took in, oldest first. */
enum err view_queue_due(struct db_txn *txn, uint32_t node, uint64_t now_sec,
	bool (*each)(void *arg, uint64_t due_sec, uint64_t item, uint32_t number), void *arg);

/* The queue id as people see it: upper-case letters and digits (base 32 without I, L, O, U). At
 * most 13 + NUL. */
enum { VIEW_QUEUE_ID_MAX = 14 };
void view_queue_id_format(uint64_t item, char text[VIEW_QUEUE_ID_MAX]);
bool view_queue_id_parse(struct slice text, uint64_t *item);

#endif
