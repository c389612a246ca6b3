/* cli_check: `hairpin check`: looks at configuration, files, certificate, ports, disk and the
 * running server, says what is wrong and how to mend it. Changes nothing; nothing that it meets
 * is fatal. Exit code 0: nothing wrong was found; 1: something. */
#ifndef CMD_CLI_CHECK_H
#define CMD_CLI_CHECK_H

#include "cmd/cli.h"

int cli_check_run(const struct cli_line *line);

#endif
