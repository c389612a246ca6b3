/* cli_dkim: `hairpin dkim sign`, which needs no server: standard input's mail, signed; and
 * `hairpin dkim import`, whose key is on standard input. */
#ifndef CMD_CLI_DKIM_H
#define CMD_CLI_DKIM_H

struct cli_line;

/* Exits of sysexits.h. */
int cli_dkim_sign(const struct cli_line *line);
int cli_dkim_import(const struct cli_line *line);

#endif
