/* cli_sop_sign: the verbs of `hairpin sop` about signatures beside or around a text. */
#ifndef CMD_CLI_SOP_SIGN_H
#define CMD_CLI_SOP_SIGN_H

#include "cmd/cli_sop.h"

int cli_sop_sign(const struct cli_sop_line *line);
int cli_sop_sign_verify(const struct cli_sop_line *line);
int cli_sop_sign_inline(const struct cli_sop_line *line);
int cli_sop_sign_inline_verify(const struct cli_sop_line *line);
int cli_sop_sign_detach(const struct cli_sop_line *line);

#endif
