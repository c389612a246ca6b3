#include "tests/test.h"

#include "core/dns_name.h"

static const char *
text_of(const struct dns_name *name)
{
	static char text[DNS_NAME_TEXT_MAX + 1];
	struct buf b;

	buf_init(&b, DNS_NAME_TEXT_MAX);
	dns_name_format(name, &b);
	assert_false(b.overflow);
	memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	buf_fini(&b);
	return text;
}

static void
parses(const char *text, const char *as)
{
	struct dns_name name, again;
	size_t at = 0;

	if (dns_name_parse(slice_str(text), &name))
		fail_msg("%s was refused", text);
	assert_string_equal(text_of(&name), as);
	assert_int_equal(dns_name_parse(slice_str(text_of(&name)), &again), ERR_OK);
	assert_true(dns_name_eq(&name, &again));
	assert_int_equal(dns_name_read(slice_of(name.octets, name.n), &at, &again), ERR_OK);
	assert_int_equal(at, name.n);
	assert_true(dns_name_eq(&name, &again));
}

static void
text_is_lower_case_without_the_last_dot(void **state)
{
	(void)state;
	parses("Mail.Example.ORG", "mail.example.org");
	parses("mail.example.org.", "mail.example.org");
	parses(".", ".");
	parses("_25._TCP.mx", "_25._tcp.mx");
	parses("a\\.b.c", "a\\.b.c");
	parses("\\097\\\\\\000\\255", "a\\\\\\000\\255");
	parses("\\065\\ b", "a\\032b");
}

static void
what_is_no_name_is_refused(void **state)
{
	static const char *const bad[] = {"", "..", ".a", "a..b", "a b", "a\tb", "\xc3\xa9",
		"a\\", "a\\25", "a\\256", "a\\2x5", "a\\\x7f"};
	struct dns_name name;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!dns_name_parse(slice_str(bad[i]), &name))
			fail_msg("%s was taken", bad[i]);
	assert_int_equal(dns_name_parse(SLICE_LIT("a\0b"), &name), ERR_SYNTAX);
}

/* Labels of these lengths, a dot between. */
static enum err
parse_lengths(const size_t *n, size_t labels, struct dns_name *out)
{
	char text[400];
	size_t used = 0;

	for (size_t i = 0; i < labels; i++) {
		if (i)
			text[used++] = '.';
		memset(text + used, 'x', n[i]);
		used += n[i];
	}
	return dns_name_parse(slice_of(text, used), out);
}

static void
labels_have_63_octets_and_names_255(void **state)
{
	struct dns_name name;

	(void)state;
	assert_int_equal(parse_lengths((size_t[]){63}, 1, &name), ERR_OK);
	assert_int_equal(parse_lengths((size_t[]){64}, 1, &name), ERR_SYNTAX);
	assert_int_equal(parse_lengths((size_t[]){63, 63, 63, 61}, 4, &name), ERR_OK);
	assert_int_equal(name.n, 255);
	assert_int_equal(parse_lengths((size_t[]){63, 63, 63, 62}, 4, &name), ERR_SYNTAX);
	assert_int_equal(parse_lengths((size_t[]){63, 63, 63, 59, 1}, 5, &name), ERR_OK);
	assert_int_equal(parse_lengths((size_t[]){63, 63, 63, 60, 1}, 5, &name), ERR_SYNTAX);
	assert_int_equal(parse_lengths((size_t[]){63, 63, 63, 61, 1}, 5, &name), ERR_SYNTAX);
	/* The longest text that there is fits. */
	name.n = 255;
	for (size_t i = 0, left = 254; left; left -= name.octets[i] + 1u) {
		i = 254 - left;
		name.octets[i] = (uint8_t)(left > 64 ? 63 : left - 1);
		memset(name.octets + i + 1, 1, name.octets[i]);
	}
	name.octets[254] = 0;
	assert_true(strlen(text_of(&name)) > 1000);
}

#define READ(literal, from) (at = (from), dns_name_read(SLICE_LIT(literal), &at, &name))

static void
pointers_lead_backwards(void **state)
{
	struct dns_name name;
	size_t at;

	(void)state;
	assert_int_equal(READ("\1B\0\1a\xc0\0!", 3), ERR_OK);
	assert_string_equal(text_of(&name), "a.b");
	assert_int_equal(at, 7);
	assert_int_equal(READ("\0\xc0\0\xc0\1", 3), ERR_OK);
	assert_string_equal(text_of(&name), ".");
	assert_int_equal(READ("\xc0\0", 0), ERR_SYNTAX);
	assert_int_equal(at, 0);
	assert_int_equal(READ("\1a\xc0\0", 0), ERR_SYNTAX);
	assert_int_equal(READ("\xc0\2\xc0\0", 2), ERR_SYNTAX);
	assert_int_equal(READ("\1a\xc0\4\1b\0", 0), ERR_SYNTAX);
	assert_int_equal(READ("\x40"
			      "a\0",
				 0),
		ERR_SYNTAX);
	assert_int_equal(READ("\x80"
			      "a\0",
				 0),
		ERR_SYNTAX);
	assert_int_equal(READ("\0\xc0", 1), ERR_SYNTAX);
	assert_int_equal(READ("\2a", 0), ERR_SYNTAX);
	assert_int_equal(READ("\1a", 0), ERR_SYNTAX);
	assert_int_equal(READ("", 0), ERR_SYNTAX);
	assert_int_equal(READ("\0", 2), ERR_SYNTAX);
}

static bool
within(const char *name, const char *zone)
{
	struct dns_name a, b;

	assert_int_equal(dns_name_parse(slice_str(name), &a), ERR_OK);
	assert_int_equal(dns_name_parse(slice_str(zone), &b), ERR_OK);
	return dns_name_is_within(&a, &b);
}

static void
a_zone_holds_whole_labels(void **state)
{
	(void)state;
	assert_true(within("a.example.org", "example.org"));
	assert_true(within("example.org", "EXAMPLE.org"));
	assert_true(within("org", "."));
	assert_true(within(".", "."));
	assert_false(within("badexample.org", "example.org"));
	assert_false(within("org", "example.org"));
	assert_false(within("example.org.net", "example.org"));
	assert_false(within("a\\007example.org", "example.org"));
}

static void
reverses(struct slice address, const char *text)
{
	struct dns_name name;
	struct buf out;

	dns_name_reverse(address, &name);
	buf_init(&out, DNS_NAME_TEXT_MAX);
	dns_name_format(&name, &out);
	assert_true(slice_eq(buf_slice(&out), slice_str(text)));
	buf_fini(&out);
}

static void
an_address_has_a_name_backwards(void **state)
{
	(void)state;
	reverses(SLICE_LIT("\xc0\0\2\x0a"), "10.2.0.192.in-addr.arpa");
	reverses(SLICE_LIT("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\xab\xcd"),
		"d.c.b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_lower_case_without_the_last_dot),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(labels_have_63_octets_and_names_255),
		cmocka_unit_test(pointers_lead_backwards),
		cmocka_unit_test(a_zone_holds_whole_labels),
		cmocka_unit_test(an_address_has_a_name_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
