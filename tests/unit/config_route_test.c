#include <stdio.h>

#include "cmd/config_route.h"
#include "smtp/smtp_client_hello.h"
#include "tests/test.h"

static struct config_routes routes;

static int
setup(void **state)
{
	(void)state;
	memset(&routes, 0, sizeof routes);
	routes.n = 1;
	strcpy(routes.route[0].host, "mx");
	strcpy(routes.route[0].transport, "smtp");
	strcpy(routes.route[0].tls, "may");
	strcpy(routes.route[0].certificate, "none");
	strcpy(routes.route[0].user, "none");
	strcpy(routes.route[0].password_file, "none");
	return 0;
}

static void
set(const char *domain, const char *key, const char *text)
{
	assert_null(config_route_read(&routes, domain, key, text));
}

static const char *
wrong(void)
{
	const struct config_route *which;

	return config_route_check(&routes, &which);
}

static void
hop_is(const char *address, const char *hop)
{
	struct buf out;

	buf_init(&out, 300);
	assert_int_equal(config_route_hop(&routes, slice_str(address), &out), hop != NULL);
	if (hop)
		assert_true(slice_eq(buf_slice(&out), slice_str(hop)));
	buf_fini(&out);
}

static void
the_longest_domain_wins_and_the_rest_goes_by_mx(void **state)
{
	(void)state;
	set("example.org", "host", "[192.0.2.1]:24");
	set("example.org", "transport", "lmtp");
	set(".example.org", "host", "[192.0.2.2]");
	set(".b.example.org", "host", "relay.test");
	set("c.b.example.org", "tls", "verify");
	assert_null(wrong());
	hop_is("x@example.org", "lmtp:[192.0.2.1]:24");
	hop_is("x@a.example.org", "smtp:[192.0.2.2]");
	hop_is("x@a.b.example.org", "smtp:relay.test");
	hop_is("x@c.b.example.org", "smtp:c.b.example.org");
	hop_is("x@myexample.org", "smtp:myexample.org");
	hop_is("x@other.test", "smtp:other.test");
	hop_is("x@[192.0.2.9]", "smtp:[192.0.2.9]");
	hop_is("x", NULL);
}

static enum smtp_tls_policy_level
level(const char *hop)
{
	return config_route_tls(&routes, config_route_of_hop(&routes, slice_str(hop)));
}

static void
a_hop_has_the_level_of_the_route_that_leads_there(void **state)
{
	(void)state;
	set("example.org", "tls", "verify");
	set(".example.org", "host", "[192.0.2.2]");
	set(".example.org", "tls", "encrypt");
	set("plain.test", "host", "[192.0.2.3]");
	assert_int_equal(level("smtp:example.org"), SMTP_TLS_POLICY_VERIFY);
	assert_int_equal(level("smtp:[192.0.2.2]"), SMTP_TLS_POLICY_ENCRYPT);
	assert_int_equal(level("smtp:[192.0.2.3]"), SMTP_TLS_POLICY_MAY);
	assert_int_equal(level("smtp:other.test"), SMTP_TLS_POLICY_MAY);
	assert_int_equal(level("filter:[192.0.2.4]"), SMTP_TLS_POLICY_MAY);
	/* Its domain's route leads elsewhere. */
	assert_int_equal(level("smtp:a.example.org"), SMTP_TLS_POLICY_MAY);
}

static bool
leads(const char *hop)
{
	return config_route_leads_to(
		config_route_of_hop(&routes, slice_str(hop)), slice_str(hop));
}

static void
only_the_host_of_a_route_hears_its_login(void **state)
{
	(void)state;
	strcpy(routes.route[0].host, "[smart.test]:587");
	set("box.test", "host", "[192.0.2.1]:24");
	set("own.test", "tls", "may");
	assert_true(leads("smtp:[smart.test]:587"));
	assert_true(leads("smtp:[192.0.2.1]:24"));
	assert_false(leads("smtp:[smart.test]"));
	assert_false(leads("lmtp:[smart.test]:587"));
	assert_false(leads("filter:[smart.test]:587"));
	assert_false(leads("smtp:[192.0.2.9]"));
	assert_false(leads("smtp:own.test"));
	strcpy(routes.route[0].host, "mx");
	assert_false(leads("smtp:mx"));
}

static void
what_does_not_fit_together_is_refused(void **state)
{
	static const char *const bad[][2] = {{"host", "a b"}, {"host", "a,b"}, {"host", "a:0"},
		{"transport", "uucp"}, {"transport", "lmtp"}, {"tls", "always"}, {"user", "u"},
		{"password_file", "/p"}, {"discard_ehlo_keywords", "starttls"},
		{"discard_ehlo_keywords", "chunking, x"}};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		setup(state);
		set("example.org", bad[i][0], bad[i][1]);
		if (!wrong())
			fail_msg("%s = %s was taken", bad[i][0], bad[i][1]);
	}
	setup(state);
	set("example.org", "user", "u");
	set("example.org", "password_file", "/p");
	assert_non_null(wrong());
	set("example.org", "host", "[smart.test]:587");
	assert_non_null(wrong());
	set("example.org", "tls", "encrypt");
	assert_non_null(wrong());
	set("example.org", "tls", "dane-only");
	assert_null(wrong());
	set("example.org", "tls", "verify");
	assert_null(wrong());
	set("example.org", "password_file", "p");
	assert_non_null(wrong());
	setup(state);
	set("a.test", "host", "[192.0.2.1]");
	set("b.test", "host", "[192.0.2.1]");
	set("a.test", "tls", "may"); /* as in [relay] */
	assert_null(wrong());
	set("b.test", "tls", "encrypt");
	assert_non_null(wrong());
	set("b.test", "tls", "may");
	set("b.test", "discard_ehlo_keywords", "dsn");
	assert_non_null(wrong());
	set("b.test", "host", "[192.0.2.1]:26");
	assert_null(wrong());
	assert_non_null(config_route_read(&routes, "example.org", "color", "red"));
	assert_non_null(config_route_read(&routes, "", "tls", "may"));
}

static unsigned
discards(const char *hop)
{
	return config_route_discards(&routes, config_route_of_hop(&routes, slice_str(hop)));
}

static void
keywords_are_discarded_by_route(void **state)
{
	(void)state;
	strcpy(routes.route[0].discard_ehlo_keywords, "none");
	assert_int_equal(discards("smtp:other.test"), 0);
	strcpy(routes.route[0].discard_ehlo_keywords, "chunking");
	set("all.test", "discard_ehlo_keywords",
		"CHUNKING,pipelining\tdsn  size, 8BITMIME smtputf8");
	set("none.test", "discard_ehlo_keywords", "none");
	set("as.test", "tls", "may");
	assert_null(wrong());
	assert_int_equal(discards("smtp:other.test"), SMTP_CLIENT_CHUNKING);
	assert_int_equal(discards("smtp:as.test"), SMTP_CLIENT_CHUNKING);
	assert_int_equal(discards("smtp:none.test"), 0);
	assert_int_equal(discards("smtp:all.test"),
		SMTP_CLIENT_CHUNKING | SMTP_CLIENT_PIPELINING | SMTP_CLIENT_DSN |
			SMTP_CLIENT_SIZE | SMTP_CLIENT_8BITMIME | SMTP_CLIENT_SMTPUTF8);
}

static void
there_are_31_beside_the_first_with_names_of_253_octets(void **state)
{
	char domain[300];

	(void)state;
	for (int i = 1; i < CONFIG_ROUTES_MAX; i++) {
		snprintf(domain, sizeof domain, "d%d.test", i);
		set(domain, "tls", "may");
		set(domain, "tls", "none");
	}
	assert_non_null(config_route_read(&routes, "one.more.test", "tls", "may"));
	setup(state);
	memset(domain, 'a', sizeof domain);
	domain[254] = '\0';
	assert_non_null(config_route_read(&routes, domain, "tls", "may"));
	domain[253] = '\0';
	set(domain, "tls", "may");
	memset(domain, 'a', 256);
	domain[256] = '\0';
	assert_non_null(config_route_read(&routes, "x.test", "user", domain));
	domain[255] = '\0';
	set("x.test", "user", domain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_longest_domain_wins_and_the_rest_goes_by_mx, setup),
		cmocka_unit_test_setup(
			a_hop_has_the_level_of_the_route_that_leads_there, setup),
		cmocka_unit_test_setup(only_the_host_of_a_route_hears_its_login, setup),
		cmocka_unit_test_setup(what_does_not_fit_together_is_refused, setup),
		cmocka_unit_test_setup(keywords_are_discarded_by_route, setup),
		cmocka_unit_test_setup(
			there_are_31_beside_the_first_with_names_of_253_octets, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
