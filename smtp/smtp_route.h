/* smtp_route: where a recipient goes: the directory's answer turned into one
 * outcome. Reads the directory through a transaction; decides nothing by
 * itself but the limits on expansion. No clock, socket or loop. */
#ifndef SMTP_ROUTE_H
#define SMTP_ROUTE_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"

struct db_txn;

/* PART_MAX: a larger group is expanded in parts of so many members; PART_OCTETS: or of about so
 * many octets, that a command may hold. */
enum { SMTP_ROUTE_DEPTH_MAX = 10, SMTP_ROUTE_PART_MAX = 1000, SMTP_ROUTE_PART_OCTETS = 80000 };

enum smtp_route_kind {
	SMTP_ROUTE_EXPAND, /* into these recipients */
	SMTP_ROUTE_RELAY,  /* outside */
	SMTP_ROUTE_FAIL	   /* status says why: "5.1.1 ..." */
};
struct smtp_route {
	enum smtp_route_kind kind;
	Commands__Rcpt **into;
	size_t n_into;
	/* EXPAND: 0, or more is to come: how many members of the list are done then, and which
	 * list that was (Rcpt.expanded, Rcpt.expanded_of). */
	uint32_t expanded;
	uint64_t expanded_of;
	Commands__Address__Kind expanded_by; /* EXPAND: what led to them */
	const char *status;		     /* static */
};

/* rcpt->address may have any case: it may be the sender of a mail, who gets a report.
 * delimiter: of subaddressing, 0 none. Memory from the arena; into borrows from rcpt. Fails an
 * address that leads to nobody but itself. */
enum err smtp_route(struct db_txn *txn, const Commands__Rcpt *rcpt, char delimiter,
	struct arena *a, struct smtp_route *out);

#endif
