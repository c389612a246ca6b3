/* control_dkim: the keys by which mail of a domain is signed (DKIM): made, shown as the records
 * that the DNS is to have, exchanged, deleted. New ones wait until they are activated. */
#ifndef CMD_CONTROL_DKIM_H
#define CMD_CONTROL_DKIM_H

#include "cmd/control.h"

/* Makes an RSA and an Ed25519 key for a domain, which sign at once, unless it has keys that
 * do; replies with all of its records. domain: from the request's arena. */
void control_dkim_begin(struct control_request *r, struct slice domain);
/* Proposes the command, then the deletion of the domain's keys. */
void control_dkim_end(struct control_request *r, struct slice domain);

#endif
