#include "cmd/courier_sts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/resolve.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/dns_record.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/view_sts.h"

/* AGAIN_MS: a domain isn't looked at more often, whatever came of it (RFC 8461 section 3.3: one
 * fetch in five minutes). SLACK_MS: until fetch itself must have said that it took too long. */
enum { LOOKS_MAX = 256, SEEN = 1024, AGAIN_MS = 300000, SLACK_MS = 2000, NAME_ROOM = 300 };

/* A domain that is being looked at. */
struct look {
	struct look *next;
	struct courier_sts *s;
	struct arena arena;
	struct slice domain, id; /* id: as the record has it now */
	struct slice known_id;	 /* of the policy that is kept; empty: none is */
	uint64_t known_sec;	 /* since when */
	struct courier_sts_question *waiting;
};

struct courier_sts {
	struct courier *c;
	struct look *looks;
	uint32_t look_count;
	/* Which domains were looked at lately. One more may take the place of another, which
	 * may be looked at once more then. */
	struct {
		uint64_t hash, until_ms;
	} seen[SEEN];
	uint64_t seed;
};

struct courier_sts_question {
	struct courier_sts_question *next; /* of look's */
	struct courier_sts *s;
	struct arena arena;
	struct slice domain;
	struct look *look; /* NULL: nothing is waited for */
	struct loop_timer *timer;
	struct smtp_sts_policy policy;
	bool has_policy;
	courier_sts_cb cb;
	void *arg;
};

struct courier_sts *
courier_sts_new(struct courier *c)
{
	struct courier_sts *s = must_zalloc(sizeof *s);

	s->c = c;
	s->seed = rand_u64();
	return s;
}

/* --- who asks --- */

static void
leave_look(struct courier_sts_question *q)
{
	struct courier_sts_question **at;

	if (!q->look)
		return;
	at = &q->look->waiting;
	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	q->look = NULL;
}

void
courier_sts_cancel(struct courier_sts_question *q)
{
	if (!q)
		return;
	leave_look(q);
	loop_cancel(q->timer);
	arena_reset(&q->arena);
	free(q);
}

static void
on_due(void *arg)
{
	struct courier_sts_question *q = arg;

	q->timer = NULL;
	leave_look(q);
	q->cb(q->arg, q->has_policy ? &q->policy : NULL);
}

static void
answer(struct courier_sts_question *q)
{
	loop_cancel(q->timer);
	q->timer = loop_after(q->s->c->p->loop, 0, on_due, q);
}

static void
take_policy(struct courier_sts_question *q, struct slice text)
{
	text = arena_dup(&q->arena, text);
	q->has_policy = !smtp_sts_parse(text, &q->arena, &q->policy);
}

/* --- a look --- */

/* text: the policy, if there is one now. */
static void
end_look(struct look *l, struct slice text)
{
	struct courier_sts_question *q;
	struct look **at = &l->s->looks;

	while ((q = l->waiting)) {
		leave_look(q);
		if (text.n)
			take_policy(q, text);
		answer(q);
	}
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->s->look_count--;
	arena_reset(&l->arena);
	free(l);
}

static void
on_logged(void *arg, enum err e, const ProtobufCMessage *proposed)
{
	struct arena a;
	const Commands__Result *r;

	(void)arg;
	arena_init(&a, 0);
	r = e ? NULL : courier_result(proposed, &a);
	/* It is fetched again, with a later mail. */
	if (!r || r->code)
		log_warn("MTA-STS: a policy isn't kept: %s",
			r ? r->text : err_text(e ? e : ERR_CORRUPT));
	arena_reset(&a);
}

static void
propose(struct look *l, struct slice text, const struct smtp_sts_policy *policy)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__StsPut put = COMMANDS__STS_PUT__INIT;

	put.domain = codec_bytes(l->domain);
	put.id = codec_bytes(l->id);
	put.policy = codec_bytes(text);
	put.max_age_sec = policy->max_age_sec;
	cmd.body_case = COMMANDS__COMMAND__BODY_STS_PUT;
	cmd.sts_put = &put;
	courier_propose(l->s->c, &cmd, SLICE_EMPTY, on_logged, NULL);
}

/* NULL: it is a policy. */
static const char *
judge(const Ipc__Fetched *f, struct arena *a, struct smtp_sts_policy *policy)
{
	enum err e;

	if (!f->status)
		return f->why;
	/* "HTTP 3xx redirects MUST NOT be followed" (RFC 8461 section 3.3). */
	if (f->status != 200)
		return "the web server has another status than 200";
	if (strcmp(f->type, "text/plain") != 0)
		return "it isn't text/plain";
	e = smtp_sts_parse(codec_slice(f->body), a, policy);
	return e ? err_text(e) : NULL;
}

static void
on_fetched(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct look *l = arg;
	const Ipc__Fetched *f = (const Ipc__Fetched *)msg;
	static const char *const modes[] = {"none", "testing", "enforce"};
	struct smtp_sts_policy policy;
	const char *why = e ? err_text(e) : judge(f, &l->arena, &policy);

	if (why) {
		log_info("MTA-STS: %.*s: no policy was fetched%s: %s", SLICE_FMT(l->domain),
			l->known_id.n ? ", the one before counts" : "", why);
		end_look(l, SLICE_EMPTY);
		return;
	}
	log_info("MTA-STS: %.*s: policy %.*s: mode=%s, hosts=%zu, max_age=%u",
		SLICE_FMT(l->domain), SLICE_FMT(l->id), modes[policy.mode], policy.n_mx,
		policy.max_age_sec);
	propose(l, codec_slice(f->body), &policy);
	end_look(l, codec_slice(f->body));
}

static void
fetch(struct look *l)
{
	uint32_t timeout_ms = l->s->c->p->config.relay_sts_sec * 1000;
	Ipc__Fetch q = IPC__FETCH__INIT;
	char host[NAME_ROOM];

	snprintf(host, sizeof host, "mta-sts.%.*s", SLICE_FMT(l->domain));
	q.host = host;
	q.path = (char *)(uintptr_t) "/.well-known/mta-sts.txt";
	q.size_max = SMTP_STS_POLICY_MAX;
	q.timeout_ms = timeout_ms;
	ipc_ask(l->s->c->p->ipc, IPC_FETCH, &q.base, -1,
		(struct ipc_wait){timeout_ms + SLACK_MS, on_fetched, l});
}

static void
on_record(void *arg, const struct dns_answer *a)
{
	struct look *l = arg;
	struct slice *text = arena_alloc(&l->arena, (a->message.n + 1) * sizeof *text), id;
	struct dns_record record;
	size_t n = 0;

	for (size_t i = 0; i < a->message.n; i++)
		if (!dns_record_parse(DNS_RECORD_TXT, a->message.rdata[i], &l->arena, &record))
			text[n++] = record.text;
	/* Without a record what is kept counts on, and isn't asked for. */
	if (smtp_sts_record(text, n, &id) ||
		!smtp_sts_is_stale(l->known_id, l->known_sec, id, (uint64_t)time(NULL))) {
		end_look(l, SLICE_EMPTY);
		return;
	}
	l->id = arena_dup(&l->arena, id);
	fetch(l);
}

/* --- which domain is looked at, and when --- */

static struct look *
find_look(struct courier_sts *s, struct slice domain)
{
	struct look *l = s->looks;

	while (l && !slice_eq(l->domain, domain))
		l = l->next;
	return l;
}

/* Notes that it is looked at now. False: it was, lately. */
static bool
note_seen(struct courier_sts *s, struct slice domain)
{
	uint64_t hash = s->seed, now_ms = clock_ms();
	size_t at;

	for (size_t i = 0; i < domain.n; i++)
		hash = (hash ^ domain.p[i]) * UINT64_C(0x100000001b3);
	at = hash >> 32 & (SEEN - 1);
	if (s->seen[at].hash == hash && now_ms < s->seen[at].until_ms)
		return false;
	s->seen[at].hash = hash;
	s->seen[at].until_ms = now_ms + AGAIN_MS;
	return true;
}

/* NULL: it isn't looked at now. known may be NULL. */
static struct look *
begin_look(struct courier_sts *s, struct slice domain, const Commands__Sts *known)
{
	struct dns_question q = {
		.type = DNS_RECORD_TXT, .timeout_ms = RESOLVE_MS, .cb = on_record};
	struct look *l = find_look(s, domain);
	char name[NAME_ROOM];

	snprintf(name, sizeof name, "_mta-sts.%.*s", SLICE_FMT(domain));
	if (l || s->look_count == LOOKS_MAX || dns_name_parse(slice_str(name), &q.name) ||
		!note_seen(s, domain))
		return l;
	l = must_zalloc(sizeof *l);
	l->s = s;
	arena_init(&l->arena, 0);
	l->domain = arena_dup(&l->arena, domain);
	if (known) {
		l->known_id = arena_dup(&l->arena, codec_slice(known->id));
		l->known_sec = known->fetched_sec;
	}
	l->next = s->looks;
	s->looks = l;
	s->look_count++;
	q.arg = l;
	resolve_ask(s->c->p->ipc, &q);
	return l;
}

/* The row, if its time isn't over; or NULL. */
static const Commands__Sts *
read_row(struct courier_sts_question *q)
{
	struct courier *c = q->s->c;
	Commands__Sts *row = NULL;
	struct db_txn *txn;
	enum err e;

	if (!courier_open_view(c) || view_begin(c->view, &txn))
		return NULL;
	e = view_sts_get(txn, q->domain, &q->arena, &row);
	if (!view_is_valid(c->view))
		e = ERR_BUSY;
	view_end(c->view);
	rest_later(&c->rest);
	return !e && row->until_sec > (uint64_t)time(NULL) ? row : NULL;
}

static void
on_begin(void *arg)
{
	struct courier_sts_question *q = arg;
	const Commands__Sts *row = read_row(q);
	struct look *l = begin_look(q->s, q->domain, row);

	q->timer = NULL;
	if (row)
		take_policy(q, codec_slice(row->policy));
	if (q->has_policy || !l) {
		answer(q);
		return;
	}
	q->look = l;
	q->next = l->waiting;
	l->waiting = q;
	q->timer = loop_after(q->s->c->p->loop, COURIER_STS_WAIT_MS, on_due, q);
}

struct courier_sts_question *
courier_sts_ask(struct courier_sts *s, struct slice domain, courier_sts_cb cb, void *arg)
{
	struct courier_sts_question *q = must_zalloc(sizeof *q);

	q->s = s;
	q->cb = cb;
	q->arg = arg;
	arena_init(&q->arena, 0);
	q->domain = arena_dup(&q->arena, domain);
	q->timer = loop_after(s->c->p->loop, 0, on_begin, q);
	return q;
}
