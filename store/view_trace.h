/* view_trace: reading what became of mails (table trace), over any transaction, a page at a
 * time: the table may be large, a view lives for a moment, and whoever reads goes on from where
 * it was. Also the names of the nodes that the rows speak of. */
#ifndef STORE_VIEW_TRACE_H
#define STORE_VIEW_TRACE_H

#include "core/arena.h"
#include "core/err.h"
#include "store/members.h"
#include "store/schema_trace.h"

struct db_txn;

/* PAGE: rows looked at in one transaction. */
enum { VIEW_TRACE_PAGE = 4096 };

struct view_trace_at {
	uint64_t index;
	uint32_t n;
};
#define VIEW_TRACE_NEWEST ((struct view_trace_at){UINT64_MAX, UINT32_MAX})

struct view_trace_page {
	struct schema_trace *row; /* they and what they borrow are copies in the arena */
	size_t n;
	struct view_trace_at next; /* where the next page begins */
	bool is_end;		   /* there is none */
};
/* Up to max rows from `at` on, in their order. */
enum err view_trace_forward(struct db_txn *txn, struct view_trace_at at, size_t max,
	struct arena *a, struct view_trace_page *out);
/* Up to max rows before `at`, the newest first. */
enum err view_trace_back(struct db_txn *txn, struct view_trace_at at, size_t max,
	struct arena *a, struct view_trace_page *out);
/* How item began, and where; ERR_NOT_FOUND: that isn't known (any more). */
enum err view_trace_taken(
	struct db_txn *txn, uint64_t item, struct arena *a, struct schema_trace *out);
/* Who is in the cluster. */
enum err view_trace_members(struct db_txn *txn, struct members *out);

#endif
