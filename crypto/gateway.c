#include "crypto/gateway.h"

#include "crypto/gateway_in.h"
#include "crypto/gateway_out.h"

/* Marks, triggers and types can't be looked for in it, so nothing can be promised of it. */
static void
refuse(struct gateway_work *w)
{
	struct gateway_some all = {.n = 0};
	Gateway__Group *g;

	for (; all.n < w->e->q->n_recipient; all.n++)
		all.i[all.n] = (uint32_t)all.n;
	g = gateway_answer_group(w, &all);
	g->action = GATEWAY__GROUP__ACTION__BOUNCE;
	g->status = (char *)(uintptr_t) "5.3.4";
	g->words = (char *)(uintptr_t)gateway_answer_text(
		w, "its header has more than %d octets", GATEWAY_HEADER_MAX);
	gateway_answer_fact(
		w, NULL, "bounces: its header has more than %d octets", GATEWAY_HEADER_MAX);
}

enum err
gateway_run(const struct gateway *e, struct gateway_answer *out)
{
	struct gateway_work w;
	struct gateway_head head;
	enum err err;

	gateway_answer_begin(&w, e, out);
	if (e->q->n_recipient > GATEWAY_RECIPIENTS_MAX)
		return ERR_LIMIT;
	err = gateway_head_read(e->body, e->arena, &head);
	if (err == ERR_TOO_BIG) {
		refuse(&w);
		return ERR_OK;
	}
	if (err)
		return err;
	return e->q->way == GATEWAY__QUESTION__WAY__IN ? gateway_in_run(&w, &head)
						       : gateway_out_run(&w, &head);
}
