/* From the greeting to the first mail: EHLO, STARTTLS, login. */
#include "smtp/smtp_client_inner.h"

enum { NO_MAIL_EVER = 521 };

/* RFC 5321 3.1: who was greeted with 554 says QUIT. */
static void
leave_by_reply(struct smtp_client *c, enum smtp_client_stage stage)
{
	struct smtp_client_outcome o = smtp_client_of_reply(
		c, &c->keep, stage, SMTP_CLIENT_OF_HOST);

	smtp_client_leave(c, &o);
}

static void
say_hello(struct smtp_client *c, const char *verb, enum smtp_client_command command)
{
	buf_put_str(&c->out, verb);
	buf_put_slice(&c->out, c->su.hostname);
	buf_put_str(&c->out, "\r\n");
	smtp_client_await(c, command, 0);
}

static void
say_ehlo(struct smtp_client *c)
{
	say_hello(c, c->su.is_lmtp ? "LHLO " : "EHLO ", SMTP_CLIENT_CMD_EHLO);
}

/* RFC 7504: 521 means that no mail is ever taken there. Any other 5xx may be what a broken
 * proxy says of a good server: it costs the host, not the mail, as in Postfix. */
static void
leave_greeted(struct smtp_client *c)
{
	struct smtp_client_outcome o = smtp_client_of_reply(
		c, &c->keep, SMTP_CLIENT_AT_GREETING, SMTP_CLIENT_OF_HOST);

	if (c->reply.code != NO_MAIL_EVER)
		smtp_client_soften(&o);
	smtp_client_leave(c, &o);
}

void
smtp_client_on_greeting(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	(void)rcpt;
	if (is_ok)
		say_ehlo(c);
	else
		leave_greeted(c);
}

static void
log_in(struct smtp_client *c)
{
	if (c->su.user.n)
		smtp_client_auth_begin(c);
	else
		smtp_client_go_idle(c);
}

static void
leave_without_tls(struct smtp_client *c)
{
	struct smtp_client_outcome o = {.result = SMTP_CLIENT_DEFERRED,
		.scope = SMTP_CLIENT_OF_HOST,
		.stage = SMTP_CLIENT_AT_STARTTLS,
		.cause = SMTP_CLIENT_BY_TLS,
		.enhanced = "4.7.4",
		.text = SLICE_LIT("TLS is required, but isn't offered")};

	smtp_client_leave(c, &o);
}

static void
take_hello(struct smtp_client *c, bool is_extended)
{
	arena_reset(&c->greeting);
	smtp_client_hello_parse(
		arena_dup(&c->greeting, buf_slice(&c->reply.lines)), is_extended, &c->hello);
	c->hello.offers &= ~c->su.discards;
	if (c->su.discards & SMTP_CLIENT_SIZE)
		c->hello.size_max_bytes = 0;
	if (c->is_secure || c->su.tls == SMTP_CLIENT_TLS_NONE) {
		log_in(c);
	} else if (c->hello.offers & SMTP_CLIENT_STARTTLS) {
		buf_put_str(&c->out, "STARTTLS\r\n");
		smtp_client_await(c, SMTP_CLIENT_CMD_STARTTLS, 0);
	} else if (c->su.tls == SMTP_CLIENT_TLS_MUST) {
		leave_without_tls(c);
	} else {
		log_in(c);
	}
}

/* RFC 5321 3.2: who doesn't know EHLO may know HELO. */
void
smtp_client_on_ehlo(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	(void)rcpt;
	if (is_ok)
		take_hello(c, true);
	else if (c->reply.code >= 500 && !c->su.is_lmtp)
		say_hello(c, "HELO ", SMTP_CLIENT_CMD_HELO);
	else
		leave_by_reply(c, SMTP_CLIENT_AT_HELLO);
}

void
smtp_client_on_helo(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	(void)rcpt;
	if (is_ok)
		take_hello(c, false);
	else
		leave_by_reply(c, SMTP_CLIENT_AT_HELLO);
}

void
smtp_client_on_starttls(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	struct smtp_client_outcome o;

	(void)rcpt;
	if (is_ok) {
		c->state = SMTP_CLIENT_ST_TLS;
		smtp_client_act(c, SMTP_CLIENT_ACT_START_TLS);
	} else if (c->su.tls == SMTP_CLIENT_TLS_MUST) {
		o = smtp_client_of_reply(
			c, &c->keep, SMTP_CLIENT_AT_STARTTLS, SMTP_CLIENT_OF_HOST);
		smtp_client_soften(&o);
		smtp_client_leave(c, &o);
	} else {
		log_in(c);
	}
}

/* RFC 3207 4.2: all that the server said in the clear is forgotten. */
void
smtp_client_on_secure(struct smtp_client *c, bool is_done, struct slice words)
{
	struct smtp_client_outcome o = {.result = SMTP_CLIENT_DEFERRED,
		.scope = SMTP_CLIENT_OF_HOST,
		.stage = SMTP_CLIENT_AT_TLS,
		.cause = SMTP_CLIENT_BY_TLS,
		.enhanced = "4.7.5"};

	if (c->state != SMTP_CLIENT_ST_TLS)
		return;
	c->hello = (struct smtp_client_hello){0};
	if (!is_done) {
		o.text = smtp_client_clean(&c->keep, words);
		smtp_client_fail(c, &o);
		return;
	}
	c->is_secure = true;
	c->state = SMTP_CLIENT_ST_OPENING;
	say_ehlo(c);
}
