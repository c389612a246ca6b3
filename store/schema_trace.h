/* schema_trace: the rows of table trace, octet by octet: what became of each mail, one row a
 * step, in the order of the log, so that they fill their pages from end to end. Pure.
 *
 *     0  u8   kind
 *     1  u8   1: the item has gone with it
 *     2  u16  zero
 *     4  u32  node that did it
 *     8  u64  time, ms
 *    16  u64  item; 0: of a next hop, or of all items of a node
 *    24  u32  the recipient's number; SCHEMA_TRACE_NOBODY: of the whole mail
 *    28  u32  seconds that the row is kept
 *    32       commands.Trace, but of TAKEN:
 *    32  16   hash of the Message-ID; zeros: it has none
 *    48  u64  where it comes from: the item that it reports on, or the queue id that the mail
 *             had at first, here or elsewhere (XFORWARD's IDENT), or 0
 *    56       commands.Trace */
#ifndef STORE_SCHEMA_TRACE_H
#define STORE_SCHEMA_TRACE_H

#include "core/slice.h"

/* TEXT_MAX: octets of one text of commands.Trace. */
enum {
	SCHEMA_TRACE_FIXED = 32,
	SCHEMA_TRACE_TAKEN_FIXED = 56,
	SCHEMA_TRACE_HASH = 16,
	SCHEMA_TRACE_TEXT_MAX = 256
};
#define SCHEMA_TRACE_NOBODY UINT32_MAX
/* commands.Intake of an item that a node's engine split off; its `from` is the other one. */
#define SCHEMA_TRACE_SPLIT_KIND "filter"
#define SCHEMA_TRACE_SPLIT_AT "local"

/* name, as `hairpin why` says it. The numbers are in databases: new ones come last. */
#define SCHEMA_TRACE_KINDS(X)                                                                  \
	X(TAKEN, "taken in")                                                                   \
	X(REPEATED, "repeated")                                                                \
	X(EXPANDED, "expanded")                                                                \
	X(DELIVERED, "delivered")                                                              \
	X(WAITS, "waits")                                                                      \
	X(SENT, "sent")                                                                        \
	X(HANDED_ON, "handed on")                                                              \
	X(DEFERRED, "deferred")                                                                \
	X(BOUNCED, "bounced")                                                                  \
	X(WARNED, "warned")                                                                    \
	X(HELD, "held")                                                                        \
	X(RELEASED, "released")                                                                \
	X(RETRIED, "retried")                                                                  \
	X(DELETED, "deleted")                                                                  \
	X(REROUTED, "rerouted")                                                                \
	X(HOP_FAILED, "hop failed")                                                            \
	X(HOP_RETRIED, "hop retried")                                                          \
	X(ADOPTED, "adopted")                                                                  \
	X(GIVEN_BACK, "given back")                                                            \
	X(FILTERED, "filtered")

enum schema_trace_kind {
#define X(id, name) SCHEMA_TRACE_##id,
	SCHEMA_TRACE_KINDS(X)
#undef X
		SCHEMA_TRACE_KIND_COUNT
};

struct schema_trace {
	uint64_t index; /* the key */
	uint32_t n;
	enum schema_trace_kind kind;
	bool is_last;
	uint32_t node, rcpt, life_sec;
	uint64_t time_ms, item;
	/* TAKEN; else NULL and 0. */
	const uint8_t *message_id; /* SCHEMA_TRACE_HASH octets, borrowed */
	uint64_t from;
	struct slice rest; /* packed commands.Trace, borrowed */
};

/* False: damaged. */
bool schema_trace_read(struct slice key, struct slice row, struct schema_trace *t);
/* Octets of the row without its key; writes it when room >= that. */
size_t schema_trace_write(const struct schema_trace *t, uint8_t *row, size_t room);
/* Of a Message-ID as its field has it, with its angle brackets; empty: zeros. */
void schema_trace_hash(struct slice message_id, uint8_t hash[SCHEMA_TRACE_HASH]);
const char *schema_trace_name(enum schema_trace_kind kind);

#endif
