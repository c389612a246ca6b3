#include "smtp/smtp_client_inner.h"

struct slice
smtp_client_clean(struct arena *a, struct slice words)
{
	uint8_t *p;

	words = slice_cut(words, 0, SMTP_CLIENT_REPLY_TEXT_MAX);
	p = arena_alloc(a, words.n + 1);
	for (size_t i = 0; i < words.n; i++)
		p[i] = words.p[i] >= ' ' && words.p[i] < 127 ? words.p[i] : '?';
	return slice_of(p, words.n);
}

struct smtp_client_outcome
smtp_client_of_reply(struct smtp_client *c, struct arena *a, enum smtp_client_stage stage,
	enum smtp_client_scope scope)
{
	static const enum smtp_client_result results[] = {
		[2] = SMTP_CLIENT_SENT, [4] = SMTP_CLIENT_DEFERRED, [5] = SMTP_CLIENT_FAILED};
	unsigned digit = c->reply.code / 100;
	struct smtp_client_outcome o = {.result = results[digit],
		.scope = c->reply.code == SMTP_CLIENT_CLOSING ? SMTP_CLIENT_OF_HOST : scope,
		.stage = stage,
		.cause = SMTP_CLIENT_BY_REPLY,
		.code = c->reply.code};
	struct buf text;

	memcpy(o.enhanced, c->reply.enhanced, sizeof o.enhanced);
	if (!o.enhanced[0]) {
		strcpy(o.enhanced, "0.0.0");
		o.enhanced[0] = (char)('0' + digit);
	}
	buf_init(&text, SMTP_CLIENT_REPLY_TEXT_MAX);
	smtp_client_reply_text(&c->reply, &text);
	o.text = arena_dup(a, buf_slice(&text));
	buf_fini(&text);
	return o;
}

void
smtp_client_soften(struct smtp_client_outcome *o)
{
	o->result = SMTP_CLIENT_DEFERRED;
	o->enhanced[0] = '4';
}

struct smtp_client_outcome
smtp_client_of_us(enum smtp_client_result result, enum smtp_client_stage stage,
	const char *enhanced, const char *words)
{
	struct smtp_client_outcome o = {.result = result,
		.scope = SMTP_CLIENT_OF_MAIL,
		.stage = stage,
		.cause = SMTP_CLIENT_BY_US,
		.text = slice_str(words)};

	strcpy(o.enhanced, enhanced);
	return o;
}

void
smtp_client_judge(struct smtp_client *c, size_t i, const struct smtp_client_outcome *o)
{
	if (c->outcomes[i].result == SMTP_CLIENT_NONE)
		c->outcomes[i] = *o;
}

void
smtp_client_judge_all(struct smtp_client *c, const struct smtp_client_outcome *o)
{
	for (size_t i = 0; i < c->outcomes_n; i++)
		smtp_client_judge(c, i, o);
}

/* --- words --- */

static const struct {
	const char *command, *doing;
} stages[] = {
#define ROW(stage, command, doing) [SMTP_CLIENT_AT_##stage] = {command, doing}
	ROW(GREETING, "greeting", "waiting for the greeting"),
	ROW(HELLO, "EHLO", "saying EHLO"),
	ROW(STARTTLS, "STARTTLS", "saying STARTTLS"),
	ROW(TLS, "TLS handshake", "shaking hands for TLS"),
	ROW(AUTH, "AUTH", "logging in"),
	ROW(IDLE, "nothing", "idle"),
	ROW(XFORWARD, "XFORWARD", "sending XFORWARD"),
	ROW(MAIL, "MAIL FROM", "sending MAIL FROM"),
	ROW(RCPT, "RCPT TO", "sending RCPT TO"),
	ROW(DATA, "DATA", "sending DATA command"),
	ROW(BODY, "message content", "sending message body"),
	ROW(DOT, "end of DATA", "sending end of data -- message may be sent more than once"),
	ROW(RSET, "RSET", "sending RSET"),
	ROW(QUIT, "QUIT", "sending QUIT"),
#undef ROW
};

void
smtp_client_explain(const struct smtp_client_outcome *o, struct slice host, struct buf *out)
{
	static const char *const causes[] = {
		[SMTP_CLIENT_BY_LOSS] = "lost connection with ",
		[SMTP_CLIENT_BY_TIME] = "conversation timed out with ",
		[SMTP_CLIENT_BY_RULE] = "protocol broken by ",
		[SMTP_CLIENT_BY_TLS] = "no TLS with ",
	};

	if (o->cause == SMTP_CLIENT_BY_REPLY) {
		buf_printf(out, "host %.*s said: %.*s (in reply to %s%s)", SLICE_FMT(host),
			SLICE_FMT(o->text), stages[o->stage].command,
			o->stage == SMTP_CLIENT_AT_GREETING ? "" : " command");
		return;
	}
	if (o->cause != SMTP_CLIENT_BY_US) {
		buf_printf(out, "%s%.*s while %s", causes[o->cause], SLICE_FMT(host),
			stages[o->stage].doing);
		if (o->text.n)
			buf_put_str(out, ": ");
	}
	buf_put_slice(out, o->text);
}

bool
smtp_client_explained(struct slice words, struct slice *host, struct slice *reply)
{
	struct slice said = SLICE_LIT(" said: "), in_reply = SLICE_LIT(" (in reply to ");
	size_t at, more;

	if (!slice_starts(words, SLICE_LIT("host ")))
		return false;
	words = slice_from(words, 5);
	at = slice_find(words, ' ');
	if (!at || !slice_starts(slice_from(words, at), said))
		return false;
	*host = slice_cut(words, 0, at);
	words = slice_from(words, at + said.n);
	/* The server may have said the like itself: the last one is ours. */
	for (at = 0; (more = slice_find_slice(slice_from(words, at), in_reply)) < words.n - at;)
		at += more + 1;
	*reply = at ? slice_cut(words, 0, at - 1) : words;
	return true;
}
