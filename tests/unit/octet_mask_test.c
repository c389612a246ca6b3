#include "crypto/octet_mask.h"

#include "tests/test.h"

static void
a_mask_is_all_bits_for_zero_and_none_for_the_rest(void **state)
{
	(void)state;
	assert_int_equal(octet_mask_zero(0), 0xffffffff);
	for (unsigned bit = 0; bit < 32; bit++) {
		assert_int_equal(octet_mask_zero(1U << bit), 0);
		assert_int_equal(octet_mask_zero(~0U << bit), 0);
	}
	for (uint32_t x = 1; x < 1024; x++)
		assert_int_equal(octet_mask_zero(x), 0);
}

static void
a_mask_chooses(void **state)
{
	uint8_t out[4] = "abcd";

	(void)state;
	assert_int_equal(octet_mask_choose(0xffffffff, 7, 9), 7);
	assert_int_equal(octet_mask_choose(0, 7, 9), 9);
	octet_mask_take(0, SLICE_LIT("123456"), 4, out);
	assert_memory_equal(out, "abcd", 4);
	octet_mask_take(0xffffffff, SLICE_LIT("123456"), 4, out);
	assert_memory_equal(out, "3456", 4);
}

/* 00 02, eight or more octets that aren't 0, 00, and n octets. */
static void
a_padding_is_right_in_each_octet(void **state)
{
	uint8_t em[32];

	(void)state;
	for (size_t n = 0; n < 40; n++) {
		uint32_t want = n + 11 <= sizeof em ? 0xffffffff : 0;

		memset(em, 0x55, sizeof em);
		em[0] = 0;
		em[1] = 2;
		if (want)
			em[sizeof em - n - 1] = 0;
		assert_int_equal(octet_mask_pkcs1(slice_of(em, sizeof em), n), want);
		if (!want)
			continue;
		for (size_t i = 0; i < sizeof em - n; i++) {
			uint8_t was = em[i];

			em[i] = was && i > 1 ? 0 : (uint8_t)(was ^ 1);
			assert_int_equal(octet_mask_pkcs1(slice_of(em, sizeof em), n), 0);
			em[i] = was;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mask_is_all_bits_for_zero_and_none_for_the_rest),
		cmocka_unit_test(a_mask_chooses),
		cmocka_unit_test(a_padding_is_right_in_each_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
