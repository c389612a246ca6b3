#include <stdlib.h>

#include "cmd/courier_hairpin.h"
#include "cmd/courier_relay_inner.h"
#include "cmd/courier_sender.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "store/command.h"
#include "store/floor.h"
#include "store/view_queue.h"

/* RAW_MAX: a part, or the head with its fields for a gateway. */
enum { AGAIN_MS = 1000, EXPLAINED_MAX = 2048, RAW_MAX = 80 << 10 };

static const char *
name_of(const struct courier_mail *m, char id[VIEW_QUEUE_ID_MAX])
{
	view_queue_id_format(m->s.id, id);
	return id;
}

void
courier_mail_free(struct courier_mail *m)
{
	struct courier_hop *hop = m->hop;

	if (m->question)
		ipc_cancel(m->question);
	loop_cancel(m->again);
	mail_downgrade_free(m->downgrade);
	courier_dkim_free(m->dkim);
	buf_fini_secret(&m->raw);
	courier_relay_done(m);
	courier_step_fini(&m->s);
	arena_reset(&m->arena);
	free(m);
	courier_relay_forget_hop(hop);
}

void
courier_mail_give_up(struct courier_mail *m, const char *what, enum err e)
{
	struct courier *c = m->s.c;
	char id[VIEW_QUEUE_ID_MAX];

	log_warn("%s: %s: %s; tried again soon", name_of(m, id), what, err_text(e));
	courier_mail_free(m);
	courier_pump_later(c);
}

/* --- the steps --- */

static void propose(struct courier_mail *m);

static void
on_again(void *arg)
{
	struct courier_mail *m = arg;

	m->again = NULL;
	propose(m);
}

/* True: it is told again. */
static bool
renew(struct courier_mail *m, const ProtobufCMessage *answer)
{
	const Commands__Result *r = courier_result(answer, &m->arena);
	struct db_txn *txn;
	bool again;

	if (!r || r->code != COMMAND_STALE || view_begin(m->s.c->view, &txn))
		return false;
	again = courier_step_renew(&m->s, txn) && view_is_valid(m->s.c->view);
	view_end(m->s.c->view);
	return again;
}

static void
on_stepped(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_mail *m = arg;
	struct courier *c = m->s.c;
	char id[VIEW_QUEUE_ID_MAX];

	if (e) {
		log_warn("%s: step: %s; told again", name_of(m, id), err_text(e));
		m->again = loop_after(c->p->loop, AGAIN_MS, on_again, m);
		return;
	}
	if (renew(m, answer) || courier_step_next(&m->s)) {
		propose(m);
		return;
	}
	courier_mail_free(m);
	courier_pump(c);
}

static void
propose(struct courier_mail *m)
{
	/* What was sent must not be sent again because the log couldn't be told: it is told
	 * until it answers, without a lease after there is one again. If another node runs this
	 * by then, or a step was taken in all the same, it is stale. */
	if (courier_step_propose(&m->s, on_stepped, m))
		m->again = loop_after(m->s.c->p->loop, AGAIN_MS, on_again, m);
}

static const char *
words_of(const Commands__RcptStep *one)
{
	switch ((int)one->outcome) {
	case COMMANDS__OUTCOME__OUTCOME_SENT:
		return "sent";
	case COMMANDS__OUTCOME__OUTCOME_FAIL:
		return "bounced";
	default:
		return "deferred";
	}
}

static void
say(const struct courier_mail *m, size_t i, const char *relay)
{
	const Commands__RcptStep *one = m->s.step[i];
	struct slice to = codec_slice(m->s.row[i]->rcpt->address), status;
	uint64_t delay_sec = courier_now_sec(m->s.c) - m->s.item->queued_sec;
	char id[VIEW_QUEUE_ID_MAX];
	size_t code;

	status = slice_str(one->status);
	code = slice_find(status, ' ');
	log_info("%s: to=<%.*s>, relay=%s, delay=%llu, dsn=%.*s, status=%s (%.*s)",
		name_of(m, id), SLICE_FMT(to), relay, (unsigned long long)delay_sec,
		SLICE_FMT(slice_cut(status, 0, code)), words_of(one),
		SLICE_FMT(slice_from(status, code < status.n ? code + 1 : code)));
}

/* It waits for its hop, from its own next try on. */
static void
defer(struct courier_mail *m, size_t i, const char *status)
{
	Commands__RcptStep *one = m->s.step[i];
	const Commands__Rcpt *r = m->s.row[i]->rcpt;

	courier_step_defer(&m->s, r, one, status);
	one->hop = codec_bytes(m->hop->name);
	one->deadline_sec = courier_step_deadline_sec(&m->s, r);
}

/* --- outcomes --- */

static Commands__HopStep *
hop_step(struct courier_mail *m, bool failed, const char *status)
{
	const struct config *config = &m->s.c->p->config;
	Commands__HopStep *h = arena_alloc(&m->arena, sizeof *h);

	commands__hop_step__init(h);
	h->node = m->s.item->owner_node;
	h->epoch = m->s.owner.epoch;
	h->name = codec_bytes(m->hop->name);
	h->failed = failed;
	if (failed) {
		h->status = arena_str(&m->arena, slice_str(status));
		h->next_try_sec = courier_now_sec(m->s.c) +
				  smtp_slots_rest_sec(m->hop->tries + 1, config->retry_min_sec,
					  config->retry_max_sec);
	}
	return h;
}

/* "5.1.1 host mx.test said: 550 5.1.1 no such user" */
static const char *
status_of(struct courier_mail *m, const struct smtp_client_outcome *o, struct slice host)
{
	struct buf text;
	const char *status;

	buf_init(&text, EXPLAINED_MAX);
	buf_printf(&text, "%s ", o->enhanced);
	smtp_client_explain(o, host, &text);
	status = arena_str(&m->arena, slice_cut(buf_slice(&text), 0, COURIER_STATUS_MAX));
	buf_fini(&text);
	return status;
}

/* "2.0.0 250 2.0.0 Ok: queued as 17" */
static const char *
sent_status(struct courier_mail *m, const struct smtp_client_outcome *o)
{
	struct buf text;
	const char *status;

	buf_init(&text, COURIER_STATUS_MAX);
	buf_printf(&text, "%s %.*s", o->enhanced, SLICE_FMT(slice_cut(o->text, 0, 800)));
	status = arena_str(&m->arena, buf_slice(&text));
	buf_fini(&text);
	return status;
}

/* False: nothing became of this recipient; it stays as it is. */
static bool
judge_one(struct courier_mail *m, size_t i, const struct smtp_client_outcome *o,
	struct slice host)
{
	Commands__RcptStep *one = m->s.step[i];

	switch (o->result) {
	case SMTP_CLIENT_SENT:
		one->outcome = COMMANDS__OUTCOME__OUTCOME_SENT;
		one->status = (char *)(uintptr_t)sent_status(m, o);
		return true;
	case SMTP_CLIENT_FAILED:
	case SMTP_CLIENT_CONVERT:
		courier_step_fail(one, status_of(m, o, host));
		return true;
	case SMTP_CLIENT_DEFERRED:
	case SMTP_CLIENT_LOST:
	case SMTP_CLIENT_UNKNOWN:
		defer(m, i, status_of(m, o, host));
		return true;
	case SMTP_CLIENT_STOPPED:
		/* Its text can't be read: that is no reason to begin it over and over. */
		if (!m->is_text_lost)
			break;
		defer(m, i, status_of(m, o, host));
		return true;
	case SMTP_CLIENT_NONE:
	case SMTP_CLIENT_LEFT:
		break;
	}
	return false;
}

/* For the story of the mail: whom it left for with signatures. */
static void
tell_signed(struct courier_mail *m)
{
	Commands__StepFact *f = arena_alloc(&m->arena, sizeof *f);
	struct buf words;

	commands__step_fact__init(f);
	f->rcpt = arena_alloc(&m->arena, m->s.n * sizeof *f->rcpt);
	for (size_t i = 0; i < m->s.n; i++)
		if (m->s.step[i]->outcome == COMMANDS__OUTCOME__OUTCOME_SENT)
			f->rcpt[f->n_rcpt++] = m->s.step[i]->rcpt;
	if (!m->dkim || !f->n_rcpt)
		return;
	buf_init(&words, EXPLAINED_MAX);
	courier_dkim_words(m->dkim, &words);
	f->text = (char *)(uintptr_t)arena_str(&m->arena, buf_slice(&words));
	buf_fini(&words);
	m->s.fact = arena_alloc(&m->arena, sizeof *m->s.fact);
	m->s.fact[0] = f;
	m->s.n_fact = 1;
}

void
courier_mail_judge(struct courier_mail *m, const struct smtp_client *client,
	const struct courier_mail_server *server)
{
	size_t kept = 0;
	bool answered = false;

	m->s.relay = arena_str(&m->arena, server->relay);
	m->s.tls = arena_str(&m->arena, server->tls);
	m->s.remote = arena_dup(&m->arena, server->host);
	m->s.passes_on = smtp_client_offers(client)->offers & SMTP_CLIENT_DSN;
	m->s.is_last_hop = slice_starts(m->hop->name, SLICE_LIT("lmtp:"));
	for (size_t i = 0; i < m->s.n; i++) {
		const struct smtp_client_outcome *o = smtp_client_outcome(client, i);

		answered |= o->cause == SMTP_CLIENT_BY_REPLY && o->scope != SMTP_CLIENT_OF_HOST;
		if (!judge_one(m, i, o, m->s.remote))
			continue;
		say(m, i, m->s.relay);
		m->s.row[kept] = m->s.row[i];
		m->s.step[kept++] = m->s.step[i];
	}
	m->s.n = kept;
	courier_relay_move(m, COURIER_MAIL_TOLD);
	courier_pump(m->s.c);
	if (answered) {
		smtp_slots_note(&m->hop->slots, false);
		if (m->hop->tries)
			m->s.hop = hop_step(m, false, "");
		m->hop->tries = 0;
	}
	if (kept) {
		tell_signed(m);
		propose(m);
	} else {
		struct courier *c = m->s.c;

		courier_mail_free(m);
		courier_pump(c);
	}
}

static void
on_hop_stepped(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_mail *m = arg;
	struct courier *c = m->s.c;

	(void)answer;
	m->question = NULL;
	if (e) {
		courier_mail_give_up(m, "hop", e);
		return;
	}
	courier_mail_free(m);
	courier_pump(c);
}

/* The recipients stay where they wait; the hop alone is put off. */
static void
put_off_hop(struct courier_mail *m)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;

	cmd.body_case = COMMANDS__COMMAND__BODY_HOP_STEP;
	cmd.hop_step = m->s.hop;
	m->question = courier_propose(m->s.c, &cmd, SLICE_EMPTY, on_hop_stepped, m);
}

static void
on_forgotten(void *arg)
{
	struct courier_mail *m = arg;

	m->again = NULL;
	courier_mail_free(m);
}

/* Nothing of it went, for now or for good. */
static void
settle(struct courier_mail *m, const char *words)
{
	for (size_t i = 0; i < m->s.n; i++) {
		if (words[0] == '5')
			courier_step_fail(m->s.step[i], words);
		else
			defer(m, i, words);
		say(m, i, "none");
	}
}

void
courier_mail_free_later(struct courier_mail *m)
{
	m->again = loop_after(m->s.c->p->loop, 0, on_forgotten, m);
}

void
courier_mail_put_off(struct courier_mail *m, const char *status, bool is_first)
{
	const char *words = arena_str(&m->arena, slice_str(status));

	bool is_final = status[0] == '5'; /* there is no such place */

	if (is_first && !is_final) {
		m->s.hop = hop_step(m, true, words);
		m->puts_off = true;
		m->hop->put_offs++;
		m->hop->tries++;
	}
	settle(m, words);
	if (!m->is_filed || is_final)
		propose(m);
	else if (is_first)
		put_off_hop(m);
	else
		courier_mail_free_later(m);
}

void
courier_mail_defer(struct courier_mail *m, const char *status)
{
	smtp_slots_note(&m->hop->slots, true);
	courier_mail_end(m, status);
}

void
courier_mail_end(struct courier_mail *m, const char *status)
{
	settle(m, arena_str(&m->arena, slice_str(status)));
	propose(m);
}

/* --- the text --- */

const struct smtp_client_mail *
courier_mail_envelope(const struct courier_mail *m)
{
	return &m->mail;
}

void
courier_mail_rewind(struct courier_mail *m)
{
	m->has_sent_dkim = m->has_sent_head = false;
	m->part = 0;
	if (!m->is_converted)
		return;
	buf_clear(&m->raw);
	m->has_raw_end = false;
	mail_downgrade_begin(m->downgrade);
}

void
courier_mail_begin_anew(struct courier_mail *m)
{
	courier_mail_rewind(m);
	courier_relay_move(m, COURIER_MAIL_IN_LINE);
	courier_relay_ready(m);
}

/* RFC 5321 4.4: Return-Path is the last server's to write; ours is the head's first field. */
static enum err
put_head(struct courier_mail *m, struct buf *out)
{
	struct slice head = buf_slice(&m->s.head);
	enum err e = m->way ? courier_hairpin_fields(m->s.c, m->s.item, m->way, out) : ERR_OK;

	if (slice_starts(head, SLICE_LIT("Return-Path:")))
		head = slice_from(head, slice_find(head, '\n') + 1);
	if (!e && !buf_put_slice(out, head))
		e = ERR_TOO_BIG;
	return e;
}

enum err
courier_mail_raw(struct courier_mail *m, struct buf *out, bool *is_last)
{
	enum err e;

	*is_last = false;
	if (!m->has_sent_head) {
		m->has_sent_head = true;
		return put_head(m, out);
	}
	e = courier_step_part(&m->s, m->part, out, is_last);
	if (!e)
		m->part++;
	return e;
}

enum err
courier_mail_text(struct courier_mail *m, struct buf *out, bool *is_last)
{
	enum err e;

	*is_last = false;
	if (!m->has_sent_dkim) {
		m->has_sent_dkim = true;
		if (buf_put_slice(out, courier_dkim_fields(m->dkim)) && out->n)
			return ERR_OK;
	}
	e = m->is_converted ? courier_convert_text(m, out, is_last)
			    : courier_mail_raw(m, out, is_last);
	m->is_text_lost = e != ERR_OK;
	return e;
}

/* It may have waited in line: meanwhile it may have been held, deleted or sent elsewhere by
 * hand. */
static bool
is_as_read(struct courier_mail *m, struct db_txn *txn)
{
	Commands__Item *item;
	Commands__RcptRow *row;

	if (view_queue_item(txn, m->s.id, &m->arena, &item) || item->held)
		return false;
	for (size_t i = 0; i < m->s.n; i++)
		if (view_queue_rcpt(txn, m->s.id, m->s.step[i]->rcpt, &m->arena, &row) ||
			row->done || row->step != m->s.step[i]->step)
			return false;
	return true;
}

bool
courier_mail_is_ours(struct courier_mail *m)
{
	const struct floor_page *page = m->s.c->p->floor_page;
	struct view *view = m->s.c->view;
	struct schema_owner owner;
	struct db_txn *txn;
	bool ours;

	if (!courier_leases(m->s.c, COURIER_LEASE_MS) || view_begin(view, &txn))
		return false;
	/* Who slept through its lease may have a new one by now, its items another owner. */
	ours = !view_queue_owner(txn, m->s.item->owner_node, &owner) &&
	       owner.epoch == m->s.owner.epoch && owner.runs_node == page->node &&
	       owner.boot == page->boot && is_as_read(m, txn) && view_is_valid(view);
	view_end(view);
	return ours && courier_leases(m->s.c, COURIER_LEASE_MS);
}

/* --- the key --- */

static void
on_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_mail *m = arg;

	(void)answer;
	if (e)
		courier_mail_give_up(m, "keyd", e);
	else
		courier_dkim_begin(m);
}

static void
on_no_key(void *arg)
{
	struct courier_mail *m = arg;

	m->again = NULL;
	courier_mail_end(m, "4.3.0 the key of this mail isn't in the vault");
}

/* --- its beginning --- */

static void
fill_envelope(struct courier_mail *m)
{
	const Commands__Enqueue *env = m->s.item->envelope;
	struct smtp_client_rcpt *rcpt = arena_zalloc(&m->arena, m->s.n * sizeof *rcpt);

	for (size_t i = 0; i < m->s.n; i++) {
		const Commands__Rcpt *r = m->s.row[i]->rcpt;

		rcpt[i].address = codec_slice(r->address);
		rcpt[i].orcpt = codec_slice(r->orcpt);
		rcpt[i].notify = r->notify;
	}
	m->mail = (struct smtp_client_mail){.sender = m->sender,
		.rcpt = rcpt,
		.rcpt_n = m->s.n,
		.size_bytes = env->head_size + env->body->size,
		.is_8bit = env->body_8bit,
		.smtputf8 = env->smtputf8 && env->header_8bit,
		.ret = (enum smtp_ret)env->ret,
		.envid = codec_slice(env->envid)};
	if (courier_hairpin_is_for(m->s.item, m->s.row[0]->rcpt, m->hop->name))
		courier_hairpin_forward(m->s.item, &m->arena, m->mail.forward);
}

/* A gateway's mails go one way each: who goes another way than the first stays for the next. */
static enum err
part_ways(struct courier_mail *m, struct db_txn *txn)
{
	size_t kept = 0;
	enum err e = ERR_OK;

	if (!courier_hairpin_is_for(m->s.item, m->s.row[0]->rcpt, m->hop->name) ||
		!courier_hairpin_is_gateways(m->s.item))
		return ERR_OK;
	for (size_t i = 0; i < m->s.n && !e; i++) {
		unsigned way = 0;

		e = courier_hairpin_way(
			m->s.c, txn, codec_slice(m->s.row[i]->rcpt->address), &way);
		if (i == 0)
			m->way = way;
		if (way != m->way)
			continue;
		m->s.row[kept] = m->s.row[i];
		m->s.step[kept++] = m->s.step[i];
	}
	m->s.n = kept;
	return e;
}

/* Those who get it from the same sender as the first one; the others are still due. */
static enum err
read_recipients(struct courier_mail *m, struct db_txn *txn, const struct courier_relay_work *w)
{
	Commands__RcptStep *one;
	enum err e = courier_step_read(&m->s, txn, w->n);

	for (size_t i = 0; i < w->n && !e; i++) {
		struct slice sender;

		e = courier_step_add(&m->s, txn, w->number[i], &one);
		if (e || !one)
			continue;
		sender = courier_sender_of(&m->s, txn, m->s.row[m->s.n - 1]->rcpt);
		if (m->s.n == 1)
			m->sender = sender;
		else if (!slice_eq(sender, m->sender))
			m->s.n--;
	}
	return e ? e : m->s.n ? ERR_OK : ERR_NOT_FOUND;
}

struct courier_mail *
courier_mail_new(struct courier_relay *r, struct courier_hop *hop, struct db_txn *txn,
	const struct courier_relay_work *w)
{
	struct courier_mail *m = must_zalloc(sizeof *m);
	char id[VIEW_QUEUE_ID_MAX];
	enum err e;

	m->hop = hop;
	m->is_filed = w->is_filed;
	arena_init(&m->arena, 4096);
	buf_init(&m->raw, RAW_MAX);
	courier_step_init(&m->s, r->c, &m->arena, w->item);
	m->s.is_try = true;
	e = read_recipients(m, txn, w);
	if (!e)
		e = part_ways(m, txn);
	if (!e && !view_is_valid(r->c->view))
		e = ERR_NOT_FOUND;
	if (!e) {
		fill_envelope(m);
		e = courier_step_open(&m->s, on_key, m);
		/* An older vault was restored: the right one may come back. */
		if (e == ERR_NOT_FOUND)
			m->again = loop_after(r->c->p->loop, 0, on_no_key, m);
		if (!e || e == ERR_NOT_FOUND)
			return m;
	}
	if (e != ERR_NOT_FOUND)
		log_warn("%s: %s; tried again soon", name_of(m, id), err_text(e));
	courier_step_fini(&m->s);
	arena_reset(&m->arena);
	free(m);
	return NULL;
}
