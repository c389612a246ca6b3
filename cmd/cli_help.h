/* cli_help: what the command line says about itself, from the table of verbs. */
#ifndef CMD_CLI_HELP_H
#define CMD_CLI_HELP_H

#include <stdio.h>

#include "cmd/cli_verbs.h"

/* All groups, on one screen. */
void cli_help_all(FILE *to);
/* One group of verbs with its options. */
void cli_help_group(FILE *to, const struct cli_verb *any);
/* How one verb is used, with a line end; first stands before it. Lines are folded. */
void cli_help_usage(FILE *to, const char *first, const struct cli_verb *verb);
/* Says on standard error that no verb begins with word, and which one may be meant; before:
 * what stood before it, with its space. Returns EX_USAGE. */
int cli_help_unknown(const char *word, const char *before);

/* help [VERB [WORD]] */
int cli_help_run(const struct cli_line *line);
int cli_help_version(const struct cli_line *line);
extern const char cli_help_number[]; /* "0.1.0" */

#endif
