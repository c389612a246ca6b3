/* filterd_status: what strangers wrote about certificates: their chains, and lists and OCSP
 * answers about their revocation (crypto/cert_source, crypto/cert_status). */
#ifndef CMD_FILTERD_STATUS_H
#define CMD_FILTERD_STATUS_H

#include "core/ipc.h"

/* QUESTION: octets of one in a file. SERIALS: of a question. */
enum { FILTERD_STATUS_QUESTION_MAX = 4 << 20, FILTERD_STATUS_SERIALS_MAX = 1000 };

/* Answer a FILTER_CHAIN, a FILTER_STATUS. Take the frame's fd. */
void filterd_status_chain(struct ipc *ipc, struct ipc_frame *frame);
void filterd_status_list(struct ipc *ipc, struct ipc_frame *frame);

#endif
