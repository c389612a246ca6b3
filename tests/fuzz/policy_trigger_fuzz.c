/* Triggers: any pattern and any subject: bounded, decided or not; what is left of a subject
 * says what the text says without what matched, in a field that is well folded. */
#include "core/charset.h"
#include "core/mail_header.h"
#include "core/mail_word.h"
#include "core/must.h"
#include "core/utf8.h"
#include "crypto/policy_trigger.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
look_at_lines(struct slice body)
{
	struct slice line;

	must(body.n && body.p[0] == ' ');
	while (body.n > 1) {
		line = slice_cut(body, 0, slice_find(body, '\n'));
		body = slice_from(body, line.n + 1);
		if (slice_ends(line, SLICE_LIT("\r")))
			line.n--;
		must(line.n && (line.p[0] == ' ' || line.p[0] == '\t'));
		must(slice_trim(line).n > 0);
		must(!slice_has(line, '\r') && !slice_has(line, 0));
	}
}

static void
try_subject(struct slice pattern, struct slice body)
{
	struct buf left, text, again;
	enum policy_trigger_found found;

	buf_init(&left, 6 * body.n + 200);
	buf_init(&text, 3 * body.n + 1);
	buf_init(&again, 3 * left.cap);
	found = policy_trigger_subject(pattern, body, &left);
	must(found == policy_trigger_subject(pattern, body, NULL));
	must(!left.overflow);
	must(found == POLICY_TRIGGER_YES || left.n == 0);
	if (found == POLICY_TRIGGER_YES) {
		mail_word_decode(body, &text);
		must(mail_word_decode(buf_slice(&left), &again));
		must(utf8_is_valid(buf_slice(&again)));
		must(again.n <= text.n);
		look_at_lines(buf_slice(&left));
	}
	buf_fini(&left);
	buf_fini(&text);
	buf_fini(&again);
}

/* With a pattern of fixed letters what is left can be foretold: no blanks are near. */
static void
try_letters(struct slice body)
{
	struct buf left, text, again, wanted;
	struct slice rest;
	size_t at;

	buf_init(&left, 6 * body.n + 200);
	buf_init(&text, 3 * body.n + 1);
	buf_init(&wanted, 3 * body.n + 1);
	buf_init(&again, 3 * left.cap);
	mail_word_decode(body, &text);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == ' ' || text.p[i] == '\t')
			goto out;
	rest = buf_slice(&text);
	for (int i = 0; i < POLICY_TRIGGER_CUTS_MAX; i++) {
		at = slice_find_slice(rest, SLICE_LIT("[e]"));
		buf_put_slice(&wanted, slice_cut(rest, 0, at));
		rest = slice_from(rest, at + 3);
	}
	buf_put_slice(&wanted, rest);
	if (text.n <= POLICY_TRIGGER_TEXT_MAX && wanted.n < text.n) {
		must(policy_trigger_subject(SLICE_LIT("(?-i)\\[e\\]"), body, &left) ==
			POLICY_TRIGGER_YES);
		mail_word_decode(buf_slice(&left), &again);
		must(slice_eq(buf_slice(&again), slice_trim(buf_slice(&wanted))));
	}
out:
	buf_fini(&left);
	buf_fini(&text);
	buf_fini(&again);
	buf_fini(&wanted);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice all = slice_of(p, n);
	struct slice pattern = slice_cut(all, 0, slice_find(all, '\0'));
	struct slice body = slice_from(all, pattern.n + 1);
	struct buf why;

	buf_init(&why, 1000);
	must(policy_trigger_check(pattern, &why) != (why.n > 0));
	buf_clear(&why);
	must(policy_trigger_check_field(pattern, &why) != (why.n > 0));
	buf_fini(&why);
	try_subject(pattern, body);
	try_subject(SLICE_LIT("\\[e\\]"), all);
	try_letters(all);
	policy_trigger_header(pattern, body);
	return 0;
}
