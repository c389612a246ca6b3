/* cli_container: `hairpin container`: a node that sets itself up at its first start, with
 * nobody there, and then serves. The nodes of a cluster share a folder for each kind of node: a
 * member puts a token there, the new node takes it away and leaves a mark. Behind the mark no
 * second token is put there, and no second cluster begins where the first one lost its data. */
#ifndef CMD_CLI_CONTAINER_H
#define CMD_CLI_CONTAINER_H

#include "cmd/cli.h"

int cli_container_run(const struct cli_line *line);

#endif
