/* cli_join: `hairpin join TOKEN`: makes this machine a node of a cluster. A member is asked
 * first; only what it answers makes files, and those go again if one can't be made. */
#ifndef CMD_CLI_JOIN_H
#define CMD_CLI_JOIN_H

#include "cmd/cli.h"

int cli_join_run(const struct cli_line *line);

#endif
