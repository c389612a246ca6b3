/* courier_hairpin: mail that is handed to a content filter, and what a gateway's engine hands
 * back: what is told of its client (XFORWARD), and the fields on top of it. */
#ifndef CMD_COURIER_HAIRPIN_H
#define CMD_COURIER_HAIRPIN_H

#include "cmd/courier_relay_inner.h"

/* Is the hop who has the recipient in hand before it is routed? */
bool courier_hairpin_is_for(
	const Commands__Item *item, const Commands__Rcpt *rcpt, struct slice hop);
/* Is this node the gateway whose mail that is? Then all goes back by one hop, reports too. */
bool courier_hairpin_is_gateways(const Commands__Item *item);
/* The place of that hop among the item's filters, from 1; 0: this node is no gateway for it. */
uint32_t courier_hairpin_gateway(const Commands__Item *item);
/* What a server is told that trusts us, about a mail that is handed to it. Memory from a. */
void courier_hairpin_forward(
	const Commands__Item *item, struct arena *a, struct slice fact[SMTP_CLIENT_FORWARDS]);

/* Which way an address goes, as a gateway sees it: a LOOP_GUARD_x, by our domains. */
enum err courier_hairpin_way(
	struct courier *c, struct db_txn *txn, struct slice address, unsigned *way);
/* Appends the field that is put on top of a mail of a gateway that goes that way: the loop
 * guard, over the mail as the engine left it.
 * ERR_UNAVAILABLE: keyd hasn't given the loop guard's key yet. */
enum err courier_hairpin_fields(
	struct courier *c, const Commands__Item *item, unsigned way, struct buf *out);
/* Asks for the loop guard's key, if this node is a gateway. */
void courier_hairpin_start(struct courier *c);

#endif
