/* AUTH (RFC 4954). A login that fails only defers: who set it up may mend it. */
#include "crypto/saslprep.h"
#include "crypto/seal.h"
#include "smtp/smtp_client_inner.h"

static void
leave(struct smtp_client *c, const char *enhanced, const char *words)
{
	struct smtp_client_outcome o = smtp_client_of_us(
		SMTP_CLIENT_DEFERRED, SMTP_CLIENT_AT_AUTH, enhanced, words);

	o.scope = SMTP_CLIENT_OF_HOST;
	smtp_client_leave(c, &o);
}

/* A response in its line; the exchange goes on. */
static void
respond(struct smtp_client *c, struct slice message)
{
	seal_b64(message, &c->out);
	buf_put_str(&c->out, "\r\n");
	smtp_client_await(c, SMTP_CLIENT_CMD_AUTH, 0);
	c->auth_step++;
}

static void
begin_plain(struct smtp_client *c)
{
	struct buf message;

	buf_init(&message, SASL_MESSAGE_MAX);
	buf_put_u8(&message, 0);
	buf_put_slice(&message, c->su.user);
	buf_put_u8(&message, 0);
	buf_put_slice(&message, c->su.password);
	buf_put_str(&c->out, "AUTH PLAIN ");
	respond(c, buf_slice(&message));
	buf_fini_secret(&message);
}

static void
begin_login(struct smtp_client *c)
{
	buf_put_str(&c->out, "AUTH LOGIN\r\n");
	smtp_client_await(c, SMTP_CLIENT_CMD_AUTH, 0);
	c->auth_step++;
}

static bool
begin_scram(struct smtp_client *c)
{
	struct buf user, message;
	bool is_ok;

	buf_init(&user, SASLPREP_MAX);
	buf_init(&message, SCRAM_MESSAGE_MAX);
	is_ok = saslprep(c->su.user, SASLPREP_QUERY, &user) == ERR_OK &&
		scram_client_begin(&c->scram, buf_slice(&user), c->su.nonce, &message) ==
			ERR_OK;
	if (is_ok) {
		buf_put_str(&c->out, "AUTH SCRAM-SHA-256 ");
		respond(c, buf_slice(&message));
	}
	buf_fini(&user);
	buf_fini(&message);
	return is_ok;
}

static bool
may(const struct smtp_client *c, enum sasl_mechanism m)
{
	return c->hello.mechanisms & 1u << m;
}

void
smtp_client_auth_begin(struct smtp_client *c)
{
	c->auth_step = 0;
	if (!c->is_secure && !c->su.may_auth_in_clear) {
		leave(c, "4.7.11", "the login isn't sent without TLS");
	} else if (c->su.user.n + c->su.password.n > SASL_MESSAGE_MAX - 2) {
		leave(c, "4.7.0", "the login is too long");
	} else if (may(c, SASL_SCRAM_SHA_256) && c->su.nonce.n && begin_scram(c)) {
		c->mechanism = SASL_SCRAM_SHA_256;
	} else if (may(c, SASL_PLAIN)) {
		c->mechanism = SASL_PLAIN;
		begin_plain(c);
	} else if (may(c, SASL_LOGIN)) {
		c->mechanism = SASL_LOGIN;
		begin_login(c);
	} else {
		leave(c, "4.7.4",
			c->hello.offers & SMTP_CLIENT_AUTH
				? "no mechanism in common to log in"
				: "a login is wanted, but the server offers no AUTH");
	}
}

static bool
prove(struct smtp_client *c, struct slice challenge)
{
	struct buf password, message;
	bool is_ok;

	buf_init(&password, SASLPREP_MAX);
	buf_init(&message, SCRAM_MESSAGE_MAX);
	is_ok = saslprep(c->su.password, SASLPREP_QUERY, &password) == ERR_OK &&
		scram_client_prove(&c->scram, buf_slice(&password), challenge, &message) ==
			ERR_OK;
	if (is_ok)
		respond(c, buf_slice(&message));
	buf_fini_secret(&password);
	buf_fini(&message);
	return is_ok;
}

static bool
answer(struct smtp_client *c, struct slice challenge)
{
	bool is_scram = c->mechanism == SASL_SCRAM_SHA_256;

	if (is_scram && c->auth_step == 1)
		return prove(c, challenge);
	if (is_scram && c->auth_step == 2 &&
		scram_client_check(&c->scram, challenge) == ERR_OK) {
		respond(c, SLICE_EMPTY);
		return true;
	}
	if (c->mechanism != SASL_LOGIN || c->auth_step > 2)
		return false;
	/* What it asks for is words for people: name, then password. */
	respond(c, c->auth_step == 1 ? c->su.user : c->su.password);
	return true;
}

static void
on_challenge(struct smtp_client *c)
{
	struct smtp_client_outcome o;
	struct buf challenge;
	bool is_ok;

	buf_init(&challenge, SCRAM_MESSAGE_MAX);
	is_ok = seal_b64_open(slice_trim(buf_slice(&c->reply.lines)), &challenge) == ERR_OK &&
		answer(c, buf_slice(&challenge));
	buf_fini(&challenge);
	if (is_ok)
		return;
	/* Whatever were said now it might take for a response. */
	o = smtp_client_of_us(SMTP_CLIENT_DEFERRED, SMTP_CLIENT_AT_AUTH, "4.7.0",
		"the server's challenge can't be answered");
	o.scope = SMTP_CLIENT_OF_HOST;
	smtp_client_fail(c, &o);
}

void
smtp_client_on_auth(struct smtp_client *c, size_t rcpt, bool is_ok)
{
	struct smtp_client_outcome o;
	unsigned digit = c->reply.code / 100;

	(void)rcpt;
	(void)is_ok;
	if (digit == 3) {
		on_challenge(c);
	} else if (digit > 3) {
		o = smtp_client_of_reply(c, &c->keep, SMTP_CLIENT_AT_AUTH, SMTP_CLIENT_OF_HOST);
		smtp_client_soften(&o);
		smtp_client_leave(c, &o);
	} else if (c->mechanism == SASL_SCRAM_SHA_256 && !c->scram.is_checked) {
		/* RFC 5802 3: a server that didn't sign doesn't know the password. */
		leave(c, "4.7.0", "the server didn't prove that it knows the password");
	} else {
		smtp_client_go_idle(c);
	}
}
