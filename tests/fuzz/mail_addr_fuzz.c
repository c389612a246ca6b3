#include "core/mail_addr.h"
#include "core/mail_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What was accepted must come back from its canonical form unchanged. */
static void
check_canonical(struct arena *a, const struct mail_addr *m)
{
	struct mail_addr c, again;
	struct buf text;

	if (mail_addr_canonical(m, a, &c) || c.is_null || c.domain.n == 0)
		return;
	buf_init(&text, 2000);
	if (!mail_addr_format(&c, &text))
		__builtin_trap();
	if (!mail_addr_parse(buf_slice(&text), a, &again) &&
		(!slice_eq(again.local, c.local) || !slice_eq(again.domain, c.domain)))
		__builtin_trap();
	buf_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena arena;
	struct mail_addr m;
	struct mail_list list;
	size_t used;

	arena_init(&arena, 0);
	if (!mail_addr_parse(slice_of(p, n), &arena, &m))
		check_canonical(&arena, &m);
	if (!mail_addr_parse_path(slice_of(p, n), &arena, &used, &m)) {
		if (used > n || used < 2)
			__builtin_trap();
		check_canonical(&arena, &m);
	}
	mail_list_parse(slice_of(p, n), &arena, 10, &list);
	if (list.count > 11)
		__builtin_trap();
	arena_reset(&arena);
	return 0;
}
