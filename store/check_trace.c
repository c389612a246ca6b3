#include <inttypes.h>

#include "core/codec.h"
#include "store/apply_trace.h"
#include "store/check_inner.h"

/* Of one entry the rows are numbered from 0 on; the table may begin in the midst of one. */
static bool
follows(const struct check *c, const struct schema_trace *t)
{
	if (!c->trace_index)
		return true;
	return t->index == c->trace_index ? t->n == c->trace_n + 1 : t->n == 0;
}

enum err
check_trace(struct check *c, struct slice k, struct slice v)
{
	struct schema_trace t;

	if (!schema_trace_read(k, v, &t) ||
		!codec_unpack(&commands__trace__descriptor, t.rest, &c->arena)) {
		check_say(c, "a row of what became of a mail is damaged");
		return ERR_OK;
	}
	if (!follows(c, &t))
		check_say(c,
			"before what entry %" PRIu64 " did to a mail (%u) something is missing",
			t.index, t.n);
	if (t.index > c->log.applied || t.item > t.index || t.time_ms / 1000 < c->trace_sec ||
		t.life_sec == 0 || t.life_sec > APPLY_TRACE_LIFE_MAX_SEC)
		check_say(c, "what entry %" PRIu64 " did to a mail (%u) can't have been",
			t.index, t.n);
	c->trace_index = t.index;
	c->trace_n = t.n;
	c->trace_sec = t.time_ms / 1000;
	return ERR_OK;
}
