/* cli_sop_message: `hairpin sop encrypt` and `decrypt`. */
#ifndef CMD_CLI_SOP_MESSAGE_H
#define CMD_CLI_SOP_MESSAGE_H

#include "cmd/cli_sop.h"

int cli_sop_message_encrypt(const struct cli_sop_line *line);
int cli_sop_message_decrypt(const struct cli_sop_line *line);

#endif
