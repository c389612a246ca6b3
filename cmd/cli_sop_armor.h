/* cli_sop_armor: `hairpin sop armor` and `dearmor`. */
#ifndef CMD_CLI_SOP_ARMOR_H
#define CMD_CLI_SOP_ARMOR_H

#include "cmd/cli_sop.h"

int cli_sop_armor(const struct cli_sop_line *line);
int cli_sop_armor_off(const struct cli_sop_line *line);

#endif
