/* cli: the command line. Exit codes are sysexits'. Errors go to standard error
 * and say the next step. */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <jansson.h>

#include "cmd/config.h"

/* argv without the program's name. Returns the exit code. */
int cli_run(int argc, char **argv);

/* Of -c FILE, HAIRPIN_CONFIG, or the default. */
const char *cli_config_path(int argc, char **argv);
/* Says "hairpin: ..." on standard error; returns code. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The value behind --name, or NULL. */
const char *cli_option(int argc, char **argv, const char *name);
bool cli_flag(int argc, char **argv, const char *name);
/* Asks the running server; *answer is the caller's to decref. Returns an exit code; what failed
 * was said. */
int cli_ask(const char *config_path, json_t *request, json_t **answer);
/* A password: --password, else asked for without echo, else the first line of standard input.
 * malloc'ed; NULL: failed. */
char *cli_password(int argc, char **argv);

int cli_control_run(int argc, char **argv); /* domain, user, alias, group, forward, catch-all,
					       service, queue, store */
/* Is it one of those? */
bool cli_control_knows(const char *word);
int cli_init_run(int argc, char **argv);
int cli_check_run(int argc, char **argv);
int cli_demo_run(int argc, char **argv);
void cli_control_help(void);

#endif
