/* courier_relay: what leaves for next hops: which mails are in hand, over which
 * connections. Nothing here lasts: what isn't logged as sent or put off is still due, or
 * still waits in relay. The hops (courier_relay), a mail in hand (courier_mail), a
 * connection (courier_conn), its server's addresses (courier_where). */
#ifndef CMD_COURIER_RELAY_H
#define CMD_COURIER_RELAY_H

#include "cmd/courier.h"
#include "core/buf.h"

struct courier_relay *courier_relay_new(struct courier *c);
/* Appends the name of the hop of an address outside. False: there is none. */
bool courier_relay_hop(struct courier_relay *r, struct slice address, struct buf *out);
/* May a mail of that node's items leave for the hop now: is there room, and is nothing known
 * against the hop? */
bool courier_relay_is_open(
	struct courier_relay *r, struct db_txn *txn, uint32_t node, struct slice hop);
bool courier_relay_has(const struct courier_relay *r, uint64_t item, uint32_t number);
/* How many mails of the items that a node took in are in hand. */
uint32_t courier_relay_count_of(const struct courier_relay *r, uint32_t owner_node);

struct courier_relay_work {
	struct slice hop;
	uint64_t item;
	const uint32_t *number; /* at most COURIER_RCPT_MAX recipients */
	size_t n;
	bool is_filed; /* they wait in relay */
};
/* Takes a mail in hand. All is copied. What can't be begun is tried again later. */
void courier_relay_start(
	struct courier_relay *r, struct db_txn *txn, const struct courier_relay_work *w);
/* Takes up what waits for hops that are due, of the items that a node took in. */
enum err courier_relay_look(
	struct courier_relay *r, struct db_txn *txn, uint32_t node, uint64_t now_sec);
/* No new ones; calls done once nothing is in hand whose end isn't known, soon in any case. */
void courier_relay_stop(struct courier_relay *r, loop_cb done, void *arg);

#endif
