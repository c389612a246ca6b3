#include "tests/test.h"

#include "crypto/gateway_autocrypt.h"

static struct arena arena;

static int
forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static struct slice
read_field(const char *header)
{
	struct slice s = slice_str(header);
	struct text t = text_of(&s);
	struct gateway_head h;

	assert_int_equal(gateway_head_read(&t, &arena, &h), ERR_OK);
	return gateway_autocrypt_read(&h, SLICE_LIT("ann@example.org"), &arena);
}

/* Base64 of "key". */
#define KEY "keydata=a2\r\n V5\r\n"

static void
the_one_field_of_the_sender_is_read(void **state)
{
	(void)state;
	assert_slice(read_field("Autocrypt: addr=Ann@Example.ORG; " KEY "\r\n"), "key");
	assert_slice(read_field("Autocrypt: addr=ann@example.org; prefer-encrypt=mutual; "
				"_x=y; " KEY "\r\n"),
		"key");
	/* That of somebody else counts for nothing, and hides nothing. */
	assert_slice(read_field("Autocrypt: addr=bob@example.org; " KEY
				"Autocrypt: addr=ann@example.org; " KEY "\r\n"),
		"key");
}

static void
what_could_mean_another_thing_is_none(void **state)
{
	static const char *const all[] = {
		"Autocrypt: addr=bob@example.org; " KEY "\r\n",
		"Autocrypt: addr=ann@example.org; " KEY "Autocrypt: addr=ann@example.org; " KEY
		"\r\n",
		"Autocrypt: addr=ann@example.org; critical=1; " KEY "\r\n",
		"Autocrypt: addr=ann@example.org; addr=ann@example.org; " KEY "\r\n",
		"Autocrypt: addr=ann@example.org\r\n\r\n",
		"Autocrypt: " KEY "\r\n",
		"Autocrypt: addr=ann@example.org; keydata=!\r\n\r\n",
		"Autocrypt-Gossip: addr=ann@example.org; " KEY "\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		assert_int_equal(read_field(all[i]).n, 0);
}

static void
one_of_more_than_the_store_keeps_is_none(void **state)
{
	static uint8_t octets[GATEWAY_AUTOCRYPT_MAX + 1];
	struct slice s = SLICE_LIT("Subject: x\r\n\r\n");
	struct text t = text_of(&s);
	struct gateway_head h;

	(void)state;
	assert_int_equal(gateway_head_read(&t, &arena, &h), ERR_OK);
	for (size_t n = GATEWAY_AUTOCRYPT_MAX; n <= GATEWAY_AUTOCRYPT_MAX + 1; n++) {
		/* In the place of the one before. */
		gateway_autocrypt_put(&h, SLICE_LIT("ann@example.org"), slice_of(octets, n));
		assert_int_equal(gateway_head_count(&h, SLICE_LIT("Autocrypt")), 1);
		assert_int_equal(
			gateway_autocrypt_read(&h, SLICE_LIT("ann@example.org"), &arena).n,
			n == GATEWAY_AUTOCRYPT_MAX ? n : 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_one_field_of_the_sender_is_read, forget),
		cmocka_unit_test_teardown(what_could_mean_another_thing_is_none, forget),
		cmocka_unit_test_teardown(one_of_more_than_the_store_keeps_is_none, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
