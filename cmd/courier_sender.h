/* courier_sender: as whom a mail leaves. Somebody elsewhere whose mail an address of ours
 * forwards is rewritten (smtp/smtp_srs), all others stay. */
#ifndef CMD_COURIER_SENDER_H
#define CMD_COURIER_SENDER_H

#include "cmd/courier_step.h"

/* Asks keyd for the key, until it has it; then the courier looks for work. A loop_cb; arg:
 * struct courier. */
void courier_sender_start(void *courier);
/* The envelope's sender for this recipient of s->item; borrowed from item or s->arena. txn: for
 * the domains that are ours. */
struct slice courier_sender_of(
	struct courier_step *s, struct db_txn *txn, const Commands__Rcpt *r);

#endif
