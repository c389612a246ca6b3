#include "tests/test.h"

#include "smtp/smtp_srs.h"

enum { DAY_SEC = 86400 };

static const struct seal_key key = {{1, 2, 3}}, other_key = {{1, 2, 4}};
/* A second before a day ends whose number modulo 1,024 is 1,023. */
static const uint64_t NOW_SEC = (uint64_t)20 * 1024 * DAY_SEC - 1;

static struct buf made, back;

static int
setup(void **state)
{
	(void)state;
	seal_init();
	buf_init(&made, SMTP_SRS_ADDRESS_MAX);
	buf_init(&back, SMTP_SRS_ADDRESS_MAX);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&made);
	buf_fini(&back);
	return 0;
}

static enum err
forward(const char *sender)
{
	buf_clear(&made);
	return smtp_srs_forward(&key, NOW_SEC, slice_str(sender), SLICE_LIT("our.test"), &made);
}

static enum err
turn_back(struct slice address, uint64_t now_sec)
{
	buf_clear(&back);
	return smtp_srs_back(&key, now_sec, address, &back);
}

static void
assert_round_trip(const char *sender)
{
	struct slice text = slice_str(sender), got;

	assert_int_equal(forward(sender), ERR_OK);
	assert_true(slice_ends(buf_slice(&made), SLICE_LIT("@our.test")));
	assert_int_equal(turn_back(buf_slice(&made), NOW_SEC), ERR_OK);
	got = buf_slice(&back);
	assert_int_equal(got.n, text.n);
	assert_memory_equal(got.p, text.p, text.n);
}

static void
a_sender_comes_back_as_it_was(void **state)
{
	(void)state;
	assert_round_trip("a@x.test");
	assert_round_trip("First.Last+tag@x.test");
	assert_round_trip("prvs=abc=def@x.test");
	assert_round_trip("SRS0@x.test");
	assert_round_trip("SRS1=odd@x.test");
	assert_round_trip("j\xc3\xb6rg@x.test");
	assert_round_trip("\"two words\"@x.test");
	assert_round_trip("\"at@home \\\"now\\\"\"@x.test");
}

static void
it_has_the_usual_form(void **state)
{
	struct slice s;

	(void)state;
	assert_int_equal(forward("a@x.test"), ERR_OK);
	s = buf_slice(&made);
	assert_slice(slice_cut(s, 0, 5), "SRS0=");
	assert_slice(slice_from(s, 5 + SMTP_SRS_HASH), "=77=x.test=a@our.test");
	assert_int_equal(forward("\"a b\"@x.test"), ERR_OK);
	assert_slice(slice_cut(buf_slice(&made), 0, 6), "\"SRS0=");
}

static void
a_chain_keeps_its_first_and_its_last(void **state)
{
	(void)state;
	assert_int_equal(forward("SRS0=AAAA=BB=x.test=a@y.test"), ERR_OK);
	assert_slice(slice_cut(buf_slice(&made), 0, 5), "SRS1=");
	assert_slice(slice_from(buf_slice(&made), 5 + SMTP_SRS_HASH),
		"=y.test==AAAA=BB=x.test=a@our.test");
	assert_int_equal(turn_back(buf_slice(&made), NOW_SEC), ERR_OK);
	assert_slice(buf_slice(&back), "SRS0=AAAA=BB=x.test=a@y.test");
	assert_int_equal(forward("SRS0+AAAA=BB=x.test=a@y.test"), ERR_OK);
	assert_int_equal(turn_back(buf_slice(&made), NOW_SEC), ERR_OK);
	assert_slice(buf_slice(&back), "SRS0+AAAA=BB=x.test=a@y.test");
	assert_int_equal(forward("SRS1=CCCC=y.test==AAAA=BB=x.test=a@z.test"), ERR_OK);
	assert_slice(slice_from(buf_slice(&made), 5 + SMTP_SRS_HASH),
		"=y.test==AAAA=BB=x.test=a@our.test");
	assert_int_equal(turn_back(buf_slice(&made), NOW_SEC), ERR_OK);
	assert_slice(buf_slice(&back), "SRS0=AAAA=BB=x.test=a@y.test");
}

/* Whatever octet of the local part is changed, but in case. */
static void
a_forged_one_is_refused(void **state)
{
	uint8_t copy[SMTP_SRS_ADDRESS_MAX];
	size_t n;

	(void)state;
	assert_int_equal(forward("ab@x.test"), ERR_OK);
	n = made.n;
	for (size_t i = 5; i < n - (sizeof "@our.test" - 1); i++) {
		memcpy(copy, made.p, n);
		copy[i] = copy[i] == 'Q' ? 'R' : 'Q';
		assert_int_equal(turn_back(slice_of(copy, n), NOW_SEC), ERR_DENIED);
	}
	assert_int_equal(
		smtp_srs_back(&other_key, NOW_SEC, buf_slice(&made), &back), ERR_DENIED);
	assert_int_equal(back.n, 0);
	/* Nor is the one form taken for the other. */
	memcpy(copy, made.p, n);
	copy[3] = '1';
	assert_int_equal(turn_back(slice_of(copy, n), NOW_SEC), ERR_DENIED);
}

static void
case_may_change_on_the_way(void **state)
{
	uint8_t copy[SMTP_SRS_ADDRESS_MAX];

	(void)state;
	assert_int_equal(forward("AbC@x.test"), ERR_OK);
	for (size_t i = 0; i < made.n; i++)
		copy[i] = slice_lower(made.p[i]);
	assert_int_equal(turn_back(slice_of(copy, made.n), NOW_SEC), ERR_OK);
	assert_slice(buf_slice(&back), "abc@x.test");
}

static void
it_is_good_for_three_weeks(void **state)
{
	uint64_t day_end_sec = NOW_SEC, day_sec = NOW_SEC - DAY_SEC + 1;

	(void)state;
	assert_int_equal(forward("a@x.test"), ERR_OK);
	for (uint64_t days = 0; days <= SMTP_SRS_DAYS_MAX; days++)
		assert_int_equal(
			turn_back(buf_slice(&made), day_end_sec + days * DAY_SEC), ERR_OK);
	assert_int_equal(
		turn_back(buf_slice(&made), day_end_sec + SMTP_SRS_DAYS_MAX * DAY_SEC + 1),
		ERR_DENIED);
	/* Where it comes back, the clock may be behind. */
	assert_int_equal(turn_back(buf_slice(&made), day_sec - 1), ERR_OK);
	assert_int_equal(turn_back(buf_slice(&made), day_sec - DAY_SEC), ERR_OK);
	assert_int_equal(turn_back(buf_slice(&made), day_sec - DAY_SEC - 1), ERR_DENIED);
}

/* What a local part holds beside the form itself, "SRS0=", hash, day and domain. */
static void
a_long_one_stays_as_it_is(void **state)
{
	enum { ROOM = 64 - 5 - SMTP_SRS_HASH - 1 - 3 - 7 };
	char sender[ROOM + 9];

	(void)state;
	memset(sender, 'a', ROOM);
	memcpy(sender + ROOM, "@x.test", 8);
	assert_round_trip(sender);
	memset(sender, 'a', ROOM + 1);
	memcpy(sender + ROOM + 1, "@x.test", 8);
	assert_int_equal(forward(sender), ERR_LIMIT);
	assert_int_equal(made.n, 0);
}

static void
what_is_no_address_of_a_domain_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(forward(""), ERR_SYNTAX);
	assert_int_equal(forward("a"), ERR_SYNTAX);
	assert_int_equal(forward("@x.test"), ERR_SYNTAX);
	assert_int_equal(forward("a@"), ERR_SYNTAX);
	assert_int_equal(forward("a@[192.0.2.1]"), ERR_SYNTAX);
	assert_int_equal(forward("a b@x.test"), ERR_SYNTAX);
}

static void
other_addresses_are_not_looked_into(void **state)
{
	static const char *const none[] = {"", "a@our.test", "SRS0@our.test", "SRS0=@our.test",
		"SRS2=a=b@our.test", "@", "SRS0"};
	static const char *const bad[] = {"SRS0=a@our.test", "SRS0=AAAAAA=@our.test",
		"SRS0=AAAAAA=77@our.test", "SRS0=AAAAAA=77=x@our.test",
		"SRS1=AAAAAA==@our.test", "SRS0+AAAAAA=77=x.test=a@our.test",
		"srs1=AAAA=y==z@our.test"};

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		assert_int_equal(turn_back(slice_str(none[i]), NOW_SEC), ERR_NOT_FOUND);
		assert_false(smtp_srs_is_tagged(slice_str(none[i])));
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(turn_back(slice_str(bad[i]), NOW_SEC), ERR_DENIED);
		assert_true(smtp_srs_is_tagged(slice_str(bad[i])));
	}
}

static void
a_full_buffer_is_told(void **state)
{
	struct buf small;

	(void)state;
	assert_int_equal(forward("a@x.test"), ERR_OK);
	buf_init(&small, 7);
	assert_int_equal(smtp_srs_back(&key, NOW_SEC, buf_slice(&made), &small), ERR_LIMIT);
	assert_int_equal(smtp_srs_forward(&key, NOW_SEC, SLICE_LIT("a@x.test"),
				 SLICE_LIT("our.test"), &small),
		ERR_LIMIT);
	assert_int_equal(small.n, 0);
	buf_fini(&small);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_sender_comes_back_as_it_was),
		TEST(it_has_the_usual_form),
		TEST(a_chain_keeps_its_first_and_its_last),
		TEST(a_forged_one_is_refused),
		TEST(case_may_change_on_the_way),
		TEST(it_is_good_for_three_weeks),
		TEST(a_long_one_stays_as_it_is),
		TEST(what_is_no_address_of_a_domain_is_left_alone),
		TEST(other_addresses_are_not_looked_into),
		TEST(a_full_buffer_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
