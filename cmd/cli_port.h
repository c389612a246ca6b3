/* cli_port: asks the kernel whether a listener could listen, as the server would. */
#ifndef CMD_CLI_PORT_H
#define CMD_CLI_PORT_H

#include "cmd/config.h"

/* 0, or errno; a path is always fine. */
int cli_port_try(const struct config_listener *l);
/* What to do about it; static. */
const char *cli_port_cure(int code);

#endif
