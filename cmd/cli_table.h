/* cli_table: the server's answers for eyes: lists as tables with a head, records as lines of
 * name and value. Times are shown as dates in UTC. */
#ifndef CMD_CLI_TABLE_H
#define CMD_CLI_TABLE_H

#include <jansson.h>

/* An array of records; what a record holds as a list of records comes below it, indented. */
/* The columns of that name alone (a NULL ends them), and `below` in a line of its own. */
void cli_table_put_columns(const json_t *rows, const char *const *columns, const char *below);
void cli_table_put_rows(const json_t *rows);
/* One record. */
void cli_table_put_record(json_t *record);

#endif
