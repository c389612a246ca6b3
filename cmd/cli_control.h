/* cli_control: the verbs that the running server answers: a line of words becomes a request of
 * JSON for the control socket (control.h), and its answer becomes a table, or stays JSON. */
#ifndef CMD_CLI_CONTROL_H
#define CMD_CLI_CONTROL_H

#include "cmd/cli.h"

int cli_control_run(const struct cli_line *line);
/* The line as a request. NULL: it won't do; that was said. */
json_t *cli_control_request(const struct cli_line *line);
/* Asks the running server; *answer is the caller's to decref. Returns an exit code; what failed
 * was said. */
int cli_control_ask(const char *config_path, json_t *request, json_t **answer);

#endif
