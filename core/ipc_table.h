/* ipc_table: who may send what to whom, how large, with an fd or not. */
#ifndef CORE_IPC_TABLE_H
#define CORE_IPC_TABLE_H

#include "core/ipc.h"

struct ipc_rule {
	enum ipc_type type;
	const char *name;
	const ProtobufCMessageDescriptor *question;
	const ProtobufCMessageDescriptor *answer; /* NULL: a note, never answered */
	uint32_t from, to;			  /* bit (1 << role) */
	uint32_t max;				  /* octets of payload, either way */
	bool fd;				  /* the question may carry one */
};
/* NULL: no such type. */
const struct ipc_rule *ipc_table_rule(unsigned type);
/* The role that answers a question of this type: the table has just one for each. */
enum role ipc_table_answerer(enum ipc_type type);

#endif
