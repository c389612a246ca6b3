/* courier_status: when certificates' revocation is asked for: each hour, at times of chance, by
 * the node that leads, of those that are due (table status says when); or by hand, at once.
 * [gateway] revocation switches both. */
#ifndef CMD_COURIER_STATUS_H
#define CMD_COURIER_STATUS_H

#include "cmd/courier.h"

struct courier_status;
/* For the life of the process. */
struct courier_status *courier_status_new(struct courier *c);

/* Asks now: about the certificates of an address (canonical, or @domain), or, if it is empty,
 * about all that are due. done comes once, not before the return; what was found is in the log
 * then. ERR_BUSY: another one has asked for it, and waits. ERR_DENIED: it is switched off. */
enum err courier_status_refresh(
	struct courier_status *s, struct slice address, void (*done)(void *arg), void *arg);

#endif
