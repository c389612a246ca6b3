#include "imap/imap_batch.h"

#include "imap/imap_private.h"

void
imap_batch_init(struct imap_batch *b,
	void (*then)(struct imap_session *s, enum err e, const Commands__Result *r))
{
	*b = (struct imap_batch){.then = then};
	commands__command__init(&b->command);
	commands__uids__init(&b->ranges);
}

/* The next UIDs as rising ranges. UIDs that lie beside each other in the picture may join
 * over a hole: what isn't there can't be touched, but what came since could; so only true
 * neighbours are joined. */
static void
fill_ranges(struct imap_session *s, struct imap_batch *b)
{
	uint32_t n = b->n - b->at < IMAP_BATCH_MAX ? b->n - b->at : IMAP_BATCH_MAX;

	if (!b->ranges.first) {
		b->ranges.first = arena_alloc(&s->arena, IMAP_BATCH_MAX * sizeof(uint32_t));
		b->ranges.last = arena_alloc(&s->arena, IMAP_BATCH_MAX * sizeof(uint32_t));
	}
	b->ranges.n_first = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t uid = b->uids[b->at + i];

		if (b->ranges.n_first && b->ranges.last[b->ranges.n_first - 1] + 1 == uid) {
			b->ranges.last[b->ranges.n_first - 1] = uid;
			continue;
		}
		b->ranges.first[b->ranges.n_first] = uid;
		b->ranges.last[b->ranges.n_first++] = uid;
	}
	b->ranges.n_last = b->ranges.n_first;
	b->at += n;
}

void
imap_batch_next(struct imap_session *s)
{
	struct imap_batch *b = s->work;

	if (b->at == b->n) {
		imap_ok(s, "Nothing to do");
	} else if (s->ops->is_full(s->host)) {
		s->more = imap_batch_next;
	} else {
		fill_ranges(s, b);
		imap_propose(s, &b->command, b->then);
	}
}
