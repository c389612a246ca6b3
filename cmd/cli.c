#include "cmd/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/cli_help.h"

int
cli_fail(int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("hairpin: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	return code;
}

int
cli_misused(const struct cli_verb *verb, const char *format, ...)
{
	va_list ap;
	size_t group = strcspn(verb->name, " ");

	va_start(ap, format);
	fputs("hairpin: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	cli_help_usage(stderr, "usage: ", verb);
	fprintf(stderr, "`hairpin help %.*s` says more.\n", (int)group, verb->name);
	return EX_USAGE;
}

int
cli_put_json(json_t *j)
{
	int rc = json_dumpf(j, stdout, JSON_INDENT(2));

	json_decref(j);
	putchar('\n');
	return rc || fflush(stdout) ? cli_fail(EX_IOERR, "the answer can't be written") : EX_OK;
}

/* --- what was said --- */

const char *
cli_value(const struct cli_line *line, const char *name)
{
	for (size_t i = 0; i < line->options; i++)
		if (!strcmp(line->option[i].name, name))
			return line->option[i].value;
	return NULL;
}

bool
cli_has(const struct cli_line *line, const char *name)
{
	for (size_t i = 0; i < line->options; i++)
		if (!strcmp(line->option[i].name, name))
			return true;
	return false;
}

const char *
cli_config_path(const struct cli_line *line)
{
	const char *said = cli_value(line, "-c");

	if (!said)
		said = getenv("HAIRPIN_CONFIG");
	return said ? said : "/etc/hairpin/hairpin.conf";
}

static char *
read_line(FILE *from)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n = getline(&line, &room, from);

	if (n > 0 && line[n - 1] == '\n')
		line[--n] = '\0';
	if (n > 0)
		return line;
	free(line);
	return NULL;
}

char *
cli_password(const struct cli_line *line)
{
	const char *said = cli_value(line, "--password");
	struct termios saved, silent;
	char *word;

	if (said)
		return strdup(said);
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved))
		return read_line(stdin);
	silent = saved;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	fputs("Password: ", stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	word = read_line(stdin);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
	fputc('\n', stderr);
	return word;
}

/* --- reading a line --- */

/* How many words of argv the option took; 0: it won't do, and that was said. */
static int
read_option(struct cli_line *line, int argc, char **argv)
{
	const struct cli_option *o = cli_verbs_option(line->verb, argv[0]);

	if (!o) {
		cli_misused(line->verb, "no option %s here; did you mean %s?", argv[0],
			cli_verbs_nearest_option(line->verb, argv[0]));
		return 0;
	}
	if (o->value && argc < 2) {
		cli_misused(line->verb, "%s wants a %s behind it", o->name, o->value);
		return 0;
	}
	if (cli_has(line, o->name) || line->options == CLI_OPTIONS_MAX) {
		cli_misused(line->verb, "%s was given twice", o->name);
		return 0;
	}
	line->option[line->options].name = o->name;
	line->option[line->options++].value = o->value ? argv[1] : NULL;
	return o->value ? 2 : 1;
}

/* The words against the verb's args. */
static int
check_words(const struct cli_line *line)
{
	const char *at = line->verb->args;
	size_t least = 0, most = 0;

	while (*at) {
		size_t n = strcspn(at, " ");

		if (memmem(at, n, "...", 3))
			most = CLI_WORDS_MAX;
		least += *at != '<' && *at != '[';
		most += *at != '<';
		at += n + strspn(at + n, " ");
	}
	if (line->words < least)
		return cli_misused(line->verb, "%s: something is missing", line->verb->name);
	if (line->words > most)
		return cli_misused(
			line->verb, "%s: `%s` is too much", line->verb->name, line->word[most]);
	return EX_OK;
}

static int
unknown(int argc, char **argv)
{
	const struct cli_verb *group = cli_verbs_group(argv[0]);

	if (!group)
		return cli_help_unknown(argv[0], "");
	if (argc > 1 && argv[1][0] != '-')
		cli_fail(0, "%s %s: no such verb", argv[0], argv[1]);
	else
		cli_fail(0, "%s: a second word is needed", argv[0]);
	for (const struct cli_verb *v = group; v->name && cli_verbs_same_group(v, group); v++)
		cli_help_usage(stderr, v == group ? "usage: " : "       ", v);
	fprintf(stderr, "`hairpin help %s` says more.\n", argv[0]);
	return EX_USAGE;
}

int
cli_read(int argc, char **argv, struct cli_line *line)
{
	bool words_only = false;
	int used = 0;

	*line = (struct cli_line){.verb = cli_verbs_find(argc, argv, &used)};
	if (!line->verb)
		return unknown(argc, argv);
	words_only = !line->verb->options;
	for (int i = used; i < argc; i += used) {
		used = 1;
		if (line->verb->options && !words_only && !strcmp(argv[i], "--"))
			words_only = true;
		else if (!words_only && argv[i][0] == '-' && argv[i][1])
			used = read_option(line, argc - i, argv + i);
		else if (line->words == CLI_WORDS_MAX)
			return cli_misused(line->verb, "more than %d words", CLI_WORDS_MAX);
		else
			line->word[line->words++] = argv[i];
		if (!used)
			return EX_USAGE;
	}
	return check_words(line);
}

static bool
wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

/* Or the next file gets its number: a key would be read as the data, a message be written into
 * the database. Neither reading nor writing works on what takes its place. It is nothing of the
 * file system's, as children inherit it into their chroot. */
static void
fill_standard_fds(void)
{
	int fd = 0;

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = epoll_create1(0);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int
run(int argc, char **argv)
{
	static struct cli_line line;
	int code;

	if (argc > 2 && !strcmp(argv[0], "-c")) {
		setenv("HAIRPIN_CONFIG", argv[1], true);
		argc -= 2;
		argv += 2;
	}
	if (argc < 1) {
		cli_help_all(stderr);
		return EX_USAGE;
	}
	if (wants_help(argc, argv)) {
		if (cli_verbs_group(argv[0]))
			cli_help_group(stdout, cli_verbs_group(argv[0]));
		else
			cli_help_all(stdout);
		return EX_OK;
	}
	if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V"))
		return cli_help_version(NULL);
	code = cli_read(argc, argv, &line);
	return code ? code : line.verb->run(&line);
}

int
cli_run(int argc, char **argv)
{
	int code;

	fill_standard_fds();
	code = run(argc, argv);
	if (!code && (fflush(stdout) || ferror(stdout)))
		code = cli_fail(EX_IOERR, "the answer can't be written");
	return code;
}
