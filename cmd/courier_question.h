/* courier_question: what the engine is asked about a mail (crypto/gateway.proto), from the
 * database: who gets it, what holds for them, whose keys and certificates there are. */
#ifndef CMD_COURIER_QUESTION_H
#define CMD_COURIER_QUESTION_H

#include "cmd/courier_step.h"
#include "crypto/gateway.pb-c.h"

/* The recipients are those of s, in their order; way: a LOOP_GUARD_x. Memory of s->arena. */
enum err courier_question_make(
	struct courier_step *s, struct db_txn *txn, unsigned way, Gateway__Question **out);

#endif
