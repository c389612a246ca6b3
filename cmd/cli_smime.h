/* cli_smime: `hairpin smime encrypt` and `decrypt`: one layer of S/MIME by itself, without a
 * server, so that other implementations can be held against it. In from standard input, out to
 * standard output, in memory that doesn't grow with it; nothing comes out unless all is
 * well. */
#ifndef CMD_CLI_SMIME_H
#define CMD_CLI_SMIME_H

#include "cmd/cli.h"

/* Of a MIME part to the certificates (PEM), as a mail of application/pkcs7-mime or DER. */
int cli_smime_encrypt(const struct cli_line *line);
/* The contrary, with a private key and its certificate (PEM); takes DER and mail. Whatever is
 * wrong with what came in: one line, and 65 (EX_DATAERR). */
int cli_smime_decrypt(const struct cli_line *line);

#endif
