/* why_row: one step of a mail's story as a row for the command line: the same columns in each
 * (time, node, id, stage, where, recipient, event, text), what else there is by names of its
 * own. */
#ifndef CMD_WHY_ROW_H
#define CMD_WHY_ROW_H

#include <jansson.h>

#include "store/commands.pb-c.h"
#include "store/members.h"
#include "store/schema_trace.h"

/* Who the nodes are. */
struct why_row_nodes {
	const struct members *members;
	uint32_t own;
	const char *own_name;
};

json_t *why_row_of(const struct why_row_nodes *nodes, const struct schema_trace *row,
	const Commands__Trace *t);

/* What is so now, and no row of the table. */
struct why_row_now {
	uint64_t time_ms, item;
	uint32_t node;
	const char *stage, *event, *status; /* status: the last one, or "" */
	struct slice hop, recipient;
	uint32_t tries;
	uint64_t next_try_sec; /* 0: none */
};
json_t *why_row_of_now(const struct why_row_nodes *nodes, const struct why_row_now *now);

#endif
