/* cli_sop_text: is what comes in a stream text, as --as=text wants it: UTF-8, whose characters
 * may be cut between two pieces? Pure. */
#ifndef CMD_CLI_SOP_TEXT_H
#define CMD_CLI_SOP_TEXT_H

#include "core/utf8.h"

/* All zeros at the beginning. */
struct cli_sop_text {
	uint8_t rest[UTF8_MAX]; /* of a character that came in part */
	size_t n_rest;
	bool is_wrong;
};
/* False: it isn't, and stays so. */
bool cli_sop_text_feed(struct cli_sop_text *t, struct slice octets);
/* At the end: no character is cut. */
bool cli_sop_text_is_good(const struct cli_sop_text *t);

#endif
