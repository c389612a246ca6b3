#include "tests/test.h"

#include <stdio.h>

#include "core/buf.h"
#include "core/dns_message.h"
#include "core/dns_record.h"

static struct arena arena;
static struct buf raw;
static struct dns_message message;
static unsigned answers, authorities;

/* --- making messages --- */

static void
put_u16(unsigned v)
{
	buf_put_u8(&raw, (uint8_t)(v >> 8));
	buf_put_u8(&raw, (uint8_t)v);
}

/* The header, and the question a.test, whose name is at 12; "test" is at 14. */
static void
begin(unsigned rcode)
{
	buf_clear(&raw);
	answers = authorities = 0;
	put_u16(1);
	put_u16(0x8180 | rcode);
	put_u16(1);
	for (int i = 0; i < 3; i++)
		put_u16(0);
	buf_put(&raw, "\1a\4test\0\0\1\0\1", 12);
}

static void
put_rr(const char *owner, unsigned type, uint32_t ttl_sec, struct slice rdata)
{
	struct dns_name name;

	if (!strcmp(owner, "a.test")) {
		buf_put(&raw, "\xc0\x0c", 2);
	} else {
		assert_int_equal(dns_name_parse(slice_str(owner), &name), ERR_OK);
		buf_put(&raw, name.octets, name.n);
	}
	put_u16(type);
	put_u16(1);
	buf_put_u32(&raw, ttl_sec);
	put_u16((unsigned)rdata.n);
	buf_put_slice(&raw, rdata);
}

static void
answer(const char *owner, unsigned type, uint32_t ttl_sec, struct slice rdata)
{
	put_rr(owner, type, ttl_sec, rdata);
	raw.p[7] = (uint8_t)++answers;
	raw.p[6] = (uint8_t)(answers >> 8);
}

static void
authority(const char *owner, unsigned type, uint32_t ttl_sec, struct slice rdata)
{
	put_rr(owner, type, ttl_sec, rdata);
	raw.p[9] = (uint8_t)++authorities;
}

static enum err
parse(unsigned type)
{
	struct dns_name name;

	assert_int_equal(dns_name_parse(SLICE_LIT("a.test"), &name), ERR_OK);
	return dns_message_parse(buf_slice(&raw), &name, type, &arena, &message);
}

static void
canonical_is(const char *text)
{
	struct dns_name name;

	assert_int_equal(dns_name_parse(slice_str(text), &name), ERR_OK);
	assert_true(dns_name_eq(&name, &message.canonical));
}

/* --- */

static void
records_of_the_type_at_the_name_are_the_answer(void **state)
{
	(void)state;
	begin(0);
	answer("a.test", DNS_RECORD_A, 300, SLICE_LIT("\1\2\3\4"));
	answer("a.test", DNS_RECORD_AAAA, 1, SLICE_LIT("0123456789abcdef"));
	answer("b.test", DNS_RECORD_A, 1, SLICE_LIT("\5\6\7\x8"));
	answer("A.TEST", DNS_RECORD_A, 200, SLICE_LIT("\x9\x9\x9\x9"));
	assert_int_equal(parse(DNS_RECORD_A), ERR_OK);
	assert_int_equal(message.rcode, DNS_MESSAGE_NOERROR);
	assert_int_equal(message.n, 2);
	assert_slice(message.rdata[0], "\1\2\3\4");
	assert_slice(message.rdata[1], "\x9\x9\x9\x9");
	assert_int_equal(message.ttl_sec, 200);
	canonical_is("a.test");
}

static void
compressed_names_are_made_whole(void **state)
{
	(void)state;
	begin(0);
	answer("a.test", DNS_RECORD_MX, 300, SLICE_LIT("\0\x0a\2mx\xc0\x0e"));
	assert_int_equal(parse(DNS_RECORD_MX), ERR_OK);
	assert_slice(message.rdata[0], "\0\x0a\2mx\4test\0");
	begin(0);
	answer("a.test", DNS_RECORD_SOA, 300,
		SLICE_LIT("\xc0\x0c\1b\xc0\x0e"
			  "0123456789abcdef0123"));
	assert_int_equal(parse(DNS_RECORD_SOA), ERR_OK);
	assert_slice(message.rdata[0], "\1a\4test\0\1b\4test\0"
				       "0123456789abcdef0123");
	/* In other types two such octets are no pointer. */
	begin(0);
	answer("a.test", DNS_RECORD_TXT, 300, SLICE_LIT("\2\xc0\x0c"));
	assert_int_equal(parse(DNS_RECORD_TXT), ERR_OK);
	assert_slice(message.rdata[0], "\2\xc0\x0c");
}

static void
aliases_are_followed_in_any_order(void **state)
{
	(void)state;
	begin(0);
	answer("c.test", DNS_RECORD_A, 300, SLICE_LIT("\1\2\3\4"));
	answer("b.test", DNS_RECORD_CNAME, 50, SLICE_LIT("\1c\xc0\x0e"));
	answer("a.test", DNS_RECORD_CNAME, 60, SLICE_LIT("\1B\xc0\x0e"));
	assert_int_equal(parse(DNS_RECORD_A), ERR_OK);
	assert_int_equal(message.n, 1);
	assert_int_equal(message.ttl_sec, 50);
	canonical_is("c.test");
	assert_int_equal(parse(DNS_RECORD_CNAME), ERR_OK);
	assert_int_equal(message.n, 1);
	assert_slice(message.rdata[0], "\1b\4test\0");
	canonical_is("a.test");
}

/* a.test, then n0.test, n1.test ... */
static void
put_chain(unsigned n)
{
	char owner[20] = "a.test", target[20];
	struct dns_name name;

	begin(0);
	for (unsigned i = 0; i < n; i++) {
		snprintf(target, sizeof target, "n%u.test", i);
		assert_int_equal(dns_name_parse(slice_str(target), &name), ERR_OK);
		answer(owner, DNS_RECORD_CNAME, 9, slice_of(name.octets, name.n));
		memcpy(owner, target, sizeof owner);
	}
	answer(owner, DNS_RECORD_A, 9, SLICE_LIT("\1\2\3\4"));
}

static void
a_chain_ends(void **state)
{
	(void)state;
	put_chain(DNS_MESSAGE_CHAIN_MAX);
	assert_int_equal(parse(DNS_RECORD_A), ERR_OK);
	assert_int_equal(message.n, 1);
	put_chain(DNS_MESSAGE_CHAIN_MAX + 1);
	assert_int_equal(parse(DNS_RECORD_A), ERR_LIMIT);
	begin(0);
	answer("a.test", DNS_RECORD_CNAME, 9, SLICE_LIT("\1b\xc0\x0e"));
	answer("b.test", DNS_RECORD_CNAME, 9, SLICE_LIT("\xc0\x0c"));
	assert_int_equal(parse(DNS_RECORD_A), ERR_LIMIT);
}

static void
nothing_holds_as_long_as_the_zone_says(void **state)
{
	(void)state;
	begin(DNS_MESSAGE_NXDOMAIN);
	authority("test", DNS_RECORD_SOA, 100,
		SLICE_LIT("\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x3c"));
	assert_int_equal(parse(DNS_RECORD_A), ERR_OK);
	assert_int_equal(message.rcode, DNS_MESSAGE_NXDOMAIN);
	assert_int_equal(message.n, 0);
	assert_int_equal(message.ttl_sec, 60);
	begin(0);
	assert_int_equal(parse(DNS_RECORD_A), ERR_OK);
	assert_int_equal(message.ttl_sec, 0);
	begin(0);
	answer("a.test", DNS_RECORD_A, 0x80000000, SLICE_LIT("\1\2\3\4"));
	assert_int_equal(parse(DNS_RECORD_A), ERR_OK);
	assert_int_equal(message.ttl_sec, 0);
}

static void
what_is_cut_off_is_refused_at_every_length(void **state)
{
	size_t whole;

	(void)state;
	begin(0);
	answer("a.test", DNS_RECORD_CNAME, 60, SLICE_LIT("\1b\xc0\x0e"));
	answer("b.test", DNS_RECORD_MX, 300, SLICE_LIT("\0\x0a\2mx\xc0\x0e"));
	whole = raw.n;
	assert_int_equal(parse(DNS_RECORD_MX), ERR_OK);
	for (raw.n = 0; raw.n < whole; raw.n++)
		assert_int_equal(parse(DNS_RECORD_MX), ERR_SYNTAX);
}

static void
counts_and_sizes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	begin(0);
	raw.p[6] = 0xff;
	assert_int_equal(parse(DNS_RECORD_A), ERR_SYNTAX);
	begin(0);
	answer("a.test", DNS_RECORD_MX, 300, SLICE_LIT("\0"));
	assert_int_equal(parse(DNS_RECORD_MX), ERR_SYNTAX);
	begin(0);
	while (raw.n < DNS_MESSAGE_MAX)
		buf_put_u8(&raw, 0);
	assert_int_equal(parse(DNS_RECORD_A), ERR_OK);
	buf_put_u8(&raw, 0);
	assert_int_equal(parse(DNS_RECORD_A), ERR_SYNTAX);
}

static int
forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			records_of_the_type_at_the_name_are_the_answer, forget),
		cmocka_unit_test_teardown(compressed_names_are_made_whole, forget),
		cmocka_unit_test_teardown(aliases_are_followed_in_any_order, forget),
		cmocka_unit_test_teardown(a_chain_ends, forget),
		cmocka_unit_test_teardown(nothing_holds_as_long_as_the_zone_says, forget),
		cmocka_unit_test_teardown(what_is_cut_off_is_refused_at_every_length, forget),
		cmocka_unit_test_teardown(counts_and_sizes_that_cannot_be_are_refused, forget),
	};
	int failed;

	arena_init(&arena, 0);
	buf_init(&raw, 1 << 20);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&raw);
	return failed;
}
