#include "tests/test.h"

#include <stdio.h>
#include <unistd.h>

#include "core/log.h"

static char output[8192];

/* What log_info writes of this text, behind the stamp and without the line end. */
static const char *
logged(const char *text)
{
	FILE *to = tmpfile();
	int saved = dup(STDERR_FILENO);
	char *from;
	size_t n;

	fflush(stderr);
	dup2(fileno(to), STDERR_FILENO);
	log_info("%s", text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(to);
	n = fread(output, 1, sizeof output - 1, to);
	fclose(to);
	assert_true(n > 0 && output[n - 1] == '\n');
	output[n - 1] = '\0';
	from = strstr(output, "]: ");
	assert_non_null(from);
	return from + 3;
}

static void
a_line_has_a_stamp_in_syslogs_shape(void **state)
{
	(void)state;
	log_init("host", "smtpd", LOG_LEVEL_INFO);
	assert_string_equal(logged("text"), "text");
	assert_non_null(strstr(output, " host hairpin/smtpd["));
	assert_int_equal(output[3], ' ');
	assert_int_equal(output[9], ':');
}

static void
only_printable_characters_get_out(void **state)
{
	(void)state;
	assert_string_equal(logged("a\tb\r\nc\x1b[2Jd\x7f"), "a?b??c?[2Jd?");
	assert_string_equal(logged("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
	assert_string_equal(logged("\xff\xc3x\xe2\x82"), "??x??");
	/* U+009B is a terminal's escape too. */
	assert_string_equal(logged("\xc2\x9b"
				   "2J"),
		"??2J");
}

static void
a_long_line_is_cut(void **state)
{
	static char text[5000];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	assert_true(strlen(logged(text)) < 2048);
	assert_true(strlen(logged(text)) > 1900);
}

static void
lines_below_the_level_are_not_written(void **state)
{
	FILE *to = tmpfile();
	int saved = dup(STDERR_FILENO);

	(void)state;
	log_init("host", "smtpd", LOG_LEVEL_WARN);
	dup2(fileno(to), STDERR_FILENO);
	log_debug("no");
	log_info("no");
	log_warn("yes");
	log_error("yes");
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(to);
	output[fread(output, 1, sizeof output - 1, to)] = '\0';
	fclose(to);
	assert_null(strstr(output, "no"));
	assert_non_null(strstr(output, "warning: yes\n"));
	assert_non_null(strstr(output, "error: yes\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_a_stamp_in_syslogs_shape),
		cmocka_unit_test(only_printable_characters_get_out),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(lines_below_the_level_are_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
