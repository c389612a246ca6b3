#include "cmd/courier_filter.h"

#include <stdlib.h>
#include <unistd.h>

#include "cmd/courier_file.h"
#include "cmd/courier_group.h"
#include "cmd/courier_hairpin.h"
#include "cmd/courier_question.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "crypto/loop_guard.h"
#include "crypto/text_sealed.h"
#include "smtp/smtp_hop.h"
#include "store/view_queue.h"

/* FRAME: octets of a question with all that is in it. PARTS_A_TURN: of a large mail, copied in
 * one turn of the loop. */
enum { FRAME = IPC_FRAME_MAX - 4096, PARTS_A_TURN = 32, WAIT_MS = 50 };

bool
courier_filter_is_for(const Commands__Item *item, const Commands__Rcpt *rcpt)
{
	return slice_eq(view_queue_filter(item, rcpt), SLICE_LIT(SMTP_HOP_LOCAL));
}

uint32_t
courier_filter_again(const Commands__Item *item, const Commands__Rcpt *rcpt)
{
	const Commands__Enqueue *env = item->envelope;

	for (uint32_t i = 0; i < env->n_filter && env->was_decrypted && !rcpt->is_out; i++)
		if (slice_eq(codec_slice(env->filter[i]), SLICE_LIT(SMTP_HOP_LOCAL)))
			return i + 1;
	return 0;
}

size_t
courier_filter_max(const Commands__Item *item)
{
	uint64_t size = item->envelope->body->size + 1, n = COURIER_FILTER_BYTES_MAX / size;

	return n == 0 ? 1 : n < GATEWAY_RECIPIENTS_MAX ? (size_t)n : GATEWAY_RECIPIENTS_MAX;
}

/* --- what is made --- */

static void
drop_made(struct courier_filter *f)
{
	struct courier_filter_made *next;

	for (struct courier_filter_made *m = f->made; m; m = next) {
		next = m->next;
		if (m->body.fd >= 0)
			close(m->body.fd);
		seal_wipe(&m->body.key, sizeof m->body.key);
	}
	f->made = NULL;
	f->n_made = 0;
}

static bool
is_sound(const struct courier_filter *f, const Ipc__FilterMade *q, int fd)
{
	uint64_t size;

	if (f->n_made >= GATEWAY_BODIES_MAX || q->data_key.len != SEAL_KEY ||
		!text_sealed_size(fd < 0 ? q->body.len : q->fd_size, &size) || size != q->size)
		return false;
	return fd < 0 ? !q->fd_size : !q->body.len && courier_file_is_sealed(fd, q->fd_size);
}

/* Takes fd. */
static void
take_made(struct courier_filter *f, const Ipc__FilterMade *q, int fd)
{
	struct arena *a = f->s->arena;
	struct courier_filter_made *m = arena_zalloc(a, sizeof *m);

	memcpy(m->body.key.b, q->data_key.data, SEAL_KEY);
	m->body.fd = fd;
	m->body.octets = arena_dup(a, codec_slice(q->body));
	m->body.size = q->size;
	m->body.sealed_size = fd < 0 ? q->body.len : q->fd_size;
	m->sealed_index = arena_dup(a, codec_slice(q->sealed_index));
	m->body_hash = arena_dup(a, codec_slice(q->body_hash));
	m->is_8bit = q->body_8bit;
	m->is_header_8bit = q->header_8bit;
	m->n = (uint32_t)++f->n_made;
	m->next = f->made;
	f->made = m;
}

static void
on_made(void *arg, struct ipc_frame *frame)
{
	struct courier *c = arg;
	const Ipc__FilterMade *q = (const Ipc__FilterMade *)frame->msg;
	struct courier_filter *f = c->filters;

	while (f && (f->token != q->token || !f->s->question))
		f = f->next;
	if (f && is_sound(f, q, frame->fd))
		take_made(f, q, frame->fd);
	else if (frame->fd >= 0)
		close(frame->fd);
}

void
courier_filter_init(struct courier *c)
{
	ipc_on(c->p->ipc, IPC_FILTER_MADE, on_made, c);
}

/* --- the answer --- */

static void ask(struct courier_filter *f);

static enum err
take(struct courier_filter *f, const Ipc__FilterPassed *a)
{
	struct arena *arena = f->s->arena;

	f->passed = codec_unpack(&ipc__filter_passed__descriptor, codec_pack(a, arena), arena);
	f->answer = codec_unpack(
		&gateway__answer__descriptor, codec_slice(f->passed->answer), arena);
	if (!f->answer || !courier_group_are_sound(f))
		return ERR_CORRUPT;
	courier_group_sort(f);
	return courier_group_begin(f);
}

static void
on_passed(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_filter *f = arg;

	f->s->question = NULL;
	/* It may have ended for another mail's sake, but not twice. */
	if (e == ERR_PEER && !f->is_again) {
		f->is_again = true;
		ask(f);
		return;
	}
	if (!e)
		e = take(f, (const Ipc__FilterPassed *)answer);
	f->cb(f->arg, e, NULL);
}

static void
ask(struct courier_filter *f)
{
	Ipc__FilterPass q = IPC__FILTER_PASS__INIT;
	const Commands__Enqueue *env = f->s->item->envelope;
	bool has_body = f->part.n > 0;

	drop_made(f);
	f->token = rand_u64();
	q.data_key = (ProtobufCBinaryData){sizeof f->s->key.b, f->s->key.b};
	q.sealed_head = env->sealed_head;
	q.body = codec_bytes(buf_slice(&f->part));
	q.fd_size = has_body ? 0 : env->body->sealed_size;
	if (f->at > q.fd_size)
		q.question_size = f->packed.n;
	else
		q.question = codec_bytes(f->packed);
	q.token = f->token;
	q.wants_body_hash = env->body_hash.len > 0;
	f->s->question = ipc_ask(f->s->c->p->ipc, IPC_FILTER_PASS, &q.base, f->fd,
		(struct ipc_wait){COURIER_FILTER_MS, on_passed, f});
}

/* --- the question --- */

static void
end_of_filling(struct courier_filter *f, enum err e)
{
	if (!e && f->fd >= 0)
		e = courier_file_seal(f->fd);
	if (e)
		f->cb(f->arg, e, NULL);
	else
		ask(f);
}

/* Behind the mail, if it would make the question too large. */
static enum err
put_question(struct courier_filter *f)
{
	enum err e = ERR_OK;

	if (f->packed.n + f->part.n + f->s->item->envelope->sealed_head.len <= FRAME)
		return ERR_OK;
	if (f->fd < 0)
		e = courier_file_new(&f->fd);
	if (!e)
		e = courier_file_put(f->fd, f->at, f->packed);
	f->at += f->packed.n;
	return e;
}

static void
fill_file(void *arg)
{
	struct courier_filter *f = arg;
	bool is_last = false;
	enum err e = ERR_OK;

	f->timer = NULL;
	for (int i = 0; i < PARTS_A_TURN && !e && !is_last; i++) {
		buf_clear(&f->part);
		e = courier_step_sealed_part(f->s, f->parts, &f->part, &is_last);
		if (!e)
			e = courier_file_put(f->fd, f->at, buf_slice(&f->part));
		f->at += f->part.n;
		f->parts++;
	}
	if (!e && !is_last) {
		f->timer = loop_after(f->s->c->p->loop, 0, fill_file, f);
		return;
	}
	buf_clear(&f->part);
	if (!e && f->at != f->s->item->envelope->body->sealed_size)
		e = ERR_CORRUPT;
	end_of_filling(f, e ? e : put_question(f));
}

static void
fill_in(struct courier_filter *f)
{
	bool is_last;
	enum err e;

	if (f->s->item->envelope->body->sealed_size > SEAL_PART) {
		e = courier_file_new(&f->fd);
		if (e)
			end_of_filling(f, e);
		else
			fill_file(f);
		return;
	}
	e = courier_step_sealed_part(f->s, 0, &f->part, &is_last);
	end_of_filling(f, e ? e : put_question(f));
}

/* Of what is with the engine, and of what it may make of it, there is a limit; one mail may go
 * beyond. */
static void
wait_for_room(void *arg)
{
	struct courier_filter *f = arg;
	struct courier *c = f->s->c;
	uint64_t weight = f->s->item->envelope->body->sealed_size * (f->n + 1);

	f->timer = NULL;
	if (c->filter_bytes && c->filter_bytes + weight > COURIER_FILTER_BYTES_MAX) {
		f->timer = loop_after(c->p->loop, WAIT_MS, wait_for_room, f);
		return;
	}
	f->weight = weight;
	c->filter_bytes += weight;
	fill_in(f);
}

static enum err
make_question(struct courier_filter *f)
{
	struct view *view = f->s->c->view;
	struct db_txn *txn;
	enum err e = view_begin(view, &txn);

	if (e)
		return e;
	e = courier_question_make(f->s, txn, f->way, &f->question);
	if (!view_is_valid(view))
		e = ERR_BUSY;
	view_end(view);
	if (!e)
		f->packed = codec_pack(f->question, f->s->arena);
	return e;
}

static void
on_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_filter *f = arg;

	(void)answer;
	if (!e)
		e = make_question(f);
	if (e)
		f->cb(f->arg, e, NULL);
	else
		wait_for_room(f);
}

/* --- its life --- */

enum err
courier_filter_start(struct courier_filter *f)
{
	struct courier *c = f->s->c;
	enum err e = courier_step_open(f->s, on_key, f);

	if (e)
		return e;
	f->fd = -1;
	buf_init(&f->part, SEAL_PART);
	f->row = f->s->row;
	f->step = f->s->step;
	f->n = f->s->n;
	f->next = c->filters;
	c->filters = f;
	f->is_in_list = true;
	return ERR_OK;
}

bool
courier_filter_next(struct courier_filter *f)
{
	return courier_step_next(f->s) && !courier_group_begin(f);
}

void
courier_filter_say(const struct courier_filter *f)
{
	const struct courier_step *s = f->s;
	char id[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(s->id, id);
	for (size_t i = 0; i < s->n_fact; i++)
		log_info("%s: filter=local, %s: %.*s", id,
			f->way == LOOP_GUARD_IN ? "in" : "out",
			SLICE_FMT(slice_cut(slice_str(s->fact[i]->text), 0, 256)));
}

void
courier_filter_fini(struct courier_filter *f)
{
	struct courier_filter **at;

	if (!f->is_in_list)
		return;
	at = &f->s->c->filters;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	loop_cancel(f->timer);
	if (f->fd >= 0)
		close(f->fd);
	f->s->c->filter_bytes -= f->weight;
	drop_made(f);
	buf_fini(&f->part);
}
