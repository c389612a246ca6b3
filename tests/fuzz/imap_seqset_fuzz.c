/* A set as sent, resolved against a mailbox, beside the plain reading of it; and written
 * again. The first octet: how many messages there are. */
#include "core/must.h"
#include "imap/imap_seqset.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool
is_in(const struct imap_seqset *s, uint32_t max, uint32_t v)
{
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t from = s->ranges[i].from ? s->ranges[i].from : max;
		uint32_t to = s->ranges[i].to ? s->ranges[i].to : max;

		if ((v >= from && v <= to) || (v >= to && v <= from))
			return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice text = slice_of(p + 1, n - 1);
	struct imap_seqset set, raw;
	struct imap_seqset_writer w = {0};
	struct arena a;
	struct buf out;
	uint64_t count = 0;
	uint32_t max;

	if (n < 2)
		return 0;
	arena_init(&a, 0);
	buf_init(&out, 1 << 16);
	w.out = &out;
	max = p[0];
	if (imap_seqset_parse(&a, &text, &raw) || raw.is_saved || raw.n == 0)
		goto end;
	set = raw;
	set.ranges = arena_alloc(&a, raw.n * sizeof *raw.ranges);
	memcpy(set.ranges, raw.ranges, raw.n * sizeof *raw.ranges);
	imap_seqset_resolve(&set, max);
	for (uint32_t v = 1; v < 300; v++) {
		must(imap_seqset_has(&set, v) == (max && is_in(&raw, max, v)));
		count += imap_seqset_has(&set, v);
		if (imap_seqset_has(&set, v))
			imap_seqset_write(&w, v);
	}
	must(count <= imap_seqset_count(&set));
	must(imap_seqset_last(&set) || set.n == 0);
	imap_seqset_write_end(&w);
	text = buf_slice(&out);
	if (text.n) {
		must(!imap_seqset_parse(&a, &text, &set) && text.n == 0);
		imap_seqset_resolve(&set, max);
		must(imap_seqset_count(&set) == count);
	}
end:
	arena_reset(&a);
	buf_fini(&out);
	return 0;
}
