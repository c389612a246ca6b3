#include "imap/imap_seqset.h"

#include <stdlib.h>

static bool
number(struct slice *text, uint32_t *out)
{
	uint64_t v;
	size_t n = 0;

	if (text->n && text->p[0] == '*') {
		*text = slice_from(*text, 1);
		*out = 0;
		return true;
	}
	while (n < text->n && text->p[n] >= '0' && text->p[n] <= '9')
		n++;
	/* nz-number: "Non-zero unsigned 32-bit integer". */
	if (n == 0 || text->p[0] == '0' || !slice_u64(slice_cut(*text, 0, n), UINT32_MAX, &v))
		return false;
	*text = slice_from(*text, n);
	*out = (uint32_t)v;
	return true;
}

static bool
range(struct slice *text, struct imap_range *out)
{
	if (!number(text, &out->from))
		return false;
	out->to = out->from;
	if (text->n == 0 || text->p[0] != ':')
		return true;
	*text = slice_from(*text, 1);
	return number(text, &out->to);
}

static size_t
count_ranges(struct slice text)
{
	size_t n = 1;
	uint8_t c;

	for (size_t i = 0; i < text.n; i++) {
		c = text.p[i];
		if (c == ',')
			n++;
		else if (c != '*' && c != ':' && (c < '0' || c > '9'))
			break;
	}
	return n;
}

enum err
imap_seqset_parse(struct arena *a, struct slice *text, struct imap_seqset *out)
{
	struct imap_seqset s = {0};
	size_t room;

	if (text->n && text->p[0] == '$') {
		*text = slice_from(*text, 1);
		*out = (struct imap_seqset){.is_saved = true};
		return ERR_OK;
	}
	room = count_ranges(*text);
	if (room > IMAP_SEQSET_MAX)
		return ERR_LIMIT;
	s.ranges = arena_alloc(a, room * sizeof *s.ranges);
	for (;;) {
		if (!range(text, &s.ranges[s.n]))
			return ERR_SYNTAX;
		s.has_star |= s.ranges[s.n].from == 0 || s.ranges[s.n].to == 0;
		s.n++;
		if (text->n == 0 || text->p[0] != ',')
			break;
		*text = slice_from(*text, 1);
	}
	*out = s;
	return ERR_OK;
}

static int
by_from(const void *a, const void *b)
{
	const struct imap_range *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static void
merge(struct imap_seqset *s)
{
	struct imap_range *r = s->ranges;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (n && (r[n - 1].to == UINT32_MAX || r[i].from <= r[n - 1].to + 1)) {
			if (r[i].to > r[n - 1].to)
				r[n - 1].to = r[i].to;
		} else {
			r[n++] = r[i];
		}
	}
	s->n = n;
}

void
imap_seqset_resolve(struct imap_seqset *s, uint32_t max)
{
	struct imap_range *r = s->ranges, swap;

	s->has_star = false;
	if (max == 0)
		s->n = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		r[i].from = r[i].from ? r[i].from : max;
		r[i].to = r[i].to ? r[i].to : max;
		if (r[i].from > r[i].to) {
			swap = r[i];
			r[i] = (struct imap_range){swap.to, swap.from};
		}
	}
	if (s->n > 1)
		qsort(r, s->n, sizeof *r, by_from);
	merge(s);
}

bool
imap_seqset_has(const struct imap_seqset *s, uint32_t v)
{
	uint32_t lo = 0, hi = s->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (s->ranges[mid].to < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->ranges[lo].from <= v;
}

uint32_t
imap_seqset_last(const struct imap_seqset *s)
{
	return s->n ? s->ranges[s->n - 1].to : 0;
}

uint64_t
imap_seqset_count(const struct imap_seqset *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->n; i++)
		n += (uint64_t)s->ranges[i].to - s->ranges[i].from + 1;
	return n;
}

void
imap_seqset_write_end(struct imap_seqset_writer *w)
{
	if (!w->from)
		return;
	if (w->has_any)
		buf_put_u8(w->out, ',');
	w->has_any = true;
	buf_put_dec(w->out, w->from);
	if (w->to != w->from) {
		buf_put_u8(w->out, ':');
		buf_put_dec(w->out, w->to);
	}
	w->from = 0;
}

void
imap_seqset_write(struct imap_seqset_writer *w, uint32_t v)
{
	if (w->from && v - 1 == w->to) {
		w->to = v;
		return;
	}
	imap_seqset_write_end(w);
	w->from = w->to = v;
}
