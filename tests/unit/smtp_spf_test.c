#include "tests/test.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "core/dns_record.h"
#include "smtp/smtp_spf.h"

/* ---- a DNS of a few lines ---- */

enum { LINES_MAX = 40 };
static struct line {
	const char *name;
	unsigned type;
	const char *data; /* NULL: SERVFAIL; "?": not there yet */
} lines[LINES_MAX];
static size_t n_lines, n_asked;
static struct arena arena;

static int
set_up(void **state)
{
	(void)state;
	n_lines = n_asked = 0;
	arena_init(&arena, 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static void
add(const char *name, unsigned type, const char *data)
{
	assert_true(n_lines < LINES_MAX);
	lines[n_lines++] = (struct line){name, type, data};
}

static struct slice
rdata_of(unsigned type, const char *data)
{
	struct dns_name name;
	struct buf out;
	struct slice raw;
	uint8_t octets[16];

	buf_init(&out, 1000);
	if (type == DNS_RECORD_MX) {
		assert_int_equal(dns_name_parse(slice_str(data), &name), ERR_OK);
		buf_put(&out, "\0\x0a", 2);
		buf_put(&out, name.octets, name.n);
	} else if (type == DNS_RECORD_TXT) {
		buf_put_u8(&out, (uint8_t)strlen(data));
		buf_put_str(&out, data);
	} else {
		assert_int_equal(
			inet_pton(type == DNS_RECORD_A ? AF_INET : AF_INET6, data, octets), 1);
		buf_put(&out, octets, type == DNS_RECORD_A ? 4 : 16);
	}
	raw = arena_dup(&arena, buf_slice(&out));
	buf_fini(&out);
	return raw;
}

static const struct dns_message *
look(void *arg, const struct dns_name *name, unsigned type)
{
	struct dns_message *m = arena_zalloc(&arena, sizeof *m);
	struct slice *rdata = arena_alloc(&arena, LINES_MAX * sizeof *rdata);
	struct dns_name one;

	(void)arg;
	n_asked++;
	m->rdata = rdata;
	m->rcode = DNS_MESSAGE_NXDOMAIN;
	for (size_t i = 0; i < n_lines; i++) {
		assert_int_equal(dns_name_parse(slice_str(lines[i].name), &one), ERR_OK);
		if (!dns_name_eq(&one, name) || lines[i].type != type)
			continue;
		if (lines[i].data && !strcmp(lines[i].data, "?"))
			return NULL;
		m->rcode = lines[i].data ? DNS_MESSAGE_NOERROR : DNS_MESSAGE_SERVFAIL;
		if (lines[i].data)
			rdata[m->n++] = rdata_of(type, lines[i].data);
	}
	return m;
}

static struct smtp_spf_verdict
judged(const char *address)
{
	static const struct smtp_spf_dns dns = {look, NULL};
	uint8_t octets[16];
	bool is_six = strchr(address, ':') != NULL;

	assert_int_equal(inet_pton(is_six ? AF_INET6 : AF_INET, address, octets), 1);
	return smtp_spf_judge(
		&dns, SLICE_LIT("d.test"), slice_of(octets, is_six ? 16 : 4), &arena);
}

static void
is_so(const char *address, enum smtp_spf_result result, const char *why)
{
	struct smtp_spf_verdict v = judged(address);

	if (v.result != result || !slice_eq(v.why, slice_str(why)))
		fail_msg("%s: %s by `%.*s`, not %s by `%s`", address, smtp_spf_name(v.result),
			SLICE_FMT(v.why), smtp_spf_name(result), why);
}

#define RECORD(text) add("d.test", DNS_RECORD_TXT, text)

/* ---- tests ---- */

static void
networks_hold_addresses(void **state)
{
	(void)state;
	RECORD("v=spf1 ip4:192.0.2.1 ip4:198.51.100.77/24 ip6:2001:db8::/32 -all");
	is_so("192.0.2.1", SMTP_SPF_PASS, "ip4:192.0.2.1");
	is_so("192.0.2.2", SMTP_SPF_FAIL, "-all");
	is_so("198.51.100.9", SMTP_SPF_PASS, "ip4:198.51.100.77/24");
	is_so("198.51.101.9", SMTP_SPF_FAIL, "-all");
	is_so("2001:db8:1::1", SMTP_SPF_PASS, "ip6:2001:db8::/32");
	is_so("2001:db9::1", SMTP_SPF_FAIL, "-all");
}

static void
hosts_are_looked_up(void **state)
{
	(void)state;
	RECORD("v=spf1 a mx ~a:out.test/24//64 ?all");
	add("d.test", DNS_RECORD_A, "192.0.2.1");
	add("d.test", DNS_RECORD_MX, "mx1.test");
	add("d.test", DNS_RECORD_MX, "mx2.test");
	add("mx1.test", DNS_RECORD_A, "192.0.2.2");
	add("mx2.test", DNS_RECORD_A, "192.0.2.3");
	add("mx2.test", DNS_RECORD_AAAA, "2001:db8::3");
	add("out.test", DNS_RECORD_A, "198.51.100.1");
	add("out.test", DNS_RECORD_AAAA, "2001:db8:5::1");
	is_so("192.0.2.1", SMTP_SPF_PASS, "a");
	is_so("192.0.2.3", SMTP_SPF_PASS, "mx");
	is_so("2001:db8::3", SMTP_SPF_PASS, "mx");
	is_so("198.51.100.200", SMTP_SPF_SOFTFAIL, "~a:out.test/24//64");
	is_so("2001:db8:5::99", SMTP_SPF_SOFTFAIL, "~a:out.test/24//64");
	is_so("2001:db8:6::99", SMTP_SPF_NEUTRAL, "?all");
}

static void
includes_match_when_they_pass(void **state)
{
	(void)state;
	RECORD("v=spf1 include:no.test include:yes.test -all");
	add("no.test", DNS_RECORD_TXT, "v=spf1 ip4:192.0.2.9 -all");
	add("yes.test", DNS_RECORD_TXT, "v=spf1 ip4:192.0.2.1 ~all");
	is_so("192.0.2.1", SMTP_SPF_PASS, "include:yes.test");
	is_so("192.0.2.9", SMTP_SPF_PASS, "include:no.test");
	is_so("192.0.2.2", SMTP_SPF_FAIL, "-all");
	n_lines = 0;
	RECORD("v=spf1 include:none.test -all");
	is_so("192.0.2.1", SMTP_SPF_PERMERROR, "none.test");
}

static void
redirect_counts_when_nothing_else_does(void **state)
{
	(void)state;
	RECORD("v=spf1 redirect=r.test ip4:192.0.2.1 unknown=x");
	add("r.test", DNS_RECORD_TXT, "v=spf1 ip4:192.0.2.2 -all");
	is_so("192.0.2.1", SMTP_SPF_PASS, "ip4:192.0.2.1");
	is_so("192.0.2.2", SMTP_SPF_PASS, "ip4:192.0.2.2");
	is_so("192.0.2.3", SMTP_SPF_FAIL, "-all");
	n_lines = 1;
	is_so("192.0.2.3", SMTP_SPF_PERMERROR, "r.test");
}

static void
there_is_exactly_one_record(void **state)
{
	(void)state;
	is_so("192.0.2.1", SMTP_SPF_NONE, "d.test");
	RECORD("something else");
	RECORD("v=spf10 +all");
	is_so("192.0.2.1", SMTP_SPF_NONE, "d.test");
	RECORD("V=SPF1");
	is_so("192.0.2.1", SMTP_SPF_NEUTRAL, "no term names it");
	RECORD("v=spf1 +all");
	is_so("192.0.2.1", SMTP_SPF_PERMERROR, "more than one record");
}

static void
what_is_broken_is_said(void **state)
{
	static const char *const broken[] = {"ip4:192.0.2", "ip4:192.0.2.1/33",
		"ip4:2001:db8::1", "ip4", "ip6:192.0.2.1", "a/33", "a//129", "mx/x", "nothing",
		"-", ":x", "include", "all:x", "a/24/64", "mx:.."};
	char record[100];

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		snprintf(record, sizeof record, "v=spf1 %s +all", broken[i]);
		n_lines = 0;
		RECORD(record);
		is_so("192.0.2.1", SMTP_SPF_PERMERROR, broken[i]);
	}
}

static void
what_isnt_understood_decides_nothing(void **state)
{
	(void)state;
	RECORD("v=spf1 exists:%{i}.x.test ip4:192.0.2.1 -all");
	is_so("192.0.2.1", SMTP_SPF_PASS, "ip4:192.0.2.1");
	is_so("192.0.2.2", SMTP_SPF_UNKNOWN, "exists:%{i}.x.test");
	n_lines = 0;
	RECORD("v=spf1 -ptr ip4:192.0.2.1 -all");
	is_so("192.0.2.1", SMTP_SPF_UNKNOWN, "-ptr");
	n_lines = 0;
	RECORD("v=spf1 include:%{d}.x.test ~all");
	is_so("192.0.2.1", SMTP_SPF_UNKNOWN, "include:%{d}.x.test");
	n_lines = 0;
	RECORD("v=spf1 include:x.test -all");
	add("x.test", DNS_RECORD_TXT, "v=spf1 ptr -all");
	is_so("192.0.2.1", SMTP_SPF_UNKNOWN, "include:x.test");
	n_lines = 0;
	RECORD("v=spf1 redirect=%{d}.x.test");
	is_so("192.0.2.1", SMTP_SPF_UNKNOWN, "redirect=%{d}.x.test");
}

static void
a_dns_that_is_silent_or_slow_is_said(void **state)
{
	(void)state;
	RECORD("v=spf1 a:slow.test -all");
	add("slow.test", DNS_RECORD_A, "?");
	assert_int_equal(judged("192.0.2.1").result, SMTP_SPF_MORE);
	lines[1].data = NULL;
	is_so("192.0.2.1", SMTP_SPF_TEMPERROR, "a:slow.test");
	lines[1].data = "192.0.2.1";
	is_so("192.0.2.1", SMTP_SPF_PASS, "a:slow.test");
	lines[0].data = NULL;
	is_so("192.0.2.1", SMTP_SPF_TEMPERROR, "d.test");
	lines[0].data = "?";
	assert_int_equal(judged("192.0.2.1").result, SMTP_SPF_MORE);
}

static void
mx_hosts_are_asked_for_together(void **state)
{
	(void)state;
	RECORD("v=spf1 mx -all");
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = {"a.test", "b.test", "c.test"};

		add("d.test", DNS_RECORD_MX, names[i]);
		add(names[i], DNS_RECORD_A, "?");
	}
	assert_int_equal(judged("192.0.2.1").result, SMTP_SPF_MORE);
	assert_int_equal(n_asked, 2 + 3);
}

static void
ten_terms_may_ask(void **state)
{
	(void)state;
	RECORD("v=spf1 a a a a a a a a a a ip4:192.0.2.1 -all");
	is_so("192.0.2.1", SMTP_SPF_PASS, "ip4:192.0.2.1");
	n_lines = 0;
	RECORD("v=spf1 a a a a a a a a a a mx:x.test ip4:192.0.2.1 -all");
	is_so("192.0.2.1", SMTP_SPF_PERMERROR, "mx:x.test");
	n_lines = 0;
	RECORD("v=spf1 include:d.test -all");
	assert_int_equal(judged("192.0.2.1").result, SMTP_SPF_PERMERROR);
}

static void
ten_hosts_are_looked_at_and_eleven_are_too_many(void **state)
{
	static const char *const names[] = {
		"a.x", "b.x", "c.x", "d.x", "e.x", "f.x", "g.x", "h.x", "i.x", "j.x", "k.x"};

	(void)state;
	RECORD("v=spf1 mx -all");
	for (size_t i = 0; i < SMTP_SPF_MX_MAX; i++)
		add("d.test", DNS_RECORD_MX, names[i]);
	add("j.x", DNS_RECORD_A, "192.0.2.1");
	is_so("192.0.2.1", SMTP_SPF_PASS, "mx");
	add("d.test", DNS_RECORD_MX, names[SMTP_SPF_MX_MAX]);
	is_so("192.0.2.1", SMTP_SPF_PERMERROR, "mx");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(networks_hold_addresses),
		TEST(hosts_are_looked_up),
		TEST(includes_match_when_they_pass),
		TEST(redirect_counts_when_nothing_else_does),
		TEST(there_is_exactly_one_record),
		TEST(what_is_broken_is_said),
		TEST(what_isnt_understood_decides_nothing),
		TEST(a_dns_that_is_silent_or_slow_is_said),
		TEST(mx_hosts_are_asked_for_together),
		TEST(ten_terms_may_ask),
		TEST(ten_hosts_are_looked_at_and_eleven_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
