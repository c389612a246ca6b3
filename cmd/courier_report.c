#include "cmd/courier_report.h"

#include "cmd/courier_hairpin.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/mail_addr.h"
#include "core/rand.h"
#include "core/utf8.h"
#include "crypto/queue_seal.h"
#include "smtp/smtp_client.h"
#include "smtp/smtp_dsn_text.h"
#include "smtp/smtp_parse.h"
#include "store/view_queue.h"

enum { REPORT_MAX = 120000 };

/* --- who is told what --- */

/* False: nothing that a report could be about. */
static bool
action_of(const struct courier_step *s, size_t i, enum smtp_dsn_action *action)
{
	const Commands__RcptStep *one = s->step[i];

	switch ((int)one->outcome) {
	case COMMANDS__OUTCOME__OUTCOME_FAIL:
		*action = SMTP_DSN_FAILED;
		return true;
	case COMMANDS__OUTCOME__OUTCOME_WARN:
		*action = SMTP_DSN_DELAYED;
		return true;
	case COMMANDS__OUTCOME__OUTCOME_WAIT:
		*action = SMTP_DSN_DELAYED;
		return !s->row[i]->rcpt->warned;
	case COMMANDS__OUTCOME__OUTCOME_DELIVER:
		*action = SMTP_DSN_DELIVERED;
		return true;
	case COMMANDS__OUTCOME__OUTCOME_SENT:
		*action = s->is_last_hop ? SMTP_DSN_DELIVERED : SMTP_DSN_RELAYED;
		return !s->passes_on;
	case COMMANDS__OUTCOME__OUTCOME_EXPAND:
		/* RFC 3461 5.2.7: one address behind an alias gets the wish itself. */
		*action = SMTP_DSN_EXPANDED;
		return !one->expanded && (one->n_into > 1 || s->row[i]->rcpt->expanded);
	default:
		return false;
	}
}

static bool
wants(const Commands__Rcpt *r, enum smtp_dsn_action action)
{
	static const unsigned bit[SMTP_DSN_ACTIONS] = {
		[SMTP_DSN_FAILED] = SMTP_NOTIFY_FAILURE,
		[SMTP_DSN_DELAYED] = SMTP_NOTIFY_DELAY,
		[SMTP_DSN_DELIVERED] = SMTP_NOTIFY_SUCCESS,
		[SMTP_DSN_RELAYED] = SMTP_NOTIFY_SUCCESS,
		[SMTP_DSN_EXPANDED] = SMTP_NOTIFY_SUCCESS,
	};

	/* RFC 3461 4.1: without NOTIFY failures are told, and delays may be. */
	if (!r->notify)
		return action <= SMTP_DSN_DELAYED;
	return !(r->notify & SMTP_NOTIFY_NEVER) && r->notify & bit[action];
}

/* RFC 5321 4.5.5: nobody is told about a mail without a sender. */
static bool
has_sender(const struct courier_step *s)
{
	return s->item->envelope->sender.len > 0;
}

static bool
is_told(const struct courier_step *s, size_t i, enum smtp_dsn_action *action)
{
	return has_sender(s) && action_of(s, i, action) && wants(s->row[i]->rcpt, *action);
}

bool
courier_report_is_due(const struct courier_step *s)
{
	enum smtp_dsn_action action;

	for (size_t i = 0; i < s->n; i++)
		if (is_told(s, i, &action))
			return true;
	return false;
}

bool
courier_report_warns(const struct courier_step *s, const Commands__Rcpt *r)
{
	return has_sender(s) && !r->warned && wants(r, SMTP_DSN_DELAYED);
}

/* --- its text --- */

static struct slice
words_of(enum smtp_dsn_action action, const Commands__RcptStep *one)
{
	if (one->status[0])
		return slice_str(one->status);
	return action == SMTP_DSN_EXPANDED
		       ? SLICE_LIT("2.0.0 expanded to the addresses behind this one")
		       : SLICE_LIT("2.0.0 delivered to the mailbox");
}

/* "5.1.1 host mx.test said: 550 5.1.1 no such user (in reply to ...)", maybe as the last words
 * of a mail whose time is over. */
static void
find_reply(const struct courier_step *s, struct smtp_dsn_rcpt *r)
{
	static const char last_try[] = COURIER_STEP_LAST_TRY;
	struct slice words = slice_from(r->status, slice_find(r->status, ' ') + 1);
	size_t at = slice_find_slice(words, slice_str(last_try));

	if (r->action == SMTP_DSN_RELAYED || (r->action == SMTP_DSN_DELIVERED && s->remote.n)) {
		r->remote = s->remote;
		r->reply = words;
		return;
	}
	if (at < words.n) {
		words = slice_from(words, at + sizeof last_try - 1);
		words = slice_from(words, slice_find(words, ' ') + 1);
	}
	smtp_client_explained(words, &r->remote, &r->reply);
}

static struct smtp_dsn_rcpt
report_rcpt(const struct courier_step *s, size_t i, enum smtp_dsn_action action)
{
	const Commands__Rcpt *r = s->row[i]->rcpt;
	const Commands__RcptStep *one = s->step[i];
	struct smtp_dsn_rcpt out = {.action = action,
		.address = codec_slice(r->address),
		.orcpt = codec_slice(r->orcpt),
		.via = codec_slice(r->via),
		.status = words_of(action, one)};

	find_reply(s, &out);
	if (action == SMTP_DSN_DELAYED)
		out.until_sec = (int64_t)one->deadline_sec;
	out.last_try_sec = (int64_t)(s->is_try || r->stage != COMMANDS__STAGE__STAGE_RELAY
					     ? courier_now_sec(s->c)
					     : r->last_try_sec);
	return out;
}

static enum smtp_dsn_returns
returns_of(const struct courier_step *s, const struct smtp_dsn *d)
{
	/* RFC 3461 4.3: RET is about failures; all other reports have the header. What came
	 * encrypted doesn't go back in the clear. */
	if (s->item->envelope->ret == SMTP_RET_HDRS || s->item->envelope->was_decrypted)
		return SMTP_DSN_HEADER;
	for (size_t i = 0; i < d->rcpts; i++)
		if (d->rcpt[i].action == SMTP_DSN_FAILED)
			return SMTP_DSN_MESSAGE;
	return SMTP_DSN_HEADER;
}

static struct smtp_dsn
describe(struct courier_step *s, enum smtp_dsn_returns returns)
{
	const Commands__Enqueue *env = s->item->envelope;
	struct smtp_dsn_rcpt *rcpt = arena_alloc(s->arena, (s->n + 1) * sizeof *rcpt);
	char *id = arena_alloc(s->arena, VIEW_QUEUE_ID_MAX);
	enum smtp_dsn_action action;
	struct smtp_dsn d = {.hostname = slice_str(s->c->p->config.hostname),
		.envid = codec_slice(env->envid),
		.message_id = codec_slice(env->message_id),
		.sender = codec_slice(env->sender),
		.smtputf8 = env->smtputf8,
		.nonce = rand_u64(),
		.arrived_sec = (int64_t)s->item->queued_sec,
		.now_sec = (int64_t)clock_wall_sec(),
		.rcpt = rcpt,
		.text = buf_slice(&s->text),
		.has_all = s->has_all,
		.hides_subject = env->was_decrypted};

	for (size_t i = 0; i < s->n; i++)
		if (is_told(s, i, &action))
			rcpt[d.rcpts++] = report_rcpt(s, i, action);
	view_queue_id_format(s->id, id);
	d.queue_id = slice_str(id);
	d.returns = returns_of(s, &d);
	if (d.returns > returns)
		d.returns = returns;
	return d;
}

/* --- the item --- */

struct report {
	Commands__Enqueue q;
	Commands__Body body;
	Commands__Rcpt rcpt, *list[1];
	uint8_t key[QUEUE_SEAL_SIZE];
};

static struct slice
seal_text(struct arena *a, const struct seal_key *key, struct slice text)
{
	size_t parts = text.n / SEAL_PART_PLAIN + 1;
	uint8_t *p = arena_alloc(a, text.n + parts * SEAL_TAG), *at = p;

	for (uint64_t n = 0; n < parts; n++) {
		struct slice plain = slice_cut(
			text, n * SEAL_PART_PLAIN, (n + 1) * SEAL_PART_PLAIN);

		seal_part(key, n, n + 1 == parts, plain, at);
		at += plain.n + SEAL_TAG;
	}
	return slice_of(p, (size_t)(at - p));
}

/* Sealed with a data key of its own. */
static enum err
seal_report(struct courier_step *s, struct report *r, struct slice text, struct slice *sealed)
{
	struct queue_seal sealer = {0};
	struct seal_key key;
	enum err e;

	seal_key_new(&key);
	*sealed = seal_text(s->arena, &key, text);
	e = queue_seal(&sealer, s->queue_public, &key, r->key);
	queue_seal_wipe(&sealer);
	seal_wipe(&key, sizeof key);
	return e;
}

static enum err
make_item(struct courier_step *s, const struct smtp_dsn *d, struct slice text,
	Commands__Enqueue **out, struct slice *sealed)
{
	struct report *r = arena_zalloc(s->arena, sizeof *r);
	uint32_t gateway = courier_hairpin_gateway(s->item);
	struct slice sender;
	enum err e = seal_report(s, r, text, sealed);

	commands__enqueue__init(&r->q);
	commands__body__init(&r->body);
	commands__rcpt__init(&r->rcpt);
	r->body.size = text.n;
	r->body.sealed_size = sealed->n;
	r->rcpt.address = s->item->envelope->sender;
	if (!mail_addr_foreign_text(codec_slice(r->rcpt.address), s->arena, &sender))
		r->rcpt.address = codec_bytes(sender);
	r->rcpt.stage = COMMANDS__STAGE__STAGE_ROUTE;
	if (gateway) {
		r->q.filter = &s->item->envelope->filter[gateway - 1];
		r->q.n_filter = r->rcpt.filter = 1;
		r->rcpt.stage = COMMANDS__STAGE__STAGE_FILTER;
	}
	r->list[0] = &r->rcpt;
	r->q.n_rcpt = 1;
	r->q.rcpt = r->list;
	r->q.body = &r->body;
	r->q.sealed_key = (ProtobufCBinaryData){sizeof r->key, r->key};
	r->q.queue_key = s->queue_key;
	r->q.is_bounce = true;
	r->q.trace_life_sec = s->c->p->config.trace_life_sec;
	r->q.smtputf8 = smtp_dsn_is_global(d);
	r->q.body_8bit = !utf8_is_ascii(text);
	r->q.header_8bit = !utf8_is_ascii(smtp_dsn_text_header(text));
	*out = &r->q;
	return e;
}

enum err
courier_report_make(struct courier_step *s, enum smtp_dsn_returns returns,
	Commands__Enqueue **out, struct slice *sealed)
{
	struct smtp_dsn d = describe(s, returns);
	struct buf text;
	enum err e;

	if (!s->has_queue_key)
		return ERR_UNAVAILABLE;
	buf_init(&text, REPORT_MAX);
	e = smtp_dsn_format(&d, &text) ? make_item(s, &d, buf_slice(&text), out, sealed)
				       : ERR_TOO_BIG;
	buf_fini_secret(&text);
	return e;
}

/* --- the log --- */

static const char *
kind_of(enum smtp_dsn_action action)
{
	return action == SMTP_DSN_FAILED    ? "non-delivery notification"
	       : action == SMTP_DSN_DELAYED ? "delay notification"
					    : "delivery status notification";
}

void
courier_report_say(const struct courier_step *s, const Commands__Result *result, uint64_t index)
{
	enum smtp_dsn_action action, first = SMTP_DSN_EXPANDED;
	bool has_told = false;
	char id[VIEW_QUEUE_ID_MAX], report[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(s->id, id);
	view_queue_id_format(index, report);
	for (size_t i = 0; i < s->n && i < result->n_step_code; i++) {
		if (result->step_code[i])
			continue;
		if (is_told(s, i, &action)) {
			first = action < first ? action : first;
			has_told = true;
		} else if (!has_sender(s) &&
			   s->step[i]->outcome == COMMANDS__OUTCOME__OUTCOME_FAIL) {
			log_warn("%s: to=<%.*s>: undeliverable, and it has no sender: nobody "
				 "is told",
				id, SLICE_FMT(codec_slice(s->row[i]->rcpt->address)));
		}
	}
	if (has_told)
		log_info("%s: sender %s: %s", id, kind_of(first), report);
}
