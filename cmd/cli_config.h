/* cli_config: `hairpin config`: the configuration as the server would read it. */
#ifndef CMD_CLI_CONFIG_H
#define CMD_CLI_CONFIG_H

#include "cmd/cli.h"

int cli_config_run(const struct cli_line *line);

#endif
