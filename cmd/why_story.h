/* why_story: which rows of table trace (store/schema_trace) belong to the story of a mail: its
 * own; those of the item that it was once it came back from a content filter, or was split off
 * by one; those of the
 * reports about it; and what happened meanwhile to the next hops that it waited for, and to the
 * node that had it. Rows are given in their order, from the first one of the oldest item on.
 * Pure. */
#ifndef CMD_WHY_STORY_H
#define CMD_WHY_STORY_H

#include "core/arena.h"
#include "store/commands.pb-c.h"
#include "store/schema_trace.h"

/* ITEMS_MAX: of one story; more are left out. */
enum { WHY_STORY_ITEMS_MAX = 64 };

struct why_story_item {
	uint64_t id;
	uint32_t owner_node;
	bool is_over, is_handed_on;
	uint8_t message_id[SCHEMA_TRACE_HASH];
};
struct why_story {
	struct arena *a;
	struct why_story_item item[WHY_STORY_ITEMS_MAX];
	size_t items;
	struct why_story_wait *waits; /* list */
};

void why_story_init(struct why_story *s, struct arena *a);
/* The story is that of this item, too. False: it has enough of them. */
bool why_story_add(struct why_story *s, uint64_t item);
/* Does the row belong to it? Then *out is what it says, memory of a. */
bool why_story_take(struct why_story *s, const struct schema_trace *row, struct arena *a,
	Commands__Trace **out);
/* Of a row TAKEN: was the item split off from another one by the engine of its node? */
bool why_story_is_split(const Commands__Trace *t);
/* No later row belongs to it. */
bool why_story_is_over(const struct why_story *s);

#endif
