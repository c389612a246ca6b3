/* Logins: the SASL machine asks, auth answers; this carries it. */
#include "cmd/smtpd.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"

enum { CHALLENGE_MAX = 8192 };

void
smtpd_auth_drop(struct smtpd_client *c)
{
	if (c->has_sasl)
		sasl_fini(&c->sasl);
	c->has_sasl = false;
}

static void
tell_outcome(struct smtpd_client *c)
{
	struct smtp_event ev = {.kind = SMTP_EV_AUTH};

	ev.auth.outcome = c->outcome;
	ev.auth.text = buf_slice(&c->challenge);
	ev.auth.user = buf_slice(&c->user);
	ev.auth.account = c->account;
	ev.auth.may_relay = c->may_relay;
	if (c->outcome == SMTP_AUTH_ACCEPTED)
		log_info("%s: client=unknown[%s], sasl_method=%s, sasl_username=<%.*s>",
			c->name, c->from.text, sasl_name(c->sasl.mechanism),
			SLICE_FMT(buf_slice(&c->user)));
	if (c->outcome == SMTP_AUTH_ELSEWHERE)
		log_warn("%s: client=unknown[%s]: login of <%.*s> refused: not from its "
			 "networks",
			c->name, c->from.text, SLICE_FMT(buf_slice(&c->user)));
	if (c->outcome != SMTP_AUTH_CONTINUE)
		smtpd_auth_drop(c);
	smtpd_client_answer(c, &ev);
}

static void
on_delay(void *arg)
{
	struct smtpd_client *c = arg;

	c->delay = NULL;
	tell_outcome(c);
}

static void
end_with(struct smtpd_client *c, enum smtp_auth_outcome outcome, uint32_t delay_ms)
{
	c->outcome = outcome;
	if (delay_ms)
		c->delay = loop_after(c->d->p->loop, delay_ms, on_delay, c);
	else
		tell_outcome(c);
}

static void ask(struct smtpd_client *c);

/* What the SASL machine wants next. */
static void
go_on(struct smtpd_client *c, enum sasl_verdict v, uint32_t delay_ms)
{
	switch (v) {
	case SASL_CHALLENGE:
		end_with(c, SMTP_AUTH_CONTINUE, delay_ms);
		return;
	case SASL_ASK:
		ask(c);
		return;
	case SASL_ACCEPTED:
		end_with(c,
			!c->account || c->is_account_gone ? SMTP_AUTH_REFUSED
			: c->is_elsewhere		  ? SMTP_AUTH_ELSEWHERE
							  : SMTP_AUTH_ACCEPTED,
			delay_ms);
		return;
	case SASL_REFUSED:
		end_with(c, SMTP_AUTH_REFUSED, delay_ms);
		return;
	case SASL_CANCELLED:
		end_with(c, SMTP_AUTH_CANCELLED, delay_ms);
		return;
	case SASL_MALFORMED:
		break;
	}
	end_with(c, SMTP_AUTH_MALFORMED, delay_ms);
}

static void
on_answer(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct smtpd_client *c = arg;
	const Ipc__AuthResult *r = (const Ipc__AuthResult *)answer;
	enum sasl_verdict v;

	c->question = NULL;
	if (e) {
		log_warn("auth: %s", err_text(e));
		end_with(c, SMTP_AUTH_UNAVAILABLE, 0);
		return;
	}
	v = sasl_answer(&c->sasl, (enum sasl_outcome)r->outcome, codec_slice(r->message),
		&c->challenge);
	if (r->outcome == SASL_OUTCOME_THROTTLED)
		end_with(c, SMTP_AUTH_THROTTLED, r->delay_ms);
	else
		go_on(c, v, r->delay_ms);
}

static void
ask(struct smtpd_client *c)
{
	const struct sasl_question *q = &c->sasl.question;
	Ipc__AuthStep step = IPC__AUTH_STEP__INIT;
	struct smtpd_login login;
	struct buf binding;
	enum err e = smtpd_lookup_login(c, q->user, &login);

	if (e) {
		end_with(c, SMTP_AUTH_UNAVAILABLE, 0);
		return;
	}
	c->account = login.account;
	c->may_relay = login.may_relay;
	c->is_elsewhere = login.is_elsewhere;
	buf_clear(&c->user);
	buf_put_slice(&c->user, login.user);
	buf_init(&binding, 256);
	if (q->binding != TLS_BINDING_NONE && conn_is_secure(c->conn))
		tls_channel_binding(conn_tls(c->conn), q->binding, &binding);
	step.session = c->number;
	step.mechanism = c->sasl.mechanism;
	step.step = q->step;
	step.user = codec_bytes(login.user);
	step.account = login.account;
	step.verifier = codec_bytes(login.verifier);
	step.message = codec_bytes(q->message);
	step.channel_binding = codec_bytes(buf_slice(&binding));
	step.channel_kind = q->binding;
	step.client_address = codec_bytes(client_address_octets(&c->from));
	step.service = (char *)(uintptr_t) "smtp";
	c->question = ipc_ask(c->d->p->ipc, IPC_AUTH_STEP, &step.base, -1,
		(struct ipc_wait){SMTPD_AUTH_MS, on_answer, c});
	buf_fini(&binding);
}

/* Which bindings this connection can give. */
static unsigned
bindings_of(const struct smtpd_client *c)
{
	static const enum tls_binding kinds[] = {
		TLS_BINDING_EXPORTER, TLS_BINDING_SERVER_END_POINT};
	unsigned bits = 0;
	struct buf octets;

	if (!conn_is_secure(c->conn))
		return 0;
	buf_init(&octets, 256);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		buf_clear(&octets);
		if (tls_channel_binding(conn_tls(c->conn), kinds[i], &octets) == ERR_OK)
			bits |= 1u << kinds[i];
	}
	buf_fini_secret(&octets);
	return bits;
}

void
smtpd_auth_begin(struct smtpd_client *c, struct slice mechanism, struct slice initial)
{
	smtpd_auth_drop(c);
	sasl_init(&c->sasl, sasl_find(mechanism), bindings_of(c));
	c->has_sasl = true;
	c->account = 0;
	c->is_account_gone = false;
	smtpd_client_wait(c);
	go_on(c, sasl_begin(&c->sasl, initial.p ? &initial : NULL, &c->challenge), 0);
}

void
smtpd_auth_line(struct smtpd_client *c, struct slice line)
{
	smtpd_client_wait(c);
	go_on(c, sasl_step(&c->sasl, line, &c->challenge), 0);
}
