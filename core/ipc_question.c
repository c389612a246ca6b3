#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc_private.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/must.h"

enum { TICK_MS = 50 };

static void
unlink_question(struct ipc_question *q)
{
	q->prev->next = q->next;
	q->next->prev = q->prev;
	if (q->to)
		q->to->asked--;
	ipc_wire_free(q->parked);
	q->parked = NULL;
}

void
ipc_cancel(struct ipc_question *q)
{
	if (!q)
		return;
	unlink_question(q);
	free(q);
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
	struct slice frame = ipc_wire_format(
		(struct ipc_wire_header){type, 0, q->id, ERR_OK}, msg, ipc->frame);

	if (frame.n == 0) {
		/* Ours alone can be too large: the asker hears of it like of a lost peer. */
		log_error("ipc: question %s is too large", ipc_table_rule(type)->name);
		q->deadline_ms = 0;
	} else if (to) {
		direct(q, to);
		ipc_peer_post(to, frame, fd);
	} else {
		q->parked = ipc_wire_new(frame, fd);
	}
	return q;
}

static struct ipc_question *
find_question(struct ipc_peer *p, uint32_t id)
{
	struct ipc *ipc = p->ipc;

	for (struct ipc_question *q = ipc->questions.next; q != &ipc->questions; q = q->next)
		if (q->id == id && q->to == p)
			return q;
	return NULL;
}

void
ipc_question_got_answer(struct ipc_peer *p, const struct ipc_rule *rule,
	struct ipc_wire_header h, struct slice payload)
{
	struct ipc_question *q = find_question(p, h.id);
	const ProtobufCMessage *answer = NULL;

	if (!rule->answer || (unsigned)h.e >= ERR_COUNT) {
		ipc_peer_lose(p, "an answer that it may not give");
		return;
	}
	if (!q || q->type != h.type)
		return; /* cancelled or timed out meanwhile */
	if (!h.e && !(answer = codec_unpack(rule->answer, payload, &p->ipc->arena))) {
		ipc_peer_lose(p, "a malformed answer");
		return;
	}
	settle(q, h.e, answer);
}

void
ipc_question_peer_up(struct ipc_peer *p)
{
	struct ipc_question *next;

	for (struct ipc_question *q = p->ipc->questions.next; q != &p->ipc->questions;
		q = next) {
		next = q->next;
		if (q->to || !q->parked || q->role != p->role)
			continue;
		direct(q, p);
		ipc_peer_post_later(p, q->parked);
		q->parked = NULL;
	}
}

void
ipc_question_end_lost(struct ipc *ipc)
{
	struct ipc_question *q;

	/* Callbacks may ask anew: start again from the front after each. */
again:
	for (q = ipc->questions.next; q != &ipc->questions; q = q->next)
		if (q->to && q->to->lost) {
			settle(q, ERR_PEER, NULL);
			goto again;
		}
}

void
ipc_question_free_all(struct ipc *ipc)
{
	while (ipc->questions.next != &ipc->questions)
		ipc_cancel(ipc->questions.next);
}

/* --- the blocking question -------------------------------------------------------- */

static void
on_stash(void *arg)
{
	struct ipc_peer *p = arg;
	struct ipc_wire_frame *f;
	int fd;

	p->unstash = NULL;
	while (!p->lost && (f = ipc_wire_pop(&p->stash))) {
		fd = f->fd;
		f->fd = -1;
		ipc_peer_got(p, slice_of(f->bytes, f->n), fd);
		ipc_wire_free(f);
	}
}

/* Frames that came while we waited for another: seen in their order at the next turn. */
static void
stash(struct ipc_peer *p, struct slice raw, int fd)
{
	ipc_wire_push(&p->stash, ipc_wire_new(raw, fd));
	if (!p->unstash)
		p->unstash = loop_after(p->ipc->loop, 0, on_stash, p);
}

/* True: raw is the answer to id; e and answer are set. */
static bool
is_answer_to(struct slice raw, uint32_t id, const struct ipc_rule *rule, enum err *e,
	ProtobufCMessage **answer)
{
	struct ipc_wire_header h;
	struct slice payload;

	if (!ipc_wire_parse(raw, &h, &payload) || !(h.flags & IPC_WIRE_ANSWER) || h.id != id)
		return false;
	*e = (unsigned)h.e < ERR_COUNT ? h.e : ERR_PEER;
	if (!*e) {
		*answer = protobuf_c_message_unpack(rule->answer, NULL, payload.n, payload.p);
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
	struct slice frame = ipc_wire_format(
		(struct ipc_wire_header){type, 0, id, ERR_OK}, msg, ipc->frame);
	struct pollfd ready = {to->fd, POLLIN, 0};
	uint8_t *raw;
	enum err e = ERR_TIMEOUT;
	bool done = false;
	ssize_t got;
	int fd;

	if (frame.n == 0 || to->lost)
		return frame.n ? ERR_PEER : ERR_TOO_BIG;
	ipc_peer_post(to, frame, -1);
	raw = must_alloc(IPC_FRAME_MAX);
	while (!done && (now_ms = clock_ms()) < until_ms && !to->lost) {
		if (poll(&ready, 1, (int)(until_ms - now_ms)) <= 0)
			continue;
		got = ipc_wire_receive(to->fd, raw, &fd);
		if (got <= 0) {
			e = ERR_PEER;
			break;
		}
		frame = slice_of(raw, (size_t)got);
		done = is_answer_to(frame, id, ipc_table_rule(type), &e, answer);
		if (!done)
			stash(to, frame, fd);
		if (fd >= 0)
			close(fd);
	}
	free(raw);
	return e;
}
