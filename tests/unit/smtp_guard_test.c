#include <stdio.h>

#include "smtp/smtp_guard.h"
#include "tests/test.h"

static struct smtp_guard guard;
static struct buf kept;

/* In pieces of so many octets. */
static void
feed(unsigned strips, struct slice text, size_t step)
{
	smtp_guard_init(&guard, strips);
	buf_clear(&kept);
	for (size_t at = 0; at < text.n; at += step) {
		struct slice in = slice_cut(text, at, at + step);
		size_t used = smtp_guard_feed(&guard, in, &kept);

		buf_put_slice(&kept, slice_from(in, used));
	}
}

static void
gives(unsigned strips, const char *text, const char *rest, const char *value)
{
	struct slice in = slice_str(text);

	for (size_t step = 1; step <= in.n; step++) {
		feed(strips, in, step);
		assert_int_equal(kept.n, strlen(rest));
		assert_memory_equal(kept.p, rest, kept.n);
		assert_true(slice_eq(smtp_guard_value(&guard), slice_str(value)));
	}
}

static void
its_field_is_taken_out_wherever_it_stands(void **state)
{
	(void)state;
	gives(1, "X-Hairpin-Guard: v=1\r\nA: b\r\n\r\nbody\r\n", "A: b\r\n\r\nbody\r\n", "v=1");
	gives(1, "A: b\r\nx-hairpin-guard:v=1 \r\n\r\nbody\r\n", "A: b\r\n\r\nbody\r\n", "v=1");
	gives(1, "A: b\r\nX-Hairpin-Guard \t: v=1\r\n\r\n", "A: b\r\n\r\n", "v=1");
	gives(1, "X-Hairpin-Guard: v=1;\r\n m=2;\r\n\tx\r\nA: b\r\n c\r\n\r\n",
		"A: b\r\n c\r\n\r\n", "v=1; m=2;\tx");
	/* several: the first one counts, all are taken out */
	gives(1, "X-Hairpin-Guard: 1\r\nX-Hairpin-Guard: 2\r\n 3\r\n\r\n", "\r\n", "1");
	gives(1, "X-Hairpin-Guard: 1\r\n", "", "1");
}

static void
nothing_else_is_changed(void **state)
{
	static const char *const texts[] = {"", "\r\n", "A: b\r\n\r\nX-Hairpin-Guard: 1\r\n",
		"X-Hairpin-Guard\r\n\r\n", "X-Hairpin-Guardx: 1\r\n\r\n",
		"X-Hairpin: 1\r\n\r\n", "A: X-Hairpin-Guard: 1\r\n X-Hairpin-Guard: 2\r\n\r\n",
		": x\r\n\r\n", "a name of more than thirty-two octets: 1\r\n\r\n",
		"no field\r\n\r\n", "X-Hairpin-Gateway: in\r\n\r\n", "a\nb\n\n\nX\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		gives(SMTP_GUARD_STRIP_FIELD, texts[i], texts[i], "");
	gives(0, "X-Hairpin-Guard: 1\r\n\r\n", "X-Hairpin-Guard: 1\r\n\r\n", "");
	gives(SMTP_GUARD_STRIP_MARK, "X-Hairpin-Gateway: in\r\nX-Hairpin-Guard: 1\r\n\r\n",
		"X-Hairpin-Guard: 1\r\n\r\n", "");
}

static void
a_value_has_200_octets_at_most(void **state)
{
	char text[300], value[SMTP_GUARD_VALUE_MAX + 2];

	(void)state;
	memset(value, 'v', sizeof value);
	value[SMTP_GUARD_VALUE_MAX] = '\0';
	snprintf(text, sizeof text, "X-Hairpin-Guard: %s\r\n\r\n", value);
	gives(1, text, "\r\n", value);
	snprintf(text, sizeof text, "X-Hairpin-Guard: %sv\r\n\r\n", value);
	gives(1, text, "\r\n", "");
}

static void
the_body_s_hash_doesn_t_depend_on_the_header_or_the_pieces(void **state)
{
	struct slice a = SLICE_LIT("A: b\r\n\r\nbody\r\n"),
		     b = SLICE_LIT("X-Hairpin-Guard: 1\r\nC: d\r\n\r\nbody\r\n"),
		     body = SLICE_LIT("body\r\n");
	uint8_t one[SEAL_HASH], two[SEAL_HASH];

	(void)state;
	seal_hash(NULL, &body, 1, one);
	for (size_t step = 1; step < b.n; step++) {
		feed(1, a, step);
		smtp_guard_body_hash(&guard, two);
		assert_memory_equal(one, two, sizeof one);
		feed(1, b, step);
		smtp_guard_body_hash(&guard, two);
		assert_memory_equal(one, two, sizeof one);
	}
	feed(1, SLICE_LIT("A: b\r\n\r\nbodx\r\n"), 5);
	smtp_guard_body_hash(&guard, two);
	assert_memory_not_equal(one, two, sizeof one);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_field_is_taken_out_wherever_it_stands),
		cmocka_unit_test(nothing_else_is_changed),
		cmocka_unit_test(a_value_has_200_octets_at_most),
		cmocka_unit_test(the_body_s_hash_doesn_t_depend_on_the_header_or_the_pieces),
	};
	int failed;

	seal_init();
	buf_init(&kept, 4096);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&kept);
	return failed;
}
