#include "tests/test.h"

#include <stdlib.h>

#include "core/mail_addr.h"

static struct arena arena;

/* Reads, makes canonical, formats. */
static const char *
canonical(const char *text, struct buf *out)
{
	struct mail_addr m, c;
	const char *why = mail_addr_parse(slice_str(text), &arena, &m);

	buf_clear(out);
	if (why)
		return why;
	why = mail_addr_canonical(&m, &arena, &c);
	if (!why)
		assert_true(mail_addr_format(&c, out));
	return why;
}

static void
addresses_have_one_canonical_form(void **state)
{
	static const char *const pairs[][2] = {
		{"Ann.Lee+x@Example.ORG", "ann.lee+x@example.org"},
		{"\"Ann\\ Lee\"@example.org", "\"ann lee\"@example.org"},
		{"\"ann\"@example.org", "ann@example.org"},
		{"\"a@b\"@example.org", "\"a@b\"@example.org"},
		{"\"a\\\"b\\\\\"@x", "\"a\\\"b\\\\\"@x"},
		{"\"\"@x", "\"\"@x"},
		{"\"a..b\"@x", "\"a..b\"@x"},
		{"M\xc3\x9cLLER@M\xc3\x9cnchen.de", "m\xc3\xbcller@xn--mnchen-3ya.de"},
		{"mu\xcc\x88ller@XN--MNCHEN-3YA.de", "m\xc3\xbcller@xn--mnchen-3ya.de"},
		{"a@[192.0.2.1]", "a@[192.0.2.1]"},
		{"a@[ipv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"},
		{"a@localhost", "a@localhost"},
		{"!#$%&'*+-/=?^_`{|}~@x", "!#$%&'*+-/=?^_`{|}~@x"},
	};
	struct buf out;

	(void)state;
	arena_init(&arena, 0);
	buf_init(&out, 1000);
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		const char *why = canonical(pairs[i][0], &out);

		if (why || !slice_eq(buf_slice(&out), slice_str(pairs[i][1])))
			fail_msg("%s: %s %.*s", pairs[i][0], why ? why : "", (int)out.n,
				(char *)out.p);
	}
	buf_fini(&out);
	arena_reset(&arena);
}

static void
another_server_s_local_part_stays_as_it_was_written(void **state)
{
	static const char *const pairs[][3] = {
		/* as given, for another server, for our directory */
		{"Ann.Lee+X@Example.ORG", "Ann.Lee+X@example.org", "ann.lee+x@example.org"},
		{"\"Ann Lee\"@X.test", "\"Ann Lee\"@x.test", "ann lee@x.test"},
		{"\"Ann\"@x.test", "\"Ann\"@x.test", "ann@x.test"},
		{"\"a@B\"@x.test", "\"a@B\"@x.test", "a@b@x.test"},
		{"M\xc3\x9cLLER@M\xc3\x9cnchen.de", "M\xc3\x9cLLER@xn--mnchen-3ya.de",
			"m\xc3\xbcller@xn--mnchen-3ya.de"},
		{"A@[IPv6:2001:DB8::1]", "A@[ipv6:2001:db8::1]", "a@[ipv6:2001:db8::1]"},
	};
	struct slice out = SLICE_LIT("as before");

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		assert_null(mail_addr_foreign_text(slice_str(pairs[i][0]), &arena, &out));
		assert_true(slice_eq(out, slice_str(pairs[i][1])));
		assert_null(mail_addr_canonical_text(slice_str(pairs[i][0]), &arena, &out));
		assert_true(slice_eq(out, slice_str(pairs[i][2])));
	}
	out = SLICE_LIT("as before");
	assert_non_null(mail_addr_foreign_text(SLICE_LIT("postmaster"), &arena, &out));
	assert_non_null(mail_addr_foreign_text(SLICE_LIT(""), &arena, &out));
	assert_non_null(mail_addr_canonical_text(SLICE_LIT("a b@x"), &arena, &out));
	assert_true(slice_eq(out, SLICE_LIT("as before")));
	arena_reset(&arena);
}

static void
malformed_addresses_are_refused(void **state)
{
	static const char *const bad[] = {"", "a", "@", "a@", "@b", ".a@b", "a.@b", "a..b@c",
		"a b@c", "a@b c", "a@b,", "a@-b", "a@b-", "a@b..c", "a@.b", "a@b.", "a@b_c",
		"\"a@b", "\"a\"b@c", "\"a\tb\"@c", "a\"b\"@c", "a@[1.2.3]", "a@[1.2.3.256]",
		"a@[1.2.3.4", "a@[IPv6:1.2.3.4]", "a@[2001:db8::1]", "a@[foo:bar]", "a@b@c",
		"<a@b>", "a@b>", "a(x)@b", "\xff@b", "a@\xff.de", "a@\xc3\xbc_.de",
		"postmaster", "a@xn--\xc3\xbc"};
	struct mail_addr m;

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (!mail_addr_parse(slice_str(bad[i]), &arena, &m))
			fail_msg("accepted: %s", bad[i]);
	assert_non_null(mail_addr_parse(SLICE_LIT("a\0b@c"), &arena, &m));
	assert_non_null(mail_addr_parse(SLICE_LIT("a@b\0c"), &arena, &m));
	assert_non_null(mail_addr_parse(SLICE_LIT("a@\xc3\xbc\0c"), &arena, &m));
	arena_reset(&arena);
}

static void
lengths_are_kept_at_the_octet(void **state)
{
	char text[400];
	struct mail_addr m;
	struct slice s = {(uint8_t *)text, 0};

	(void)state;
	arena_init(&arena, 0);
	memset(text, 'a', sizeof text);
	text[64] = '@';
	assert_null(mail_addr_parse(slice_cut(slice_of(text, 67), 0, 67), &arena, &m));
	text[64] = 'a';
	text[65] = '@';
	assert_string_equal(mail_addr_parse(slice_of(text, 67), &arena, &m),
		"local part is longer than 64 octets");
	memset(text, 'a', sizeof text);
	text[0] = '"';
	text[63] = '"';
	text[64] = '@';
	assert_null(mail_addr_parse(slice_of(text, 66), &arena, &m));
	text[63] = 'a';
	text[64] = '"';
	text[65] = '@';
	assert_non_null(mail_addr_parse(slice_of(text, 67), &arena, &m));
	memset(text, 'a', sizeof text);
	text[1] = '@';
	assert_null(mail_addr_parse(slice_of(text, 2 + 63), &arena, &m));
	assert_non_null(mail_addr_parse(slice_of(text, 2 + 64), &arena, &m));
	for (size_t i = 3; i < sizeof text; i += 2)
		text[i] = '.';
	s.n = 253;
	assert_null(mail_addr_parse(s, &arena, &m));
	s.n = 255;
	assert_string_equal(
		mail_addr_parse(s, &arena, &m), "address is longer than 254 octets");
	s.n = 2 + 257;
	assert_string_equal(mail_addr_parse(s, &arena, &m), "domain is longer than 255 octets");
	arena_reset(&arena);
}

static void
paths_are_read_with_routes_null_and_postmaster(void **state)
{
	struct mail_addr m;
	size_t used;

	(void)state;
	arena_init(&arena, 0);
	assert_null(mail_addr_parse_path(SLICE_LIT("<a@b> SIZE=1"), &arena, &used, &m));
	assert_int_equal(used, 5);
	assert_slice(m.local, "a");
	assert_slice(m.domain, "b");
	assert_null(mail_addr_parse_path(SLICE_LIT("<> X"), &arena, &used, &m));
	assert_true(m.is_null);
	assert_int_equal(used, 2);
	assert_null(mail_addr_parse_path(SLICE_LIT("<@x.y,@z:a@b>"), &arena, &used, &m));
	assert_slice(m.local, "a");
	assert_int_equal(used, 13);
	assert_null(mail_addr_parse_path(SLICE_LIT("<PostMaster>"), &arena, &used, &m));
	assert_int_equal(m.domain.n, 0);
	assert_null(mail_addr_parse_path(SLICE_LIT("<\"a>b\"@c>"), &arena, &used, &m));
	assert_slice(m.local, "a>b");
	assert_null(mail_addr_parse_path(SLICE_LIT("<\xc3\xbc@b>"), &arena, &used, &m));
	assert_true(m.is_utf8);
	assert_non_null(mail_addr_parse_path(SLICE_LIT("a@b"), &arena, &used, &m));
	assert_non_null(mail_addr_parse_path(SLICE_LIT("<a@b"), &arena, &used, &m));
	assert_non_null(mail_addr_parse_path(SLICE_LIT("<a@b c>"), &arena, &used, &m));
	assert_non_null(mail_addr_parse_path(SLICE_LIT("<@x>"), &arena, &used, &m));
	assert_non_null(mail_addr_parse_path(SLICE_LIT("<@x,a@b>"), &arena, &used, &m));
	assert_non_null(mail_addr_parse_path(SLICE_LIT("<@:a@b>"), &arena, &used, &m));
	assert_non_null(mail_addr_parse_path(SLICE_LIT("< a@b>"), &arena, &used, &m));
	assert_non_null(mail_addr_parse_path(SLICE_LIT("<ann>"), &arena, &used, &m));
	arena_reset(&arena);
}

static void
every_truncation_of_a_path_is_refused(void **state)
{
	const char text[] = "<@x.y,@z:\"a\\\"b\"@[IPv6:2001:db8::1]>";
	struct mail_addr m;
	size_t used;

	(void)state;
	arena_init(&arena, 0);
	for (size_t n = 0; n < sizeof text; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, text, n);
		if ((mail_addr_parse_path(slice_of(exact, n), &arena, &used, &m) == NULL) !=
			(n == sizeof text - 1))
			fail_msg("at %zu", n);
		free(exact);
	}
	arena_reset(&arena);
}

static void
a_detail_is_split_off(void **state)
{
	struct slice base, detail;

	(void)state;
	assert_true(mail_addr_split(SLICE_LIT("a+b+c"), SLICE_LIT("+"), &base, &detail));
	assert_slice(base, "a");
	assert_slice(detail, "b+c");
	assert_true(mail_addr_split(SLICE_LIT("a-b+c"), SLICE_LIT("+-"), &base, &detail));
	assert_slice(base, "a");
	assert_false(mail_addr_split(SLICE_LIT("+a"), SLICE_LIT("+"), &base, &detail));
	assert_slice(base, "+a");
	assert_false(mail_addr_split(SLICE_LIT("a+b"), SLICE_EMPTY, &base, &detail));
	assert_false(mail_addr_split(SLICE_EMPTY, SLICE_LIT("+"), &base, &detail));
}

static void
the_null_path_formats_to_nothing(void **state)
{
	struct mail_addr m = {.is_null = true}, c;
	struct buf out;

	(void)state;
	arena_init(&arena, 0);
	buf_init(&out, 4);
	assert_null(mail_addr_canonical(&m, &arena, &c));
	assert_true(c.is_null && mail_addr_format(&c, &out));
	assert_int_equal(out.n, 0);
	m = (struct mail_addr){.local = SLICE_LIT("abc"), .domain = SLICE_LIT("d")};
	assert_false(mail_addr_format(&m, &out));
	buf_fini(&out);
	arena_reset(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_one_canonical_form),
		cmocka_unit_test(another_server_s_local_part_stays_as_it_was_written),
		cmocka_unit_test(malformed_addresses_are_refused),
		cmocka_unit_test(lengths_are_kept_at_the_octet),
		cmocka_unit_test(paths_are_read_with_routes_null_and_postmaster),
		cmocka_unit_test(every_truncation_of_a_path_is_refused),
		cmocka_unit_test(a_detail_is_split_off),
		cmocka_unit_test(the_null_path_formats_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
