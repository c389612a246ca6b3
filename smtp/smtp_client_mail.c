/* One mail after another: its envelope, and what comes between two of them. */
#include "core/must.h"
#include "core/utf8.h"
#include "smtp/smtp_client_inner.h"

static bool
offers(const struct smtp_client *c, unsigned wanted)
{
	return (c->hello.offers & wanted) == wanted;
}

/* It wasn't tried, and won't be on this connection. */
static void
leave_mail(struct smtp_client *c)
{
	struct smtp_client_outcome o = {.result = SMTP_CLIENT_LEFT,
		.scope = SMTP_CLIENT_OF_MAIL,
		.stage = SMTP_CLIENT_AT_IDLE,
		.cause = SMTP_CLIENT_BY_US};

	smtp_client_judge_all(c, &o);
	smtp_client_act(c, SMTP_CLIENT_ACT_DONE);
	c->mail = NULL;
}

void
smtp_client_take_mail(struct smtp_client *c, const struct smtp_client_mail *mail)
{
	must(!c->mail);
	arena_reset(&c->tx);
	c->mail = mail;
	c->outcomes_n = mail->rcpt_n;
	c->outcomes = arena_zalloc(&c->tx, (mail->rcpt_n + 1) * sizeof *c->outcomes);
	c->paths = arena_zalloc(&c->tx, (mail->rcpt_n + 1) * sizeof *c->paths);
	c->is_dot_sent = false;
	smtp_client_body_init(&c->body, true);
	if (c->state == SMTP_CLIENT_ST_IDLE) {
		smtp_client_go_idle(c);
	} else if (c->state >= SMTP_CLIENT_ST_QUIT) {
		leave_mail(c);
	}
}

/* --- what can be said without asking --- */

static void
refuse(struct smtp_client *c, enum smtp_client_result result, const char *enhanced,
	const char *words)
{
	struct smtp_client_outcome o = smtp_client_of_us(
		result, SMTP_CLIENT_AT_MAIL, enhanced, words);

	smtp_client_judge_all(c, &o);
}

static void
check_mail(struct smtp_client *c)
{
	const struct smtp_client_mail *m = c->mail;

	if (m->sender.n && !smtp_client_path(c, m->sender, &c->sender))
		refuse(c, SMTP_CLIENT_FAILED, "5.1.7", "bad sender address syntax");
	if (m->smtputf8 && !offers(c, SMTP_CLIENT_SMTPUTF8))
		refuse(c, SMTP_CLIENT_FAILED, "5.6.9",
			"the message's header needs SMTPUTF8, which the server doesn't offer");
	if (!utf8_is_ascii(c->sender) && !offers(c, SMTP_CLIENT_SMTPUTF8))
		refuse(c, SMTP_CLIENT_FAILED, "5.6.7",
			"the sender's address needs SMTPUTF8, which the server doesn't offer");
	/* RFC 1870 6.1: known beforehand, it needn't be tried. */
	if (c->hello.size_max_bytes && m->size_bytes > c->hello.size_max_bytes)
		refuse(c, SMTP_CLIENT_FAILED, "5.3.4",
			"message size exceeds the size limit of the server");
	if (m->is_binary && !offers(c, SMTP_CLIENT_BINARYMIME | SMTP_CLIENT_CHUNKING))
		refuse(c, SMTP_CLIENT_FAILED, "5.6.3",
			"the message has NUL octets, which the server can't take");
	if (m->is_8bit && !offers(c, SMTP_CLIENT_8BITMIME))
		refuse(c, SMTP_CLIENT_CONVERT, "5.6.3",
			"the message has 8-bit octets, which the server can't take");
}

static void
check_rcpt(struct smtp_client *c, size_t i, size_t *room)
{
	struct smtp_client_outcome o;

	if (c->outcomes[i].result != SMTP_CLIENT_NONE)
		return;
	if (!smtp_client_path(c, c->mail->rcpt[i].address, &c->paths[i]) ||
		c->paths[i].n == 0) {
		o = smtp_client_of_us(SMTP_CLIENT_FAILED, SMTP_CLIENT_AT_RCPT, "5.1.3",
			"bad recipient address syntax");
	} else if (!utf8_is_ascii(c->paths[i]) && !offers(c, SMTP_CLIENT_SMTPUTF8)) {
		o = smtp_client_of_us(SMTP_CLIENT_FAILED, SMTP_CLIENT_AT_RCPT, "5.6.7",
			"the recipient's address needs SMTPUTF8, which the server doesn't "
			"offer");
	} else if (*room == 0) {
		o = (struct smtp_client_outcome){.result = SMTP_CLIENT_LEFT,
			.scope = SMTP_CLIENT_OF_RCPT,
			.stage = SMTP_CLIENT_AT_RCPT,
			.cause = SMTP_CLIENT_BY_US};
	} else {
		(*room)--;
		c->has_utf8 |= !utf8_is_ascii(c->paths[i]);
		return;
	}
	o.scope = SMTP_CLIENT_OF_RCPT;
	smtp_client_judge(c, i, &o);
}

static bool
has_pending(const struct smtp_client *c)
{
	for (size_t i = 0; i < c->outcomes_n; i++)
		if (c->outcomes[i].result == SMTP_CLIENT_NONE)
			return true;
	return false;
}

/* --- the envelope --- */

static void
write_rcpt(struct smtp_client *c)
{
	while (c->next_rcpt < c->outcomes_n &&
		c->outcomes[c->next_rcpt].result != SMTP_CLIENT_NONE)
		c->next_rcpt++;
	if (c->next_rcpt == c->outcomes_n) {
		c->next = c->uses_bdat ? SMTP_CLIENT_NEXT_NONE : SMTP_CLIENT_NEXT_DATA;
		return;
	}
	smtp_client_put_rcpt(c, c->next_rcpt);
	smtp_client_await(c, SMTP_CLIENT_CMD_RCPT, c->next_rcpt++);
}

static void
write_next(struct smtp_client *c)
{
	if (c->next == SMTP_CLIENT_NEXT_XFORWARD) {
		if (c->forwards == 0) {
			c->next = SMTP_CLIENT_NEXT_MAIL;
			return;
		}
		smtp_client_put_xforward(c);
		smtp_client_await(c, SMTP_CLIENT_CMD_XFORWARD, 0);
		c->is_clean = false;
	} else if (c->next == SMTP_CLIENT_NEXT_MAIL) {
		smtp_client_put_mail(c);
		smtp_client_await(c, SMTP_CLIENT_CMD_MAIL, 0);
		c->is_clean = false;
		c->mails++;
		c->next = SMTP_CLIENT_NEXT_RCPT;
	} else if (c->next == SMTP_CLIENT_NEXT_RCPT) {
		write_rcpt(c);
	} else {
		buf_put_str(&c->out, "DATA\r\n");
		smtp_client_await(c, SMTP_CLIENT_CMD_DATA, 0);
		c->next = SMTP_CLIENT_NEXT_NONE;
	}
}

/* With PIPELINING (RFC 2920 3.1) MAIL, all RCPT and DATA leave as one group. XFORWARD doesn't
 * join it: a mail whose facts weren't taken is not to be begun. */
static bool
may_write(const struct smtp_client *c)
{
	if (c->next == SMTP_CLIENT_NEXT_NONE || c->is_refused)
		return false;
	if (c->awaited_n == 0)
		return c->next != SMTP_CLIENT_NEXT_DATA || c->accepted;
	return offers(c, SMTP_CLIENT_PIPELINING) && c->next != SMTP_CLIENT_NEXT_MAIL;
}

/* After each event of the envelope. */
static void
go_on(struct smtp_client *c)
{
	if (c->state != SMTP_CLIENT_ST_ENVELOPE)
		return;
	while (may_write(c))
		write_next(c);
	if (c->awaited_n)
		return;
	if (c->uses_bdat && c->accepted && !c->is_refused)
		smtp_client_begin_body(c);
	else
		smtp_client_finish(c);
}

static void
begin(struct smtp_client *c)
{
	size_t room = c->lim.rcpt_max;

	c->state = SMTP_CLIENT_ST_ENVELOPE;
	c->tx_from_ms = c->now_ms;
	c->sender = SLICE_EMPTY;
	c->next = SMTP_CLIENT_NEXT_XFORWARD;
	c->forwards = c->su.sends_xforward ? c->hello.forwards : 0;
	c->next_rcpt = c->accepted = 0;
	c->has_rcpt_ok = false;
	c->is_clean = true;
	c->uses_bdat = offers(c, SMTP_CLIENT_CHUNKING);
	if (c->hello.rcpt_max && c->hello.rcpt_max < room)
		room = c->hello.rcpt_max;
	check_mail(c);
	c->has_utf8 = c->mail->smtputf8 || !utf8_is_ascii(c->sender);
	for (size_t i = 0; i < c->outcomes_n; i++)
		check_rcpt(c, i, &room);
	c->is_refused = !has_pending(c);
	go_on(c);
}

void
smtp_client_go_idle(struct smtp_client *c)
{
	bool is_over = c->is_leaving || (c->hello.mail_max && c->mails >= c->hello.mail_max);

	c->state = SMTP_CLIENT_ST_IDLE;
	if (is_over && c->mail)
		leave_mail(c);
	if (is_over)
		smtp_client_leave(c, NULL);
	else if (c->mail)
		begin(c);
	else
		smtp_client_act(c, SMTP_CLIENT_ACT_IDLE);
}

void
smtp_client_finish(struct smtp_client *c)
{
	smtp_client_act(c, SMTP_CLIENT_ACT_DONE);
	c->mail = NULL;
	if (c->is_clean || c->is_leaving) {
		smtp_client_go_idle(c);
		return;
	}
	c->state = SMTP_CLIENT_ST_RESET;
	buf_put_str(&c->out, "RSET\r\n");
	smtp_client_await(c, SMTP_CLIENT_CMD_RSET, 0);
}

/* --- replies --- */

void
smtp_client_on_xforward(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	struct smtp_client_outcome o;

	(void)rcpt;
	if (!is_ok) {
		o = smtp_client_of_reply(
			c, &c->tx, SMTP_CLIENT_AT_XFORWARD, SMTP_CLIENT_OF_HOST);
		smtp_client_soften(&o);
		smtp_client_judge_all(c, &o);
		c->is_refused = true;
	}
	go_on(c);
}

/* RFC 3207 4, RFC 4954 6: STARTTLS or a login is wanted first: that is no fault of the mail. */
enum { WANTS_SECURITY = 530 };

static void
refuse_by_reply(struct smtp_client *c, enum smtp_client_stage stage)
{
	struct smtp_client_outcome o = smtp_client_of_reply(
		c, &c->tx, stage, SMTP_CLIENT_OF_MAIL);

	if (c->reply.code == WANTS_SECURITY)
		smtp_client_soften(&o);
	smtp_client_judge_all(c, &o);
	c->is_refused = true;
}

void
smtp_client_on_mail(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	(void)rcpt;
	if (!is_ok)
		refuse_by_reply(c, SMTP_CLIENT_AT_MAIL);
	go_on(c);
}

/* RFC 5321 4.5.3.1.10: "too many recipients" is 452, or 552 from old servers; they are sent in
 * another transaction. Only behind one that was taken, so that this comes to an end. */
static bool
is_too_many(const struct smtp_client *c)
{
	const char *enhanced = c->reply.enhanced;

	if (c->accepted == 0 || (c->reply.code != 452 && c->reply.code != 552))
		return false;
	return strcmp(enhanced + (*enhanced != 0), ".5.3") == 0 ||
	       (!*enhanced && c->reply.code == 452);
}

void
smtp_client_on_rcpt(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	struct smtp_client_outcome o;

	if (is_ok) {
		c->has_rcpt_ok = true;
		c->accepted += !c->is_refused;
	} else {
		o = smtp_client_of_reply(c, &c->tx, SMTP_CLIENT_AT_RCPT, SMTP_CLIENT_OF_RCPT);
		if (is_too_many(c))
			o.result = SMTP_CLIENT_LEFT;
		smtp_client_judge(c, rcpt, &o);
	}
	go_on(c);
}

/* RFC 2920 3.1: DATA may be accepted although no recipient was; then a lone dot ends it. Not if
 * the server has recipients of a mail that it refused, or with LMTP, where DATA must fail then
 * (RFC 2033 4.2): nobody knows what such a server does with it. */
static void
end_unwanted_data(struct smtp_client *c)
{
	struct smtp_client_outcome o;

	if (!c->has_rcpt_ok && !c->su.is_lmtp) {
		buf_put_str(&c->out, ".\r\n");
		smtp_client_await(c, SMTP_CLIENT_CMD_LONE_DOT, 0);
		return;
	}
	o = smtp_client_of_us(SMTP_CLIENT_LOST, SMTP_CLIENT_AT_DATA, "4.5.0",
		"DATA was accepted without recipients");
	o.cause = SMTP_CLIENT_BY_RULE;
	o.scope = SMTP_CLIENT_OF_HOST;
	smtp_client_fail(c, &o);
}

void
smtp_client_on_data(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	(void)rcpt;
	if (is_ok && c->accepted)
		smtp_client_begin_body(c);
	else if (is_ok)
		end_unwanted_data(c);
	else
		refuse_by_reply(c, SMTP_CLIENT_AT_DATA);
	go_on(c);
}

void
smtp_client_on_lone_dot(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	(void)rcpt;
	(void)is_ok;
	go_on(c);
}

void
smtp_client_on_rset(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	struct smtp_client_outcome o;

	(void)rcpt;
	if (is_ok) {
		smtp_client_go_idle(c);
		return;
	}
	o = smtp_client_of_reply(c, &c->keep, SMTP_CLIENT_AT_RSET, SMTP_CLIENT_OF_HOST);
	smtp_client_soften(&o);
	smtp_client_leave(c, &o);
}
