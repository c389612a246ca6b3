#include <stddef.h>
#include <stdlib.h>

#include "core/must.h"
#include "crypto/seal.h"
#include "smtp/smtp_client_inner.h"

enum {
	OUT_BASE = 16 << 10, /* all that isn't RCPT or the message */
	/* RCPT TO:<>, path, NOTIFY, ORCPT */
	OUT_PER_RCPT = 16 + SMTP_PARSE_PATH_MAX + 40 + 16 + SMTP_PARSE_ORCPT_MAX,
	BODY_ROOM = 2 * SMTP_CLIENT_BODY_MAX + 4 + SMTP_CLIENT_CHUNK_LEAST_MAX
};

void
smtp_client_limits_default(struct smtp_client_limits *l)
{
	*l = (struct smtp_client_limits){
		.hello_ms = 300000,
		.tls_ms = 300000,
		.xforward_ms = 300000,
		.mail_ms = 300000,
		.rcpt_ms = 300000,
		.data_init_ms = 120000,
		.data_block_ms = 180000,
		.data_done_ms = 600000,
		.rset_ms = 20000,
		.quit_ms = 5000,
		.transaction_ms = 7200000,
		.rcpt_max = 50,
		.chunk_least = SMTP_CLIENT_CHUNK_LEAST_MAX,
	};
}

struct smtp_client *
smtp_client_new(const struct smtp_client_setup *setup)
{
	struct smtp_client *c = must_zalloc(sizeof *c);

	c->lim = *setup->limits;
	must(c->lim.chunk_least <= SMTP_CLIENT_CHUNK_LEAST_MAX);
	arena_init(&c->keep, 0);
	arena_init(&c->greeting, 0);
	arena_init(&c->tx, 0);
	c->su = *setup;
	c->su.limits = NULL;
	c->su.hostname = arena_dup(&c->keep, setup->hostname);
	c->su.user = arena_dup(&c->keep, setup->user);
	c->su.password = arena_dup(&c->keep, setup->password);
	c->su.nonce = arena_dup(&c->keep, setup->nonce);
	c->is_secure = setup->is_secure;
	smtp_client_reply_init(&c->reply);
	/* RCPT or, with LMTP, the replies to the dot; XFORWARD, MAIL, DATA; chunks */
	c->awaited_room = c->lim.rcpt_max + SMTP_CLIENT_FORWARDS + SMTP_CLIENT_CHUNKS_MAX + 2;
	c->awaited = arena_alloc(&c->keep, c->awaited_room * sizeof *c->awaited);
	buf_init(&c->out, OUT_BASE + (size_t)c->lim.rcpt_max * OUT_PER_RCPT + BODY_ROOM);
	buf_init(&c->chunk, BODY_ROOM);
	return c;
}

void
smtp_client_free(struct smtp_client *c)
{
	if (!c)
		return;
	seal_wipe((void *)(uintptr_t)c->su.password.p, c->su.password.n);
	scram_client_fini(&c->scram);
	smtp_client_reply_fini(&c->reply);
	arena_reset(&c->keep);
	arena_reset(&c->greeting);
	arena_reset(&c->tx);
	/* The login may have been in it. */
	buf_fini_secret(&c->out);
	buf_fini(&c->chunk);
	free(c);
}

const struct smtp_client_outcome *
smtp_client_outcome(const struct smtp_client *c, size_t i)
{
	must(i < c->outcomes_n);
	return &c->outcomes[i];
}

const struct smtp_client_outcome *
smtp_client_end(const struct smtp_client *c)
{
	return &c->end;
}

const struct smtp_client_hello *
smtp_client_offers(const struct smtp_client *c)
{
	return &c->hello;
}

const struct smtp_client_body *
smtp_client_mended(const struct smtp_client *c)
{
	return &c->body;
}

/* --- the replies that are awaited --- */

static const struct row {
	enum smtp_client_stage stage;
	unsigned expects; /* the code's first digit; 0: any */
	size_t limit;	  /* where in the limits */
	void (*on)(struct smtp_client *c, size_t rcpt, bool is_ok);
} rows[] = {
#define ROW(command, stage, expects, limit, on)                                                \
	[SMTP_CLIENT_CMD_##command] = {SMTP_CLIENT_AT_##stage, expects,                        \
		offsetof(struct smtp_client_limits, limit##_ms), on}
	ROW(GREETING, GREETING, 2, hello, smtp_client_on_greeting),
	ROW(EHLO, HELLO, 2, hello, smtp_client_on_ehlo),
	ROW(HELO, HELLO, 2, hello, smtp_client_on_helo),
	ROW(STARTTLS, STARTTLS, 2, tls, smtp_client_on_starttls),
	ROW(AUTH, AUTH, 0, hello, smtp_client_on_auth),
	ROW(XFORWARD, XFORWARD, 2, xforward, smtp_client_on_xforward),
	ROW(MAIL, MAIL, 2, mail, smtp_client_on_mail),
	ROW(RCPT, RCPT, 2, rcpt, smtp_client_on_rcpt),
	ROW(DATA, DATA, 3, data_init, smtp_client_on_data),
	ROW(CHUNK, BODY, 2, data_block, smtp_client_on_chunk),
	ROW(DOT, DOT, 2, data_done, smtp_client_on_dot),
	ROW(LONE_DOT, DOT, 0, data_done, smtp_client_on_lone_dot),
	ROW(RSET, RSET, 2, rset, smtp_client_on_rset),
	ROW(QUIT, QUIT, 0, quit, NULL),
#undef ROW
};

void
smtp_client_await(struct smtp_client *c, enum smtp_client_command command, size_t rcpt)
{
	size_t at = (c->awaited_first + c->awaited_n) % c->awaited_room;

	must(c->awaited_n < c->awaited_room);
	c->awaited[at] = (struct smtp_client_awaited){command, rcpt};
	if (c->awaited_n++ == 0)
		c->wait_from_ms = c->now_ms;
}

/* Gives its recipient. */
static size_t
pop_awaited(struct smtp_client *c)
{
	size_t rcpt = c->awaited[c->awaited_first].rcpt;

	c->awaited_first = (c->awaited_first + 1) % c->awaited_room;
	c->awaited_n--;
	c->wait_from_ms = c->now_ms;
	return rcpt;
}

/* --- the end --- */

void
smtp_client_act(struct smtp_client *c, enum smtp_client_act act)
{
	c->acts |= 1u << act;
}

static void
give_up_mail(struct smtp_client *c, const struct smtp_client_outcome *why)
{
	struct smtp_client_outcome o = *why;

	if (!c->mail)
		return;
	if (c->is_dot_sent)
		o.result = SMTP_CLIENT_UNKNOWN;
	smtp_client_judge_all(c, &o);
	smtp_client_act(c, SMTP_CLIENT_ACT_DONE);
	c->mail = NULL;
}

/* Nothing that this step wanted before goes on. */
static void
stop(struct smtp_client *c, const struct smtp_client_outcome *why)
{
	if (why && c->end.result == SMTP_CLIENT_NONE)
		c->end = *why;
	if (why)
		give_up_mail(c, why);
	buf_clear(&c->out);
	c->acts &= 1u << SMTP_CLIENT_ACT_DONE;
	c->awaited_n = 0;
}

static void
close_now(struct smtp_client *c)
{
	c->state = SMTP_CLIENT_ST_CLOSED;
	c->awaited_n = 0;
	smtp_client_act(c, SMTP_CLIENT_ACT_CLOSE);
}

void
smtp_client_fail(struct smtp_client *c, const struct smtp_client_outcome *why)
{
	stop(c, why);
	close_now(c);
}

void
smtp_client_leave(struct smtp_client *c, const struct smtp_client_outcome *why)
{
	stop(c, why);
	c->state = SMTP_CLIENT_ST_QUIT;
	buf_put_str(&c->out, "QUIT\r\n");
	smtp_client_await(c, SMTP_CLIENT_CMD_QUIT, 0);
}

/* --- input --- */

static enum smtp_client_stage
stage_now(const struct smtp_client *c)
{
	if (c->state == SMTP_CLIENT_ST_TLS)
		return SMTP_CLIENT_AT_TLS;
	if (c->state == SMTP_CLIENT_ST_BODY || c->state == SMTP_CLIENT_ST_CHUNK ||
		c->state == SMTP_CLIENT_ST_ASK)
		return SMTP_CLIENT_AT_BODY;
	if (c->awaited_n)
		return rows[c->awaited[c->awaited_first].command].stage;
	return c->state == SMTP_CLIENT_ST_NEW ? SMTP_CLIENT_AT_GREETING : SMTP_CLIENT_AT_IDLE;
}

/* The connection broke, ran out of time, or the server broke a rule. Behind QUIT none of that
 * matters. */
static void
lose(struct smtp_client *c, enum smtp_client_cause cause, struct slice words)
{
	struct smtp_client_outcome o = {.result = SMTP_CLIENT_LOST,
		.scope = SMTP_CLIENT_OF_HOST,
		.stage = stage_now(c),
		.cause = cause};

	if (c->state == SMTP_CLIENT_ST_QUIT) {
		close_now(c);
		return;
	}
	strcpy(o.enhanced, cause == SMTP_CLIENT_BY_RULE ? "4.5.0" : "4.4.2");
	o.text = smtp_client_clean(&c->keep, words);
	smtp_client_fail(c, &o);
}

static void
lose_by_reply(struct smtp_client *c, enum smtp_client_stage stage)
{
	struct smtp_client_outcome o = smtp_client_of_reply(
		c, &c->keep, stage, SMTP_CLIENT_OF_HOST);

	smtp_client_fail(c, &o);
}

/* No reply is awaited. A server may say 421 at any time (RFC 5321 3.8); of one that says
 * anything else nobody knows what it answers, or who put it in: in front of TLS it is an
 * injection. */
static void
on_out_of_turn(struct smtp_client *c, struct slice in)
{
	size_t used;

	if (c->state == SMTP_CLIENT_ST_TLS)
		lose(c, SMTP_CLIENT_BY_RULE, SLICE_LIT("octets in front of TLS"));
	else if (smtp_client_reply_feed(&c->reply, in, &used) == ERR_OK &&
		 c->reply.code == SMTP_CLIENT_CLOSING)
		lose_by_reply(c, stage_now(c));
	else
		lose(c, SMTP_CLIENT_BY_RULE, slice_cut(in, 0, slice_find(in, '\r')));
}

static void
lose_by_odd_reply(struct smtp_client *c)
{
	struct buf text;

	buf_init(&text, SMTP_CLIENT_REPLY_TEXT_MAX);
	smtp_client_reply_text(&c->reply, &text);
	lose(c, SMTP_CLIENT_BY_RULE, buf_slice(&text));
	buf_fini(&text);
}

static void
on_reply(struct smtp_client *c)
{
	enum smtp_client_command command = c->awaited[c->awaited_first].command;
	const struct row *row = &rows[command];
	unsigned digit = c->reply.code / 100;
	bool is_closing = c->reply.code == SMTP_CLIENT_CLOSING;

	if (command == SMTP_CLIENT_CMD_QUIT) {
		close_now(c);
		return;
	}
	/* To the dot it is an answer like any 4xx. */
	if (is_closing && command != SMTP_CLIENT_CMD_DOT) {
		lose_by_reply(c, row->stage);
		return;
	}
	/* RFC 5321 4.3.2: a code that isn't known is judged by its first digit. */
	if (row->expects && digit != row->expects && digit < 4) {
		lose_by_odd_reply(c);
		return;
	}
	row->on(c, pop_awaited(c), digit == row->expects);
	if (is_closing && c->state != SMTP_CLIENT_ST_CLOSED)
		lose_by_reply(c, row->stage);
}

static void
on_input(struct smtp_client *c, struct slice in)
{
	while (in.n && c->state != SMTP_CLIENT_ST_CLOSED) {
		bool is_last = c->awaited_n == 1;
		size_t used;
		enum err e;

		if (c->awaited_n == 0) {
			on_out_of_turn(c, in);
			return;
		}
		e = smtp_client_reply_feed(&c->reply, in, &used);
		in = slice_from(in, used);
		if (e == ERR_MORE)
			return;
		if (e != ERR_OK) {
			lose(c, SMTP_CLIENT_BY_RULE, smtp_client_reply_fault(&c->reply));
			return;
		}
		on_reply(c);
		/* What comes behind it can't answer what is only sent now. */
		if (is_last && in.n && c->state != SMTP_CLIENT_ST_CLOSED) {
			on_out_of_turn(c, in);
			return;
		}
	}
}

/* --- time --- */

static bool
is_before_dot(const struct smtp_client *c)
{
	return c->state == SMTP_CLIENT_ST_ENVELOPE || c->state == SMTP_CLIENT_ST_BODY ||
	       c->state == SMTP_CLIENT_ST_CHUNK;
}

static uint64_t
min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
smtp_client_due_ms(const struct smtp_client *c)
{
	uint64_t due = UINT64_MAX;
	uint32_t limit;

	if (c->state == SMTP_CLIENT_ST_TLS)
		return c->wait_from_ms + c->lim.tls_ms;
	if (c->awaited_n) {
		memcpy(&limit,
			(const char *)&c->lim +
				rows[c->awaited[c->awaited_first].command].limit,
			sizeof limit);
		due = c->wait_from_ms + limit;
	}
	if (c->state == SMTP_CLIENT_ST_BODY)
		due = min(due, c->progress_from_ms + c->lim.data_block_ms);
	if (is_before_dot(c))
		due = min(due, c->tx_from_ms + c->lim.transaction_ms);
	return due;
}

/* --- events --- */

static void
on_open(struct smtp_client *c)
{
	if (c->state != SMTP_CLIENT_ST_NEW)
		return;
	c->state = SMTP_CLIENT_ST_OPENING;
	smtp_client_await(c, SMTP_CLIENT_CMD_GREETING, 0);
}

static void
on_shutdown(struct smtp_client *c)
{
	struct smtp_client_outcome o = smtp_client_of_us(
		SMTP_CLIENT_STOPPED, stage_now(c), "4.3.2", "the service stops");

	c->is_leaving = true;
	if (c->state == SMTP_CLIENT_ST_IDLE)
		smtp_client_leave(c, NULL);
	else if (c->state == SMTP_CLIENT_ST_RESET)
		give_up_mail(c, &o);
	else if (c->state < SMTP_CLIENT_ST_DOT)
		smtp_client_fail(c, &o);
}

static void
apply_event(struct smtp_client *c, const struct smtp_client_event *ev)
{
	switch (ev->kind) {
	case SMTP_CLIENT_EV_OPEN:
		on_open(c);
		break;
	case SMTP_CLIENT_EV_INPUT:
		on_input(c, ev->input);
		break;
	case SMTP_CLIENT_EV_WROTE:
		c->progress_from_ms = c->now_ms;
		break;
	case SMTP_CLIENT_EV_END:
		if (c->state != SMTP_CLIENT_ST_CLOSED)
			lose(c, SMTP_CLIENT_BY_LOSS, ev->end);
		break;
	case SMTP_CLIENT_EV_TICK:
		if (c->now_ms >= smtp_client_due_ms(c))
			lose(c, SMTP_CLIENT_BY_TIME, SLICE_EMPTY);
		break;
	case SMTP_CLIENT_EV_SECURE:
		smtp_client_on_secure(c, ev->secure.is_done, ev->secure.words);
		break;
	case SMTP_CLIENT_EV_MAIL:
		smtp_client_take_mail(c, ev->mail);
		break;
	case SMTP_CLIENT_EV_BODY:
		smtp_client_on_body(c, ev);
		break;
	case SMTP_CLIENT_EV_DOT:
		smtp_client_on_may_send(c, ev->may_send);
		break;
	case SMTP_CLIENT_EV_SHUTDOWN:
		on_shutdown(c);
		break;
	}
}

void
smtp_client_step(
	struct smtp_client *c, const struct smtp_client_event *ev, struct smtp_client_acts *out)
{
	*out = (struct smtp_client_acts){0};
	c->now_ms = ev->now_ms;
	c->acts = 0;
	buf_clear(&c->out);
	apply_event(c, ev);
	must(!c->out.overflow);
	out->output = buf_slice(&c->out);
	for (unsigned i = 0; i < SMTP_CLIENT_ACTS_MAX; i++)
		if (c->acts & 1u << i)
			out->act[out->n++] = (enum smtp_client_act)i;
}
