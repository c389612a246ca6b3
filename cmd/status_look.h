/* status_look: one look at whether certificates are revoked: filterd says where each says that
 * it is to be asked, fetch asks there, one address after the other, filterd reads what came,
 * and the log keeps it (StatusPut). A part of the courier; never with a mail. */
#ifndef CMD_STATUS_LOOK_H
#define CMD_STATUS_LOOK_H

#include "cmd/courier.h"

/* CERTS: of one look. ISSUERS: fetched for one certificate, one above the other. FETCH_MS: for
 * one address. */
enum {
	STATUS_LOOK_CERTS_MAX = 5000,
	STATUS_LOOK_ISSUERS_MAX = 3,
	STATUS_LOOK_FETCH_MS = 30000
};

struct status_look;
struct status_look_cert {
	struct slice sha256, address; /* as in table cert */
};
struct status_look_how {
	struct courier *c;
	/* All at once, and all that is above them. Else there is a time of chance before each
	 * address, and what isn't due is left out. */
	bool in_haste;
	/* Is somebody else asking that host? NULL: nobody is. */
	bool (*is_busy)(void *arg, struct slice host);
	/* What was found is in the log; the look is gone. */
	void (*done)(void *arg);
	void *arg;
};
/* Copies the list. done never comes before the return. */
struct status_look *status_look_start(
	const struct status_look_how *how, const struct status_look_cert *list, size_t n);
/* Whom it is asking now; empty: nobody. */
struct slice status_look_host(const struct status_look *l);

#endif
