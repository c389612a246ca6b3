/* cli_cert: `hairpin cert add|trust|show`: the verbs of certificates that work on files in this
 * process, or make one. The others are the server's (cmd/control_cert). */
#ifndef CMD_CLI_CERT_H
#define CMD_CLI_CERT_H

#include "cmd/cli.h"

int cli_cert_add(const struct cli_line *line);
int cli_cert_trust(const struct cli_line *line);
int cli_cert_show(const struct cli_line *line);

#endif
