/* cli_init: `hairpin init`: makes the data folder, keys, certificate and configuration, the
 * first domain and user. Nothing that exists is overwritten. */
#ifndef CMD_CLI_INIT_H
#define CMD_CLI_INIT_H

#include "cmd/cli.h"

int cli_init_run(const struct cli_line *line);

#endif
