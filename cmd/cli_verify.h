/* cli_verify: `hairpin cluster verify`. */
#ifndef CMD_CLI_VERIFY_H
#define CMD_CLI_VERIFY_H

#include "cmd/cli.h"

/* Exit code 1: a node differs, is damaged, or didn't answer. */
int cli_verify_run(const struct cli_line *line);

#endif
