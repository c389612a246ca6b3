/* The message on its way, up to the answer to its end. */
#include "core/must.h"
#include "smtp/smtp_client_inner.h"

static void
want_body(struct smtp_client *c)
{
	c->state = SMTP_CLIENT_ST_BODY;
	c->progress_from_ms = c->now_ms;
	smtp_client_act(c, SMTP_CLIENT_ACT_WANT_BODY);
}

void
smtp_client_begin_body(struct smtp_client *c)
{
	smtp_client_body_init(&c->body, !c->uses_bdat);
	buf_clear(&c->chunk);
	want_body(c);
}

static void
give_up(struct smtp_client *c, enum smtp_client_result result, const char *enhanced,
	const char *words)
{
	struct smtp_client_outcome o = smtp_client_of_us(
		result, SMTP_CLIENT_AT_BODY, enhanced, words);

	smtp_client_fail(c, &o);
}

static void
ask(struct smtp_client *c)
{
	c->state = SMTP_CLIENT_ST_ASK;
	smtp_client_act(c, SMTP_CLIENT_ACT_ASK_DOT);
}

static void
put_chunk(struct smtp_client *c)
{
	buf_put_str(&c->out, "BDAT ");
	buf_put_dec(&c->out, c->chunk.n);
	buf_put_str(&c->out, c->has_last ? " LAST\r\n" : "\r\n");
	buf_put_slice(&c->out, buf_slice(&c->chunk));
	buf_clear(&c->chunk);
}

/* Before the last chunk all others are answered: so the driver's answer comes right before it,
 * and with LMTP it is sure how many replies it gets. */
static void
go_on_with_chunks(struct smtp_client *c)
{
	size_t most = c->hello.offers & SMTP_CLIENT_PIPELINING ? SMTP_CLIENT_CHUNKS_MAX : 1;

	c->state = SMTP_CLIENT_ST_CHUNK;
	if (c->has_last && c->awaited_n == 0)
		ask(c);
	else if (!c->has_last && c->awaited_n < most)
		want_body(c);
}

/* What is short waits for more: a small mail is one command. */
static void
take_chunk(struct smtp_client *c)
{
	if (!c->has_last && c->chunk.n >= c->lim.chunk_least) {
		put_chunk(c);
		smtp_client_await(c, SMTP_CLIENT_CMD_CHUNK, 0);
	}
	go_on_with_chunks(c);
}

void
smtp_client_on_body(struct smtp_client *c, const struct smtp_client_event *ev)
{
	/* The last piece leaves together with what ends it. */
	struct buf *to = c->uses_bdat || ev->body.is_last ? &c->chunk : &c->out;

	if (c->state != SMTP_CLIENT_ST_BODY)
		return;
	must(ev->body.octets.n <= SMTP_CLIENT_BODY_MAX);
	if (ev->body.is_lost) {
		give_up(c, SMTP_CLIENT_STOPPED, "4.3.0", "the message can't be read");
		return;
	}
	smtp_client_body_feed(&c->body, ev->body.octets, to);
	c->has_last = ev->body.is_last;
	if (c->has_last)
		smtp_client_body_finish(&c->body, to);
	if (c->body.has_nul && !c->mail->is_binary)
		give_up(c, SMTP_CLIENT_FAILED, "5.6.3",
			"the message has NUL octets, which mail can't have");
	else if (c->uses_bdat)
		take_chunk(c);
	else if (c->has_last)
		ask(c);
	else
		want_body(c);
}

/* RFC 2033 4.2: LMTP has a reply for each recipient that was accepted. */
static void
await_dot(struct smtp_client *c)
{
	if (!c->su.is_lmtp) {
		smtp_client_await(c, SMTP_CLIENT_CMD_DOT, 0);
		return;
	}
	for (size_t i = 0; i < c->outcomes_n; i++)
		if (c->outcomes[i].result == SMTP_CLIENT_NONE)
			smtp_client_await(c, SMTP_CLIENT_CMD_DOT, i);
}

void
smtp_client_on_may_send(struct smtp_client *c, bool may_send)
{
	if (c->state != SMTP_CLIENT_ST_ASK)
		return;
	if (!may_send) {
		give_up(c, SMTP_CLIENT_STOPPED, "4.3.2", "it was stopped before its end");
		return;
	}
	if (c->uses_bdat) {
		put_chunk(c);
	} else {
		buf_put_slice(&c->out, buf_slice(&c->chunk));
		buf_put_str(&c->out, ".\r\n");
		buf_clear(&c->chunk);
	}
	c->state = SMTP_CLIENT_ST_DOT;
	c->is_dot_sent = true;
	c->is_clean = true;
	await_dot(c);
}

void
smtp_client_on_chunk(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	struct smtp_client_outcome o;

	(void)rcpt;
	if (!is_ok && !c->is_refused) {
		o = smtp_client_of_reply(c, &c->tx, SMTP_CLIENT_AT_BODY, SMTP_CLIENT_OF_MAIL);
		smtp_client_judge_all(c, &o);
		c->is_refused = true;
		c->state = SMTP_CLIENT_ST_ENVELOPE;
		c->acts &= ~(1u << SMTP_CLIENT_ACT_WANT_BODY);
	}
	if (!c->is_refused && c->state == SMTP_CLIENT_ST_CHUNK)
		go_on_with_chunks(c);
	else if (c->is_refused && c->awaited_n == 0)
		smtp_client_finish(c);
}

void
smtp_client_on_dot(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	struct smtp_client_outcome o = smtp_client_of_reply(c, &c->tx, SMTP_CLIENT_AT_DOT,
		c->su.is_lmtp ? SMTP_CLIENT_OF_RCPT : SMTP_CLIENT_OF_MAIL);

	if (c->su.is_lmtp)
		smtp_client_judge(c, rcpt, &o);
	else
		smtp_client_judge_all(c, &o);
	c->is_clean &= is_ok;
	if (c->awaited_n == 0)
		smtp_client_finish(c);
}
