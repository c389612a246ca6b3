#include "cmd/courier_filter.h"

#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "crypto/loop_guard.h"
#include "smtp/smtp_hop.h"
#include "store/view_queue.h"

bool
courier_filter_is_for(const Commands__Item *item, const Commands__Rcpt *rcpt)
{
	return slice_eq(view_queue_filter(item, rcpt), SLICE_LIT(SMTP_HOP_LOCAL));
}

static void
take(struct courier_filter *f, const Ipc__FilterPassed *a)
{
	Commands__Passed *p = arena_alloc(f->s->arena, sizeof *p);

	commands__passed__init(p);
	p->sealed_head = codec_bytes(arena_dup(f->s->arena, codec_slice(a->sealed_head)));
	p->head_size = a->head_size;
	p->words = (char *)(uintptr_t)(f->way == LOOP_GUARD_IN ? "in" : "out");
	f->s->passed = p;
	for (size_t i = 0; i < f->s->n; i++)
		f->s->step[i]->outcome = COMMANDS__OUTCOME__OUTCOME_PASS;
}

static void ask(struct courier_filter *f);

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
		take(f, (const Ipc__FilterPassed *)answer);
	f->cb(f->arg, e, NULL);
}

static void
ask(struct courier_filter *f)
{
	Ipc__FilterPass q = IPC__FILTER_PASS__INIT;

	q.data_key = (ProtobufCBinaryData){sizeof f->s->key.b, f->s->key.b};
	q.sealed_head = f->s->item->envelope->sealed_head;
	q.is_inward = f->way == LOOP_GUARD_IN;
	f->s->question = ipc_ask(f->s->c->p->ipc, IPC_FILTER_PASS, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_passed, f});
}

static void
on_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_filter *f = arg;

	(void)answer;
	if (e)
		f->cb(f->arg, e, NULL);
	else
		ask(f);
}

enum err
courier_filter_start(struct courier_filter *f)
{
	return courier_step_open(f->s, on_key, f);
}
