/* cli_restore: `hairpin restore`: a server of its own out of a backup. */
#ifndef CMD_CLI_RESTORE_H
#define CMD_CLI_RESTORE_H

#include "cmd/cli.h"

int cli_restore_run(const struct cli_line *line);
/* The file in the data folder that says that it was restored, until its server has started. */
#define CLI_RESTORE_MARK "restored"

#endif
