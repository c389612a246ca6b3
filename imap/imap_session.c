#include "imap/imap_session.h"

#include <stdlib.h>

#include "core/must.h"
#include "imap/imap_private.h"

enum {
	CAP_BEFORE = 8192,
	CAP_AFTER = 65536,
	OUT_MAX = 8 << 20, /* responses are cut into pieces far below it */
	ARENA_BLOCK = 1024
};

void
imap_session_bye(struct imap_session *s, const char *why)
{
	if (s->closing)
		return;
	imap_printf(s, "* BYE %s\r\n", why);
	imap_flush(s);
	s->closing = true;
	s->then = NULL;
	s->more = NULL;
	s->state = IMAP_LOGOUT;
	s->ops->close(s->host);
}

/* --- answers in --- */

void
imap_session_proposed(struct imap_session *s, enum err e, const Commands__Result *result)
{
	void (*then)(struct imap_session *, enum err, const Commands__Result *) = s->then;

	s->then = NULL;
	if (then)
		then(s, e, result);
}

void
imap_session_wrapped(struct imap_session *s, enum err e, uint64_t epoch, struct slice wrapped)
{
	s->then = NULL;
	imap_cmd_append_wrapped(s, e, epoch, wrapped);
}

void
imap_session_drained(struct imap_session *s)
{
	void (*more)(struct imap_session *) = s->more;

	s->more = NULL;
	if (more)
		more(s);
}

static void
tell_idle(struct imap_session *s)
{
	if (!imap_view_sync(s, true))
		s->more = tell_idle;
	imap_flush(s);
}

void
imap_session_touched(struct imap_session *s)
{
	/* Otherwise it is told with the next command's end. */
	if (!s->idling || s->more)
		return;
	if (s->ops->is_full(s->host))
		s->more = tell_idle;
	else
		tell_idle(s);
}

/* --- commands in --- */

static const struct imap_command *
find_command(struct slice name)
{
	static const struct imap_command *const tables[] = {imap_cmd_auth, imap_cmd_mailbox,
		imap_cmd_list, imap_cmd_select, imap_cmd_fetch, imap_cmd_store, imap_cmd_copy,
		imap_cmd_expunge, imap_cmd_append, imap_cmd_search};

	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct imap_command *c = tables[t]; c->name; c++)
			if (slice_eq_nocase(name, slice_str(c->name)))
				return c;
	return NULL;
}

/* "tag [UID] NAME"; the arguments stay in s->parse. False: BAD was said. */
static bool
read_name(struct imap_session *s)
{
	struct slice name;
	bool uid = false;

	imap_parse_init(&s->parse, imap_lex_text(&s->lex), &s->arena);
	s->parse.is_utf8 = s->rev2;
	if (!imap_parse_tag(&s->parse, &s->tag)) {
		s->tag = SLICE_EMPTY;
		imap_bad(s, "A command begins with a tag");
		return false;
	}
	s->tag = arena_dup(&s->arena, s->tag);
	if (!imap_parse_space(&s->parse) || !imap_parse_atom(&s->parse, &name)) {
		imap_bad_syntax(s);
		return false;
	}
	if (slice_eq_nocase(name, SLICE_LIT("UID"))) {
		uid = true;
		if (!imap_parse_space(&s->parse) || !imap_parse_atom(&s->parse, &name)) {
			imap_bad_syntax(s);
			return false;
		}
	}
	s->command = find_command(name);
	if (!s->command || (uid && !(s->command->flags & IMAP_UID_FORM))) {
		s->command = NULL;
		imap_bad(s, "Unknown command");
		return false;
	}
	s->uid_form = uid;
	if (s->command->states & s->state)
		return true;
	imap_bad(s, s->state == IMAP_NOT_AUTHENTICATED ? "Log in first"
		    : s->command->states & IMAP_IN     ? "Select a mailbox first"
						       : "Not now: you are logged in");
	return false;
}

static void
on_command(struct imap_session *s)
{
	struct slice text = imap_lex_text(&s->lex);

	if (s->in_sasl) {
		imap_cmd_auth_line(s, slice_trim(text));
		return;
	}
	if (s->idling) {
		s->idling = false;
		if (slice_eq_nocase(slice_trim(text), SLICE_LIT("DONE")))
			imap_ok(s, "IDLE ended");
		else
			imap_bad(s, "DONE ends IDLE");
		return;
	}
	if (s->append) {
		imap_cmd_append_end(s);
		return;
	}
	if (read_name(s))
		s->command->run(s);
}

/* Of a command that isn't read any further. */
static void
guess_tag(struct imap_session *s)
{
	struct imap_parse p;

	imap_parse_init(&p, imap_lex_text(&s->lex), &s->arena);
	if (!imap_parse_tag(&p, &s->tag) || !imap_parse_is(&p, ' '))
		s->tag = SLICE_EMPTY;
	s->tag = arena_dup(&s->arena, s->tag);
}

/* A literal: APPEND's message is streamed, others are kept if they fit. */
static void
on_literal(struct imap_session *s)
{
	struct slice text = imap_lex_text(&s->lex);
	struct slice rest = slice_from(text, slice_find(text, ' ') + 1);
	bool is_append = s->state & IMAP_IN && slice_starts_nocase(rest, SLICE_LIT("APPEND "));
	bool is_sync = s->lex.literal_sync;

	/* APPEND's mailbox may be a literal itself: the message is the one that
	 * imap_cmd_append_begin can parse up to. */
	if (is_append && imap_cmd_append_begin(s)) {
		if (is_sync && s->lex.phase == IMAP_LEX_IN_STREAM)
			s->ops->write(s->host, SLICE_LIT("+ OK\r\n"));
	} else if (imap_lex_keep(&s->lex)) {
		if (is_sync)
			s->ops->write(s->host, SLICE_LIT("+ OK\r\n"));
	} else if (imap_lex_refuse(&s->lex)) {
		guess_tag(s);
		imap_no(s, "[TOOBIG] The literal is too long");
	}
}

/* The end of a command that is not known whole. */
static void
on_unread(struct imap_session *s, enum imap_lex_event ev)
{
	if (s->in_sasl) {
		imap_cmd_auth_cancel(s, "The response is too long");
		return;
	}
	if (s->idling) {
		s->idling = false;
		imap_bad(s, "DONE ends IDLE");
		return;
	}
	if (imap_cmd_append_refused(s))
		return;
	guess_tag(s);
	imap_bad(s, ev == IMAP_LEX_REFUSED ? "[TOOBIG] The literal is too long"
					   : "The command is too long");
}

static void
on_event(struct imap_session *s, enum imap_lex_event ev, struct slice data)
{
	switch (ev) {
	case IMAP_LEX_LITERAL:
		on_literal(s);
		break;
	case IMAP_LEX_DATA:
		imap_cmd_append_data(s, data);
		break;
	case IMAP_LEX_DATA_END:
	case IMAP_LEX_MORE:
		break;
	case IMAP_LEX_COMMAND:
		on_command(s);
		break;
	case IMAP_LEX_TOO_LONG:
	case IMAP_LEX_REFUSED:
		on_unread(s, ev);
		break;
	case IMAP_LEX_LOST:
		imap_session_bye(s, "The literal is too long to be skipped");
		break;
	}
}

bool
imap_session_wants_input(const struct imap_session *s)
{
	return !s->then && !s->more && !s->closing && !s->starting_tls;
}

size_t
imap_session_input(struct imap_session *s, struct slice in)
{
	struct slice left = in, data;
	enum imap_lex_event ev;

	/* Nothing more is answered before the client has read what was. */
	while (imap_session_wants_input(s) && !s->ops->is_full(s->host)) {
		data = SLICE_EMPTY;
		ev = imap_lex_step(&s->lex, &left, &data);
		on_event(s, ev, data);
		if (ev == IMAP_LEX_MORE)
			break;
	}
	return in.n - left.n;
}

/* --- life --- */

struct imap_session *
imap_session_new(const struct imap_host *ops, void *host, const struct imap_settings *settings)
{
	struct imap_session *s = must_zalloc(sizeof *s);

	s->ops = ops;
	s->host = host;
	s->set = *settings;
	s->state = IMAP_NOT_AUTHENTICATED;
	imap_lex_init(&s->lex, CAP_BEFORE);
	arena_init(&s->arena, ARENA_BLOCK);
	buf_init(&s->out, OUT_MAX);
	return s;
}

void
imap_session_free(struct imap_session *s)
{
	if (!s)
		return;
	if (s->append)
		imap_cmd_append_free(s);
	if (s->in_sasl)
		sasl_fini(&s->sasl);
	imap_view_close(s);
	if (s->epoch)
		seal_wipe(s->epoch, s->epochs * sizeof *s->epoch);
	free(s->epoch);
	if (s->pair) {
		seal_wipe(s->pair, sizeof *s->pair);
		free(s->pair);
	}
	free(s->saved);
	free((void *)(uintptr_t)s->name.p);
	imap_lex_fini(&s->lex);
	buf_fini_secret(&s->out);
	arena_reset(&s->arena);
	free(s);
}

void
imap_session_greet(struct imap_session *s)
{
	imap_put(s, "* OK [");
	imap_capabilities(s);
	imap_put(s, "] hairpin ready\r\n");
	imap_flush(s);
}

void
imap_session_secured(struct imap_session *s, unsigned bindings)
{
	s->starting_tls = false;
	s->set.is_secure = true;
	s->set.bindings = bindings;
}

void
imap_login(struct imap_session *s, const struct imap_login *login)
{
	uint8_t *name = must_alloc(login->name.n);

	memcpy(name, login->name.p, login->name.n);
	s->name = slice_of(name, login->name.n);
	s->account = login->account;
	s->pair = must_alloc(sizeof *s->pair);
	*s->pair = login->pair;
	s->state = IMAP_AUTHENTICATED;
	imap_lex_cap(&s->lex, CAP_AFTER);
}

bool
imap_session_is_quiet(const struct imap_session *s)
{
	return imap_session_wants_input(s) && !s->append && !s->in_sasl &&
	       s->lex.phase == IMAP_LEX_IN_LINE && s->lex.text.n == 0 &&
	       s->state != IMAP_LOGOUT;
}

bool
imap_session_is_between(const struct imap_session *s)
{
	return s->lex.phase == IMAP_LEX_IN_LINE && s->lex.line_at > 0;
}

uint64_t
imap_session_account(const struct imap_session *s)
{
	return s->account;
}

uint64_t
imap_session_mailbox(const struct imap_session *s)
{
	return s->state == IMAP_SELECTED ? s->box.id : 0;
}

bool
imap_session_is_logged_in(const struct imap_session *s)
{
	return s->state & IMAP_IN;
}

struct slice
imap_session_name(const struct imap_session *s)
{
	return s->name;
}
