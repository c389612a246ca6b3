/* cli_key: `hairpin key import|create|export`: the verbs of private keys that work on files in
 * this process. The others are the server's (cmd/control_key). */
#ifndef CMD_CLI_KEY_H
#define CMD_CLI_KEY_H

#include "cmd/cli.h"

int cli_key_import(const struct cli_line *line);
int cli_key_create(const struct cli_line *line);

#endif
