/* AUTH (RFC 4954): the session carries lines; what they mean is for the SASL
 * machine, which the driver holds. */
#include "smtp/smtp_cmd.h"
#include "smtp/smtp_session_inner.h"

static bool
is_offered(const struct smtp_session *s, struct slice mechanism)
{
	if (slice_eq_nocase(mechanism, SLICE_LIT("PLAIN")) ||
		slice_eq_nocase(mechanism, SLICE_LIT("LOGIN")))
		return true;
	if (!s->offers_scram)
		return false;
	if (slice_eq_nocase(mechanism, SLICE_LIT("SCRAM-SHA-256")))
		return true;
	return s->who.is_secure && slice_eq_nocase(mechanism, SLICE_LIT("SCRAM-SHA-256-PLUS"));
}

enum smtp_reply
smtp_cmd_auth_check(struct smtp_session *s, struct slice args)
{
	enum smtp_reply r = smtp_policy_auth(&s->who);
	size_t sp = slice_find(args, ' ');

	if (r != SMTP_REPLY_NONE)
		return r;
	if (s->who.is_authenticated)
		return SMTP_REPLY_ALREADY_AUTH;
	if (!is_offered(s, slice_cut(args, 0, sp)))
		return SMTP_REPLY_BAD_MECHANISM;
	if (slice_has(slice_trim(slice_from(args, sp)), ' '))
		return SMTP_REPLY_SYNTAX_AUTH;
	return SMTP_REPLY_NONE;
}

void
smtp_cmd_auth_proceed(struct smtp_session *s, struct slice args)
{
	size_t sp = slice_find(args, ' ');
	struct slice initial = slice_trim(slice_from(args, sp));

	smtp_session_act(s, SMTP_ACT_AUTH_BEGIN, slice_cut(args, 0, sp));
	s->out->act[s->out->n - 1].slice2 = initial.n ? initial : SLICE_EMPTY;
	s->mode = SMTP_MODE_WAIT;
}

void
smtp_cmd_auth_line(struct smtp_session *s, struct slice line, bool is_bare)
{
	if (is_bare) {
		s->mode = SMTP_MODE_COMMAND;
		smtp_session_act(s, SMTP_ACT_AUTH_DROP, SLICE_EMPTY);
		smtp_session_say(s, SMTP_REPLY_LINE_BARE);
		return;
	}
	smtp_session_act(s, SMTP_ACT_AUTH_LINE, line);
	s->mode = SMTP_MODE_WAIT;
}

static void
accept_login(struct smtp_session *s, const struct smtp_event *ev)
{
	s->who.is_authenticated = true;
	s->who.may_relay = ev->auth.may_relay;
	s->env.account = ev->auth.account;
	s->env.user = arena_dup(&s->keep, ev->auth.user);
	s->auth_failures = 0;
	smtp_session_say(s, SMTP_REPLY_AUTH_OK);
}

static void
refuse_login(struct smtp_session *s, enum smtp_reply why)
{
	if (++s->auth_failures < s->lim.auth_failure_max) {
		smtp_session_say(s, why);
		return;
	}
	s->arg = s->hostname;
	smtp_session_close(s, SMTP_REPLY_TOO_MANY_ERRORS);
}

void
smtp_cmd_auth_answer(struct smtp_session *s, const struct smtp_event *ev)
{
	s->arg = SLICE_EMPTY;
	s->mode = SMTP_MODE_COMMAND;
	switch (ev->auth.outcome) {
	case SMTP_AUTH_CONTINUE:
		s->mode = SMTP_MODE_AUTH;
		s->arg = ev->auth.text;
		smtp_session_say(s, SMTP_REPLY_AUTH_CHALLENGE);
		return;
	case SMTP_AUTH_ACCEPTED:
		accept_login(s, ev);
		return;
	case SMTP_AUTH_REFUSED:
		refuse_login(s, SMTP_REPLY_AUTH_FAILED);
		return;
	case SMTP_AUTH_ELSEWHERE:
		refuse_login(s, SMTP_REPLY_AUTH_ELSEWHERE);
		return;
	case SMTP_AUTH_MALFORMED:
		smtp_session_say(s, SMTP_REPLY_AUTH_MALFORMED);
		return;
	case SMTP_AUTH_CANCELLED:
		smtp_session_say(s, SMTP_REPLY_AUTH_CANCELLED);
		return;
	case SMTP_AUTH_THROTTLED:
		smtp_session_say(s, SMTP_REPLY_AUTH_THROTTLED);
		return;
	case SMTP_AUTH_UNAVAILABLE:
		break;
	}
	smtp_session_say(s, SMTP_REPLY_AUTH_BUSY);
}
