/* cli_check_policy: the part of `hairpin check` about the encryption engine's policy. */
#ifndef CMD_CLI_CHECK_POLICY_H
#define CMD_CLI_CHECK_POLICY_H

#include "cmd/cli_finding.h"

/* What the running server finds dangerous in it. */
void cli_check_policy(struct cli_findings *f);

#endif
