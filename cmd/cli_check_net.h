/* cli_check_net: what `hairpin check` looks at of the world: the DNS of the domains and of
 * this host, whether mail can leave, how others see our listeners (cmd/survey). The DNS is
 * asked by the running server, the calls are the command line's own. Ends within
 * CLI_CHECK_NET_MS, whoever is silent. */
#ifndef CMD_CLI_CHECK_NET_H
#define CMD_CLI_CHECK_NET_H

#include "cmd/cli.h"
#include "cmd/cli_finding.h"

enum { CLI_CHECK_NET_MS = 18000 };

/* Its options. EX_OK, or EX_USAGE: they won't do, and why was said. */
int cli_check_net_read(const struct cli_line *line);
/* outbound: whom to call to see whether mail can leave; NULL: well-known servers. */
void cli_check_net(struct cli_findings *f, bool is_running, const char *outbound);

#endif
