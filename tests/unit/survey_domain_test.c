#include "tests/survey_world.h"

#include "cmd/survey_domain.h"
#include "cmd/survey_host.h"

/* One domain, d.test, of a server that is published as it should be; each test adds to that, or
 * begins with another MX. */
static void
add_d(const char *mx)
{
	static const struct survey_site_domain d[] = {{.name = SLICE_LIT("d.test")}};

	world.site.domain = d;
	world.site.domains = 1;
	world_add(".", SURVEY_DNSKEY, "key.test");
	world_add("mail.d.test", DNS_RECORD_A, "192.0.2.1");
	world_add("d.test", DNS_RECORD_TXT, "v=spf1 ip4:192.0.2.1 -all");
	world_add("_dmarc.d.test", DNS_RECORD_TXT, "v=DMARC1; p=none");
	world_add("_mta-sts.d.test", DNS_RECORD_TXT, "v=STSv1; id=1");
	world_add("_smtp._tls.d.test", DNS_RECORD_TXT, "v=TLSRPTv1; rua=mailto:a@d.test");
	if (mx)
		world_add("d.test", DNS_RECORD_MX, mx);
}

static void
judge(struct survey_site *s)
{
	assert_true(survey_host_judge(s));
	cli_finding_cut(s->f, 0); /* of the host */
	survey_domain_judge(s);
}

static void
what_is_published_as_it_should_be_is_silent(void **state)
{
	(void)state;
	add_d("10 mail.d.test");
	world_run(judge);
	world_finds_nothing();
	assert_int_equal(world.site.mx_hosts, 1);
}

static void
another_node_of_the_cluster_is_no_stranger(void **state)
{
	static const struct slice nodes[] = {SLICE_LIT("dc2.d.test"), SLICE_LIT("dc3.d.test")};

	(void)state;
	world.site.node = nodes;
	world.site.nodes = 2;
	add_d("10 mail.d.test");
	world_add("d.test", DNS_RECORD_MX, "10 dc2.d.test");
	world_run(judge);
	world_finds_nothing();
}

static void
a_node_that_no_mx_names_is_noted(void **state)
{
	static const struct slice nodes[] = {SLICE_LIT("dc2.d.test")};

	(void)state;
	world.site.node = nodes;
	world.site.nodes = 1;
	add_d("10 dc2.d.test");
	world_run(judge);
	world_finds(
		"mx", "note", "name dc2.d.test of this cluster, not this node", "publish: ");
	assert_int_equal(world.findings.faults, 0);
}

static void
an_address_of_this_machine_is_ours_too(void **state)
{
	static const struct slice own[] = {SLICE_LIT("\xc0\0\2\7")};

	(void)state;
	world.site.own = own;
	world.site.owns = 1;
	add_d("10 mx.d.test");
	world_add("mx.d.test", DNS_RECORD_A, "192.0.2.7");
	world_run(judge);
	world_finds_nothing();
}

static void
strangers_are_named(void **state)
{
	(void)state;
	add_d("10 mx.other.test");
	world_add("mx.other.test", DNS_RECORD_A, "198.51.100.1");
	world_run(judge);
	world_finds("mx", "error", "isn't brought to this server, but to mx.other.test",
		"publish: d.test. IN MX 10 mail.d.test.");
}

static void
a_null_mx_takes_no_mail(void **state)
{
	(void)state;
	add_d("0 .");
	world_run(judge);
	world_finds("mx", "error", "null MX", "publish");
}

static void
a_list_of_strangers_ends(void **state)
{
	static char mx[50][80], host[50][80];

	(void)state;
	add_d("5 mail.d.test");
	for (int i = 0; i < 25; i++) {
		snprintf(mx[i], sizeof mx[i], "%d a-rather-long-name-%d.other.test", 10 + i, i);
		snprintf(host[i], sizeof host[i], "a-rather-long-name-%d.other.test", i);
		world_add("d.test", DNS_RECORD_MX, mx[i]);
		world_add(host[i], DNS_RECORD_A, "198.51.100.1");
	}
	world_run(judge);
	world_finds("mx", "note", "(preference 10), a-rather-long", "hands the mail on");
	world_finds("mx", "note", " more", "");
}

static void
a_parents_dmarc_counts_but_no_top_level_domains(void **state)
{
	static const struct survey_site_domain below[] = {{.name = SLICE_LIT("a.b.d.test")}};

	(void)state;
	add_d("10 mail.d.test");
	world.site.domain = below;
	world_add("a.b.d.test", DNS_RECORD_MX, "10 mail.d.test");
	world_add("a.b.d.test", DNS_RECORD_TXT, "v=spf1 ip4:192.0.2.1 -all");
	world_add("_dmarc.test", DNS_RECORD_TXT, "v=DMARC1; p=none");
	world_run(judge);
	world_finds("mta-sts", "note", "a.b.d.test", "");
	assert_int_equal(json_array_size(world.findings.list), 1);
	world_add("e.test", DNS_RECORD_MX, "10 mail.d.test");
	world_add("e.test", DNS_RECORD_TXT, "v=spf1 ip4:192.0.2.1 -all");
	world.site.domain = (const struct survey_site_domain[]){{.name = SLICE_LIT("e.test")}};
	world_run(judge);
	world_finds("dmarc", "warning", "no DMARC record", "publish: _dmarc.e.test.");
}

static void
two_dmarc_records_are_none(void **state)
{
	(void)state;
	add_d("10 mail.d.test");
	world_add("_dmarc.d.test", DNS_RECORD_TXT, "v=DMARC1; p=reject");
	world_run(judge);
	world_finds("dmarc", "error", "more than one", "publish");
}

static void
a_key_is_compared_without_blanks(void **state)
{
	static const struct survey_site_domain d[] = {{.name = SLICE_LIT("d.test"),
		.dkim = {[DKIM_KEY_RSA] = {
				 SLICE_LIT("rsa"), SLICE_LIT("v=DKIM1; k=rsa; p=QUJD")}}}};

	(void)state;
	add_d("10 mail.d.test");
	world.site.domain = d;
	world_add("rsa._domainkey.d.test", DNS_RECORD_TXT, "v=DKIM1; p=QU JD ;t=s");
	world_run(judge);
	world_finds_nothing();
	world.line[world.lines - 1].data = "v=DKIM1; p=";
	survey_free(world.site.survey);
	world.site.survey = survey_new();
	world_run(judge);
	world_finds("dkim", "warning", "no DKIM key", "p=QUJD");
}

static void
of_a_domain_that_isnt_there_only_that_is_said(void **state)
{
	(void)state;
	add_d(NULL);
	world.site.domain = (const struct survey_site_domain[]){
		{.name = SLICE_LIT("none.test")}};
	world_run(judge);
	world_finds("mx", "error", "no domain none.test", "domain delete");
	assert_int_equal(json_array_size(world.findings.list), 1);
}

static void
what_isnt_printable_comes_to_nobodys_terminal(void **state)
{
	(void)state;
	add_d("10 mail.d.test");
	world_add("d.test", DNS_RECORD_TXT, "v=spf1 \x1b[31m\xff -all");
	world_run(judge);
	world_finds("spf", "error", "more than one record", "");
	world.lines -= 1;
	world.line[2].data = "v=spf1 \x1b[31m\xff -all";
	survey_free(world.site.survey);
	world.site.survey = survey_new();
	world_run(judge);
	world_finds("spf", "error", "broken: ?[31m?", "");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_published_as_it_should_be_is_silent),
		TEST(another_node_of_the_cluster_is_no_stranger),
		TEST(a_node_that_no_mx_names_is_noted),
		TEST(an_address_of_this_machine_is_ours_too),
		TEST(strangers_are_named),
		TEST(a_null_mx_takes_no_mail),
		TEST(a_list_of_strangers_ends),
		TEST(a_parents_dmarc_counts_but_no_top_level_domains),
		TEST(two_dmarc_records_are_none),
		TEST(a_key_is_compared_without_blanks),
		TEST(of_a_domain_that_isnt_there_only_that_is_said),
		TEST(what_isnt_printable_comes_to_nobodys_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
