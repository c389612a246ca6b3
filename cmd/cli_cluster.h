/* cli_cluster: `hairpin cluster ...` at the terminal; the answers come from the server
 * (cmd/control_cluster). */
#ifndef CMD_CLI_CLUSTER_H
#define CMD_CLI_CLUSTER_H

#include "cmd/cli.h"

int cli_cluster_token(const struct cli_line *line);
int cli_cluster_status(const struct cli_line *line);
int cli_cluster_change(const struct cli_line *line);

#endif
