#include "core/mail_header.h"
#include "core/mail_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mail_header h;
	struct mail_field f;
	struct mail_type t;
	struct arena arena;
	struct slice id;
	struct buf b;

	arena_init(&arena, 0);
	buf_init(&b, n + 1);
	mail_header_begin(&h, slice_of(p, n));
	while (mail_header_next(&h, &f)) {
		buf_clear(&b);
		if (f.raw.n == 0 || !mail_header_unfold(f.body, &b))
			__builtin_trap();
		mail_type_parse(f.body, &arena, &t);
		mail_type_parse_value(f.body, &arena, &t);
	}
	if (h.at > n)
		__builtin_trap();
	mail_header_message_id(slice_of(p, n), &id);
	buf_fini(&b);
	arena_reset(&arena);
	return 0;
}
