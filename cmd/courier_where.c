#include "cmd/courier_where.h"

#include <stdlib.h>

#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/must.h"
#include "core/rand.h"

enum { RESOLVE_MS = 30000, TRIES_MAX = 8 };

struct question {
	struct question *next;
	struct courier_where *w;
	uint32_t id;
	struct ipc_question *asked;
};

struct courier_where {
	struct courier *c;
	struct arena arena;
	struct smtp_mx_settings settings;
	struct slice own_name;
	struct smtp_mx *mx;
	struct question *questions; /* open ones */
	struct loop_timer *timer;
	const struct smtp_mx_result *result;
	courier_where_cb cb;
	void *arg;
};

static void carry_out(struct courier_where *w, const struct smtp_mx_actions *acts);

void
courier_where_free(struct courier_where *w)
{
	if (!w)
		return;
	for (struct question *q = w->questions, *next; q; q = next) {
		next = q->next;
		ipc_cancel(q->asked);
		free(q);
	}
	loop_cancel(w->timer);
	arena_reset(&w->arena);
	free(w);
}

static void
close_question(struct question *q)
{
	struct question **at = &q->w->questions;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	free(q);
}

/* False: it isn't what a resolver answers. */
static bool
read_answer(struct courier_where *w, const Ipc__Resolved *r, struct dns_message *out)
{
	struct slice *rdata = arena_alloc(&w->arena, (r->n_rdata + 1) * sizeof *rdata);
	struct slice canonical = codec_slice(r->canonical);
	size_t at = 0;

	for (size_t i = 0; i < r->n_rdata; i++)
		rdata[i] = arena_dup(&w->arena, codec_slice(r->rdata[i]));
	*out = (struct dns_message){
		.rcode = r->rcode, .ttl_sec = r->ttl_sec, .rdata = rdata, .n = r->n_rdata};
	return !canonical.n ||
	       (!dns_name_read(canonical, &at, &out->canonical) && at == canonical.n);
}

static void
on_resolved(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct question *q = arg;
	struct courier_where *w = q->w;
	const Ipc__Resolved *r = (const Ipc__Resolved *)answer;
	struct dns_message message = {.rcode = DNS_MESSAGE_SERVFAIL};
	struct smtp_mx_answer a = {.id = q->id, .message = &message};
	struct smtp_mx_actions acts;

	close_question(q);
	if (!e && read_answer(w, r, &message)) {
		a.is_secure = r->security == IPC__RESOLVED__SECURITY__SECURE;
		a.is_bogus = r->security == IPC__RESOLVED__SECURITY__BOGUS;
	} else {
		message = (struct dns_message){.rcode = DNS_MESSAGE_SERVFAIL};
	}
	smtp_mx_step(w->mx, &a, &acts);
	carry_out(w, &acts);
}

static void
ask(struct courier_where *w, const struct smtp_mx_question *wanted)
{
	struct question *q = must_zalloc(sizeof *q);
	Ipc__Resolve r = IPC__RESOLVE__INIT;

	q->w = w;
	q->id = wanted->id;
	q->next = w->questions;
	w->questions = q;
	r.name = codec_bytes(slice_of(wanted->name.octets, wanted->name.n));
	r.type = wanted->type;
	q->asked = ipc_ask(w->c->p->ipc, IPC_RESOLVE, &r.base, -1,
		(struct ipc_wait){RESOLVE_MS, on_resolved, q});
}

static void
on_done(void *arg)
{
	struct courier_where *w = arg;

	w->timer = NULL;
	w->cb(w->arg, w->result);
}

static void
carry_out(struct courier_where *w, const struct smtp_mx_actions *acts)
{
	for (size_t i = 0; i < acts->n; i++)
		ask(w, &acts->ask[i]);
	if (!acts->result)
		return;
	w->result = acts->result;
	w->timer = loop_after(w->c->p->loop, 0, on_done, w);
}

static struct slice
name_of(struct courier_where *w, const struct smtp_hop_target *t)
{
	struct slice name;
	struct buf out;

	if (t->is_domain)
		return arena_dup(&w->arena, t->host);
	buf_init(&out, SMTP_HOP_MAX + 2);
	buf_printf(&out, "[%.*s]", SLICE_FMT(t->host));
	name = arena_dup(&w->arena, buf_slice(&out));
	buf_fini(&out);
	return name;
}

struct courier_where *
courier_where_new(struct courier *c, const struct smtp_hop_target *target, bool wants_tlsa,
	courier_where_cb cb, void *arg)
{
	static const struct smtp_mx_result no_hop = {
		.status = "5.1.2", .why = {(const uint8_t *)"not the name of a host", 22}};
	static const struct smtp_mx_actions nowhere = {.result = &no_hop};
	struct courier_where *w = must_zalloc(sizeof *w);
	struct smtp_mx_actions acts;
	struct ip_network *own;

	w->c = c;
	w->cb = cb;
	w->arg = arg;
	arena_init(&w->arena, 0);
	w->own_name = slice_str(c->p->config.hostname);
	own = arena_alloc(&w->arena, (c->own.n + 1) * sizeof *own);
	w->settings = (struct smtp_mx_settings){.order = SMTP_MX_ALTERNATE,
		.tries_max = TRIES_MAX,
		.port = target->port,
		.wants_tlsa = wants_tlsa,
		.random = rand_u64(),
		.own_names = &w->own_name,
		.n_own_names = 1,
		.own_addresses = own,
		.n_own_addresses = courier_own_at(&c->own, target->port, own)};
	if (smtp_mx_new(&w->settings, name_of(w, target), &w->arena, &acts, &w->mx))
		acts = nowhere;
	carry_out(w, &acts);
	return w;
}
