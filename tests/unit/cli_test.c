#include "tests/test.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_verbs.h"

static struct cli_line line;

/* What cli_read says of these words; its complaint goes nowhere. */
static int
read_words(char **argv)
{
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY), argc = 0, code;

	while (argv[argc])
		argc++;
	fflush(stderr);
	dup2(null, STDERR_FILENO);
	code = cli_read(argc, argv, &line);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(null);
	return code;
}

#define READ(...) read_words((char *[]){__VA_ARGS__, NULL})

static void
words_and_options_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(
		READ("user", "add", "--full-name", "-x", "a@b", "--json", "-c", "f"), EX_OK);
	assert_string_equal(line.verb->name, "user add");
	assert_int_equal(line.words, 1);
	assert_string_equal(line.word[0], "a@b");
	assert_string_equal(cli_value(&line, "--full-name"), "-x");
	assert_true(cli_has(&line, "--json"));
	assert_null(cli_value(&line, "--json"));
	assert_false(cli_has(&line, "--send-as"));
	assert_string_equal(cli_config_path(&line), "f");
	assert_int_equal(READ("addr", "parse", "--", "--json"), EX_OK);
	assert_string_equal(line.word[0], "--json");
	assert_false(cli_has(&line, "--json"));
}

static void
a_verb_may_read_its_own_words(void **state)
{
	(void)state;
	assert_int_equal(READ("sop", "sign", "--no-armor", "--", "-c"), EX_OK);
	assert_int_equal(line.words, 4);
	assert_string_equal(line.word[2], "--");
	assert_int_equal(line.options, 0);
}

static void
words_are_counted(void **state)
{
	(void)state;
	assert_int_equal(READ("alias", "add", "a@b"), EX_USAGE);
	assert_int_equal(READ("alias", "add", "a@b", "c@d"), EX_OK);
	assert_int_equal(READ("alias", "add", "a@b", "c@d", "e@f"), EX_OK);
	assert_int_equal(line.words, 3);
	assert_int_equal(READ("alias", "list", "x"), EX_USAGE);
	assert_int_equal(READ("help"), EX_OK);
	assert_int_equal(READ("help", "user", "add"), EX_OK);
	assert_int_equal(READ("help", "user", "add", "x"), EX_USAGE);
	assert_int_equal(READ("mime", "dump"), EX_OK);
	assert_int_equal(READ("mime", "dump", "file"), EX_USAGE);
}

static void
more_words_than_fit_are_refused(void **state)
{
	static char *argv[CLI_WORDS_MAX + 5] = {"alias", "add"};

	(void)state;
	for (size_t i = 2; i < CLI_WORDS_MAX + 2; i++)
		argv[i] = "a@b";
	assert_int_equal(read_words(argv), EX_OK);
	argv[CLI_WORDS_MAX + 2] = "a@b";
	assert_int_equal(read_words(argv), EX_USAGE);
}

static void
options_that_the_verb_does_not_take_are_refused(void **state)
{
	(void)state;
	assert_int_equal(READ("domain", "add", "x", "--keep"), EX_USAGE);
	assert_int_equal(READ("domain", "add", "x", "--jso"), EX_USAGE);
	assert_int_equal(READ("domain", "add", "x", "--json", "--json"), EX_USAGE);
	assert_int_equal(READ("user", "add", "a@b", "--full-name"), EX_USAGE);
	assert_int_equal(READ("init", "--user"), EX_USAGE);
	assert_int_equal(READ("serve", "-d"), EX_USAGE);
}

static void
verbs_that_do_not_exist_are_refused(void **state)
{
	(void)state;
	assert_int_equal(READ("usre"), EX_USAGE);
	assert_int_equal(READ("user"), EX_USAGE);
	assert_int_equal(READ("user", "ad"), EX_USAGE);
	assert_int_equal(READ("us"), EX_USAGE);
	assert_int_equal(READ(""), EX_USAGE);
}

static void
the_nearest_is_named(void **state)
{
	const struct cli_verb *add;
	int used;

	(void)state;
	assert_string_equal(cli_verbs_nearest("usre"), "user");
	assert_string_equal(cli_verbs_nearest("quene"), "queue");
	assert_string_equal(cli_verbs_nearest("start"), "store");
	add = cli_verbs_find(2, (char *[]){"user", "add", NULL}, &used);
	assert_int_equal(used, 2);
	assert_string_equal(cli_verbs_nearest_option(add, "--quota"), "--quota-bytes");
	assert_string_equal(cli_verbs_nearest_option(add, "--jsn"), "--json");
	/* Not one of another verb. */
	assert_string_not_equal(cli_verbs_nearest_option(add, "--offline"), "--offline");
}

/* What help and parser rely on. */
static void
the_table_of_verbs_is_whole(void **state)
{
	(void)state;
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		assert_non_null(v->run);
		assert_true(v->help[0]);
		for (const struct cli_verb *w = v + 1; w->name; w++) {
			assert_string_not_equal(v->name, w->name);
			if (cli_verbs_same_group(v, w))
				assert_true(cli_verbs_same_group(v, w - 1));
		}
	}
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		char words[200], *rest = words, *one;

		snprintf(words, sizeof words, "%s", v->options ? v->options : "");
		while ((one = strsep(&rest, " ")))
			if (*one)
				assert_non_null(cli_verbs_option(v, one));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_options_are_told_apart),
		cmocka_unit_test(a_verb_may_read_its_own_words),
		cmocka_unit_test(words_are_counted),
		cmocka_unit_test(more_words_than_fit_are_refused),
		cmocka_unit_test(options_that_the_verb_does_not_take_are_refused),
		cmocka_unit_test(verbs_that_do_not_exist_are_refused),
		cmocka_unit_test(the_nearest_is_named),
		cmocka_unit_test(the_table_of_verbs_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
