#include "core/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/ipc_table.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/must.h"

/* Frame: u16 type, u16 flags, u32 request id, u32 err. */
enum { HEADER = 12, FLAG_ANSWER = 1, FRAMES_A_TURN = 64, QUEUE_MAX = 64 << 20, TICK_MS = 50 };
enum { SOCKET_ROOM = 4 << 20 };

struct ipc_question {
	struct ipc_question *next, *prev;
	struct ipc *ipc;
	struct ipc_peer *to;	  /* NULL: waits for a peer of role */
	struct out_frame *parked; /* while it waits */
	enum role role;
	enum ipc_type type;
	uint32_t id;
	uint64_t deadline_ms;
	ipc_answer_cb cb;
	void *arg;
};

struct out_frame {
	struct out_frame *next;
	int fd;
	size_t n;
	uint8_t bytes[];
};

struct ipc_peer {
	struct ipc_peer *next;
	struct ipc *ipc;
	enum role role;
	uint32_t instance, generation, asked;
	int fd;
	struct loop_fd *watch;
	struct out_frame *out, **out_end; /* what the socket didn't take yet */
	struct out_frame *stash;	  /* came while ipc_ask_now waited */
	struct loop_timer *unstash;
	size_t out_bytes;
	bool lost;
};

struct ipc {
	struct loop *loop;
	enum role self;
	uint32_t instance, next_id, generations;
	struct ipc_peer *peers;
	struct ipc_question questions; /* ring */
	struct loop_timer *tick, *reap;
	struct {
		ipc_handler handler;
		void *arg;
	} on[IPC_TYPE_MAX];
	void (*on_peer)(void *arg, struct ipc_peer *p, bool up);
	void *on_peer_arg;
	struct arena arena;
	uint8_t frame[IPC_FRAME_MAX], in[IPC_FRAME_MAX]; /* packed here; received here */
};

const char *
ipc_role_name(enum role r)
{
	static const char *const names[] = {
		"parent", "store", "keyd", "auth", "smtpd", "imapd", "filterd", "courier"};

	return (unsigned)r < ROLE_COUNT ? names[r] : "unknown";
}

static void on_tick(void *arg);
static void lose(struct ipc_peer *p, const char *why);

static void *
take(void *arena, size_t n)
{
	return arena_alloc(arena, n);
}

static void
give(void *arena, void *p)
{
	(void)arena;
	(void)p;
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
	struct out_frame *next;

	for (struct out_frame *f = p->out; f; f = next) {
		next = f->next;
		if (f->fd >= 0)
			close(f->fd);
		free(f);
	}
	for (struct out_frame *f = p->stash; f; f = next) {
		next = f->next;
		if (f->fd >= 0)
			close(f->fd);
		free(f);
	}
	loop_cancel(p->unstash);
	p->unstash = NULL;
	p->stash = p->out = NULL;
	p->out_end = &p->out;
	p->out_bytes = 0;
}

static void
drop_parked(struct ipc_question *q)
{
	if (!q->parked)
		return;
	if (q->parked->fd >= 0)
		close(q->parked->fd);
	free(q->parked);
	q->parked = NULL;
}

static void
unlink_question(struct ipc_question *q)
{
	q->prev->next = q->next;
	q->next->prev = q->prev;
	if (q->to)
		q->to->asked--;
	drop_parked(q);
}

void
ipc_free(struct ipc *ipc)
{
	struct ipc_peer *next;
	struct ipc_question *q;

	if (!ipc)
		return;
	while ((q = ipc->questions.next) != &ipc->questions) {
		unlink_question(q);
		free(q);
	}
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

/* Ends a question with an answer or an err: unlinked first, so that the callback may do what it
 * likes. */
static void
settle(struct ipc_question *q, enum err e, const ProtobufCMessage *answer)
{
	ipc_answer_cb cb = q->cb;
	void *arg = q->arg;

	unlink_question(q);
	free(q);
	cb(arg, e, answer);
}

static void
reap(void *arg)
{
	struct ipc *ipc = arg;
	struct ipc_peer **at = &ipc->peers, *p;
	struct ipc_question *q;

	ipc->reap = NULL;
	/* Callbacks may ask anew: start again from the front after each. */
again:
	for (q = ipc->questions.next; q != &ipc->questions; q = q->next)
		if (q->to && q->to->lost) {
			settle(q, ERR_PEER, NULL);
			goto again;
		}
	while ((p = *at)) {
		if (!p->lost) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		free(p);
	}
}

static void
lose(struct ipc_peer *p, const char *why)
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

/* --- sending ------------------------------------------------------------------- */

static ssize_t
send_frame(int to, const void *bytes, size_t n, int fd)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
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

static void
on_writable(void *arg)
{
	struct ipc_peer *p = arg;
	struct out_frame *f;

	while ((f = p->out)) {
		if (send_frame(p->fd, f->bytes, f->n, f->fd) < 0) {
			if (errno != EAGAIN && errno != EINTR)
				lose(p, NULL);
			return;
		}
		p->out = f->next;
		if (!p->out)
			p->out_end = &p->out;
		p->out_bytes -= f->n;
		if (f->fd >= 0)
			close(f->fd);
		free(f);
	}
	loop_want(p->watch, true, false);
}

static struct out_frame *
new_frame(const uint8_t *bytes, size_t n, int fd)
{
	struct out_frame *f = must_alloc(sizeof *f + n);

	f->next = NULL;
	f->n = n;
	f->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
	memcpy(f->bytes, bytes, n);
	return f;
}

static void
queue_frame(struct ipc_peer *p, struct out_frame *f)
{
	*p->out_end = f;
	p->out_end = &f->next;
	p->out_bytes += f->n;
	loop_want(p->watch, true, true);
}

static void
post(struct ipc_peer *p, const uint8_t *bytes, size_t n, int fd)
{
	if (p->lost)
		return;
	if (!p->out) {
		if (send_frame(p->fd, bytes, n, fd) >= 0)
			return;
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
			lose(p, NULL);
			return;
		}
	}
	if (p->out_bytes + n > QUEUE_MAX) {
		lose(p, "it doesn't read its frames");
		return;
	}
	queue_frame(p, new_frame(bytes, n, fd));
}

static void
put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static uint32_t
get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct header {
	enum ipc_type type;
	unsigned flags;
	uint32_t id;
	enum err e;
};

/* Octets of the frame, in ipc->frame. 0: too large for the table. */
static size_t
pack(struct ipc *ipc, struct header h, const ProtobufCMessage *msg)
{
	const struct ipc_rule *rule = ipc_table_rule(h.type);
	size_t n = msg ? protobuf_c_message_get_packed_size(msg) : 0;
	uint8_t *p = ipc->frame;

	must(rule != NULL);
	if (n > rule->max)
		return 0;
	p[0] = (uint8_t)((unsigned)h.type >> 8);
	p[1] = (uint8_t)h.type;
	p[2] = 0;
	p[3] = (uint8_t)h.flags;
	put_u32(p + 4, h.id);
	put_u32(p + 8, (uint32_t)h.e);
	if (msg)
		protobuf_c_message_pack(msg, p + HEADER);
	return HEADER + n;
}

static struct ipc_question *
new_question(struct ipc *ipc, enum ipc_type type, struct ipc_wait wait)
{
	struct ipc_question *q = must_zalloc(sizeof *q);

	q->ipc = ipc;
	q->role = ipc_table_answerer(type);
	q->type = type;
	q->cb = wait.cb;
	q->arg = wait.arg;
	q->id = ++ipc->next_id ? ipc->next_id : ++ipc->next_id;
	q->deadline_ms = clock_ms() + wait.timeout_ms;
	if (!ipc->tick)
		ipc->tick = loop_after(ipc->loop, TICK_MS, on_tick, ipc);
	q->next = &ipc->questions;
	q->prev = ipc->questions.prev;
	q->prev->next = q->next->prev = q;
	return q;
}

static void
direct(struct ipc_question *q, struct ipc_peer *to)
{
	q->to = to;
	to->asked++;
}

struct ipc_question *
ipc_ask(struct ipc *ipc, enum ipc_type type, const ProtobufCMessage *msg, int fd,
	struct ipc_wait wait)
{
	struct ipc_question *q = new_question(ipc, type, wait);
	struct ipc_peer *to = ipc_any(ipc, q->role);
	size_t n = pack(ipc, (struct header){type, 0, q->id, ERR_OK}, msg);

	if (n == 0) {
		/* Ours alone can be too large: the asker hears of it like of a lost peer. */
		log_error("ipc: question %s is too large", ipc_table_rule(type)->name);
		q->deadline_ms = 0;
	} else if (to) {
		direct(q, to);
		post(to, ipc->frame, n, fd);
	} else {
		q->parked = new_frame(ipc->frame, n, fd);
	}
	return q;
}

void
ipc_cancel(struct ipc_question *q)
{
	if (!q)
		return;
	unlink_question(q);
	free(q);
}

void
ipc_tell(struct ipc_peer *to, enum ipc_type type, const ProtobufCMessage *msg, int fd)
{
	size_t n = pack(to->ipc, (struct header){type, 0, 0, ERR_OK}, msg);

	if (n)
		post(to, to->ipc->frame, n, fd);
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
	size_t n;

	if (!p || p->generation != t.generation || t.request_id == 0)
		return;
	n = pack(ipc, (struct header){t.type, FLAG_ANSWER, t.request_id, e}, e ? NULL : msg);
	if (n == 0)
		n = pack(ipc, (struct header){t.type, FLAG_ANSWER, t.request_id, ERR_TOO_BIG},
			NULL);
	post(p, ipc->frame, n, -1);
}

static void
on_tick(void *arg)
{
	struct ipc *ipc = arg;
	struct ipc_question *q;
	uint64_t now_ms = clock_ms();

	/* Only while somebody waits for an answer: an idle process sleeps. */
	ipc->tick = NULL;
	if (ipc->questions.next != &ipc->questions)
		ipc->tick = loop_after(ipc->loop, TICK_MS, on_tick, ipc);
again:
	for (q = ipc->questions.next; q != &ipc->questions; q = q->next)
		if (now_ms >= q->deadline_ms) {
			settle(q, ERR_TIMEOUT, NULL);
			goto again;
		}
}

/* --- receiving ------------------------------------------------------------------ */

static struct ipc_question *
find_question(struct ipc_peer *p, uint32_t id)
{
	struct ipc *ipc = p->ipc;

	for (struct ipc_question *q = ipc->questions.next; q != &ipc->questions; q = q->next)
		if (q->id == id && q->to == p)
			return q;
	return NULL;
}

static const ProtobufCMessage *
unpack(struct ipc *ipc, const ProtobufCMessageDescriptor *type, struct slice payload)
{
	ProtobufCAllocator from = {take, give, &ipc->arena};

	return protobuf_c_message_unpack(type, &from, payload.n, payload.p);
}

static void
got_answer(
	struct ipc_peer *p, const struct ipc_rule *rule, struct header h, struct slice payload)
{
	struct ipc_question *q = find_question(p, h.id);
	const ProtobufCMessage *answer = NULL;

	if (!rule->answer || (unsigned)h.e >= ERR_COUNT) {
		lose(p, "an answer that it may not give");
		return;
	}
	if (!q || q->type != h.type)
		return; /* cancelled or timed out meanwhile */
	if (!h.e && !(answer = unpack(p->ipc, rule->answer, payload))) {
		lose(p, "a malformed answer");
		return;
	}
	settle(q, h.e, answer);
}

static void
got_question(struct ipc_peer *p, const struct ipc_rule *rule, struct header h,
	struct slice payload, int *fd)
{
	struct ipc *ipc = p->ipc;
	struct ipc_frame f = {p, h.type, h.id, NULL, -1};

	if (!(rule->from & 1u << p->role) || !(rule->to & 1u << ipc->self) ||
		(*fd >= 0 && !rule->fd) || (rule->answer == NULL) != (h.id == 0) ||
		!ipc->on[h.type].handler) {
		lose(p, "a frame that it may not send");
		return;
	}
	f.msg = unpack(ipc, rule->question, payload);
	if (!f.msg) {
		lose(p, "a malformed question");
		return;
	}
	f.fd = *fd;
	*fd = -1;
	ipc->on[h.type].handler(ipc->on[h.type].arg, &f);
}

static void
got_frame(struct ipc_peer *p, struct slice raw, int *fd)
{
	const struct ipc_rule *rule;
	struct header h;

	if (raw.n < HEADER) {
		lose(p, "a short frame");
		return;
	}
	h = (struct header){(enum ipc_type)(raw.p[0] << 8 | raw.p[1]), raw.p[3],
		get_u32(raw.p + 4), (enum err)get_u32(raw.p + 8)};
	rule = ipc_table_rule((unsigned)h.type);
	if (!rule || raw.n - HEADER > rule->max) {
		lose(p, "an unknown or oversize frame");
		return;
	}
	if (h.flags & FLAG_ANSWER)
		got_answer(p, rule, h, slice_from(raw, HEADER));
	else
		got_question(p, rule, h, slice_from(raw, HEADER), fd);
}

/* One packet. Octets, 0 at the end, -1 with errno. fd is ours to close. */
static ssize_t
receive(int from, uint8_t *p, size_t room, int *fd)
{
	struct iovec iov = {p, room};
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room};
	struct cmsghdr *c;
	ssize_t n = recvmsg(from, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*fd = -1;
	if (n <= 0)
		return n;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	/* A cut packet is longer than any frame of ours: header too short marks it broken. */
	return m.msg_flags & MSG_TRUNC ? 1 : n;
}

static void
on_readable(void *arg)
{
	struct ipc_peer *p = arg;
	uint8_t *frame = p->ipc->in;
	ssize_t n;
	int fd;

	for (int i = 0; i < FRAMES_A_TURN && !p->lost; i++) {
		n = receive(p->fd, frame, IPC_FRAME_MAX, &fd);
		if (n <= 0) {
			if (n == 0 || (errno != EAGAIN && errno != EINTR))
				lose(p, NULL);
			break;
		}
		got_frame(p, slice_of(frame, (size_t)n), &fd);
		if (fd >= 0)
			close(fd);
		arena_reset(&p->ipc->arena);
	}
}

/* --- peers ------------------------------------------------------------------------ */

static void
send_parked(struct ipc_peer *p)
{
	struct ipc_question *next;

	for (struct ipc_question *q = p->ipc->questions.next; q != &p->ipc->questions;
		q = next) {
		next = q->next;
		if (q->to || !q->parked || q->role != p->role)
			continue;
		direct(q, p);
		queue_frame(p, q->parked);
		q->parked = NULL;
	}
}

struct ipc_peer *
ipc_add_peer(struct ipc *ipc, enum role role, uint32_t instance, int fd)
{
	struct ipc_peer *p = must_zalloc(sizeof *p), *old = ipc_peer(ipc, role, instance);
	int room = SOCKET_ROOM;

	if (old)
		lose(old, NULL);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	p->ipc = ipc;
	p->role = role;
	p->instance = instance;
	p->generation = ++ipc->generations;
	p->fd = fd;
	p->out_end = &p->out;
	p->next = ipc->peers;
	ipc->peers = p;
	p->watch = loop_watch(ipc->loop, fd, on_readable, on_writable, p);
	loop_want(p->watch, true, false);
	if (ipc->on_peer)
		ipc->on_peer(ipc->on_peer_arg, p, true);
	send_parked(p);
	return p;
}

/* --- the blocking question ----------------------------------------------------------- */

static void
on_stash(void *arg)
{
	struct ipc_peer *p = arg;
	struct out_frame *f;

	p->unstash = NULL;
	while (!p->lost && (f = p->stash)) {
		int fd = f->fd;

		p->stash = f->next;
		got_frame(p, slice_of(f->bytes, f->n), &fd);
		if (fd >= 0)
			close(fd);
		free(f);
		arena_reset(&p->ipc->arena);
	}
}

/* Frames that came while we waited for another: seen in their order at the next turn. */
static void
stash(struct ipc_peer *p, struct slice raw, int fd)
{
	struct out_frame **end = &p->stash;

	while (*end)
		end = &(*end)->next;
	*end = new_frame(raw.p, raw.n, fd);
	if (!p->unstash)
		p->unstash = loop_after(p->ipc->loop, 0, on_stash, p);
}

/* True: raw is the answer to id; e and answer are set. */
static bool
is_answer_to(struct slice raw, uint32_t id, const struct ipc_rule *rule, enum err *e,
	ProtobufCMessage **answer)
{
	if (raw.n < HEADER || !(raw.p[3] & FLAG_ANSWER) || get_u32(raw.p + 4) != id)
		return false;
	*e = (enum err)get_u32(raw.p + 8);
	if ((unsigned)*e >= ERR_COUNT)
		*e = ERR_PEER;
	if (!*e) {
		*answer = protobuf_c_message_unpack(
			rule->answer, NULL, raw.n - HEADER, raw.p + HEADER);
		if (!*answer)
			*e = ERR_PEER;
	}
	return true;
}

enum err
ipc_ask_now(struct ipc_peer *to, enum ipc_type type, const ProtobufCMessage *msg,
	uint32_t timeout_ms, ProtobufCMessage **answer)
{
	struct ipc *ipc = to->ipc;
	uint64_t until_ms = clock_ms() + timeout_ms, now_ms;
	uint32_t id = ++ipc->next_id ? ipc->next_id : ++ipc->next_id;
	size_t n = pack(ipc, (struct header){type, 0, id, ERR_OK}, msg);
	struct pollfd ready = {to->fd, POLLIN, 0};
	uint8_t *raw;
	enum err e = ERR_TIMEOUT;
	ssize_t got;
	int fd;

	if (n == 0 || to->lost)
		return n ? ERR_PEER : ERR_TOO_BIG;
	post(to, ipc->frame, n, -1);
	raw = must_alloc(IPC_FRAME_MAX);
	while ((now_ms = clock_ms()) < until_ms && !to->lost) {
		if (poll(&ready, 1, (int)(until_ms - now_ms)) <= 0)
			continue;
		got = receive(to->fd, raw, IPC_FRAME_MAX, &fd);
		if (got <= 0) {
			e = ERR_PEER;
			break;
		}
		if (is_answer_to(
			    slice_of(raw, (size_t)got), id, ipc_table_rule(type), &e, answer))
			break;
		stash(to, slice_of(raw, (size_t)got), fd);
		if (fd >= 0)
			close(fd);
	}
	free(raw);
	return e;
}
