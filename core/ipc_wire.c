#include "core/ipc_wire.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/big_endian.h"
#include "core/ipc_table.h"
#include "core/must.h"

/* u16 type, u16 flags, u32 request id, u32 err. */
enum { HEADER = 12 };

struct slice
ipc_wire_format(struct ipc_wire_header h, const ProtobufCMessage *msg, uint8_t *frame)
{
	const struct ipc_rule *rule = ipc_table_rule((unsigned)h.type);
	size_t n = msg ? protobuf_c_message_get_packed_size(msg) : 0;

	must(rule != NULL);
	if (n > rule->max)
		return SLICE_EMPTY;
	frame[0] = (uint8_t)((unsigned)h.type >> 8);
	frame[1] = (uint8_t)h.type;
	frame[2] = 0;
	frame[3] = (uint8_t)h.flags;
	big_endian_put_u32(frame + 4, h.id);
	big_endian_put_u32(frame + 8, (uint32_t)h.e);
	if (msg)
		protobuf_c_message_pack(msg, frame + HEADER);
	return slice_of(frame, HEADER + n);
}

bool
ipc_wire_parse(struct slice raw, struct ipc_wire_header *h, struct slice *payload)
{
	if (raw.n < HEADER)
		return false;
	*h = (struct ipc_wire_header){(enum ipc_type)(raw.p[0] << 8 | raw.p[1]), raw.p[3],
		big_endian_get_u32(raw.p + 4), (enum err)big_endian_get_u32(raw.p + 8)};
	*payload = slice_from(raw, HEADER);
	return true;
}

ssize_t
ipc_wire_send(int to, struct slice frame, int fd)
{
	struct iovec iov = {(void *)(uintptr_t)frame.p, frame.n};
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (fd >= 0) {
		memset(&control, 0, sizeof control);
		m.msg_control = control.room;
		m.msg_controllen = sizeof control.room;
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	return sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t
ipc_wire_receive(int from, uint8_t *frame, int *fd)
{
	struct iovec iov = {frame, IPC_FRAME_MAX};
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	/* One fd: the whole of the room, which is aligned, would let a second one in. */
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = CMSG_LEN(sizeof(int))};
	struct cmsghdr *c;
	ssize_t n = recvmsg(from, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*fd = -1;
	if (n <= 0)
		return n;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	return m.msg_flags & MSG_TRUNC ? 1 : n;
}

struct ipc_wire_frame *
ipc_wire_new(struct slice raw, int fd)
{
	struct ipc_wire_frame *f = must_alloc(sizeof *f + raw.n);

	f->next = NULL;
	f->n = raw.n;
	f->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
	memcpy(f->bytes, raw.p, raw.n);
	return f;
}

void
ipc_wire_free(struct ipc_wire_frame *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

void
ipc_wire_init(struct ipc_wire_queue *q)
{
	q->first = NULL;
	q->end = &q->first;
	q->size_bytes = 0;
}

void
ipc_wire_push(struct ipc_wire_queue *q, struct ipc_wire_frame *f)
{
	*q->end = f;
	q->end = &f->next;
	q->size_bytes += f->n;
}

struct ipc_wire_frame *
ipc_wire_pop(struct ipc_wire_queue *q)
{
	struct ipc_wire_frame *f = q->first;

	if (!f)
		return NULL;
	q->first = f->next;
	if (!q->first)
		q->end = &q->first;
	q->size_bytes -= f->n;
	f->next = NULL;
	return f;
}

void
ipc_wire_clear(struct ipc_wire_queue *q)
{
	struct ipc_wire_frame *f;

	while ((f = ipc_wire_pop(q)))
		ipc_wire_free(f);
}
