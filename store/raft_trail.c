#include "store/raft_trail.h"

#include <string.h>

void
raft_trail_init(struct raft_trail *t, uint64_t last, uint64_t last_term)
{
	t->first = last ? last : 1;
	t->last = last;
	t->n = 0;
	if (last) {
		t->mark[0].index = last;
		t->mark[0].term = last_term;
		t->n = 1;
	}
}

static void
forget_oldest(struct raft_trail *t)
{
	memmove(t->mark, t->mark + 1, (t->n - 1) * sizeof *t->mark);
	t->n--;
	t->first = t->mark[0].index;
}

void
raft_trail_push(struct raft_trail *t, uint64_t n, uint64_t term)
{
	if (n && (t->n == 0 || t->mark[t->n - 1].term != term)) {
		if (t->n == RAFT_TRAIL_MAX)
			forget_oldest(t);
		if (t->n == 0)
			t->first = t->last + 1;
		t->mark[t->n].index = t->last + 1;
		t->mark[t->n].term = term;
		t->n++;
	}
	t->last += n;
}

void
raft_trail_cut(struct raft_trail *t, uint64_t from)
{
	while (t->n && t->mark[t->n - 1].index >= from)
		t->n--;
	t->last = from - 1;
	if (t->first > from)
		t->first = from;
}

void
raft_trail_drop(struct raft_trail *t, uint64_t first)
{
	uint64_t keep = first > t->last ? t->last : first;

	while (t->n > 1 && t->mark[1].index <= keep)
		forget_oldest(t);
	if (t->first < keep) {
		t->first = keep;
		if (t->n)
			t->mark[0].index = keep;
	}
}

/* The mark that holds index. */
static uint32_t
find(const struct raft_trail *t, uint64_t index)
{
	uint32_t low = 0, high = t->n;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (t->mark[middle].index <= index)
			low = middle;
		else
			high = middle;
	}
	return low;
}

uint64_t
raft_trail_term(const struct raft_trail *t, uint64_t index)
{
	if (index < t->first || index > t->last || t->n == 0)
		return 0;
	return t->mark[find(t, index)].term;
}

uint64_t
raft_trail_run_last(const struct raft_trail *t, uint64_t index)
{
	uint32_t i = find(t, index);

	return i + 1 < t->n ? t->mark[i + 1].index - 1 : t->last;
}

uint64_t
raft_trail_run_first(const struct raft_trail *t, uint64_t index)
{
	return t->mark[find(t, index)].index;
}
