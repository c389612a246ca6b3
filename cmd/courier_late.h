/* courier_late: recipients that wait for a certificate: they stand in `relay` behind the hop
 * `key:ADDRESS` until there is one, or the time is over that their mail is kept. Such a hop is
 * due when a certificate for the address comes, and now and then; then its mails pass the
 * engine again. */
#ifndef CMD_COURIER_LATE_H
#define CMD_COURIER_LATE_H

#include "cmd/courier_step.h"
#include "crypto/gateway.pb-c.h"

#define COURIER_LATE_HOP "key:"

bool courier_late_is_hop(struct slice hop);
/* Could that be the address that a mail waits for? */
bool courier_late_is_address(struct slice address);
/* The steps of s: they wait, and their sender is told once, or, if their time is over, they
 * fail. status: borrowed. */
enum err courier_late_wait(struct courier_step *s, const Gateway__Group *g, const char *status);
/* One that waits so is due: its time is over, or it passes the engine again. */
void courier_late_decide(
	struct courier_step *s, const Commands__Rcpt *r, Commands__RcptStep *one);
/* The hop is due: begins what waits there, as far as there is room. */
enum err courier_late_look(
	struct courier *c, struct db_txn *txn, uint32_t node, struct slice hop);

#endif
