#include <stdio.h>
#include <string.h>

#include "cmd/config_filter.h"
#include "tests/test.h"

static struct config_filters filters;

static int
setup(void **state)
{
	(void)state;
	memset(&filters, 0, sizeof filters);
	strcpy(filters.tls, "may");
	return 0;
}

static void
set(const char *domain, const char *text)
{
	assert_null(config_filter_read(&filters, domain, "filter", text));
}

/* sender: of who has logged in, or "". */
static const char *
of(const char *rcpt, bool is_ours, const char *sender)
{
	struct config_filter_mail m = {slice_str(rcpt), is_ours, slice_str(sender)};

	return config_filter_of(&filters, &m, "filter:[listener]:10025");
}

static void
a_recipient_s_domain_has_its_filter_or_the_listener_s(void **state)
{
	(void)state;
	set("example.org", "GW.test, 192.0.2.1:25");
	set("free.example.org", "none");
	set(".example.org", "local");
	assert_string_equal(
		of("a@example.org", true, ""), "filter:[gw.test]:10025,[192.0.2.1]:25");
	assert_string_equal(of("a@FREE.example.org", true, ""), "");
	assert_string_equal(of("a@x.example.org", true, ""), SMTP_HOP_LOCAL);
	assert_string_equal(of("a@notexample.org", true, ""), "filter:[listener]:10025");
	assert_string_equal(of("a", true, ""), "filter:[listener]:10025");
}

static void
what_leaves_has_the_filter_of_a_sender_who_has_logged_in(void **state)
{
	(void)state;
	set("example.org", "local");
	set("partner.test", "none");
	assert_string_equal(of("b@out.test", false, "a@example.org"), SMTP_HOP_LOCAL);
	/* The recipient's own comes first. */
	assert_string_equal(of("b@partner.test", false, "a@example.org"), "");
	/* What stays is the recipient's matter alone, and an outsider says what he likes. */
	assert_string_equal(
		of("b@ours.test", true, "a@example.org"), "filter:[listener]:10025");
	assert_string_equal(of("b@out.test", false, ""), "filter:[listener]:10025");
}

static void
a_section_is_read_once_for_each_of_32_domains(void **state)
{
	char domain[300];

	(void)state;
	for (int i = 0; i < CONFIG_FILTERS_MAX; i++) {
		snprintf(domain, sizeof domain, "d%d.test", i);
		set(domain, "local");
	}
	set("d0.test", "none");
	assert_int_equal(filters.n, CONFIG_FILTERS_MAX);
	assert_string_equal(filters.one[0].hop, "");
	assert_non_null(config_filter_read(&filters, "more.test", "filter", "local"));
	assert_non_null(config_filter_read(&filters, "", "filter", "local"));
	memset(domain, 'x', 254);
	domain[254] = '\0';
	assert_non_null(config_filter_read(&filters, domain, "filter", "local"));
	assert_non_null(config_filter_read(&filters, "d0.test", "tls", "may"));
	assert_non_null(config_filter_read(&filters, "d0.test", "filter", "a b"));
	assert_non_null(config_filter_read(&filters, "d0.test", "filter", ""));
}

static void
only_names_can_be_proved(void **state)
{
	static const char names[] = "filter:[gw.test]:10025",
			  mixed[] = "filter:[gw.test]:10025,[2001:db8::1]:10025";

	(void)state;
	assert_true(config_filter_is_provable("verify", names));
	assert_false(config_filter_is_provable("verify", mixed));
	assert_false(config_filter_is_provable("dane-only", mixed));
	assert_true(config_filter_is_provable("encrypt", mixed));
	assert_true(config_filter_is_provable("verify", SMTP_HOP_LOCAL));
	assert_true(config_filter_is_provable("verify", ""));
}

static void
it_is_known_whether_another_machine_may_be_meant(void **state)
{
	(void)state;
	set("a.test", "local");
	set("b.test", "none");
	assert_false(config_filter_has_hosts(&filters));
	set("c.test", "gw");
	assert_true(config_filter_has_hosts(&filters));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_recipient_s_domain_has_its_filter_or_the_listener_s, setup),
		cmocka_unit_test_setup(
			what_leaves_has_the_filter_of_a_sender_who_has_logged_in, setup),
		cmocka_unit_test_setup(a_section_is_read_once_for_each_of_32_domains, setup),
		cmocka_unit_test_setup(only_names_can_be_proved, setup),
		cmocka_unit_test_setup(it_is_known_whether_another_machine_may_be_meant, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
