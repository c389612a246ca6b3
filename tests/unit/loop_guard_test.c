#include <stdio.h>

#include "crypto/loop_guard.h"
#include "tests/test.h"

enum { NOW = 1795531953, DAY = 86400 };

static struct seal_key key = {{7}}, other_key = {{8}};
static const struct loop_guard_mail mail = {{(const uint8_t *)"<1@x>", 5},
	{(const uint8_t *)"01234567890123456789012345678901", 32}};

static void
text_of(unsigned ways, char out[LOOP_GUARD_TEXT_MAX + 1])
{
	struct buf b;

	buf_init(&b, LOOP_GUARD_TEXT_MAX);
	loop_guard_format(&key, &mail, ways, NOW, &b);
	assert_false(b.overflow);
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
	buf_fini(&b);
}

static enum loop_guard_verdict
check(const char *text, uint64_t now_sec)
{
	unsigned ways = 9;
	enum loop_guard_verdict v = loop_guard_check(
		&key, slice_str(text), &mail, now_sec, &ways);

	assert_int_equal(ways == 9, v != LOOP_GUARD_VALID);
	return v;
}

static void
what_was_written_is_valid_and_says_which_way(void **state)
{
	char text[LOOP_GUARD_TEXT_MAX + 1];
	unsigned ways = 0;

	(void)state;
	for (unsigned i = LOOP_GUARD_IN; i <= (LOOP_GUARD_IN | LOOP_GUARD_OUT); i++) {
		text_of(i, text);
		assert_int_equal(loop_guard_check(&key, slice_str(text), &mail, NOW, &ways),
			LOOP_GUARD_VALID);
		assert_int_equal(ways, i);
	}
	text_of(LOOP_GUARD_OUT, text);
	assert_memory_equal(text, "v=1; d=out; t=1795531953; m=", 28);
	assert_int_equal(strlen(text), 28 + 44);
}

static void
it_holds_for_five_days_and_not_a_second_longer(void **state)
{
	char text[LOOP_GUARD_TEXT_MAX + 1];

	(void)state;
	text_of(LOOP_GUARD_IN, text);
	assert_int_equal(check(text, NOW + 5 * DAY), LOOP_GUARD_VALID);
	assert_int_equal(check(text, NOW + 5 * DAY + 1), LOOP_GUARD_EXPIRED);
	/* a node whose clock is behind */
	assert_int_equal(check(text, NOW - 100), LOOP_GUARD_VALID);
}

static void
it_says_nothing_of_another_mail_or_another_gateway(void **state)
{
	struct loop_guard_mail m = mail;
	char text[LOOP_GUARD_TEXT_MAX + 1];
	unsigned ways;

	(void)state;
	text_of(LOOP_GUARD_IN, text);
	m.message_id = SLICE_LIT("<2@x>");
	assert_int_equal(
		loop_guard_check(&key, slice_str(text), &m, NOW, &ways), LOOP_GUARD_FORGED);
	m = mail;
	m.body_hash = SLICE_LIT("01234567890123456789012345678900");
	assert_int_equal(
		loop_guard_check(&key, slice_str(text), &m, NOW, &ways), LOOP_GUARD_FORGED);
	/* an octet of the one doesn't pass for one of the other */
	m.message_id = slice_cut(mail.message_id, 0, 4);
	m.body_hash = SLICE_LIT(">01234567890123456789012345678901");
	assert_int_equal(
		loop_guard_check(&key, slice_str(text), &m, NOW, &ways), LOOP_GUARD_FORGED);
	assert_int_equal(loop_guard_check(&other_key, slice_str(text), &mail, NOW, &ways),
		LOOP_GUARD_FORGED);
}

static void
each_octet_counts_and_none_may_lack(void **state)
{
	char text[LOOP_GUARD_TEXT_MAX + 1], bent[LOOP_GUARD_TEXT_MAX + 3];
	size_t n;

	(void)state;
	text_of(LOOP_GUARD_IN, text);
	n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		strcpy(bent, text);
		bent[i] ^= 1;
		assert_int_not_equal(check(bent, NOW), LOOP_GUARD_VALID);
		strcpy(bent, text);
		bent[i] = '\0';
		assert_int_not_equal(check(bent, NOW), LOOP_GUARD_VALID);
	}
	snprintf(bent, sizeof bent, "%s;x", text);
	assert_int_equal(check(bent, NOW), LOOP_GUARD_MALFORMED);
	assert_int_equal(check("", NOW), LOOP_GUARD_MALFORMED);
	assert_int_equal(check("v=2; d=in; t=1; m=", NOW), LOOP_GUARD_MALFORMED);
	assert_int_equal(check("v=1; d=up; t=1; m=", NOW), LOOP_GUARD_MALFORMED);
	assert_int_equal(
		check("v=1; d=in; t=18446744073709551615; m=", NOW), LOOP_GUARD_MALFORMED);
	assert_int_equal(check("v=1; d=in; t=1; m=", NOW), LOOP_GUARD_FORGED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_valid_and_says_which_way),
		cmocka_unit_test(it_holds_for_five_days_and_not_a_second_longer),
		cmocka_unit_test(it_says_nothing_of_another_mail_or_another_gateway),
		cmocka_unit_test(each_octet_counts_and_none_may_lack),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
