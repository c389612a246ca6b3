#include "crypto/cms_der.h"

#include "tests/test.h"

static void
elements_are_taken_one_by_one(void **state)
{
	struct slice rest = SLICE_LIT("\x02\x01\x05\x04\x82\x00\x02hi\x30\x00"), body;
	struct cms_der e;

	(void)state;
	assert_true(cms_der_next(&rest, &e));
	assert_int_equal(e.tag, CMS_DER_INTEGER);
	assert_slice(e.whole, "\x02\x01\x05");
	assert_slice(e.body, "\x05");
	assert_false(cms_der_take(&rest, CMS_DER_SET, &body));
	assert_true(cms_der_take(&rest, CMS_DER_OCTET_STRING, &body));
	assert_slice(body, "hi");
	assert_true(cms_der_take(&rest, CMS_DER_SEQUENCE, &body));
	assert_int_equal(body.n, 0);
	assert_false(cms_der_next(&rest, &e));
}

static void
what_is_not_whole_is_left_alone(void **state)
{
	static const struct slice bad[] = {
		SLICE_LIT("\x04"),
		SLICE_LIT("\x04\x02x"),
		SLICE_LIT("\x04\x80xx"),
		SLICE_LIT("\x04\x81"),
		SLICE_LIT("\x04\x82\x00"),
		SLICE_LIT("\x04\x84\xff\xff\xff\xffx"),
		SLICE_LIT("\x04\x85\x00\x00\x00\x00\x01x"),
		SLICE_LIT("\x1f\x01x"),
	};
	struct cms_der e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct slice rest = bad[i];

		assert_false(cms_der_next(&rest, &e));
		assert_int_equal(rest.n, bad[i].n);
	}
}

static bool
octets_of(struct slice der, struct buf *out)
{
	struct cms_der e;

	buf_clear(out);
	assert_true(cms_der_next(&der, &e));
	return cms_der_octets(&e, out);
}

static void
a_string_in_pieces_is_put_together(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_true(octets_of(SLICE_LIT("\x04\x04wxyz"), &b));
	assert_slice(buf_slice(&b), "wxyz");
	assert_true(octets_of(SLICE_LIT("\xa0\x0a\x04\x02wx\x24\x04\x04\x02yz"), &b));
	assert_slice(buf_slice(&b), "wxyz");
	assert_false(octets_of(SLICE_LIT("\x24\x03\x02\x01x"), &b));
	assert_false(octets_of(SLICE_LIT("\x24\x02\x04\x01"), &b));
	assert_false(octets_of(SLICE_LIT("\x04\x05vwxyz"), &b));
	assert_false(octets_of(SLICE_LIT("\x24\x14\x24\x12\x24\x10\x24\x0e\x24\x0c\x24\x0a\x24"
					 "\x08\x24\x06\x24\x04\x24\x02\x04\x00"),
		&b));
	buf_fini(&b);
}

static void
lengths_are_as_short_as_can_be(void **state)
{
	static const uint8_t many[70000];
	static const struct {
		size_t n;
		struct slice header;
	} rows[] = {
		{0, SLICE_LIT("\x04\x00")},
		{127, SLICE_LIT("\x04\x7f")},
		{128, SLICE_LIT("\x04\x81\x80")},
		{255, SLICE_LIT("\x04\x81\xff")},
		{256, SLICE_LIT("\x04\x82\x01\x00")},
		{65535, SLICE_LIT("\x04\x82\xff\xff")},
		{65536, SLICE_LIT("\x04\x83\x01\x00\x00")},
	};
	struct buf put, wrapped;

	(void)state;
	buf_init(&put, sizeof many + 10);
	buf_init(&wrapped, sizeof many + 10);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_clear(&put);
		buf_clear(&wrapped);
		cms_der_put(&put, CMS_DER_OCTET_STRING, slice_of(many, rows[i].n));
		assert_true(slice_starts(buf_slice(&put), rows[i].header));
		assert_int_equal(put.n, rows[i].header.n + rows[i].n);
		buf_put(&wrapped, many, rows[i].n);
		cms_der_wrap(&wrapped, 0, CMS_DER_OCTET_STRING);
		assert_true(slice_eq(buf_slice(&put), buf_slice(&wrapped)));
	}
	buf_fini(&put);
	buf_fini(&wrapped);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_are_taken_one_by_one),
		cmocka_unit_test(what_is_not_whole_is_left_alone),
		cmocka_unit_test(a_string_in_pieces_is_put_together),
		cmocka_unit_test(lengths_are_as_short_as_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
