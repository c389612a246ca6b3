#include "cmd/cli_scratch.h"

#include <unistd.h>

#include "tests/test.h"

static void
it_takes_so_much_and_not_an_octet_more(void **state)
{
	int fd = cli_scratch_new();

	(void)state;
	assert_int_equal(ftruncate(fd, CLI_SCRATCH_MAX - 10), 0);
	assert_int_equal(cli_scratch_put(fd, SLICE_LIT("0123456789x")), ERR_TOO_BIG);
	assert_int_equal(cli_scratch_put(fd, SLICE_LIT("0123456789")), ERR_OK);
	assert_int_equal(cli_scratch_put(fd, SLICE_LIT("x")), ERR_TOO_BIG);
	assert_int_equal(lseek(fd, 0, SEEK_END), CLI_SCRATCH_MAX);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_takes_so_much_and_not_an_octet_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
