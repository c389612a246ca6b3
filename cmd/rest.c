#include "cmd/rest.h"

#include <malloc.h>

static void
on_time(void *arg)
{
	struct rest *r = arg;

	r->timer = NULL;
	r->waited_ms += REST_AFTER_MS;
	if (r->used && r->waited_ms < REST_AT_MOST_MS) {
		r->used = false;
		r->timer = loop_after(r->loop, REST_AFTER_MS, on_time, r);
		return;
	}
	r->waited_ms = 0;
	if (*r->view)
		view_rest(*r->view);
	malloc_trim(0);
}

void
rest_init(struct rest *r, struct loop *loop, struct view **view)
{
	*r = (struct rest){.loop = loop, .view = view};
}

void
rest_later(struct rest *r)
{
	r->used = r->timer != NULL;
	if (!r->timer)
		r->timer = loop_after(r->loop, REST_AFTER_MS, on_time, r);
}
