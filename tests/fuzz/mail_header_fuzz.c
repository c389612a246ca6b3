#include "core/mail_header.h"
#include "core/mail_type.h"
#include "core/mail_word.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mail_header h;
	struct mail_field f;
	struct mail_type t;
	struct arena arena;
	struct slice id;
	struct buf b, text;

	arena_init(&arena, 0);
	buf_init(&b, n + 1);
	buf_init(&text, 3 * n + 20);
	mail_header_begin(&h, slice_of(p, n));
	while (mail_header_next(&h, &f)) {
		buf_clear(&b);
		if (f.raw.n == 0 || !mail_header_unfold(f.body, &b))
			__builtin_trap();
		mail_type_parse(f.body, &arena, &t);
		buf_clear(&text);
		if (!mail_word_decode(f.body, &text))
			__builtin_trap();
		if (mail_type_parse_value(f.body, &arena, &t))
			mail_word_param(&t, SLICE_LIT("f"), &text);
	}
	if (h.at > n)
		__builtin_trap();
	mail_header_message_id(slice_of(p, n), &id);
	buf_fini(&b);
	buf_fini(&text);
	arena_reset(&arena);
	return 0;
}
