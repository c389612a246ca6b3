/* cli_check_cluster: what `hairpin check` looks at of a node of a cluster: the files by which
 * other nodes know it, whether it is still a member, whether the cluster can take mail, and who
 * of the others is away. */
#ifndef CMD_CLI_CHECK_CLUSTER_H
#define CMD_CLI_CHECK_CLUSTER_H

#include "cmd/cli_finding.h"

/* is_running: the server answers; else what it knew last of its removal counts. */
void cli_check_cluster(struct cli_findings *f, bool is_running);

#endif
