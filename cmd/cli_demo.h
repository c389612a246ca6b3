/* cli_demo: `hairpin demo`: shows the main job on a server of its own, and removes what it
 * made. Exit code 0 only if all of it held. */
#ifndef CMD_CLI_DEMO_H
#define CMD_CLI_DEMO_H

#include "cmd/cli.h"

int cli_demo_run(const struct cli_line *line);

#endif
