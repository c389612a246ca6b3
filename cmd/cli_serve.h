/* cli_serve: `hairpin serve`: becomes the parent process. */
#ifndef CMD_CLI_SERVE_H
#define CMD_CLI_SERVE_H

#include "cmd/cli.h"

int cli_serve_run(const struct cli_line *line);

#endif
