/* cli_smime_signed: `hairpin smime sign` and `verify`: one layer of S/MIME by itself, without a
 * server, so that other implementations can be held against it. In from standard input, out to
 * standard output; nothing comes out unless all is well. */
#ifndef CMD_CLI_SMIME_SIGNED_H
#define CMD_CLI_SMIME_SIGNED_H

#include "cmd/cli.h"

/* A MIME part, by a private key and its certificate (PEM), as multipart/signed, or opaque. */
int cli_smime_signed_sign(const struct cli_line *line);
/* A mail, or DER with the content in it; the authorities (PEM) alone are trusted. Prints the
 * content if there is a signature, and nothing is wrong with any; else one line says what is,
 * and the code is 65 (EX_DATAERR). */
int cli_smime_signed_verify(const struct cli_line *line);

#endif
