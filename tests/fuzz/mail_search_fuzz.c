#include "core/mail_fold.h"
#include "core/mail_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Octets: encoding, charset, piece size, size of the key; then key and text. What
 * is found must not depend on the pieces. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mail_search_key key = {SLICE_EMPTY, false};
	struct mail_search s;
	struct buf needle;
	struct slice text;
	size_t step;
	bool whole;

	if (n < 4)
		return 0;
	step = p[2] + 1u;
	buf_init(&needle, 256 * MAIL_FOLD_GROWTH);
	mail_fold_search(slice_cut(slice_of(p, n), 4, 4u + p[3]), &needle);
	key.needle = buf_slice(&needle);
	text = slice_from(slice_of(p, n), 4u + p[3]);
	mail_search_init(&s, &key, 1);
	mail_search_begin(
		&s, (enum mail_encoding)(p[0] % 6), (enum charset)(p[1] % CHARSET_COUNT));
	mail_search_feed(&s, text);
	whole = mail_search_end(&s);
	mail_search_reset(&s);
	mail_search_begin(
		&s, (enum mail_encoding)(p[0] % 6), (enum charset)(p[1] % CHARSET_COUNT));
	for (size_t i = 0; i < text.n; i += step)
		mail_search_feed(&s, slice_cut(text, i, i + step));
	if (mail_search_end(&s) != whole || s.window.overflow || s.utf8.overflow)
		__builtin_trap();
	mail_search_reset(&s);
	mail_search_header(&s, text);
	mail_search_fini(&s);
	buf_fini(&needle);
	return 0;
}
