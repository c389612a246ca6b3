/* imap_cmd_auth: CAPABILITY, NOOP, LOGOUT, STARTTLS, LOGIN, AUTHENTICATE, ID, ENABLE,
 * NAMESPACE. */
#include "imap/imap_private.h"

enum { ID_FIELDS_MAX = 30 };

static void
capability(struct imap_session *s)
{
	if (!imap_end(s))
		return;
	imap_put(s, "* ");
	imap_capabilities(s);
	imap_put(s, "\r\n");
	imap_ok(s, "That is all");
}

static void
noop(struct imap_session *s)
{
	if (imap_end(s))
		imap_ok(s, "Done");
}

static void
logout(struct imap_session *s)
{
	if (!imap_end(s))
		return;
	imap_put(s, "* BYE Until next time\r\n");
	imap_printf(s, "%.*s OK Logged out\r\n", SLICE_FMT(s->tag));
	imap_flush(s);
	s->state = IMAP_LOGOUT;
	s->closing = true;
	s->ops->close(s->host);
}

static void
starttls(struct imap_session *s)
{
	if (!imap_end(s))
		return;
	if (s->set.is_secure) {
		imap_bad(s, "TLS is on already");
		return;
	}
	if (!s->set.may_tls) {
		imap_no(s, "[CANNOT] There is no certificate");
		return;
	}
	imap_ok(s, "Begin TLS now");
	s->starting_tls = true;
	s->ops->start_tls(s->host);
}

/* --- logging in --- */

static void
finish_sasl(struct imap_session *s)
{
	sasl_fini(&s->sasl);
	s->in_sasl = false;
}

/* Holds input back while auth is asked; its answer comes by imap_session_authenticated. */
static void
unasked(struct imap_session *s, enum err e, const Commands__Result *result)
{
	(void)s;
	(void)e;
	(void)result;
}

static void
on_verdict(struct imap_session *s, enum sasl_verdict v, struct slice challenge)
{
	switch (v) {
	case SASL_CHALLENGE:
		imap_printf(s, "+ ");
		buf_put_slice(&s->out, challenge);
		imap_put(s, "\r\n");
		imap_flush(s);
		/* The next line is the client's response, whatever it looks like. */
		s->tag = arena_dup(&s->arena, s->tag);
		imap_lex_next(&s->lex, true);
		break;
	case SASL_ASK:
		s->then = unasked;
		s->ops->auth(s->host, &s->sasl);
		break;
	case SASL_ACCEPTED:
		finish_sasl(s);
		imap_printf(s, "%.*s OK [", SLICE_FMT(s->tag));
		imap_capabilities(s);
		imap_put(s, "] Logged in\r\n");
		imap_flush(s);
		arena_reset(&s->arena);
		s->command = NULL;
		s->tag = SLICE_EMPTY;
		imap_lex_next(&s->lex, false);
		break;
	case SASL_REFUSED:
		finish_sasl(s);
		imap_no(s, "[AUTHENTICATIONFAILED] Wrong name or password");
		break;
	case SASL_CANCELLED:
		finish_sasl(s);
		imap_bad(s, "Cancelled");
		break;
	case SASL_MALFORMED:
		finish_sasl(s);
		imap_bad(s, "Not what the mechanism wants");
		break;
	}
}

void
imap_session_authenticated(struct imap_session *s, enum sasl_outcome outcome,
	struct slice message, const struct imap_login *login)
{
	struct buf challenge;
	enum sasl_verdict v;

	s->then = NULL;
	buf_init(&challenge, SASL_LINE_MAX);
	v = sasl_answer(&s->sasl, outcome, message, &challenge);
	/* SCRAM's last message goes out as a challenge after the account is known: kept by its
	 * login. */
	if (outcome == SASL_OUTCOME_ACCEPTED && login)
		imap_login(s, login);
	on_verdict(s, v, buf_slice(&challenge));
	buf_fini(&challenge);
}

void
imap_session_auth_unavailable(struct imap_session *s)
{
	s->then = NULL;
	finish_sasl(s);
	imap_no(s, "[UNAVAILABLE] Logging in isn't possible now, try again");
}

void
imap_cmd_auth_line(struct imap_session *s, struct slice line)
{
	struct buf challenge;
	enum sasl_verdict v;

	buf_init(&challenge, SASL_LINE_MAX);
	v = sasl_step(&s->sasl, line, &challenge);
	on_verdict(s, v, buf_slice(&challenge));
	buf_fini(&challenge);
}

void
imap_cmd_auth_cancel(struct imap_session *s, const char *why)
{
	finish_sasl(s);
	imap_bad(s, "%s", why);
}

static bool
may_login(struct imap_session *s)
{
	if (s->set.is_secure || s->set.allow_plaintext_auth)
		return true;
	imap_no(s, "[PRIVACYREQUIRED] Use STARTTLS first");
	return false;
}

static void
begin(struct imap_session *s, enum sasl_mechanism m, const struct slice *initial)
{
	struct buf challenge;
	enum sasl_verdict v;

	buf_init(&challenge, SASL_LINE_MAX);
	s->in_sasl = true;
	sasl_init(&s->sasl, m, s->set.bindings);
	v = sasl_begin(&s->sasl, initial, &challenge);
	on_verdict(s, v, buf_slice(&challenge));
	buf_fini(&challenge);
}

static void
authenticate(struct imap_session *s)
{
	struct slice name, initial;
	enum sasl_mechanism m;
	bool has_initial;

	if (!imap_parse_space(&s->parse) || !imap_parse_atom(&s->parse, &name)) {
		imap_bad_syntax(s);
		return;
	}
	has_initial = imap_parse_skip(&s->parse, ' ');
	initial = slice_trim(s->parse.text);
	if (!has_initial && !imap_end(s))
		return;
	m = sasl_find(name);
	if (m == SASL_NONE || (!s->set.scram && m >= SASL_SCRAM_SHA_256) ||
		(m == SASL_SCRAM_SHA_256_PLUS && !s->set.bindings))
		imap_no(s, "[CANNOT] No such mechanism here");
	else if (may_login(s))
		begin(s, m, has_initial ? &initial : NULL);
}

/* LOGIN is PLAIN with other words. */
static void
login(struct imap_session *s)
{
	struct slice name, password;
	struct buf plain, encoded;
	struct slice initial;

	if (!imap_parse_space(&s->parse) || !imap_parse_astring(&s->parse, &name) ||
		!imap_parse_space(&s->parse) || !imap_parse_astring(&s->parse, &password) ||
		!imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
		return;
	}
	if (!may_login(s))
		return;
	buf_init(&plain, SASL_MESSAGE_MAX);
	buf_init(&encoded, SASL_LINE_MAX);
	buf_put_u8(&plain, 0);
	buf_put_slice(&plain, name);
	buf_put_u8(&plain, 0);
	buf_put_slice(&plain, password);
	seal_b64(buf_slice(&plain), &encoded);
	initial = buf_slice(&encoded);
	/* PLAIN knows no empty ones (RFC 4616), LOGIN does. */
	if (plain.overflow || encoded.overflow || !name.n || !password.n)
		imap_no(s, "[AUTHENTICATIONFAILED] Wrong name or password");
	else
		begin(s, SASL_PLAIN, &initial);
	buf_fini_secret(&plain);
	buf_fini_secret(&encoded);
}

/* --- small ones --- */

/* "(" field value ... ")" or NIL (RFC 2971 section 3.1). */
static bool
read_id(struct imap_parse *p)
{
	struct slice text;
	bool is_nil;
	int n = 0;

	if (imap_parse_word(p, "NIL"))
		return true;
	if (!imap_parse_char(p, '('))
		return false;
	while (!imap_parse_is(p, ')')) {
		if (n++ == ID_FIELDS_MAX)
			return imap_parse_fail(p, "Too many fields");
		if ((n > 1 && !imap_parse_space(p)) || !imap_parse_string(p, &text) ||
			!imap_parse_space(p) || !imap_parse_nstring(p, &text, &is_nil))
			return false;
	}
	return imap_parse_char(p, ')');
}

static void
id(struct imap_session *s)
{
	/* What the client says of itself is of no interest here. */
	if (!imap_parse_space(&s->parse) || !read_id(&s->parse) || !imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
		return;
	}
	imap_put(s, "* ID (\"name\" \"hairpin\")\r\n");
	imap_ok(s, "Nice to meet you");
}

static void
enable(struct imap_session *s)
{
	struct slice word;
	bool rev2 = false, condstore = false;

	do {
		if (!imap_parse_space(&s->parse) || !imap_parse_atom(&s->parse, &word)) {
			imap_bad_syntax(s);
			return;
		}
		rev2 = rev2 || slice_eq_nocase(word, SLICE_LIT("IMAP4rev2"));
		condstore = condstore || slice_eq_nocase(word, SLICE_LIT("CONDSTORE"));
	} while (imap_parse_is(&s->parse, ' '));
	if (!imap_end(s))
		return;
	s->rev2 = s->rev2 || rev2;
	s->condstore = s->condstore || condstore;
	imap_printf(s, "* ENABLED%s%s\r\n", rev2 ? " IMAP4rev2" : "",
		condstore ? " CONDSTORE" : "");
	/* RFC 7162 3.1.2.1: what the picture of an open mailbox goes up to. */
	if (condstore && s->state == IMAP_SELECTED)
		imap_printf(s, "* OK [HIGHESTMODSEQ %llu] The newest change\r\n",
			(unsigned long long)s->box.modseq);
	imap_ok(s, "Enabled");
}

static void namespace(struct imap_session *s)
{
	if (!imap_end(s))
		return;
	imap_put(s, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	imap_ok(s, "That is all");
}

const struct imap_command imap_cmd_auth[] = {
	{"CAPABILITY", IMAP_ANY, 0, capability},
	{"NOOP", IMAP_ANY, 0, noop},
	{"CHECK", IMAP_SELECTED, 0, noop},
	{"LOGOUT", IMAP_ANY, 0, logout},
	{"STARTTLS", IMAP_NOT_AUTHENTICATED, 0, starttls},
	{"AUTHENTICATE", IMAP_NOT_AUTHENTICATED, 0, authenticate},
	{"LOGIN", IMAP_NOT_AUTHENTICATED, 0, login},
	{"ID", IMAP_ANY, 0, id},
	{"ENABLE", IMAP_AUTHENTICATED | IMAP_SELECTED, 0, enable},
	{"NAMESPACE", IMAP_IN, 0, namespace},
	{NULL, 0, 0, NULL},
};
