/* cli_table: the server's answers for eyes: lists as tables with a head, records as lines of
 * name and value. Times are shown as dates in UTC. */
#ifndef CMD_CLI_TABLE_H
#define CMD_CLI_TABLE_H

#include <jansson.h>

/* An array of records; what a record holds as a list of records comes below it, indented. */
void cli_table_put_rows(const json_t *rows);
/* One record. */
void cli_table_put_record(json_t *record);

#endif
