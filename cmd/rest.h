/* rest: gives back what a reader process holds only because it was busy a moment ago: the
 * database's pages that its view has mapped, and heap that is free but still the process's (the
 * holes that handshakes leave). Without it a thousand idle sessions would each count pages that
 * one SELECT has touched. What is needed again is mapped again: page cache, not disk. */
#ifndef CMD_REST_H
#define CMD_REST_H

#include <stdbool.h>

#include "core/loop.h"
#include "store/view.h"

/* At most so long after the last work; and, however busy, so often. */
enum { REST_AFTER_MS = 1000, REST_AT_MOST_MS = 10000 };

struct rest {
	struct loop *loop;
	struct view **view; /* the process's; *view may be NULL still */
	struct loop_timer *timer;
	bool used;
	unsigned waited_ms;
};

/* view is borrowed for the life of the process. */
void rest_init(struct rest *r, struct loop *loop, struct view **view);
/* Something was read, or a connection came: rest soon. Cheap. */
void rest_later(struct rest *r);

#endif
