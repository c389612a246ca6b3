/* ipc_wire: one frame of core/ipc on its socket, made, sent, received and read; and frames that
 * wait. Of the rules it knows only the table's largest payload. Never blocks, logs nothing. */
#ifndef CORE_IPC_WIRE_H
#define CORE_IPC_WIRE_H

#include <sys/types.h>

#include "core/ipc.h"

enum { IPC_WIRE_ANSWER = 1 }; /* the one bit of the flags */

struct ipc_wire_header {
	enum ipc_type type;
	unsigned flags;
	uint32_t id;
	enum err e;
};

/* Writes to frame, which has room for IPC_FRAME_MAX octets, and gives the slice of it that was
 * written; empty: larger than the table allows. The table has h.type; msg may be NULL. */
struct slice ipc_wire_format(
	struct ipc_wire_header h, const ProtobufCMessage *msg, uint8_t *frame);
/* False: shorter than a header. h is as it came: type and e may be no value of their enum.
 * payload points into raw. */
bool ipc_wire_parse(struct slice raw, struct ipc_wire_header *h, struct slice *payload);

/* One packet with fd, of which the kernel makes a duplicate; -1 = none. -1 with errno. */
ssize_t ipc_wire_send(int to, struct slice frame, int fd);
/* One packet into frame, which has room for IPC_FRAME_MAX octets. Octets, 0 at the end, -1 with
 * errno. Sets fd, to -1 if none came; the caller closes it. A packet that was cut because no
 * frame is so long comes as one octet, so that it can't be parsed. */
ssize_t ipc_wire_receive(int from, uint8_t *frame, int *fd);

/* A frame that waits. It owns its fd, or -1. */
struct ipc_wire_frame {
	struct ipc_wire_frame *next;
	int fd;
	size_t n;
	uint8_t bytes[];
};
/* Copies raw and duplicates fd. */
struct ipc_wire_frame *ipc_wire_new(struct slice raw, int fd);
void ipc_wire_free(struct ipc_wire_frame *f);

/* Frames in the order in which they came. */
struct ipc_wire_queue {
	struct ipc_wire_frame *first, **end;
	size_t size_bytes;
};
void ipc_wire_init(struct ipc_wire_queue *q);
/* Takes f. */
void ipc_wire_push(struct ipc_wire_queue *q, struct ipc_wire_frame *f);
/* The first one, now the caller's; NULL when there is none. */
struct ipc_wire_frame *ipc_wire_pop(struct ipc_wire_queue *q);
/* Frees all; the queue can be used on. */
void ipc_wire_clear(struct ipc_wire_queue *q);

#endif
