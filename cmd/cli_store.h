/* cli_store: what the command line does with the database itself, without a server. */
#ifndef CMD_CLI_STORE_H
#define CMD_CLI_STORE_H

/* `hairpin store check --offline`: over a database that nobody serves, or beside the server.
 * Returns the exit code. */
int cli_store_check(int argc, char **argv);

#endif
