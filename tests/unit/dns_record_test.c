#include "tests/test.h"

#include "core/dns_record.h"

static struct arena arena;
static struct dns_record record;

#define PARSE(type, literal)                                                                   \
	dns_record_parse(DNS_RECORD_##type, SLICE_LIT(literal), &arena, &record)

static void
formats_slice(unsigned type, struct slice rdata, const char *as)
{
	struct buf b;

	buf_init(&b, DNS_RECORD_TEXT_MAX);
	dns_record_format(type, rdata, &b);
	buf_put_u8(&b, '\0');
	assert_string_equal((const char *)b.p, as);
	buf_fini(&b);
}
#define FORMATS(type, literal, as) formats_slice(type, SLICE_LIT(literal), as)

static void
each_type_has_its_fields(void **state)
{
	(void)state;
	assert_int_equal(PARSE(A, "\xc0\0\2\1"), ERR_OK);
	assert_slice(record.address, "\xc0\0\2\1");
	assert_int_equal(PARSE(MX, "\0\x0a\2mX\0"), ERR_OK);
	assert_int_equal(record.preference, 10);
	assert_int_equal(record.name.n, 4);
	assert_memory_equal(record.name.octets, "\2mx", 4);
	assert_int_equal(PARSE(SRV, "\0\1\0\2\1\1\1a\0"), ERR_OK);
	assert_int_equal(record.preference, 1);
	assert_int_equal(record.weight, 2);
	assert_int_equal(record.port, 257);
	assert_int_equal(PARSE(TXT, "\6v=spf1\0\5 -all"), ERR_OK);
	assert_slice(record.text, "v=spf1 -all");
	assert_int_equal(PARSE(TXT, "\0"), ERR_OK);
	assert_int_equal(record.text.n, 0);
	assert_int_equal(PARSE(TLSA, "\3\1\1abcd"), ERR_OK);
	assert_int_equal(record.usage * 100 + record.selector * 10 + record.matching, 311);
	assert_slice(record.data, "abcd");
	assert_int_equal(
		PARSE(SOA, "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\xff\xff\xff\xff"), ERR_OK);
	assert_int_equal(record.soa[0], 1);
	assert_int_equal(record.soa[4], UINT32_MAX);
}

static void
every_type_is_refused_at_every_other_length(void **state)
{
	static const struct {
		unsigned type;
		struct slice whole;
	} rows[] = {{DNS_RECORD_A, SLICE_LIT("\1\2\3\4")},
		{DNS_RECORD_AAAA, SLICE_LIT("0123456789abcdef")},
		{DNS_RECORD_MX, SLICE_LIT("\0\1\1a\0")}, {DNS_RECORD_NS, SLICE_LIT("\1a\0")},
		{DNS_RECORD_CNAME, SLICE_LIT("\1a\0")}, {DNS_RECORD_PTR, SLICE_LIT("\1a\0")},
		{DNS_RECORD_SRV, SLICE_LIT("\0\1\0\2\0\3\1a\0")},
		{DNS_RECORD_SOA, SLICE_LIT("\1a\0\1b\0"
					   "0123456789abcdef0123")}};
	uint8_t more[64];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice whole = rows[i].whole;

		assert_int_equal(dns_record_parse(rows[i].type, whole, &arena, &record), 0);
		for (size_t n = 0; n < whole.n; n++)
			assert_int_equal(dns_record_parse(rows[i].type, slice_cut(whole, 0, n),
						 &arena, &record),
				ERR_SYNTAX);
		memcpy(more, whole.p, whole.n);
		more[whole.n] = 0;
		assert_int_equal(dns_record_parse(rows[i].type, slice_of(more, whole.n + 1),
					 &arena, &record),
			ERR_SYNTAX);
	}
	assert_int_equal(PARSE(TXT, ""), ERR_SYNTAX);
	assert_int_equal(PARSE(TXT, "\2a"), ERR_SYNTAX);
	assert_int_equal(PARSE(TXT, "\1a\1"), ERR_SYNTAX);
	assert_int_equal(PARSE(TLSA, "\3\1"), ERR_SYNTAX);
	assert_int_equal(PARSE(TLSA, "\3\1\1"), ERR_OK);
	assert_int_equal(
		dns_record_parse(99, SLICE_LIT("x"), &arena, &record), ERR_UNSUPPORTED);
}

static void
records_are_written_as_in_zone_files(void **state)
{
	(void)state;
	FORMATS(DNS_RECORD_A, "\xc0\0\2\1", "192.0.2.1");
	FORMATS(DNS_RECORD_AAAA, " \1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\1", "2001:db8::1");
	FORMATS(DNS_RECORD_MX, "\0\0\0", "0 .");
	FORMATS(DNS_RECORD_MX, "\0\x0a\2mX\3a.b\0", "10 mx.a\\.b");
	FORMATS(DNS_RECORD_SRV, "\0\1\0\2\0\3\1a\0", "1 2 3 a");
	FORMATS(DNS_RECORD_TXT, "\3a\"b\2\\\n\0", "\"a\\\"b\" \"\\\\\\010\" \"\"");
	FORMATS(DNS_RECORD_TLSA, "\3\1\1\xab\xcd", "3 1 1 abcd");
	FORMATS(DNS_RECORD_SOA, "\1a\0\1b\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5",
		"a b 1 2 3 4 5");
	FORMATS(DNS_RECORD_A, "\1\2\3", "\\# 3 010203");
	FORMATS(99, "", "\\# 0");
}

static void
type_is(const char *text, unsigned type, const char *as)
{
	struct buf b;

	assert_int_equal(dns_record_type_parse(slice_str(text)), type);
	if (!as)
		return;
	buf_init(&b, 20);
	dns_record_type_format(type, &b);
	buf_put_u8(&b, '\0');
	assert_string_equal((const char *)b.p, as);
	buf_fini(&b);
}

static void
types_have_names_or_numbers(void **state)
{
	(void)state;
	type_is("mx", DNS_RECORD_MX, "MX");
	type_is("TLSA", 52, "TLSA");
	type_is("type52", 52, "TLSA");
	type_is("TYPE65", 65, "TYPE65");
	type_is("TYPE65535", 65535, "TYPE65535");
	type_is("TYPE127", 127, "TYPE127");
	type_is("TYPE256", 256, "TYPE256");
	type_is("TYPE65536", 0, NULL);
	type_is("TYPE0", 0, NULL);
	type_is("TYPE41", 0, NULL);
	type_is("TYPE128", 0, NULL);
	type_is("TYPE255", 0, NULL);
	type_is("ANY", 0, NULL);
	type_is("TYPE", 0, NULL);
	type_is("", 0, NULL);
	type_is("MXX", 0, NULL);
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
		cmocka_unit_test_teardown(each_type_has_its_fields, forget),
		cmocka_unit_test_teardown(every_type_is_refused_at_every_other_length, forget),
		cmocka_unit_test(records_are_written_as_in_zone_files),
		cmocka_unit_test(types_have_names_or_numbers),
	};

	arena_init(&arena, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
