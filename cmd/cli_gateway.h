/* cli_gateway: `hairpin gateway in` and `out`: what the encryption engine decides about one
 * mail, and what it makes of it, without a server, a database or a network. The mail is on
 * standard input, what becomes of it on standard output, why on standard error; or all of it
 * in JSON. */
#ifndef CMD_CLI_GATEWAY_H
#define CMD_CLI_GATEWAY_H

#include "cmd/cli.h"

/* EX_OK: it goes on. 69 (EX_UNAVAILABLE): it bounces, or waits for a certificate (75,
 * EX_TEMPFAIL), for somebody at least; words on standard error. 65: recipients are to get
 * different mails, and --json wasn't given. */
int cli_gateway_run(const struct cli_line *line);

#endif
