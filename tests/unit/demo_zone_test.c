#include "tests/test.h"

#include "cmd/demo_zone.h"
#include "core/dns_message.h"

static const struct demo_zone_record records[] = {
	{"a.test", DNS_RECORD_SOA, "ns.a.test", 0},
	{"a.test", DNS_RECORD_NS, "ns.a.test", 0},
	{"a.test", DNS_RECORD_MX, "mx1.a.test", 10},
	{"a.test", DNS_RECORD_MX, "mx2.a.test", 20},
	{"mx1.a.test", DNS_RECORD_A, "127.0.1.1", 0},
	{"in.a.test", DNS_RECORD_SOA, "ns.in.a.test", 0},
	{"127.in-addr.arpa", DNS_RECORD_SOA, "ns.a.test", 0},
	{"1.1.0.127.in-addr.arpa", DNS_RECORD_PTR, "mx1.a.test", 0},
};
static const struct demo_zone zone = {records, sizeof records / sizeof *records};
static struct buf question, out;
static struct arena arena;
static struct dns_message message;

static void
put_u16(unsigned v)
{
	buf_put_u8(&question, (uint8_t)(v >> 8));
	buf_put_u8(&question, (uint8_t)v);
}

static void
begin(unsigned flags)
{
	buf_clear(&question);
	put_u16(0xbeef);
	put_u16(flags);
	put_u16(1);
	for (int i = 0; i < 3; i++)
		put_u16(0);
}

static void
put_question(const char *text, unsigned type, unsigned class)
{
	struct dns_name name;

	assert_int_equal(dns_name_parse(slice_str(text), &name), ERR_OK);
	buf_put(&question, name.octets, name.n);
	put_u16(type);
	put_u16(class);
}

/* Answered, and read as the product's own resolver would. */
static void
ask(const char *text, unsigned type)
{
	struct dns_name name;

	begin(0x0100);
	put_question(text, type, 1);
	assert_int_equal(dns_name_parse(slice_str(text), &name), ERR_OK);
	assert_true(demo_zone_answer(&zone, buf_slice(&question), &out));
	assert_memory_equal(out.p, question.p, 2);
	assert_int_equal(
		dns_message_parse(buf_slice(&out), &name, type, &arena, &message), ERR_OK);
}

static void
is_name(struct slice rdata, size_t at, const char *text)
{
	struct dns_name got, wanted;

	assert_int_equal(dns_name_read(rdata, &at, &got), ERR_OK);
	assert_int_equal(dns_name_parse(slice_str(text), &wanted), ERR_OK);
	assert_true(at == rdata.n && dns_name_eq(&got, &wanted));
}

static void
records_of_the_name_and_type_are_the_answer(void **state)
{
	(void)state;
	ask("a.test", DNS_RECORD_MX);
	assert_int_equal(message.rcode, DNS_MESSAGE_NOERROR);
	assert_int_equal(message.n, 2);
	assert_int_equal(message.rdata[0].p[1], 10);
	is_name(message.rdata[0], 2, "mx1.a.test");
	assert_int_equal(message.rdata[1].p[1], 20);
	is_name(message.rdata[1], 2, "mx2.a.test");
	assert_true(out.p[2] & 0x04); /* authoritative */
	ask("mx1.a.test", DNS_RECORD_A);
	assert_slice(message.rdata[0], "\x7f\0\1\1");
	ask("1.1.0.127.in-addr.arpa", DNS_RECORD_PTR);
	is_name(message.rdata[0], 0, "mx1.a.test");
	ask("a.test", DNS_RECORD_NS);
	is_name(message.rdata[0], 0, "ns.a.test");
	ask("a.test", DNS_RECORD_SOA);
	assert_int_equal(message.n, 1);
}

static void
what_is_not_there_is_told_with_how_long_that_holds(void **state)
{
	(void)state;
	ask("mx1.a.test", DNS_RECORD_AAAA);
	assert_int_equal(message.rcode, DNS_MESSAGE_NOERROR);
	assert_true(message.n == 0 && message.ttl_sec == 300);
	ask("none.a.test", DNS_RECORD_A);
	assert_int_equal(message.rcode, DNS_MESSAGE_NXDOMAIN);
	assert_true(message.n == 0 && message.ttl_sec == 300);
	/* A name with others below it is there. */
	ask("0.127.in-addr.arpa", DNS_RECORD_PTR);
	assert_int_equal(message.rcode, DNS_MESSAGE_NOERROR);
	/* The innermost zone says it. */
	ask("x.in.a.test", DNS_RECORD_A);
	assert_true(slice_find_slice(buf_slice(&out), SLICE_LIT("\2ns\2in")) < out.n);
}

static void
what_is_in_no_zone_is_refused(void **state)
{
	(void)state;
	ask("example.org", DNS_RECORD_A);
	assert_int_equal(message.rcode, DNS_MESSAGE_REFUSED);
	ask("test", DNS_RECORD_NS);
	assert_int_equal(message.rcode, DNS_MESSAGE_REFUSED);
	begin(0);
	put_question("a.test", DNS_RECORD_MX, 3);
	assert_true(demo_zone_answer(&zone, buf_slice(&question), &out));
	assert_int_equal(out.p[3], DNS_MESSAGE_REFUSED);
	assert_int_equal(out.p[7], 0);
}

static void
what_is_no_question_gets_no_records(void **state)
{
	(void)state;
	begin(0);
	put_question("a.test", DNS_RECORD_MX, 1);
	for (size_t n = 0; n < question.n; n++) {
		bool answered = demo_zone_answer(
			&zone, slice_cut(buf_slice(&question), 0, n), &out);

		assert_int_equal(answered, n >= 12);
		assert_true(!answered || (out.n == 12 && out.p[3] == DNS_MESSAGE_FORMERR));
	}
	question.p[5] = 2;
	assert_true(demo_zone_answer(&zone, buf_slice(&question), &out));
	assert_int_equal(out.p[3], DNS_MESSAGE_FORMERR);
	question.p[5] = 1;
	question.p[2] = 0x20; /* an update */
	assert_true(demo_zone_answer(&zone, buf_slice(&question), &out));
	assert_true(out.n == 12 && out.p[3] == DNS_MESSAGE_NOTIMP);
	question.p[2] = 0x80; /* an answer: to answer that would go on for ever */
	assert_false(demo_zone_answer(&zone, buf_slice(&question), &out));
}

static void
a_name_that_points_into_itself_is_no_question(void **state)
{
	(void)state;
	begin(0);
	buf_put(&question, "\xc0\x0c\0\1\0\1", 6);
	assert_true(demo_zone_answer(&zone, buf_slice(&question), &out));
	assert_int_equal(out.p[3], DNS_MESSAGE_FORMERR);
}

static void
a_message_of_512_octets_is_the_longest(void **state)
{
	(void)state;
	begin(0);
	put_question("a.test", DNS_RECORD_MX, 1);
	while (question.n < DEMO_ZONE_MESSAGE_MAX)
		buf_put_u8(&question, 0);
	assert_true(demo_zone_answer(&zone, buf_slice(&question), &out));
	assert_int_equal(out.p[7], 2);
	buf_put_u8(&question, 0);
	assert_false(demo_zone_answer(&zone, buf_slice(&question), &out));
}

static void
an_answer_that_is_too_long_is_cut_off_and_says_so(void **state)
{
	struct demo_zone_record many[16] = {{"a.test", DNS_RECORD_SOA, "ns.a.test", 0}};
	struct demo_zone large = {many, 16};

	(void)state;
	for (size_t i = 1; i < 16; i++)
		many[i] = (struct demo_zone_record){
			"a.test", DNS_RECORD_MX, "a-host-with-a-long-name.a.test", 10};
	begin(0);
	put_question("a.test", DNS_RECORD_MX, 1);
	assert_true(demo_zone_answer(&large, buf_slice(&question), &out));
	assert_true(out.n == 12 && out.p[2] & 0x02 && out.p[7] == 0);
	large.records = 8;
	assert_true(demo_zone_answer(&large, buf_slice(&question), &out));
	assert_true(out.n > 12 && !(out.p[2] & 0x02) && out.p[7] == 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_the_name_and_type_are_the_answer),
		cmocka_unit_test(what_is_not_there_is_told_with_how_long_that_holds),
		cmocka_unit_test(what_is_in_no_zone_is_refused),
		cmocka_unit_test(what_is_no_question_gets_no_records),
		cmocka_unit_test(a_name_that_points_into_itself_is_no_question),
		cmocka_unit_test(a_message_of_512_octets_is_the_longest),
		cmocka_unit_test(an_answer_that_is_too_long_is_cut_off_and_says_so),
	};
	int failed;

	buf_init(&question, 4096);
	buf_init(&out, DEMO_ZONE_MESSAGE_MAX);
	arena_init(&arena, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&question);
	buf_fini(&out);
	arena_reset(&arena);
	return failed;
}
