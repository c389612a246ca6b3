#include "crypto/tls_trust.h"

#include <time.h>

#include "crypto/tls_client.h"
#include "tests/test.h"

static void
the_program_holds_the_certificate_authorities_of_the_web(void **state)
{
	struct tls_trust_count count = tls_trust_count(tls_trust_roots(), (int64_t)time(NULL));
	struct tls_client *client;

	(void)state;
	assert_true(count.all > 100);
	assert_true(count.good > 100 && count.good <= count.all);
	assert_int_equal(tls_client_new(tls_trust_roots(), &client), ERR_OK);
	tls_client_free(client);
}

static void
what_has_ended_or_not_begun_is_not_good(void **state)
{
	(void)state;
	assert_int_equal(tls_trust_count(tls_trust_roots(), 0).good, 0);
	assert_int_equal(tls_trust_count(tls_trust_roots(), INT64_C(7258118400)).good, 0);
}

static void
text_that_is_no_certificate_counts_as_none(void **state)
{
	(void)state;
	assert_int_equal(tls_trust_count(SLICE_LIT("rubbish"), 0).all, 0);
	assert_int_equal(tls_trust_count(SLICE_EMPTY, 0).all, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_program_holds_the_certificate_authorities_of_the_web),
		cmocka_unit_test(what_has_ended_or_not_begun_is_not_good),
		cmocka_unit_test(text_that_is_no_certificate_counts_as_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
