#include "smtp/smtp_cmd.h"

#include "core/utf8.h"
#include "smtp/smtp_session_inner.h"

struct smtp_row {
	const char *name;
	uint8_t states; /* enum smtp_state */
	uint8_t flags;
	enum smtp_reply elsewhere; /* in other states; NONE: the state says it itself */
	/* May set s->arg. NONE: proceed. No effect but on s->line and the pending arguments. */
	enum smtp_reply (*check)(struct smtp_session *s, struct slice args);
	void (*proceed)(struct smtp_session *s, struct slice args);
};
enum {
	SMTP_ROW_SMTP = 1,  /* not on LMTP */
	SMTP_ROW_LMTP = 2,  /* only there */
	SMTP_ROW_BARE = 4,  /* takes no argument */
	SMTP_ROW_ARGS = 8,  /* needs one */
	SMTP_ROW_UTF8 = 16, /* may hold 8-bit octets */
	SMTP_ROW_JUNK = 32  /* counts towards junk_max */
};

static bool
is_lmtp(const struct smtp_session *s)
{
	return s->who.kind == SMTP_KIND_LMTP;
}

/* --- hello --- */

static enum smtp_reply
hello_check(struct smtp_session *s, struct slice args)
{
	(void)s;
	return smtp_parse_is_host(args) ? SMTP_REPLY_NONE : SMTP_REPLY_NEEDS_DOMAIN;
}

static void
greet(struct smtp_session *s, struct slice name)
{
	smtp_session_reset(s);
	arena_reset(&s->hello);
	s->helo = s->env.helo = arena_dup(&s->hello, name);
	s->state = SMTP_ST_READY;
}

static void
helo(struct smtp_session *s, struct slice args)
{
	greet(s, args);
	s->is_esmtp = false;
	s->arg = s->hostname;
	smtp_session_say(s, SMTP_REPLY_HELO);
}

static void
feature(struct smtp_session *s, const char *text)
{
	smtp_reply_line(&s->reply, 250, false, slice_str(text));
}

static void
feature_number(struct smtp_session *s, const char *keyword, uint64_t n)
{
	struct buf text;

	buf_init(&text, 64);
	buf_put_str(&text, keyword);
	buf_put_dec(&text, n);
	smtp_reply_line(&s->reply, 250, false, buf_slice(&text));
	buf_fini(&text);
}

static void
feature_auth(struct smtp_session *s)
{
	if (smtp_policy_auth(&s->who) != SMTP_REPLY_NONE)
		return;
	if (s->offers_scram && s->who.is_secure)
		feature(s, "AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS");
	else if (s->offers_scram)
		feature(s, "AUTH PLAIN LOGIN SCRAM-SHA-256");
	else
		feature(s, "AUTH PLAIN LOGIN");
}

static void
feature_xforward(struct smtp_session *s)
{
	struct buf text;

	if (!smtp_policy_forwards(&s->who))
		return;
	buf_init(&text, SMTP_XFORWARD_LINE_MAX);
	smtp_xforward_put_keyword(&text);
	smtp_reply_line(&s->reply, 250, false, buf_slice(&text));
	buf_fini(&text);
}

static void
ehlo(struct smtp_session *s, struct slice args)
{
	greet(s, args);
	s->is_esmtp = true;
	smtp_reply_line(&s->reply, 250, false, s->hostname);
	feature(s, "PIPELINING");
	feature_number(s, "SIZE ", s->lim.size_max_bytes);
	if (s->may_starttls && !s->who.is_secure)
		feature(s, "STARTTLS");
	feature_auth(s);
	feature(s, "ENHANCEDSTATUSCODES");
	feature(s, "8BITMIME");
	feature(s, "SMTPUTF8");
	feature(s, "DSN");
	feature(s, "CHUNKING");
	feature_xforward(s);
	feature_number(s, "LIMITS RCPTMAX=", s->lim.rcpt_max);
	smtp_reply_line(&s->reply, 250, true, SLICE_LIT("HELP"));
	s->out->code = 250;
}

/* --- small ones --- */

static void
starttls(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_session_say(s, SMTP_REPLY_READY_TLS);
	smtp_session_act(s, SMTP_ACT_START_TLS, SLICE_EMPTY);
	s->mode = SMTP_MODE_TLS;
}

static enum smtp_reply
starttls_check(struct smtp_session *s, struct slice args)
{
	(void)args;
	if (s->who.is_secure)
		return SMTP_REPLY_ALREADY_TLS;
	return s->may_starttls ? SMTP_REPLY_NONE : SMTP_REPLY_NOT_HERE;
}

static void
rset(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_session_reset(s);
	smtp_session_say(s, SMTP_REPLY_OK);
}

static void
noop(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_session_say(s, SMTP_REPLY_OK);
}

static void
vrfy(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_session_say(s, SMTP_REPLY_VRFY);
}

static void
help(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_session_say(s, SMTP_REPLY_HELP);
}

/* The facts live until the end of the transaction that follows, or of what takes its place. */
static enum smtp_reply
xforward_check(struct smtp_session *s, struct slice args)
{
	if (!smtp_policy_forwards(&s->who))
		return SMTP_REPLY_NOT_HERE;
	return smtp_xforward_parse(args, &s->tx, &s->env.forward, &s->arg);
}

static void
xforward(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_session_say(s, SMTP_REPLY_OK);
}

static enum smtp_reply
not_here(struct smtp_session *s, struct slice args)
{
	(void)s;
	(void)args;
	return SMTP_REPLY_NOT_HERE;
}

static void
quit(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_session_close(s, SMTP_REPLY_BYE);
}

/* A browser that was lured into sending us its form. */
static void
web(struct smtp_session *s, struct slice args)
{
	(void)args;
	s->arg = s->hostname;
	smtp_session_close(s, SMTP_REPLY_NOT_SMTP);
}

/* --- the table --- */

enum {
	GREETED = SMTP_ST_ANY & ~SMTP_ST_NEW,
	NO_MAIL = SMTP_ST_NEW | SMTP_ST_READY,
	NOT_CHUNKS = SMTP_ST_ANY & ~SMTP_ST_CHUNKS
};

static const struct smtp_row rows[] = {
	{"EHLO", SMTP_ST_ANY, SMTP_ROW_SMTP | SMTP_ROW_JUNK, 0, hello_check, ehlo},
	{"HELO", SMTP_ST_ANY, SMTP_ROW_SMTP | SMTP_ROW_JUNK, 0, hello_check, helo},
	{"LHLO", SMTP_ST_ANY, SMTP_ROW_LMTP | SMTP_ROW_JUNK, 0, hello_check, ehlo},
	{"MAIL", SMTP_ST_READY, SMTP_ROW_UTF8 | SMTP_ROW_ARGS, SMTP_REPLY_NESTED_MAIL,
		smtp_cmd_mail_check, smtp_cmd_mail_proceed},
	{"RCPT", SMTP_ST_MAIL | SMTP_ST_RCPT, SMTP_ROW_UTF8 | SMTP_ROW_ARGS,
		SMTP_REPLY_MAIL_FIRST, smtp_cmd_mail_rcpt_check, smtp_cmd_mail_rcpt_proceed},
	{"DATA", SMTP_ST_RCPT, SMTP_ROW_BARE, SMTP_REPLY_MAIL_FIRST, NULL, smtp_cmd_mail_data},
	{"BDAT", SMTP_ST_RCPT | SMTP_ST_CHUNKS, SMTP_ROW_ARGS, SMTP_REPLY_MAIL_FIRST,
		smtp_cmd_mail_bdat_check, smtp_cmd_mail_bdat},
	{"RSET", SMTP_ST_ANY, SMTP_ROW_BARE | SMTP_ROW_JUNK, 0, NULL, rset},
	{"NOOP", SMTP_ST_ANY, SMTP_ROW_JUNK, 0, NULL, noop},
	{"QUIT", SMTP_ST_ANY, SMTP_ROW_BARE, 0, NULL, quit},
	{"STARTTLS", NOT_CHUNKS, SMTP_ROW_BARE, 0, starttls_check, starttls},
	{"AUTH", SMTP_ST_READY, SMTP_ROW_ARGS, SMTP_REPLY_BAD_SEQUENCE, smtp_cmd_auth_check,
		smtp_cmd_auth_proceed},
	/* Each one takes memory until the transaction's end. */
	{"XFORWARD", SMTP_ST_READY, SMTP_ROW_ARGS | SMTP_ROW_JUNK, SMTP_REPLY_NESTED_MAIL,
		xforward_check, xforward},
	{"VRFY", GREETED, SMTP_ROW_ARGS | SMTP_ROW_UTF8 | SMTP_ROW_JUNK, 0, NULL, vrfy},
	{"EXPN", GREETED, SMTP_ROW_UTF8, 0, not_here, NULL},
	{"HELP", SMTP_ST_ANY, SMTP_ROW_JUNK, 0, NULL, help},
	{"GET", NO_MAIL, SMTP_ROW_UTF8, 0, NULL, web},
	{"POST", NO_MAIL, SMTP_ROW_UTF8, 0, NULL, web},
	{"HEAD", NO_MAIL, SMTP_ROW_UTF8, 0, NULL, web},
	{"PUT", NO_MAIL, SMTP_ROW_UTF8, 0, NULL, web},
	{"OPTIONS", NO_MAIL, SMTP_ROW_UTF8, 0, NULL, web},
	{"CONNECT", NO_MAIL, SMTP_ROW_UTF8, 0, NULL, web},
};

static const struct smtp_row *
find(const struct smtp_session *s, struct slice verb)
{
	uint8_t hidden = is_lmtp(s) ? SMTP_ROW_SMTP : SMTP_ROW_LMTP;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (slice_eq_nocase(slice_str(rows[i].name), verb))
			return rows[i].flags & hidden ? NULL : &rows[i];
	return NULL;
}

static enum smtp_reply
check_state(struct smtp_session *s, const struct smtp_row *row)
{
	if (row->states & s->state)
		return SMTP_REPLY_NONE;
	if (s->state == SMTP_ST_NEW) {
		s->arg = is_lmtp(s) ? SLICE_LIT("LHLO") : SLICE_LIT("EHLO");
		return SMTP_REPLY_HELLO_FIRST;
	}
	if (s->state == SMTP_ST_CHUNKS)
		return SMTP_REPLY_IN_CHUNKS;
	if (s->state == SMTP_ST_MAIL && row->elsewhere == SMTP_REPLY_MAIL_FIRST) {
		s->out->follows = s->refused_rcpts > 0;
		return s->refused_rcpts ? SMTP_REPLY_NO_VALID_RCPT : SMTP_REPLY_RCPT_FIRST;
	}
	if (row->elsewhere == SMTP_REPLY_MAIL_FIRST)
		s->out->follows = s->has_refused_mail;
	return row->elsewhere == SMTP_REPLY_NONE ? SMTP_REPLY_BAD_SEQUENCE : row->elsewhere;
}

static enum smtp_reply
check(struct smtp_session *s, const struct smtp_row *row, struct slice args)
{
	enum smtp_reply r = check_state(s, row);

	if (r != SMTP_REPLY_NONE)
		return r;
	if (row->flags & SMTP_ROW_BARE && args.n)
		return SMTP_REPLY_NO_ARGUMENT;
	if (row->flags & SMTP_ROW_ARGS && !args.n)
		return SMTP_REPLY_NEEDS_ARGUMENT;
	return row->check ? row->check(s, args) : SMTP_REPLY_NONE;
}

static void
dispatch(struct smtp_session *s, const struct smtp_row *row, struct slice args)
{
	enum smtp_reply r;

	if (!(row->flags & SMTP_ROW_UTF8) && !utf8_is_ascii(args)) {
		smtp_session_say(s, SMTP_REPLY_BAD_UTF8);
		return;
	}
	if (row->flags & SMTP_ROW_JUNK && ++s->junk > s->lim.junk_max)
		s->errors++;
	r = check(s, row, args);
	if (r == SMTP_REPLY_NONE)
		row->proceed(s, args);
	else if (row->proceed == smtp_cmd_mail_bdat)
		smtp_cmd_mail_bdat_refuse(s, args, r);
	else if (row->proceed == smtp_cmd_mail_proceed)
		smtp_cmd_mail_refuse(s, r);
	else
		smtp_session_say(s, r);
}

void
smtp_cmd_line(struct smtp_session *s, struct slice line, bool is_bare)
{
	struct smtp_command c = smtp_parse_command(line);
	const struct smtp_row *row = find(s, c.verb);
	uint32_t max = row && row->check == smtp_cmd_auth_check ? s->lim.auth_line_max
								: s->lim.line_max;

	arena_reset(&s->line);
	s->arg = SLICE_EMPTY;
	if (s->lift == SMTP_LIFT_COMMAND) {
		smtp_session_act(s, SMTP_ACT_LIFT, SLICE_EMPTY);
		s->lift = SMTP_LIFT_NONE;
	}
	if (line.n + 2 > max)
		smtp_session_say(s, SMTP_REPLY_LINE_TOO_LONG);
	else if (is_bare)
		smtp_session_say(s, SMTP_REPLY_LINE_BARE);
	else if (!utf8_is_valid(line))
		smtp_session_say(s, SMTP_REPLY_BAD_UTF8);
	else if (!row)
		smtp_session_say(s, SMTP_REPLY_UNKNOWN_COMMAND);
	else
		dispatch(s, row, c.args);
}
