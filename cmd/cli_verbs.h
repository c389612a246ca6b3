/* cli_verbs: the verbs of the command line with their arguments and options: the one table from
 * which words are judged and help is written. docs/hairpin.1 says more; a test holds the two
 * together. */
#ifndef CMD_CLI_VERBS_H
#define CMD_CLI_VERBS_H

#include "cmd/cli.h"

struct cli_verb {
	const char *name; /* one word or two */
	/* Arguments as the usage shows them; one that ends in "..." stands for one or more,
	 * one in brackets may be missing, one that begins with '<' is standard input and no
	 * word. */
	const char *args;
	const char
		*options; /* the names of those it takes, spaces between; all take -c. NULL: all
			      * words are the verb's own to read */
	const char *help;
	int (*run)(const struct cli_line *line);
};

struct cli_option {
	const char *name, *value; /* value: as the usage shows it; NULL: a flag */
	const char *help;
};

/* The last one has no name. Verbs of one group (the same first word) stand together. */
extern const struct cli_verb cli_verbs[];
extern const struct cli_option cli_verbs_options[];

/* The verb that argv begins with, *used its words; NULL: none. */
const struct cli_verb *cli_verbs_find(int argc, char **argv, int *used);
/* The first of the verbs whose first word this is, or NULL. */
const struct cli_verb *cli_verbs_group(const char *word);
/* Both begin with the same word. */
bool cli_verbs_same_group(const struct cli_verb *a, const struct cli_verb *b);
/* An option of that verb, or NULL. */
const struct cli_option *cli_verbs_option(const struct cli_verb *verb, const char *name);
/* The first word of a verb that looks most like this one; never NULL. */
const char *cli_verbs_nearest(const char *word);
/* The option of that verb that looks most like this one; never NULL. */
const char *cli_verbs_nearest_option(const struct cli_verb *verb, const char *name);

#endif
