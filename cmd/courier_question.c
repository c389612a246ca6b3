#include "cmd/courier_question.h"

#include "core/codec.h"
#include "crypto/loop_guard.h"

static Gateway__Party *
party_of(struct courier_step *s, ProtobufCBinaryData address)
{
	Gateway__Party *p = arena_alloc(s->arena, sizeof *p);

	gateway__party__init(p);
	p->address = address;
	return p;
}

enum err
courier_question_make(
	struct courier_step *s, struct db_txn *txn, unsigned way, Gateway__Question **out)
{
	Gateway__Question *q = arena_alloc(s->arena, sizeof *q);
	const Commands__Enqueue *env = s->item->envelope;

	(void)txn;
	gateway__question__init(q);
	q->way = way == LOOP_GUARD_IN ? GATEWAY__QUESTION__WAY__IN
				      : GATEWAY__QUESTION__WAY__OUT;
	q->now_sec = courier_now_sec(s->c);
	q->authserv_id = s->c->p->config.hostname;
	q->answers_decrypted = env->answers_decrypted;
	q->sender = party_of(s, env->sender);
	q->recipient = arena_alloc(s->arena, s->n * sizeof *q->recipient);
	for (size_t i = 0; i < s->n; i++)
		q->recipient[q->n_recipient++] = party_of(s, s->row[i]->rcpt->address);
	*out = q;
	return ERR_OK;
}
