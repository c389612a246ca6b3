#include "tests/test.h"

#include "imap/imap_seqset.h"

/* The set with max resolved and written out again, or the error's name. */
static void
check(const char *text, uint32_t max, const char *want)
{
	struct imap_seqset_writer w = {0};
	struct imap_seqset s;
	struct slice in = slice_str(text);
	struct arena a;
	struct buf out;
	enum err e;

	arena_init(&a, 0);
	buf_init(&out, 1024);
	w.out = &out;
	e = imap_seqset_parse(&a, &in, &s);
	if (e) {
		buf_put_str(&out, err_name(e));
	} else {
		imap_seqset_resolve(&s, max);
		for (uint32_t i = 0; i < s.n; i++)
			for (uint64_t v = s.ranges[i].from; v <= s.ranges[i].to && v < 50; v++)
				imap_seqset_write(&w, (uint32_t)v);
		imap_seqset_write_end(&w);
	}
	buf_put_slice(&out, in);
	buf_put_u8(&out, 0);
	assert_string_equal((char *)out.p, want);
	buf_fini(&out);
	arena_reset(&a);
}

static void
sets_are_sorted_and_merged(void **state)
{
	(void)state;
	check("1", 9, "1");
	check("3,1:2", 9, "1:3");
	check("5:2,9", 9, "2:5,9");
	check("*", 9, "9");
	check("*:7", 9, "7:9");
	check("12:*", 9, "9:12");
	check("1:*", 0, "");
	check("2,2,2,1:3", 9, "1:3");
	check("1:4294967295,7", 9, "1:49");
	check("4,5 (FLAGS)", 9, "4:5 (FLAGS)");
}

static void
odd_sets_are_refused(void **state)
{
	(void)state;
	check("0", 9, "SYNTAX0");
	check("", 9, "SYNTAX");
	check("1,", 9, "SYNTAX");
	check("1:", 9, "SYNTAX");
	check(",1", 9, "SYNTAX,1");
	check("4294967296", 9, "SYNTAX4294967296");
	check("18446744073709551617", 9, "SYNTAX18446744073709551617");
	check("01", 9, "SYNTAX01");
	check("a", 9, "SYNTAXa");
}

static void
too_many_ranges_are_refused(void **state)
{
	struct imap_seqset s;
	struct arena a;
	struct buf text;
	struct slice in;

	(void)state;
	arena_init(&a, 0);
	buf_init(&text, 1 << 20);
	for (int i = 0; i < IMAP_SEQSET_MAX; i++)
		buf_put_str(&text, i ? ",7" : "7");
	in = buf_slice(&text);
	assert_int_equal(imap_seqset_parse(&a, &in, &s), ERR_OK);
	imap_seqset_resolve(&s, 9);
	assert_int_equal(imap_seqset_count(&s), 1);
	buf_put_str(&text, ",7");
	in = buf_slice(&text);
	assert_int_equal(imap_seqset_parse(&a, &in, &s), ERR_LIMIT);
	buf_fini(&text);
	arena_reset(&a);
}

static void
membership_and_count_agree(void **state)
{
	struct imap_seqset s;
	struct slice in = SLICE_LIT("10:20,30,40:*,3");
	struct arena a;
	uint64_t n = 0;

	(void)state;
	arena_init(&a, 0);
	assert_int_equal(imap_seqset_parse(&a, &in, &s), ERR_OK);
	assert_true(s.has_star);
	imap_seqset_resolve(&s, 44);
	for (uint32_t v = 0; v < 100; v++)
		n += imap_seqset_has(&s, v);
	assert_int_equal(n, 18);
	assert_int_equal(imap_seqset_count(&s), 18);
	assert_int_equal(imap_seqset_last(&s), 44);
	assert_true(
		imap_seqset_has(&s, 3) && !imap_seqset_has(&s, 4) && imap_seqset_has(&s, 20));
	arena_reset(&a);
}

static void
dollar_is_the_saved_result(void **state)
{
	struct imap_seqset s;
	struct slice in = SLICE_LIT("$ X");
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_int_equal(imap_seqset_parse(&a, &in, &s), ERR_OK);
	assert_true(s.is_saved);
	assert_slice(in, " X");
	arena_reset(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_sorted_and_merged),
		cmocka_unit_test(odd_sets_are_refused),
		cmocka_unit_test(too_many_ranges_are_refused),
		cmocka_unit_test(membership_and_count_agree),
		cmocka_unit_test(dollar_is_the_saved_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
