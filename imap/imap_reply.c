/* imap_reply: what a session says: untagged text, the tagged end of a command, and what the
 * store's refusals are called. */
#include <stdarg.h>
#include <stdio.h>

#include "imap/imap_body.h"
#include "imap/imap_private.h"
#include "imap/imap_utf7.h"
#include "store/command.h"

enum { ERRORS_MAX = 20 };

/* --- output --- */

void
imap_put(struct imap_session *s, const char *text)
{
	buf_put_str(&s->out, text);
}

void
imap_printf(struct imap_session *s, const char *format, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	if (n > 0)
		buf_put(&s->out, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void
imap_flush(struct imap_session *s)
{
	/* Half a response would make nonsense of all that follows. Nothing comes near the cap,
	 * so this is for what nobody thought of. */
	if (s->out.overflow && !s->closing) {
		s->closing = true;
		s->ops->close(s->host);
	} else if (s->out.n && !s->out.overflow) {
		s->ops->write(s->host, buf_slice(&s->out));
	}
	/* An idle session holds no buffer. */
	buf_fini(&s->out);
}

void
imap_put_string(struct imap_session *s, struct slice text)
{
	imap_body_put_string(text, false, &s->out);
}

void
imap_put_mailbox(struct imap_session *s, struct slice name)
{
	struct buf encoded;

	buf_init(&encoded, 4096);
	if (!s->rev2 && imap_utf7_encode(name, &encoded))
		name = buf_slice(&encoded);
	imap_put_string(s, name);
	buf_fini(&encoded);
}

void
imap_capabilities(struct imap_session *s)
{
	bool may_login = s->set.is_secure || s->set.allow_plaintext_auth;

	imap_put(s, "CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ENABLE ID");
	if (s->state == IMAP_NOT_AUTHENTICATED) {
		if (s->set.may_tls && !s->set.is_secure)
			imap_put(s, " STARTTLS");
		imap_put(s, may_login ? " AUTH=PLAIN AUTH=LOGIN" : " LOGINDISABLED");
		if (may_login && s->set.scram)
			imap_put(s, " AUTH=SCRAM-SHA-256");
		if (may_login && s->set.scram && s->set.bindings)
			imap_put(s, " AUTH=SCRAM-SHA-256-PLUS");
		return;
	}
	imap_put(s, " NAMESPACE UNSELECT UIDPLUS MOVE IDLE CHILDREN LIST-EXTENDED LIST-STATUS "
		    "SPECIAL-USE STATUS=SIZE BINARY MULTIAPPEND ESEARCH SEARCHRES CONDSTORE "
		    "QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE");
	imap_printf(s, " APPENDLIMIT=%llu", (unsigned long long)s->set.append_max);
}

/* --- ending a command --- */

static void
next_command(struct imap_session *s)
{
	if (s->append)
		imap_cmd_append_free(s);
	arena_reset(&s->arena);
	s->command = NULL;
	s->tag = SLICE_EMPTY;
	s->work = NULL;
	s->uid_form = false;
	imap_lex_next(&s->lex, false);
}

/* A stranger may try for a while, and no longer. */
static bool
is_too_many_errors(struct imap_session *s)
{
	return s->state == IMAP_NOT_AUTHENTICATED && ++s->errors >= ERRORS_MAX;
}

/* code: what stands in brackets, of any length; empty: none. */
static void
tagged(struct imap_session *s, const char *word, struct slice code, const char *text)
{
	/* Nobody knows which command an unreadable one was. */
	bool quiet = !s->command || (s->command->flags & IMAP_NO_EXPUNGE && !s->uid_form);

	if (s->state == IMAP_SELECTED)
		imap_view_sync(s, !quiet);
	if (s->closing)
		return;
	imap_printf(s, "%.*s %s ", SLICE_FMT(s->tag.n ? s->tag : SLICE_LIT("*")), word);
	if (code.n) {
		imap_put(s, "[");
		buf_put_slice(&s->out, code);
		imap_put(s, "] ");
	}
	imap_put(s, text);
	imap_put(s, "\r\n");
	imap_flush(s);
	next_command(s);
	if (word[0] == 'B' && is_too_many_errors(s))
		imap_session_bye(s, "Too many errors");
}

#define TAGGED(s, word, format)                                                                \
	do {                                                                                   \
		char text_[600];                                                               \
		va_list ap_;                                                                   \
		va_start(ap_, format);                                                         \
		vsnprintf(text_, sizeof text_, format, ap_);                                   \
		va_end(ap_);                                                                   \
		tagged(s, word, SLICE_EMPTY, text_);                                           \
	} while (0)

void
imap_ok(struct imap_session *s, const char *format, ...)
{
	TAGGED(s, "OK", format);
}

void
imap_ok_code(struct imap_session *s, struct slice code, const char *text)
{
	tagged(s, "OK", code, text);
}

void
imap_no(struct imap_session *s, const char *format, ...)
{
	TAGGED(s, "NO", format);
}

void
imap_bad(struct imap_session *s, const char *format, ...)
{
	TAGGED(s, "BAD", format);
}

void
imap_bad_syntax(struct imap_session *s)
{
	imap_bad(s, "%s", s->parse.error ? s->parse.error : "Syntax error");
}

bool
imap_end(struct imap_session *s)
{
	if (imap_parse_end(&s->parse))
		return true;
	imap_bad_syntax(s);
	return false;
}

/* --- questions --- */

struct db_txn *
imap_begin(struct imap_session *s)
{
	struct db_txn *txn = s->ops->begin(s->host);

	s->out_mark = s->out.n;
	if (!txn)
		imap_no(s, "[UNAVAILABLE] The mail store can't be read now, try again");
	return txn;
}

bool
imap_end_txn(struct imap_session *s)
{
	bool is_valid = s->ops->is_valid(s->host);

	s->ops->end(s->host);
	if (is_valid)
		return true;
	s->out.n = s->out_mark;
	imap_no(s, "[UNAVAILABLE] The mail store was too busy, try again");
	return false;
}

void
imap_propose(struct imap_session *s, Commands__Command *c,
	void (*then)(struct imap_session *s, enum err e, const Commands__Result *result))
{
	s->then = then;
	s->ops->propose(s->host, c, SLICE_EMPTY, -1, 0);
}

static const char *
code_of(const Commands__Result *r)
{
	switch ((int)r->code) {
	case COMMAND_NOT_FOUND:
		return "[NONEXISTENT]";
	case COMMAND_EXISTS:
		return "[ALREADYEXISTS]";
	case COMMAND_QUOTA:
		return "[OVERQUOTA]";
	case COMMAND_LIMIT:
		return "[LIMIT]";
	default:
		return "[CANNOT]";
	}
}

const char *
imap_refusal(struct imap_session *s, enum err e, const Commands__Result *r)
{
	struct slice text;
	char *why;

	if (e == ERR_FULL)
		return "[LIMIT] No space left on the server's disk, try again later";
	if (e == ERR_UNAVAILABLE)
		return "[UNAVAILABLE] Not possible now, try again later";
	if (e)
		return "";
	if (r->code == COMMAND_DONE)
		return NULL;
	text = r->code == COMMAND_QUOTA ? SLICE_LIT("The mailbox is full") : slice_str(r->text);
	why = arena_alloc(&s->arena, text.n + 32);
	snprintf(why, text.n + 32, "%s %.*s", code_of(r), SLICE_FMT(text));
	return why;
}

bool
imap_refused(struct imap_session *s, enum err e, const Commands__Result *r)
{
	const char *why = imap_refusal(s, e, r);

	if (!why)
		return false;
	/* Handed over, and unknown: neither OK nor NO would be true. */
	if (!*why)
		imap_session_bye(s, "[UNAVAILABLE] The outcome of your command is not known; "
				    "connect again and look");
	else
		imap_no(s, "%s", why);
	return true;
}
