/* cli_check_key: what `hairpin check` looks at of keys and certificates: those that expire
 * soon, and those that wait for approval. It reads the database itself. */
#ifndef CMD_CLI_CHECK_KEY_H
#define CMD_CLI_CHECK_KEY_H

#include "cmd/cli_finding.h"

enum { CLI_CHECK_KEY_SOON_DAYS = 30 };

void cli_check_key(struct cli_findings *f);

#endif
