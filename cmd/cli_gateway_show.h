/* cli_gateway_show: what `hairpin gateway` says: the mail, and why on standard error; or all
 * of it in JSON. */
#ifndef CMD_CLI_GATEWAY_SHOW_H
#define CMD_CLI_GATEWAY_SHOW_H

#include "core/buf.h"
#include "crypto/gateway.h"

struct cli_gateway_show {
	const Gateway__Question *q;
	const struct gateway_answer *answer;
	struct slice mail; /* as it came */
	bool is_unix;	   /* its lines end in LF: so do those of what is shown */
	bool is_json;
};
/* The exit code. */
int cli_gateway_show(const struct cli_gateway_show *s);

#endif
