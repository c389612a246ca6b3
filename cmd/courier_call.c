#include "cmd/courier_call.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/courier_relay_inner.h"
#include "cmd/courier_sts.h"
#include "cmd/courier_where.h"
#include "core/dial.h"
#include "core/log.h"
#include "core/must.h"

struct courier_call {
	struct courier_hop *hop;
	struct courier_call_events events;
	void *arg;
	struct smtp_hop to;
	size_t target; /* of to */
	struct courier_where *where;
	const struct smtp_mx_result *found;   /* of the target */
	struct courier_sts_question *sts;     /* of a target by MX */
	const struct smtp_sts_policy *policy; /* what came of it; or NULL */
	bool is_asking_sts;
	size_t try; /* of found */
	struct smtp_tls_policy_plan plan;
	bool is_plain; /* TLS failed, and isn't demanded: once more without */
	struct dial *dial;
	struct loop_timer *timer; /* of what failed before the call */
	bool has_why;
	char why[COURIER_STATUS_MAX]; /* why calls failed: "4.4.1 words" */
};

static void call_server(struct courier_call *k);
static void call_next(struct courier_call *k);

enum smtp_hop_transport
courier_call_transport(const struct courier_call *k)
{
	return k->to.transport;
}

/* --- which server --- */

static const struct smtp_mx_try *
try_of(const struct courier_call *k)
{
	return &k->found->tries[k->try];
}

struct slice
courier_call_host(const struct courier_call *k)
{
	struct slice name = try_of(k)->host->name;

	return name.n ? name : k->to.target[k->target].host;
}

void
courier_call_put_relay(const struct courier_call *k, struct buf *out)
{
	struct slice a = try_of(k)->address;
	char ip[INET6_ADDRSTRLEN] = "?";

	inet_ntop(a.n == 4 ? AF_INET : AF_INET6, a.p, ip, sizeof ip);
	buf_printf(out, "%.*s[%s]:%u", SLICE_FMT(courier_call_host(k)), ip,
		k->to.target[k->target].port);
}

enum smtp_client_tls
courier_call_tls(const struct courier_call *k)
{
	if (k->is_plain || k->plan.way == SMTP_TLS_POLICY_PLAIN)
		return SMTP_CLIENT_TLS_NONE;
	return k->plan.way == SMTP_TLS_POLICY_TRY ? SMTP_CLIENT_TLS_MAY : SMTP_CLIENT_TLS_MUST;
}

const struct tls_client_demand *
courier_call_demand(const struct courier_call *k)
{
	return &k->plan.demand;
}

/* --- why not --- */

/* Of all hosts what may be better later counts: no bounce because the last one said 5xx. */
static void
note_why(struct courier_call *k, struct slice why)
{
	if (k->has_why && k->why[0] == '4' && why.p[0] == '5')
		return;
	k->has_why = true;
	snprintf(k->why, sizeof k->why, "%.*s", SLICE_FMT(why));
}

static void
say_why(struct courier_call *k, const char *status, const char *what, const char *words)
{
	struct buf why;
	size_t at;

	buf_init(&why, sizeof k->why - 1);
	buf_printf(&why, "%s ", status);
	at = why.n;
	buf_printf(&why, "%s ", what);
	courier_call_put_relay(k, &why);
	buf_printf(&why, ": %s", words);
	note_why(k, buf_slice(&why));
	log_info("%.*s", SLICE_FMT(slice_from(buf_slice(&why), at)));
	buf_fini(&why);
}

/* --- where it is, and what its domain demands --- */

static void
begin_target(struct courier_call *k)
{
	const struct smtp_mx_result *found = k->found;
	struct buf why;

	k->try = 0;
	if (found->n) {
		call_server(k);
		return;
	}
	buf_init(&why, sizeof k->why - 1);
	buf_printf(&why, "%s %.*s", found->status, SLICE_FMT(found->why));
	note_why(k, buf_slice(&why));
	buf_fini(&why);
	call_next(k);
}

static void
on_found(void *arg, const struct smtp_mx_result *found)
{
	struct courier_call *k = arg;

	k->found = found;
	if (!k->is_asking_sts)
		begin_target(k);
}

static void
on_policy(void *arg, const struct smtp_sts_policy *policy)
{
	struct courier_call *k = arg;

	k->policy = policy;
	k->is_asking_sts = false;
	if (k->found)
		begin_target(k);
}

static struct config_hop_tls
tls_of(const struct courier_call *k)
{
	return config_hop_tls(&k->hop->relay->c->p->config, k->hop->route, k->hop->name);
}

static void
stop_asking(struct courier_call *k)
{
	courier_where_free(k->where);
	courier_sts_cancel(k->sts);
	k->where = NULL;
	k->sts = NULL;
	k->found = NULL;
	k->policy = NULL;
}

static void
find(struct courier_call *k)
{
	const struct smtp_hop_target *target = &k->to.target[k->target];
	struct courier_relay *r = k->hop->relay;

	stop_asking(k);
	k->is_asking_sts = target->is_domain && tls_of(k).level == SMTP_TLS_POLICY_DANE;
	if (k->is_asking_sts)
		k->sts = courier_sts_ask(r->sts, target->host, on_policy, k);
	k->where = courier_where_new(r->c, target, true, on_found, k);
}

/* --- the call --- */

static void
make_plan(struct courier_call *k)
{
	const struct smtp_mx_host *host = try_of(k)->host;
	struct smtp_tls_policy_facts facts = {.level = tls_of(k).level,
		.host = host->name,
		.domain = k->found->domain,
		.canonical_domain = k->found->canonical_domain,
		.has_tlsa_failed = host->has_tlsa_failed,
		.tlsa = host->tlsa,
		.n_tlsa = host->n_tlsa,
		.tlsa_base = host->tlsa_base,
		.sts = k->policy};

	smtp_tls_policy_plan(&facts, &k->plan);
	k->plan.demand.shows_certificate = tls_of(k).shows_certificate;
	if (k->plan.note)
		log_info("TLS to %.*s: %s", SLICE_FMT(courier_call_host(k)), k->plan.note);
}

static void
on_connected(void *arg, int fd, int error)
{
	struct courier_call *k = arg;

	k->dial = NULL;
	if (!error) {
		k->events.on_taken(k->arg, fd);
		return;
	}
	say_why(k, "4.4.1", "connect to", strerror(error));
	call_next(k);
}

static void
on_no_call(void *arg)
{
	struct courier_call *k = arg;

	k->timer = NULL;
	call_next(k);
}

/* What can't even be called fails in a turn of its own. */
static void
call_server(struct courier_call *k)
{
	struct courier_relay *r = k->hop->relay;
	struct dial_to to;

	if (!k->is_plain)
		make_plan(k);
	if (k->plan.way == SMTP_TLS_POLICY_SKIP) {
		say_why(k, k->plan.fault.status, "TLS to", k->plan.fault.why);
		k->timer = loop_after(r->c->p->loop, 0, on_no_call, k);
		return;
	}
	to = (struct dial_to){.address = try_of(k)->address,
		.port = k->to.target[k->target].port,
		.timeout_ms = r->connect_ms};
	k->dial = dial_begin(r->c->p->loop, &to, on_connected, k);
}

static void
call_next(struct courier_call *k)
{
	k->is_plain = false;
	if (k->found && ++k->try < k->found->n)
		call_server(k);
	else if (++k->target < k->to.targets)
		find(k);
	else
		k->events.on_failed(k->arg, k->why);
}

void
courier_call_next(struct courier_call *k, struct slice why)
{
	note_why(k, why);
	call_next(k);
}

void
courier_call_without_tls(
	struct courier_call *k, enum smtp_tls_policy_event what, const char *words)
{
	struct smtp_tls_policy_outcome o = smtp_tls_policy_judge(&k->plan, what);
	char text[600];

	snprintf(text, sizeof text, "%s%s%s", o.fault.why, *words ? ": " : "", words);
	say_why(k, o.fault.status, "TLS to", text);
	if (o.act == SMTP_TLS_POLICY_NEXT_HOST) {
		call_next(k);
		return;
	}
	k->is_plain = true;
	call_server(k);
}

/* --- life --- */

struct courier_call *
courier_call_new(struct courier_hop *hop, const struct courier_call_events *events, void *arg)
{
	struct courier_call *k = must_zalloc(sizeof *k);

	k->hop = hop;
	k->events = *events;
	k->arg = arg;
	snprintf(k->why, sizeof k->why, "5.1.2 not the name of a next hop");
	smtp_hop_parse(hop->name, &k->to);
	if (k->to.targets)
		find(k);
	else
		k->timer = loop_after(hop->relay->c->p->loop, 0, on_no_call, k);
	return k;
}

void
courier_call_free(struct courier_call *k)
{
	if (!k)
		return;
	loop_cancel(k->timer);
	dial_cancel(k->dial);
	stop_asking(k);
	free(k);
}
