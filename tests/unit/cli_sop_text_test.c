#include "cmd/cli_sop_text.h"

#include "tests/test.h"

static bool
is_text(struct slice s, size_t piece)
{
	struct cli_sop_text t = {.n_rest = 0};

	for (; s.n; s = slice_from(s, piece)) {
		cli_sop_text_feed(&t, slice_cut(s, 0, piece));
		cli_sop_text_feed(&t, SLICE_EMPTY);
	}
	return cli_sop_text_is_good(&t);
}

static void
utf8_is_text_in_pieces_of_any_size(void **state)
{
	struct slice s = SLICE_LIT("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z\xc3\xa4");

	(void)state;
	for (size_t piece = 1; piece <= s.n; piece++)
		for (size_t n = 0; n <= s.n; n++)
			assert_int_equal(is_text(slice_cut(s, 0, n), piece),
				utf8_is_valid(slice_cut(s, 0, n)));
}

static void
what_is_wrong_stays_wrong(void **state)
{
	const struct slice wrong[] = {SLICE_LIT("\xff"), SLICE_LIT("x\x80y"),
		SLICE_LIT("\xc3x"), SLICE_LIT("\xe2\x82xyz"), SLICE_LIT("\xf0\x9f\x98"),
		SLICE_LIT("\xc0\x80ok"), SLICE_LIT("\xed\xa0\x80"),
		SLICE_LIT("\xf4\x90\x80\x80"), SLICE_LIT("\xc3\xc3\xa4")};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		for (size_t piece = 1; piece <= wrong[i].n; piece++)
			assert_false(is_text(wrong[i], piece));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_text_in_pieces_of_any_size),
		cmocka_unit_test(what_is_wrong_stays_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
