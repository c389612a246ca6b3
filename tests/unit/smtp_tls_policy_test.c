#include "tests/test.h"

#include "smtp/smtp_tls_policy.h"

static const uint8_t digest[32];
static const struct tls_client_tlsa usable[] = {
	{0, 0, 1, {digest, sizeof digest}}, {3, 1, 1, {digest, sizeof digest}}};
static const struct slice patterns[] = {
	SLICE_LIT("mx.example.org"), SLICE_LIT("*.example.net")};

static struct smtp_tls_policy_facts
facts(enum smtp_tls_policy_level level)
{
	return (struct smtp_tls_policy_facts){.level = level,
		.host = SLICE_LIT("mx.example.org"),
		.domain = SLICE_LIT("example.org"),
		.canonical_domain = SLICE_LIT("canonical.example.org")};
}

static void
add_tlsa(struct smtp_tls_policy_facts *f, size_t n)
{
	f->tlsa = usable;
	f->n_tlsa = n;
	f->tlsa_base = SLICE_LIT("base.example.org");
}

static const struct smtp_sts_policy *
policy(enum smtp_sts_mode mode)
{
	static struct smtp_sts_policy p;

	p = (struct smtp_sts_policy){mode, 86400, patterns, 2};
	return &p;
}

static void
assert_way(const struct smtp_tls_policy_facts *f, enum smtp_tls_policy_way way,
	enum tls_client_check check, bool is_noted)
{
	struct smtp_tls_policy_plan p;

	smtp_tls_policy_plan(f, &p);
	assert_int_equal(p.way, way);
	assert_int_equal(p.demand.check, check);
	assert_int_equal(p.demand.is_noted, is_noted);
	assert_true(slice_eq(
		p.demand.server_name, check == TLS_CLIENT_DANE ? f->tlsa_base : f->host));
	if (check == TLS_CLIENT_PKIX) {
		assert_int_equal(p.demand.n_names, 1);
		assert_true(slice_eq(p.demand.names[0], f->host));
	}
}

static void
assert_skip(const struct smtp_tls_policy_facts *f, const char *why)
{
	struct smtp_tls_policy_plan p;

	smtp_tls_policy_plan(f, &p);
	assert_int_equal(p.way, SMTP_TLS_POLICY_SKIP);
	assert_string_equal(p.fault.status, "4.7.5");
	assert_string_equal(p.fault.why, why);
}

static void
the_words_are_those_of_postfix(void **state)
{
	static const char *const words[] = {
		"none", "may", "encrypt", "dane", "dane-only", "verify"};
	enum smtp_tls_policy_level level;

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		assert_true(smtp_tls_policy_parse(slice_str(words[i]), &level));
		assert_int_equal(level, i);
		assert_string_equal(smtp_tls_policy_name(level), words[i]);
		for (size_t n = 0; n < strlen(words[i]); n++)
			assert_int_equal(smtp_tls_policy_parse(slice_of(words[i], n), &level),
				n == 4 && i == 4); /* dane of dane-only */
	}
	assert_false(smtp_tls_policy_parse(SLICE_LIT("secure"), &level));
	assert_false(smtp_tls_policy_parse(SLICE_LIT("May"), &level));
}

static void
the_nearest_rule_counts(void **state)
{
	static const struct smtp_tls_policy_rule rules[] = {
		{SLICE_LIT(".org"), SMTP_TLS_POLICY_NONE},
		{SLICE_LIT(".example.org"), SMTP_TLS_POLICY_ENCRYPT},
		{SLICE_LIT("mail.example.org"), SMTP_TLS_POLICY_VERIFY},
		{SLICE_LIT("[Relay.example.org]:587"), SMTP_TLS_POLICY_DANE_ONLY}};
	static const struct smtp_tls_policy_table table = {rules, 4, SMTP_TLS_POLICY_DANE};
	static const struct {
		const char *next_hop;
		enum smtp_tls_policy_level level;
	} cases[] = {{"mail.example.org", SMTP_TLS_POLICY_VERIFY},
		{"MAIL.Example.org", SMTP_TLS_POLICY_VERIFY},
		{"a.mail.example.org", SMTP_TLS_POLICY_ENCRYPT},
		{"www.example.org", SMTP_TLS_POLICY_ENCRYPT},
		{"example.org", SMTP_TLS_POLICY_NONE}, {"xexample.org", SMTP_TLS_POLICY_NONE},
		{"org", SMTP_TLS_POLICY_DANE}, {"example.com", SMTP_TLS_POLICY_DANE},
		{"", SMTP_TLS_POLICY_DANE}, {"a..", SMTP_TLS_POLICY_DANE},
		{".", SMTP_TLS_POLICY_DANE},
		{"[relay.example.org]:587", SMTP_TLS_POLICY_DANE_ONLY},
		{"[relay.example.org]", SMTP_TLS_POLICY_DANE},
		{"[www.example.org]:587", SMTP_TLS_POLICY_DANE}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (smtp_tls_policy_find(&table, slice_str(cases[i].next_hop)) !=
			cases[i].level)
			fail_msg("%s", cases[i].next_hop);
	assert_int_equal(
		smtp_tls_policy_find(
			&(struct smtp_tls_policy_table){.otherwise = SMTP_TLS_POLICY_MAY},
			SLICE_LIT("example.org")),
		SMTP_TLS_POLICY_MAY);
}

static void
each_level_demands_what_its_word_says(void **state)
{
	struct smtp_tls_policy_facts f = facts(SMTP_TLS_POLICY_NONE);

	(void)state;
	/* What the domain publishes counts for the levels only that ask for it. */
	add_tlsa(&f, 2);
	f.sts = policy(SMTP_STS_ENFORCE);
	f.has_tlsa_failed = true;
	assert_way(&f, SMTP_TLS_POLICY_PLAIN, TLS_CLIENT_NO_CHECK, false);
	f.level = SMTP_TLS_POLICY_MAY;
	assert_way(&f, SMTP_TLS_POLICY_TRY, TLS_CLIENT_NO_CHECK, false);
	f.level = SMTP_TLS_POLICY_ENCRYPT;
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_NO_CHECK, false);
	f.level = SMTP_TLS_POLICY_VERIFY;
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_PKIX, false);
	f.host = SLICE_EMPTY;
	assert_skip(&f, "An address has no name that a certificate could prove");
}

static void
dane_takes_the_records_with_every_name_of_the_way(void **state)
{
	struct smtp_tls_policy_facts f = facts(SMTP_TLS_POLICY_DANE);
	struct smtp_tls_policy_plan p;

	(void)state;
	add_tlsa(&f, 2);
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_DANE, false);
	smtp_tls_policy_plan(&f, &p);
	assert_ptr_equal(p.demand.tlsa, usable);
	assert_int_equal(p.demand.n_tlsa, 2);
	assert_int_equal(p.demand.n_names, 4);
	assert_slice(p.demand.names[0], "base.example.org");
	assert_slice(p.demand.names[1], "mx.example.org");
	assert_slice(p.demand.names[2], "example.org");
	assert_slice(p.demand.names[3], "canonical.example.org");
	f.domain = f.canonical_domain = SLICE_EMPTY;
	smtp_tls_policy_plan(&f, &p);
	assert_int_equal(p.demand.n_names, 2);
	f.level = SMTP_TLS_POLICY_DANE_ONLY;
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_DANE, false);
}

static void
without_usable_records_dane_encrypts_and_dane_only_goes_on(void **state)
{
	struct smtp_tls_policy_facts f = facts(SMTP_TLS_POLICY_DANE);

	(void)state;
	assert_way(&f, SMTP_TLS_POLICY_TRY, TLS_CLIENT_NO_CHECK, false);
	add_tlsa(&f, 1);
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_NO_CHECK, false);
	f.level = SMTP_TLS_POLICY_DANE_ONLY;
	assert_skip(&f, "The host has no usable TLSA record that is validated");
	f.n_tlsa = 0;
	assert_skip(&f, "The host has no usable TLSA record that is validated");
}

static void
records_that_cant_be_looked_up_skip_the_host(void **state)
{
	struct smtp_tls_policy_facts f = facts(SMTP_TLS_POLICY_DANE);

	(void)state;
	f.has_tlsa_failed = true;
	f.sts = policy(SMTP_STS_ENFORCE);
	assert_skip(&f, "The TLSA records of the host can't be looked up");
	f.level = SMTP_TLS_POLICY_DANE_ONLY;
	assert_skip(&f, "The TLSA records of the host can't be looked up");
}

static void
mta_sts_counts_where_dane_proves_nothing(void **state)
{
	struct smtp_tls_policy_facts f = facts(SMTP_TLS_POLICY_DANE);

	(void)state;
	f.sts = policy(SMTP_STS_ENFORCE);
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_PKIX, false);
	add_tlsa(&f, 1);
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_PKIX, false);
	f.host = SLICE_LIT("mx.example.com");
	assert_skip(&f, "The MTA-STS policy of the domain doesn't name this host");
	add_tlsa(&f, 2);
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_DANE, false);
}

static void
a_policy_in_testing_is_noted_only(void **state)
{
	struct smtp_tls_policy_facts f = facts(SMTP_TLS_POLICY_DANE);
	struct smtp_tls_policy_plan p;

	(void)state;
	f.sts = policy(SMTP_STS_TESTING);
	assert_way(&f, SMTP_TLS_POLICY_TRY, TLS_CLIENT_PKIX, true);
	smtp_tls_policy_plan(&f, &p);
	assert_null(p.note);
	add_tlsa(&f, 1);
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_PKIX, true);
	f.n_tlsa = 0;
	f.host = SLICE_LIT("mx.example.com");
	assert_way(&f, SMTP_TLS_POLICY_TRY, TLS_CLIENT_NO_CHECK, false);
	smtp_tls_policy_plan(&f, &p);
	assert_string_equal(p.note, "The MTA-STS policy, in testing, doesn't name this host");
}

static void
a_policy_of_mode_none_is_none(void **state)
{
	struct smtp_tls_policy_facts f = facts(SMTP_TLS_POLICY_DANE);

	(void)state;
	f.sts = policy(SMTP_STS_NONE);
	assert_way(&f, SMTP_TLS_POLICY_TRY, TLS_CLIENT_NO_CHECK, false);
	add_tlsa(&f, 1);
	assert_way(&f, SMTP_TLS_POLICY_MUST, TLS_CLIENT_NO_CHECK, false);
}

/* ---- what came of it ---- */

static void
assert_outcome(const struct smtp_tls_policy_facts *f, enum smtp_tls_policy_event event,
	enum smtp_tls_policy_act act, const char *status_and_why)
{
	struct smtp_tls_policy_outcome o;
	struct smtp_tls_policy_plan p;

	smtp_tls_policy_plan(f, &p);
	o = smtp_tls_policy_judge(&p, event);
	assert_int_equal(o.act, act);
	if (!status_and_why) {
		assert_null(o.fault.why);
		return;
	}
	assert_memory_equal(o.fault.status, status_and_why, 5);
	assert_string_equal(o.fault.why, status_and_why + 6);
}

static void
where_tls_is_required_the_next_host_is_tried(void **state)
{
	struct smtp_tls_policy_facts f = facts(SMTP_TLS_POLICY_ENCRYPT);

	(void)state;
	assert_outcome(&f, SMTP_TLS_POLICY_NOT_OFFERED, SMTP_TLS_POLICY_NEXT_HOST,
		"4.7.4 TLS is required, but was not offered");
	assert_outcome(&f, SMTP_TLS_POLICY_REFUSED, SMTP_TLS_POLICY_NEXT_HOST,
		"4.7.4 TLS is required, but STARTTLS was refused");
	assert_outcome(&f, SMTP_TLS_POLICY_NO_HANDSHAKE, SMTP_TLS_POLICY_NEXT_HOST,
		"4.7.5 TLS handshake failed");
	f.level = SMTP_TLS_POLICY_VERIFY;
	assert_outcome(&f, SMTP_TLS_POLICY_UNPROVED, SMTP_TLS_POLICY_NEXT_HOST,
		"4.7.5 Server certificate not verified");
}

static void
where_it_is_not_the_mail_goes_in_the_clear(void **state)
{
	struct smtp_tls_policy_facts f = facts(SMTP_TLS_POLICY_MAY);

	(void)state;
	assert_outcome(&f, SMTP_TLS_POLICY_NOT_OFFERED, SMTP_TLS_POLICY_GO_ON, NULL);
	assert_outcome(&f, SMTP_TLS_POLICY_REFUSED, SMTP_TLS_POLICY_GO_ON,
		"4.7.4 STARTTLS was refused");
	assert_outcome(&f, SMTP_TLS_POLICY_NO_HANDSHAKE, SMTP_TLS_POLICY_CALL_AGAIN,
		"4.7.5 TLS handshake failed");
	f.level = SMTP_TLS_POLICY_DANE;
	f.sts = policy(SMTP_STS_TESTING);
	assert_outcome(&f, SMTP_TLS_POLICY_NOT_OFFERED, SMTP_TLS_POLICY_GO_ON,
		"4.7.4 The MTA-STS policy, in testing, wants TLS, which was not offered");
	assert_outcome(&f, SMTP_TLS_POLICY_NO_HANDSHAKE, SMTP_TLS_POLICY_CALL_AGAIN,
		"4.7.5 TLS handshake failed");
	/* A usable record forbids what would be fine without it. */
	add_tlsa(&f, 2);
	assert_outcome(&f, SMTP_TLS_POLICY_NOT_OFFERED, SMTP_TLS_POLICY_NEXT_HOST,
		"4.7.4 TLS is required, but was not offered");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_words_are_those_of_postfix),
		cmocka_unit_test(the_nearest_rule_counts),
		cmocka_unit_test(each_level_demands_what_its_word_says),
		cmocka_unit_test(dane_takes_the_records_with_every_name_of_the_way),
		cmocka_unit_test(without_usable_records_dane_encrypts_and_dane_only_goes_on),
		cmocka_unit_test(records_that_cant_be_looked_up_skip_the_host),
		cmocka_unit_test(mta_sts_counts_where_dane_proves_nothing),
		cmocka_unit_test(a_policy_in_testing_is_noted_only),
		cmocka_unit_test(a_policy_of_mode_none_is_none),
		cmocka_unit_test(where_tls_is_required_the_next_host_is_tried),
		cmocka_unit_test(where_it_is_not_the_mail_goes_in_the_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
