/* cli: the command line. Words are looked up in cli_verbs, put into a `struct
 * cli_line` and checked there; only then the verb runs. Answers go to standard
 * output; errors go to standard error and say the next step. Exit codes are
 * sysexits'. */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <jansson.h>

#include "cmd/config.h"

struct cli_verb;
enum { CLI_WORDS_MAX = 1000, CLI_OPTIONS_MAX = 16 };

/* A command line that its verb accepts. Borrows argv. */
struct cli_line {
	const struct cli_verb *verb;
	const char *word[CLI_WORDS_MAX]; /* what is no option, behind the verb */
	size_t words;
	struct {
		const char *name, *value; /* "--json"; NULL: a flag */
	} option[CLI_OPTIONS_MAX];
	size_t options;
};

/* argv without the program's name. Returns the exit code. */
int cli_run(int argc, char **argv);
/* Fills *line from argv. EX_OK, or EX_USAGE: it won't do, and why was said. */
int cli_read(int argc, char **argv, struct cli_line *line);

/* The value of the option, or NULL: it wasn't given. */
const char *cli_value(const struct cli_line *line, const char *name);
bool cli_has(const struct cli_line *line, const char *name);
/* Of -c FILE, HAIRPIN_CONFIG, or the default. */
const char *cli_config_path(const struct cli_line *line);
/* A password: --password, else asked for without echo, else the first line of standard input.
 * malloc'ed; NULL: there is none. */
char *cli_password(const struct cli_line *line);

/* Says "hairpin: ..." on standard error; returns code. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says what is wrong with this use of the verb, and how it is used. Returns EX_USAGE. */
int cli_misused(const struct cli_verb *verb, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* j on standard output, indented; takes it. Returns the exit code. */
int cli_put_json(json_t *j);

#endif
