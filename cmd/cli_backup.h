/* cli_backup: `hairpin backup`: copies of database and vault, from outside of the server. */
#ifndef CMD_CLI_BACKUP_H
#define CMD_CLI_BACKUP_H

#include "cmd/cli.h"

int cli_backup_run(const struct cli_line *line);

#endif
