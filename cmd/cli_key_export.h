/* cli_key_export: `hairpin key export`: a private key in the clear, or under a password, out of
 * the data folder: it opens database, vault and master key itself, so whoever may read these
 * may do it, and no process of the server has to be able to. */
#ifndef CMD_CLI_KEY_EXPORT_H
#define CMD_CLI_KEY_EXPORT_H

#include "cmd/cli.h"

int cli_key_export_run(const struct cli_line *line);

#endif
