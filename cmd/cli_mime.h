/* cli_mime: the verbs that look at a mail or an address from outside, without a
 * server, a database or a configuration. A mail is read from standard input to its
 * end, in memory that doesn't grow with it. */
#ifndef CMD_CLI_MIME_H
#define CMD_CLI_MIME_H

#include "cmd/cli.h"

/* mime dump: a JSON tree of the parts with offsets in octets. */
int cli_mime_dump(const struct cli_line *line);
/* imap bodystructure, body, envelope: as IMAP would say it. */
int cli_mime_imap(const struct cli_line *line);
/* addr parse: what the address is made of and its canonical form; 65 (EX_DATAERR)
 * and the reason when it is none. It may be a path in <>. */
int cli_mime_addr(const struct cli_line *line);

#endif
