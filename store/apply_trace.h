/* apply_trace: what becomes of each mail, told by the command that does it, in the same
 * transaction (table trace). Every row says how long it is kept, as the mail's first node was
 * configured when it came in; so what goes, and when, follows from the log alone. A mail whose
 * trace_life_sec is 0 leaves none. Texts are cut to SCHEMA_TRACE_TEXT_MAX octets. */
#ifndef STORE_APPLY_TRACE_H
#define STORE_APPLY_TRACE_H

#include "store/apply.h"
#include "store/schema_trace.h"

/* ROWS_MAX: of the table, about 300 MB; up to TRIM_EVERY more may be there. Each TRIM_EVERY-th
 * row takes up to TRIM_MAX old ones along: row by row the table's first page would be written
 * with every mail. LIFE_MAX: a row is kept no longer. */
enum {
	APPLY_TRACE_ROWS_MAX = 2000000,
	APPLY_TRACE_TRIM_EVERY = 64,
	APPLY_TRACE_TRIM_MAX = 128,
	APPLY_TRACE_FACTS_MAX = 256,
	APPLY_TRACE_LIFE_MAX_SEC = 366 * 86400
};

/* The item a->index was made. report_on: the item of which it tells its sender, or 0. */
enum err apply_trace_taken(struct apply *a, const Commands__Enqueue *c, uint64_t report_on);
/* It is item `first` again, and wasn't taken. */
enum err apply_trace_repeated(struct apply *a, const Commands__Enqueue *c, uint64_t first);

/* One step of one recipient that was done. */
struct apply_trace_step {
	const Commands__Item *item; /* after it */
	const Commands__Step *command;
	const Commands__RcptStep *step;
	const Commands__Rcpt *before, *after;
	uint32_t uid;	      /* DELIVER */
	struct slice account; /* DELIVER: its name */
	uint32_t made;	      /* EXPAND: how many were new */
};
enum err apply_trace_step(struct apply *a, const struct apply_trace_step *s);
/* A recipient passed this node's engine, and is in item `into` now, which may be the same. */
struct apply_trace_pass {
	const Commands__Item *item;
	const Commands__Passed *passed;
	uint64_t into;
};
enum err apply_trace_passed(struct apply *a, const struct apply_trace_pass *p, uint32_t rcpt,
	const Commands__Rcpt *before);
/* What the engine found: a row for each recipient that a fact names, APPLY_TRACE_FACTS_MAX at
 * most. */
enum err apply_trace_facts(
	struct apply *a, const Commands__Item *item, const Commands__Step *c);
/* The item a->index was made for recipients of another one. */
enum err apply_trace_split(struct apply *a, const Commands__Item *made, uint64_t from);
/* first: of the recipients that it names, or NULL. */
enum err apply_trace_control(struct apply *a, const Commands__Item *item,
	const Commands__QueueControl *c, const Commands__Rcpt *first);
/* What happened to a hop, or to all items that node took in, without any one of them: kept
 * as long as the row before; without one there is no story to which it could belong. node 0:
 * all of them; hop: as it is now, or NULL. */
enum err apply_trace_hop(struct apply *a, enum schema_trace_kind kind, uint32_t node,
	struct slice name, const Commands__Hop *hop);
enum err apply_trace_owner(
	struct apply *a, enum schema_trace_kind kind, uint32_t node, uint32_t runs_node);

/* Takes up to limit rows from the front: those that are past their time, and those that are
 * more than rows_max. */
enum err apply_trace_trim(struct apply *a, uint64_t rows_max, uint32_t limit);

#endif
