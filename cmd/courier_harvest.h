/* courier_harvest: which of the certificates that the engine found in a mail go to the log with
 * it. filterd reads what strangers wrote, so it is believed no more than one: trust by hand it
 * can give nobody, nor a key of its own the place of one that has it. */
#ifndef CMD_COURIER_HARVEST_H
#define CMD_COURIER_HARVEST_H

#include "core/arena.h"
#include "crypto/gateway.pb-c.h"
#include "store/commands.pb-c.h"

struct db_txn;

enum { COURIER_HARVEST_MAX = 16 /* of one mail */ };

struct courier_harvest {
	const Gateway__Question *q;
	const Gateway__Answer *answer;
	struct db_txn *txn;
	struct arena *arena;
};
/* Fills p->harvest. Left out is what the log knows; and of OpenPGP's copies those that were put
 * together without one that came meanwhile, as they could take away what that one says: the
 * next mail has them again. */
void courier_harvest_fill(const struct courier_harvest *x, Commands__Passed *p);

#endif
