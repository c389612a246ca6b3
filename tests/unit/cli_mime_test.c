#include "tests/test.h"

#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli.h"

static char output[100000];

/* Runs the command line with this standard input; output and errors end up in `output`. */
static int
run(struct slice in, char **argv)
{
	FILE *from = tmpfile(), *to = tmpfile();
	int saved[3], code, argc = 0;
	size_t n;

	while (argv[argc])
		argc++;
	if (in.n)
		fwrite(in.p, 1, in.n, from);
	rewind(from);
	fflush(stdout);
	for (int i = 0; i < 3; i++)
		saved[i] = dup(i);
	dup2(fileno(from), 0);
	dup2(fileno(to), 1);
	dup2(fileno(to), 2);
	code = cli_run(argc, argv);
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	rewind(to);
	n = fread(output, 1, sizeof output - 1, to);
	output[n] = '\0';
	fclose(from);
	fclose(to);
	return code;
}

#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})

static void
a_dump_is_json_with_offsets(void **state)
{
	json_t *j, *message;

	(void)state;
	assert_int_equal(run(SLICE_LIT("Subject: \xff =?utf-8?Q?=C3=A9?=\n\nbody\n"),
				 ARGS("mime", "dump")),
		EX_OK);
	j = json_loads(output, 0, NULL);
	assert_non_null(j);
	message = json_object_get(j, "message");
	assert_string_equal(
		json_string_value(json_object_get(message, "subject")), "\xef\xbf\xbd é");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(message, "body"), "from")),
		31);
	assert_int_equal(json_integer_value(json_object_get(j, "size")), 36);
	json_decref(j);
}

static void
imap_forms_are_written(void **state)
{
	(void)state;
	assert_int_equal(run(SLICE_LIT("Subject: x\n\nb"), ARGS("imap", "envelope")), EX_OK);
	assert_string_equal(output, "(NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL)\n");
	assert_int_equal(run(SLICE_EMPTY, ARGS("imap", "bodystructure")), EX_OK);
	assert_string_equal(output, "(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
				    "\"7BIT\" 0 0 NIL NIL NIL NIL)\n");
	assert_int_equal(run(SLICE_EMPTY, ARGS("imap", "flags")), EX_USAGE);
	assert_int_equal(run(SLICE_EMPTY, ARGS("mime", "mince")), EX_USAGE);
}

static void
addresses_are_judged_with_a_reason(void **state)
{
	json_t *j;

	(void)state;
	assert_int_equal(run(SLICE_EMPTY, ARGS("addr", "parse", "A@B.org")), EX_OK);
	assert_non_null(strstr(output, "canonical  a@b.org\n"));
	assert_int_equal(run(SLICE_EMPTY, ARGS("addr", "parse", "--json", "<a+x@b>")), EX_OK);
	j = json_loads(output, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(j, "detail")), "x");
	json_decref(j);
	assert_int_equal(run(SLICE_EMPTY, ARGS("addr", "parse", "a@b@c")), EX_DATAERR);
	assert_non_null(strstr(output, "after the domain"));
	assert_int_equal(run(SLICE_EMPTY, ARGS("addr", "parse", "<a@b> ")), EX_DATAERR);
	assert_int_equal(run(SLICE_EMPTY, ARGS("addr", "parse")), EX_USAGE);
	assert_int_equal(run(SLICE_EMPTY, ARGS("addr", "parse", "a@b", "c@d")), EX_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump_is_json_with_offsets),
		cmocka_unit_test(imap_forms_are_written),
		cmocka_unit_test(addresses_are_judged_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
