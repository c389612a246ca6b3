#include "core/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/ipc_private.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/must.h"

enum { FRAMES_A_TURN = 64, QUEUE_MAX = 64 << 20, SOCKET_ROOM = 4 << 20 };

const char *
ipc_role_name(enum role r)
{
	static const char *const names[] = {"parent", "store", "keyd", "auth", "smtpd", "imapd",
		"filterd", "courier", "link", "resolver", "fetch"};

	return (unsigned)r < ROLE_COUNT ? names[r] : "unknown";
}

struct ipc *
ipc_new(struct loop *loop, enum role self, uint32_t instance)
{
	struct ipc *ipc = must_zalloc(sizeof *ipc);

	ipc->loop = loop;
	ipc->self = self;
	ipc->instance = instance;
	ipc->questions.next = ipc->questions.prev = &ipc->questions;
	arena_init(&ipc->arena, 16384);
	return ipc;
}

static void
free_frames(struct ipc_peer *p)
{
	ipc_wire_clear(&p->out);
	ipc_wire_clear(&p->stash);
	loop_cancel(p->unstash);
	p->unstash = NULL;
}

void
ipc_free(struct ipc *ipc)
{
	struct ipc_peer *next;

	if (!ipc)
		return;
	ipc_question_free_all(ipc);
	for (struct ipc_peer *p = ipc->peers; p; p = next) {
		next = p->next;
		free_frames(p);
		loop_unwatch(p->watch);
		if (p->fd >= 0)
			close(p->fd);
		free(p);
	}
	loop_cancel(ipc->tick);
	loop_cancel(ipc->reap);
	arena_reset(&ipc->arena);
	free(ipc);
}

void
ipc_on(struct ipc *ipc, enum ipc_type type, ipc_handler handler, void *arg)
{
	ipc->on[type].handler = handler;
	ipc->on[type].arg = arg;
}

void
ipc_on_peer(struct ipc *ipc, void (*cb)(void *arg, struct ipc_peer *p, bool up), void *arg)
{
	ipc->on_peer = cb;
	ipc->on_peer_arg = arg;
}

enum role
ipc_peer_role(const struct ipc_peer *p)
{
	return p->role;
}

uint32_t
ipc_peer_instance(const struct ipc_peer *p)
{
	return p->instance;
}

size_t
ipc_waiting(const struct ipc_peer *p)
{
	return p->out.size_bytes;
}

struct ipc_peer *
ipc_peer(struct ipc *ipc, enum role role, uint32_t instance)
{
	for (struct ipc_peer *p = ipc->peers; p; p = p->next)
		if (!p->lost && p->role == role && p->instance == instance)
			return p;
	return NULL;
}

struct ipc_peer *
ipc_any(struct ipc *ipc, enum role role)
{
	struct ipc_peer *best = NULL;

	for (struct ipc_peer *p = ipc->peers; p; p = p->next)
		if (!p->lost && p->role == role && (!best || p->asked < best->asked))
			best = p;
	return best;
}

static void
reap(void *arg)
{
	struct ipc *ipc = arg;
	struct ipc_peer **at = &ipc->peers, *p;

	ipc->reap = NULL;
	ipc_question_end_lost(ipc);
	while ((p = *at)) {
		if (!p->lost) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		free(p);
	}
}

void
ipc_peer_lose(struct ipc_peer *p, const char *why)
{
	struct ipc *ipc = p->ipc;

	if (p->lost)
		return;
	if (why)
		log_warn("ipc: %s/%u cut off: %s", ipc_role_name(p->role), p->instance, why);
	p->lost = true;
	loop_unwatch(p->watch);
	p->watch = NULL;
	close(p->fd);
	p->fd = -1;
	free_frames(p);
	if (!ipc->reap)
		ipc->reap = loop_after(ipc->loop, 0, reap, ipc);
	if (ipc->on_peer)
		ipc->on_peer(ipc->on_peer_arg, p, false);
}

/* --- what goes out ---------------------------------------------------------------- */

static void
on_writable(void *arg)
{
	struct ipc_peer *p = arg;
	struct ipc_wire_frame *f;

	while ((f = p->out.first)) {
		if (ipc_wire_send(p->fd, slice_of(f->bytes, f->n), f->fd) < 0) {
			if (errno != EAGAIN && errno != EINTR)
				ipc_peer_lose(p, NULL);
			return;
		}
		ipc_wire_free(ipc_wire_pop(&p->out));
	}
	loop_want(p->watch, true, false);
}

void
ipc_peer_post_later(struct ipc_peer *p, struct ipc_wire_frame *f)
{
	ipc_wire_push(&p->out, f);
	loop_want(p->watch, true, true);
}

void
ipc_peer_post(struct ipc_peer *p, struct slice frame, int fd)
{
	if (p->lost)
		return;
	if (!p->out.first) {
		if (ipc_wire_send(p->fd, frame, fd) >= 0)
			return;
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
			ipc_peer_lose(p, NULL);
			return;
		}
	}
	if (p->out.size_bytes + frame.n > QUEUE_MAX) {
		ipc_peer_lose(p, "it doesn't read its frames");
		return;
	}
	ipc_peer_post_later(p, ipc_wire_new(frame, fd));
}

void
ipc_tell(struct ipc_peer *to, enum ipc_type type, const ProtobufCMessage *msg, int fd)
{
	struct slice frame = ipc_wire_format(
		(struct ipc_wire_header){type, 0, 0, ERR_OK}, msg, to->ipc->frame);

	if (frame.n)
		ipc_peer_post(to, frame, fd);
	else
		log_error("ipc: note %s is too large", ipc_table_rule(type)->name);
}

struct ipc_ticket
ipc_ticket(const struct ipc_frame *f)
{
	return (struct ipc_ticket){
		f->from->role, f->from->instance, f->request_id, f->from->generation, f->type};
}

void
ipc_answer(struct ipc *ipc, struct ipc_ticket t, enum err e, const ProtobufCMessage *msg)
{
	struct ipc_peer *p = ipc_peer(ipc, t.role, t.instance);
	struct ipc_wire_header h = {t.type, IPC_WIRE_ANSWER, t.request_id, e};
	struct slice frame;

	if (!p || p->generation != t.generation || t.request_id == 0)
		return;
	frame = ipc_wire_format(h, e ? NULL : msg, ipc->frame);
	if (frame.n == 0) {
		h.e = ERR_TOO_BIG;
		frame = ipc_wire_format(h, NULL, ipc->frame);
	}
	ipc_peer_post(p, frame, -1);
}

/* --- what comes ------------------------------------------------------------------ */

static void
got_question(struct ipc_peer *p, const struct ipc_rule *rule, struct ipc_wire_header h,
	struct slice payload, int *fd)
{
	struct ipc *ipc = p->ipc;
	struct ipc_frame f = {p, h.type, h.id, NULL, -1};

	if (!(rule->from & 1u << p->role) || !(rule->to & 1u << ipc->self) ||
		(*fd >= 0 && !rule->fd) || (rule->answer == NULL) != (h.id == 0) ||
		!ipc->on[h.type].handler) {
		ipc_peer_lose(p, "a frame that it may not send");
		return;
	}
	f.msg = codec_unpack(rule->question, payload, &ipc->arena);
	if (!f.msg) {
		ipc_peer_lose(p, "a malformed question");
		return;
	}
	f.fd = *fd;
	*fd = -1;
	ipc->on[h.type].handler(ipc->on[h.type].arg, &f);
}

static void
dispatch(struct ipc_peer *p, struct slice raw, int *fd)
{
	const struct ipc_rule *rule;
	struct ipc_wire_header h;
	struct slice payload;

	if (!ipc_wire_parse(raw, &h, &payload)) {
		ipc_peer_lose(p, "a short frame");
		return;
	}
	rule = ipc_table_rule((unsigned)h.type);
	if (!rule || payload.n > rule->max) {
		ipc_peer_lose(p, "an unknown or oversize frame");
		return;
	}
	if (h.flags & IPC_WIRE_ANSWER)
		ipc_question_got_answer(p, rule, h, payload);
	else
		got_question(p, rule, h, payload, fd);
}

void
ipc_peer_got(struct ipc_peer *p, struct slice raw, int fd)
{
	dispatch(p, raw, &fd);
	if (fd >= 0)
		close(fd);
	arena_reset(&p->ipc->arena);
}

static void
on_readable(void *arg)
{
	struct ipc_peer *p = arg;
	uint8_t *frame = p->ipc->in;
	ssize_t n;
	int fd;

	for (int i = 0; i < FRAMES_A_TURN && !p->lost; i++) {
		n = ipc_wire_receive(p->fd, frame, &fd);
		if (n <= 0) {
			if (n == 0 || (errno != EAGAIN && errno != EINTR))
				ipc_peer_lose(p, NULL);
			break;
		}
		ipc_peer_got(p, slice_of(frame, (size_t)n), fd);
	}
}

/* --- a new peer -------------------------------------------------------------------- */

struct ipc_peer *
ipc_add_peer(struct ipc *ipc, enum role role, uint32_t instance, int fd)
{
	struct ipc_peer *p = must_zalloc(sizeof *p), *old = ipc_peer(ipc, role, instance);
	int room = SOCKET_ROOM;

	if (old)
		ipc_peer_lose(old, NULL);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	p->ipc = ipc;
	p->role = role;
	p->instance = instance;
	p->generation = ++ipc->generations;
	p->fd = fd;
	ipc_wire_init(&p->out);
	ipc_wire_init(&p->stash);
	p->next = ipc->peers;
	ipc->peers = p;
	p->watch = loop_watch(ipc->loop, fd, on_readable, on_writable, p);
	loop_want(p->watch, true, false);
	if (ipc->on_peer)
		ipc->on_peer(ipc->on_peer_arg, p, true);
	ipc_question_peer_up(p);
	return p;
}
