/* cli_store: what the command line does with the database itself. */
#ifndef CMD_CLI_STORE_H
#define CMD_CLI_STORE_H

#include "cmd/cli.h"

/* store check: asks the server; --offline: looks into the database itself, served or not. Exit
 * code 65 (EX_DATAERR): it has violations. */
int cli_store_check(const struct cli_line *line);

#endif
