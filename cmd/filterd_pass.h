/* filterd_pass: a mail passes the engine (crypto/gateway): the question of the courier, with
 * the sealed mail, becomes its answer, and new sealed texts. */
#ifndef CMD_FILTERD_PASS_H
#define CMD_FILTERD_PASS_H

#include "core/ipc.h"

/* Of the question in a frame: octets; of all new texts that one question makes, sealed. */
#define FILTERD_PASS_QUESTION_MAX (4u << 20)
#define FILTERD_PASS_ROOM_MAX (UINT64_C(3) << 30)

/* Answers a FILTER_PASS. Takes the frame's fd. */
void filterd_pass(struct ipc *ipc, struct ipc_frame *frame);

#endif
