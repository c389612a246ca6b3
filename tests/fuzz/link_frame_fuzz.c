#include <stdlib.h>
#include <string.h>

#include "cmd/link_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What a member that was broken into says: a hello or not, then frames, in bites. What is taken
 * whole must be taken alike however it arrives. */
static size_t
take(struct slice in, struct link_frame *f, enum err *e)
{
	size_t used = 0;

	*e = link_frame_parse(in, f, &used);
	if (*e)
		return 0;
	if (used > in.n || f->octets.n > LINK_FRAME_MAX ||
		used != LINK_FRAME_HEAD + f->octets.n)
		__builtin_trap();
	if (f->octets.n && (f->octets.p < in.p || f->octets.p + f->octets.n > in.p + in.n))
		__builtin_trap();
	return used;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t cluster[LINK_FRAME_CLUSTER];
	struct link_frame f, again;
	uint8_t head[LINK_FRAME_HEAD];
	enum err e, early;
	struct slice in;
	size_t used, step;

	if (n < 1)
		return 0;
	step = p[0] + 1u;
	/* A copy of its very size, so that a step beyond is seen. */
	in = slice_of(memcpy(malloc(n), p, n), n);
	p = in.p;
	in = slice_from(in, 1);
	link_frame_parse_hello(in, cluster);
	while ((used = take(in, &f, &e))) {
		for (size_t cut = 0; cut < used; cut += step)
			if (take(slice_cut(in, 0, cut), &again, &early) || early != ERR_MORE)
				__builtin_trap();
		link_frame_head(f.flags, f.octets.n, head);
		if (memcmp(head, in.p, sizeof head))
			__builtin_trap();
		in = slice_from(in, used);
	}
	free((void *)(uintptr_t)p);
	return 0;
}
