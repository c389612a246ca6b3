#include <stdio.h>
#include <stdlib.h>

#include "core/must.h"
#include "smtp/smtp_cmd.h"
#include "smtp/smtp_session_inner.h"

enum {
	REPLY_BASE = 4096,
	REPLY_PER_RCPT = 512,
	HEAD_MAX = 8192,
	KEPT_MAX = 1 << 30,
	DIGITS = 24
};
/* How a client begins that believes the port to be TLS; no verb does. */
enum { TLS_HANDSHAKE = 0x16 };

void
smtp_session_limits_default(struct smtp_limits *l)
{
	*l = (struct smtp_limits){
		.line_max = SMTP_PARSE_LINE_MAX,
		.auth_line_max = SMTP_PARSE_AUTH_LINE_MAX,
		.rcpt_max = 1000,
		.error_max = 20,
		.auth_failure_max = 5,
		.junk_max = 100,
		.hop_max = 50,
		.size_max_bytes = 50u << 20,
		.idle_ms = 300000,
		.transaction_ms = 3600000,
		.data_window_ms = 300000,
		.data_rate_min = 500,
	};
}

struct smtp_session *
smtp_session_new(const struct smtp_setup *setup)
{
	struct smtp_session *s = must_zalloc(sizeof *s);

	s->lim = *setup->limits;
	arena_init(&s->keep, 0);
	arena_init(&s->hello, 0);
	arena_init(&s->tx, 0);
	arena_init(&s->line, 0);
	buf_init(&s->reply,
		REPLY_BASE + (size_t)s->lim.rcpt_max * REPLY_PER_RCPT + s->lim.auth_line_max);
	buf_init(&s->head_text, HEAD_MAX);
	buf_init(&s->kept, KEPT_MAX);
	s->who.kind = setup->kind;
	s->who.trusts_loopback = setup->trusts_loopback;
	s->who.is_stranger = setup->is_stranger;
	s->who.is_secure = setup->tls_cipher.n > 0;
	s->hostname = arena_dup(&s->keep, setup->hostname);
	s->client_ip = arena_dup(&s->keep, setup->client_ip);
	s->client_name = arena_dup(&s->keep, setup->client_name);
	s->id = arena_dup(&s->keep, setup->id);
	s->tls_cipher = arena_dup(&s->keep, setup->tls_cipher);
	s->may_starttls = setup->may_starttls;
	s->offers_scram = setup->offers_scram;
	s->strips = setup->strips;
	s->state = SMTP_ST_NEW;
	return s;
}

void
smtp_session_free(struct smtp_session *s)
{
	if (!s)
		return;
	arena_reset(&s->keep);
	arena_reset(&s->hello);
	arena_reset(&s->tx);
	arena_reset(&s->line);
	buf_fini(&s->reply);
	buf_fini(&s->head_text);
	buf_fini(&s->kept);
	free(s);
}

const struct smtp_envelope *
smtp_session_envelope(const struct smtp_session *s)
{
	return &s->env;
}

bool
smtp_session_is_quiet(const struct smtp_session *s)
{
	return s->mode == SMTP_MODE_COMMAND && s->state <= SMTP_ST_READY;
}

/* --- what the other files use --- */

void
smtp_session_act(struct smtp_session *s, enum smtp_act_kind kind, struct slice slice)
{
	must(s->out->n < SMTP_ACTS_MAX);
	s->out->act[s->out->n++] = (struct smtp_act){kind, slice, SLICE_EMPTY};
}

/* Those of a message's refusal may be said long after it was doomed. */
static struct slice
arg_of(const struct smtp_session *s, enum smtp_reply r, char digits[DIGITS])
{
	uint64_t n = r == SMTP_REPLY_TOO_BIG ? s->lim.size_max_bytes : s->rcpt_most;

	if (r == SMTP_REPLY_SENDING_LIMIT)
		return s->full;
	if (r != SMTP_REPLY_TOO_BIG && r != SMTP_REPLY_TOO_MANY_TO_SEND)
		return s->arg;
	return slice_of(
		digits, (size_t)snprintf(digits, DIGITS, "%llu", (unsigned long long)n));
}

void
smtp_session_say(struct smtp_session *s, enum smtp_reply r)
{
	char digits[DIGITS];

	smtp_reply_put(&s->reply, r, arg_of(s, r, digits));
	s->out->code = smtp_reply_code(r);
	if (s->out->code >= 500)
		s->errors++;
}

void
smtp_session_close(struct smtp_session *s, enum smtp_reply why)
{
	smtp_session_say(s, why);
	smtp_session_reset(s);
	smtp_session_act(s, SMTP_ACT_CLOSE, SLICE_EMPTY);
	s->mode = SMTP_MODE_CLOSED;
}

void
smtp_session_reset(struct smtp_session *s)
{
	struct slice user = s->env.user;
	uint64_t account = s->env.account;

	if (s->is_body_open)
		smtp_session_act(s, SMTP_ACT_BODY_DROP, SLICE_EMPTY);
	s->is_body_open = false;
	if (s->env.sender.n)
		s->out->sender = arena_dup(&s->line, s->env.sender);
	s->env = (struct smtp_envelope){.helo = s->helo, .user = user, .account = account};
	s->rcpt_room = 0;
	s->rcpt_most = 0;
	s->full = SLICE_EMPTY;
	s->refused_rcpts = 0;
	s->has_failed_chunk = s->has_refused_mail = false;
	s->doom = SMTP_REPLY_NONE;
	arena_reset(&s->tx);
	if (s->state != SMTP_ST_NEW)
		s->state = SMTP_ST_READY;
}

/* --- events --- */

static void
open_session(struct smtp_session *s, const struct smtp_event *ev)
{
	s->arg = s->hostname;
	s->idle_from_ms = s->now_ms;
	if (ev->open.is_denied)
		smtp_session_close(s, SMTP_REPLY_GREETING_DENIED);
	else if (ev->open.is_refused)
		smtp_session_close(s, SMTP_REPLY_GREETING_BUSY);
	else if (s->who.kind == SMTP_KIND_LMTP)
		smtp_session_say(s, SMTP_REPLY_GREETING_LMTP);
	else
		smtp_session_say(s, SMTP_REPLY_GREETING);
}

/* RFC 3207 4.2: all that was said in the clear is forgotten. */
static void
on_secure(struct smtp_session *s, const struct smtp_event *ev)
{
	if (s->mode != SMTP_MODE_TLS)
		return;
	s->idle_from_ms = s->now_ms;
	if (!ev->secure.is_done) {
		smtp_session_act(s, SMTP_ACT_CLOSE, SLICE_EMPTY);
		s->mode = SMTP_MODE_CLOSED;
		return;
	}
	smtp_session_reset(s);
	s->state = SMTP_ST_NEW;
	s->mode = SMTP_MODE_COMMAND;
	s->helo = SLICE_EMPTY;
	s->env = (struct smtp_envelope){0};
	s->who.is_secure = true;
	s->who.is_stranger &= !ev->secure.is_known;
	s->who.is_authenticated = s->who.may_relay = false;
	s->tls_cipher = arena_dup(&s->keep, ev->secure.cipher);
}

static void
line_too_long(struct smtp_session *s)
{
	s->is_skipping = false;
	s->arg = SLICE_EMPTY;
	if (s->mode == SMTP_MODE_AUTH) {
		s->mode = SMTP_MODE_COMMAND;
		smtp_session_act(s, SMTP_ACT_AUTH_DROP, SLICE_EMPTY);
		smtp_session_say(s, SMTP_REPLY_AUTH_TOO_LONG);
		return;
	}
	smtp_session_say(s, SMTP_REPLY_LINE_TOO_LONG);
}

static size_t
line_input(struct smtp_session *s, struct slice in)
{
	bool found, is_bare;
	struct slice line;
	size_t used = 0, max = s->lim.auth_line_max;
	enum err e;

	if (s->state == SMTP_ST_NEW && in.n && in.p[0] == TLS_HANDSHAKE) {
		smtp_session_close(s, SMTP_REPLY_UNKNOWN_COMMAND);
		return in.n;
	}
	if (s->is_skipping) {
		used = smtp_parse_skip(in, &found);
		if (found)
			line_too_long(s);
		return used;
	}
	/* Which limit holds is known only with the verb: AUTH's line may be longer. */
	if (s->lim.line_max > max)
		max = s->lim.line_max;
	e = smtp_parse_line(in, max, &line, &is_bare, &used);
	if (e == ERR_MORE)
		return 0;
	if (e != ERR_OK) {
		s->is_skipping = true;
		return used ? used : smtp_parse_skip(in, &found);
	}
	s->idle_from_ms = s->now_ms;
	if (s->mode == SMTP_MODE_AUTH)
		smtp_cmd_auth_line(s, line, is_bare);
	else
		smtp_cmd_line(s, line, is_bare);
	return used;
}

static void
on_input(struct smtp_session *s, struct slice in)
{
	enum smtp_mode was = s->mode;
	size_t used;

	if (s->mode == SMTP_MODE_CLOSED) {
		s->out->consumed = in.n;
		return;
	}
	if (s->mode == SMTP_MODE_WAIT || s->mode == SMTP_MODE_TLS)
		return;
	if (was == SMTP_MODE_DATA || was == SMTP_MODE_CHUNK)
		used = smtp_session_body_input(s, in);
	else
		used = line_input(s, in);
	/* Octets behind a command (or a body) whose reply they didn't wait for; a chunk's own
	 * are none. */
	if (used && used < in.n && s->mode != SMTP_MODE_CHUNK && s->mode != SMTP_MODE_DATA)
		s->has_pipelined = true;
	s->out->consumed = used;
}

static bool
is_awaiting_client(const struct smtp_session *s)
{
	return s->mode != SMTP_MODE_WAIT && s->mode != SMTP_MODE_CLOSED;
}

static bool
is_receiving(const struct smtp_session *s)
{
	return (s->mode == SMTP_MODE_DATA || s->mode == SMTP_MODE_CHUNK) &&
	       s->lim.data_rate_min > 0;
}

static void
on_tick(struct smtp_session *s)
{
	bool is_late;

	if (!is_awaiting_client(s))
		return;
	is_late = s->now_ms - s->idle_from_ms >= s->lim.idle_ms ||
		  (s->state > SMTP_ST_READY &&
			  s->now_ms - s->tx_from_ms >= s->lim.transaction_ms);
	s->arg = s->hostname;
	if (is_late && s->mode == SMTP_MODE_TLS) {
		smtp_session_act(s, SMTP_ACT_CLOSE, SLICE_EMPTY);
		s->mode = SMTP_MODE_CLOSED;
		return;
	}
	if (is_late) {
		smtp_session_close(s, SMTP_REPLY_TIMEOUT);
		return;
	}
	if (!is_receiving(s) || s->now_ms - s->window_from_ms < s->lim.data_window_ms)
		return;
	if (s->window_octets * 1000 / s->lim.data_window_ms < s->lim.data_rate_min) {
		smtp_session_close(s, SMTP_REPLY_TOO_SLOW);
		return;
	}
	s->window_from_ms = s->now_ms;
	s->window_octets = 0;
}

uint64_t
smtp_session_due_ms(const struct smtp_session *s)
{
	uint64_t due;

	if (!is_awaiting_client(s))
		return UINT64_MAX;
	due = s->idle_from_ms + s->lim.idle_ms;
	if (s->state > SMTP_ST_READY && s->tx_from_ms + s->lim.transaction_ms < due)
		due = s->tx_from_ms + s->lim.transaction_ms;
	if (is_receiving(s) && s->window_from_ms + s->lim.data_window_ms < due)
		due = s->window_from_ms + s->lim.data_window_ms;
	return due;
}

static void
leave(struct smtp_session *s, enum smtp_reply why)
{
	s->leave = why;
	if (s->mode == SMTP_MODE_WAIT || s->mode == SMTP_MODE_CLOSED)
		return;
	if (s->mode == SMTP_MODE_TLS) {
		smtp_session_act(s, SMTP_ACT_CLOSE, SLICE_EMPTY);
		s->mode = SMTP_MODE_CLOSED;
		return;
	}
	s->arg = s->hostname;
	smtp_session_close(s, why);
}

/* An answer counts only while a question is open: the driver may be late with one. */
static void
on_answer(struct smtp_session *s, const struct smtp_event *ev)
{
	if (s->mode != SMTP_MODE_WAIT)
		return;
	s->idle_from_ms = s->now_ms;
	s->arg = SLICE_EMPTY;
	if (ev->kind == SMTP_EV_SENDING)
		smtp_cmd_mail_sending(s, ev);
	else if (ev->kind == SMTP_EV_SENDER)
		smtp_cmd_mail_sender(s, ev->sender);
	else if (ev->kind == SMTP_EV_RCPT)
		smtp_cmd_mail_rcpt_answer(s, ev);
	else if (ev->kind == SMTP_EV_AUTH)
		smtp_cmd_auth_answer(s, ev);
	else if (ev->kind == SMTP_EV_SCORED)
		smtp_session_body_scored(s, ev->scored.e, ev->scored.reply);
	else
		smtp_session_body_queued(s, ev);
	if (s->leave && s->mode == SMTP_MODE_COMMAND)
		leave(s, s->leave);
}

static void
apply_event(struct smtp_session *s, const struct smtp_event *ev)
{
	switch (ev->kind) {
	case SMTP_EV_OPEN:
		open_session(s, ev);
		break;
	case SMTP_EV_INPUT:
		on_input(s, ev->input);
		break;
	case SMTP_EV_TICK:
		on_tick(s);
		break;
	case SMTP_EV_SECURE:
		on_secure(s, ev);
		break;
	case SMTP_EV_SENDING:
	case SMTP_EV_SENDER:
	case SMTP_EV_RCPT:
	case SMTP_EV_AUTH:
	case SMTP_EV_SCORED:
	case SMTP_EV_QUEUED:
		on_answer(s, ev);
		break;
	case SMTP_EV_SHUTDOWN:
		leave(s, SMTP_REPLY_SHUTDOWN);
		break;
	case SMTP_EV_ACCOUNT_CHANGED:
		leave(s, SMTP_REPLY_ACCOUNT_CHANGED);
		break;
	}
}

void
smtp_session_step(struct smtp_session *s, const struct smtp_event *ev, struct smtp_acts *out)
{
	*out = (struct smtp_acts){0};
	s->out = out;
	s->now_ms = ev->now_ms;
	s->now_sec = ev->now_sec;
	buf_clear(&s->reply);
	buf_clear(&s->kept);
	apply_event(s, ev);
	if (s->errors >= s->lim.error_max && s->mode == SMTP_MODE_COMMAND) {
		s->arg = s->hostname;
		smtp_session_close(s, SMTP_REPLY_TOO_MANY_ERRORS);
	}
	out->reply = buf_slice(&s->reply);
	s->out = NULL;
}
