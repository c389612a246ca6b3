/* imap_cmd_append: APPEND, of several messages too (RFC 3502). A literal is sealed as it
 * comes: in memory up to one part, then in a spool file; it is scanned on the way for its
 * index. OK is said when the log has it. Several messages gather in a stage of the store and
 * come into the mailbox together. */
#include <stdlib.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/mail_scan.h"
#include "core/must.h"
#include "imap/imap_index.h"
#include "imap/imap_private.h"
#include "store/command.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"

enum {
	MESSAGES_MAX = 1000, /* of one command: as many as the store moves at once */
	WRAPS_MAX = 200	     /* messages by one epoch before keyd is asked anew */
};

struct options {
	struct imap_flags flags;
	struct imap_date_time date;
	bool has_date;
};

struct imap_append {
	struct slice mailbox;
	uint64_t mailbox_id, stage; /* stage: 0 while one message is all */
	uint32_t messages;
	size_t text_at;	 /* the command's text behind the announcement of the message at hand */
	const char *why; /* refused; said when the client has sent all */
	bool is_bad;	 /* BAD rather than NO */
	bool has_next;	 /* another literal is announced, and waits */
	struct options next;
	/* The message at hand. */
	struct options options;
	bool failed, fresh; /* fresh: keyd was asked for a new epoch */
	bool is_from_keyd;  /* its key's wrapping */
	uint64_t size, sealed_size, part;
	struct seal_key key;
	struct mail_scan *scan;
	struct buf plain;  /* of the part at hand */
	struct buf sealed; /* the only part, while the body is small */
	int fd;		   /* the spool file, -1 */
	struct buf index;  /* sealed */
	uint64_t epoch;
	uint8_t wrapped[SEAL_WRAPPED];
};

static void
end_message(struct imap_append *a)
{
	seal_wipe(&a->key, sizeof a->key);
	mail_scan_free(a->scan);
	a->scan = NULL;
	buf_fini_secret(&a->plain);
	buf_fini(&a->sealed);
	buf_fini(&a->index);
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

void
imap_cmd_append_free(struct imap_session *s)
{
	end_message(s->append);
	free(s->append);
	s->append = NULL;
}

/* Its octets are what the client sends next. */
static void
begin_message(struct imap_session *s, struct imap_append *a, const struct options *o)
{
	a->options = *o;
	a->failed = a->fresh = a->has_next = false;
	a->size = a->sealed_size = a->part = 0;
	a->messages++;
	seal_key_new(&a->key);
	a->scan = mail_scan_new();
	a->text_at = imap_lex_text(&s->lex).n;
	imap_lex_stream(&s->lex);
}

/* --- a command that fails --- */

static void
say_refused(struct imap_session *s)
{
	if (s->append->is_bad)
		imap_bad(s, "%s", s->append->why);
	else
		imap_no(s, "%s", s->append->why);
}

static void
on_dropped(struct imap_session *s, enum err e, const Commands__Result *r)
{
	(void)e;
	(void)r;
	/* A stage that stayed is swept in time. */
	say_refused(s);
}

static void
end_refused(struct imap_session *s)
{
	struct imap_append *a = s->append;
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StageClose close = COMMANDS__STAGE_CLOSE__INIT;

	if (!a->stage) {
		say_refused(s);
		return;
	}
	close.stage = a->stage;
	c.body_case = COMMANDS__COMMAND__BODY_STAGE_CLOSE;
	c.stage_close = &close;
	imap_propose(s, &c, on_dropped);
}

/* A literal that waits is let fall first, unless its client waits too. why: static, or in the
 * command's arena. */
static void
refuse(struct imap_session *s, const char *why, bool at_literal)
{
	s->append->why = why;
	if (!at_literal || imap_lex_refuse(&s->lex))
		end_refused(s);
}

bool
imap_cmd_append_refused(struct imap_session *s)
{
	if (!s->append)
		return false;
	if (!s->append->why)
		s->append->why = "[CANNOT] The command is too long";
	end_refused(s);
	return true;
}

/* True: the answer is an error, the command is ended or will be. */
static bool
is_refused(struct imap_session *s, enum err e, const Commands__Result *r)
{
	const char *why = imap_refusal(s, e, r);

	if (!why)
		return false;
	if (*why)
		refuse(s, why, s->append->has_next);
	else
		imap_refused(s, e, r);
	return true;
}

/* --- literals are announced --- */

static void
keep_keywords(struct imap_session *s, struct options *o)
{
	/* They lie in the command's text, which grows and moves. */
	for (uint32_t i = 0; i < o->flags.n_keywords; i++)
		o->flags.keywords[i] = arena_dup(&s->arena, o->flags.keywords[i]);
}

/* "[(flags) ][date-time ]{n}" */
static bool
read_options(struct imap_session *s, struct imap_parse *p, struct options *o)
{
	*o = (struct options){0};
	if (imap_parse_is(p, '(') &&
		(!imap_parse_flags(p, false, &o->flags) || !imap_parse_space(p)))
		return false;
	if (imap_parse_is(p, '"')) {
		if (!imap_parse_date_time(p, &o->date) || !imap_parse_space(p))
			return false;
		o->has_date = true;
	}
	keep_keywords(s, o);
	return imap_parse_is(p, '{') || imap_parse_is(p, '~');
}

/* "tag APPEND mailbox " and the first message's options. */
static bool
read_head(struct imap_session *s, struct imap_append *a, struct options *o)
{
	struct imap_parse *p = &s->parse;
	struct slice name;

	imap_parse_init(p, imap_lex_text(&s->lex), &s->arena);
	p->is_utf8 = s->rev2;
	return imap_parse_tag(p, &s->tag) && imap_parse_space(p) && imap_parse_atom(p, &name) &&
	       imap_parse_space(p) && imap_parse_mailbox(p, &a->mailbox) &&
	       imap_parse_space(p) && read_options(s, p, o);
}

/* The mailbox must be there and have room, so that the client hears of it before it sends (RFC
 * 9051 6.3.12). */
static const char *
find_box(struct imap_session *s, struct imap_append *a)
{
	struct db_txn *txn = s->ops->begin(s->host);
	Commands__Mailbox *m;
	Commands__Account *r;
	bool is_valid, is_full;
	enum err e;

	if (!txn)
		return "[UNAVAILABLE] The mail store can't be read now, try again";
	e = view_mailbox_by_name(txn, s->account, a->mailbox, &s->arena, &m);
	is_full = !e && !view_directory_account(txn, s->account, &s->arena, &r) &&
		  view_directory_over_quota(r, s->lex.literal_size);
	is_valid = s->ops->is_valid(s->host);
	s->ops->end(s->host);
	if (!is_valid)
		return "[UNAVAILABLE] The mail store was too busy, try again";
	if (e)
		return "[TRYCREATE] There is no such mailbox";
	a->mailbox_id = m->id;
	return is_full ? "[OVERQUOTA] The mailbox is full" : NULL;
}

static const char *
judge_size(const struct imap_session *s)
{
	if (s->lex.literal_size > s->set.append_max)
		return "[TOOBIG] The message is larger than APPENDLIMIT";
	return s->lex.literal_size ? NULL : "[CANNOT] An empty message";
}

static bool
begin_first(struct imap_session *s)
{
	struct imap_append *a = must_zalloc(sizeof *a);
	struct options o;
	const char *why;
	bool is_read;

	a->fd = -1;
	buf_init(&a->plain, SEAL_PART_PLAIN);
	buf_init(&a->sealed, SEAL_PART);
	buf_init(&a->index, IMAP_INDEX_MAX + 256);
	s->append = a;
	is_read = read_head(s, a, &o);
	if (!is_read && !s->parse.text.n) {
		/* This literal is the mailbox's name: it is kept, and the next one is looked at
		 * again. */
		imap_cmd_append_free(s);
		s->tag = SLICE_EMPTY;
		return false;
	}
	s->tag = arena_dup(&s->arena, s->tag);
	if (!is_read) {
		a->is_bad = true;
		refuse(s, s->parse.error ? s->parse.error : "Syntax error", true);
		return true;
	}
	why = judge_size(s);
	if (!why)
		why = find_box(s, a);
	if (why)
		refuse(s, why, true);
	else
		begin_message(s, a, &o);
	return true;
}

static void finish_message(struct imap_session *s);

static void
on_staged(struct imap_session *s, enum err e, const Commands__Result *r)
{
	if (is_refused(s, e, r))
		return;
	s->append->stage = r->id;
	finish_message(s);
}

static void
open_stage(struct imap_session *s)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StageOpen open = COMMANDS__STAGE_OPEN__INIT;

	open.account = s->account;
	c.body_case = COMMANDS__COMMAND__BODY_STAGE_OPEN;
	c.stage_open = &open;
	imap_propose(s, &c, on_staged);
}

/* Another message follows: the one at hand goes to the stage first. */
static void
begin_next(struct imap_session *s)
{
	struct imap_append *a = s->append;
	struct imap_parse *p = &s->parse;
	const char *why = judge_size(s);

	imap_parse_init(p, slice_from(imap_lex_text(&s->lex), a->text_at), &s->arena);
	a->is_bad = !imap_parse_space(p) || !read_options(s, p, &a->next);
	if (a->is_bad)
		why = p->error ? p->error : "What follows the message isn't another one";
	else if (a->messages == MESSAGES_MAX)
		why = "[LIMIT] Too many messages in one command";
	a->has_next = true;
	if (why)
		refuse(s, why, true);
	else if (a->stage)
		finish_message(s);
	else
		open_stage(s);
}

bool
imap_cmd_append_begin(struct imap_session *s)
{
	if (!s->append)
		return begin_first(s);
	begin_next(s);
	return true;
}

/* --- the octets of a message --- */

/* The full part goes out, sealed. */
static void
seal_part_out(struct imap_session *s, struct imap_append *a, bool last)
{
	size_t n = a->plain.n + SEAL_TAG;
	uint8_t *to = buf_room(&a->sealed, n);

	seal_part(&a->key, a->part++, last, buf_slice(&a->plain), to);
	a->sealed_size += n;
	buf_clear(&a->plain);
	if (last && a->part == 1) {
		buf_grow(&a->sealed, n);
		return;
	}
	if (a->fd < 0)
		a->fd = s->ops->spool(s->host);
	if (a->fd < 0 || write(a->fd, to, n) != (ssize_t)n)
		a->failed = true;
}

void
imap_cmd_append_data(struct imap_session *s, struct slice data)
{
	struct imap_append *a = s->append;
	size_t n;

	mail_scan_feed(a->scan, data);
	a->size += data.n;
	while (data.n && !a->failed) {
		/* A part is sealed when the next octet comes: only then it isn't the last
		 * one. */
		if (a->plain.n == SEAL_PART_PLAIN)
			seal_part_out(s, a, false);
		n = SEAL_PART_PLAIN - a->plain.n;
		n = n < data.n ? n : data.n;
		buf_put(&a->plain, data.p, n);
		data = slice_from(data, n);
	}
}

/* --- after a message --- */

static void
on_closed(struct imap_session *s, enum err e, const Commands__Result *r)
{
	if (is_refused(s, e, r))
		return;
	if (r->n_uid == 0)
		imap_ok(s, "Appended");
	else
		imap_ok(s, "[APPENDUID %u %u:%u] Appended", r->uidvalidity, r->uid[0],
			r->uid[r->n_uid - 1]);
}

static void
close_stage(struct imap_session *s)
{
	struct imap_append *a = s->append;
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StageClose close = COMMANDS__STAGE_CLOSE__INIT;

	close.stage = a->stage;
	close.to = a->mailbox_id;
	c.body_case = COMMANDS__COMMAND__BODY_STAGE_CLOSE;
	c.stage_close = &close;
	imap_propose(s, &c, on_closed);
}

static void ask_wrap(struct imap_session *s, struct imap_append *a);

static void
on_appended(struct imap_session *s, enum err e, const Commands__Result *r)
{
	struct imap_append *a = s->append;

	/* keyd's epoch never reached the log: once more with a new one. */
	if (!e && r->code == COMMAND_NO_EPOCH && !a->fresh) {
		a->fresh = true;
		ask_wrap(s, a);
		return;
	}
	if (is_refused(s, e, r))
		return;
	if (a->is_from_keyd) {
		s->wrap_epoch = a->epoch;
		s->wraps_left = WRAPS_MAX;
	}
	if (a->has_next) {
		end_message(a);
		begin_message(s, a, &a->next);
		if (s->lex.literal_sync)
			s->ops->write(s->host, SLICE_LIT("+ OK\r\n"));
	} else if (a->stage) {
		close_stage(s);
	} else {
		imap_ok(s, "[APPENDUID %u %u] Appended", r->uidvalidity,
			r->n_uid ? r->uid[0] : 0);
	}
}

static void
propose(struct imap_session *s, struct imap_append *a)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Append p = COMMANDS__APPEND__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	int fd = a->fd >= 0 ? dup(a->fd) : -1;

	body.size = a->size;
	body.sealed_size = a->sealed_size;
	p.account = s->account;
	p.mailbox = a->stage ? a->stage : a->mailbox_id;
	p.body = &body;
	p.flags = a->options.flags.system;
	p.keyword = arena_alloc(
		&s->arena, (a->options.flags.n_keywords + 1u) * sizeof *p.keyword);
	for (uint32_t i = 0; i < a->options.flags.n_keywords; i++)
		p.keyword[p.n_keyword++] = codec_bytes(a->options.flags.keywords[i]);
	if (a->options.has_date) {
		p.internal_date_sec = a->options.date.sec;
		p.zone_min = a->options.date.zone_min;
	}
	p.epoch = a->epoch;
	p.wrapped_key = (ProtobufCBinaryData){sizeof a->wrapped, a->wrapped};
	p.sealed_index = codec_bytes(buf_slice(&a->index));
	c.body_case = COMMANDS__COMMAND__BODY_APPEND;
	c.append = &p;
	s->then = on_appended;
	s->ops->propose(s->host, &c, fd >= 0 ? SLICE_EMPTY : buf_slice(&a->sealed), fd,
		fd >= 0 ? a->sealed_size : 0);
}

void
imap_cmd_append_wrapped(
	struct imap_session *s, enum err e, uint64_t epoch, struct slice wrapped)
{
	struct imap_append *a = s->append;

	if (!a)
		return;
	if (e || wrapped.n != sizeof a->wrapped) {
		refuse(s, "[UNAVAILABLE] The message can't be sealed now, try again",
			a->has_next);
		return;
	}
	a->epoch = epoch;
	memcpy(a->wrapped, wrapped.p, sizeof a->wrapped);
	propose(s, a);
}

static void
ask_wrap(struct imap_session *s, struct imap_append *a)
{
	a->is_from_keyd = true;
	s->wraps_left = 0;
	s->then = on_appended;
	s->ops->wrap(s->host, &a->key, a->fresh);
}

/* The session can open the epochs of its account anyway: it wraps by the last one itself. */
static void
wrap(struct imap_session *s, struct imap_append *a)
{
	a->is_from_keyd = false;
	if (s->wraps_left == 0 || imap_message_wrap(s, s->wrap_epoch, &a->key, a->wrapped)) {
		ask_wrap(s, a);
		return;
	}
	s->wraps_left--;
	a->epoch = s->wrap_epoch;
	propose(s, a);
}

static void
finish_message(struct imap_session *s)
{
	struct imap_append *a = s->append;
	struct buf index;

	seal_part_out(s, a, true);
	mail_scan_finish(a->scan);
	if (a->failed) {
		refuse(s, "[LIMIT] No space left on the server's disk, try again later",
			a->has_next);
		return;
	}
	buf_init(&index, IMAP_INDEX_MAX + 1);
	if (imap_index_build(a->scan, &index))
		seal_blob(&a->key, "index", buf_slice(&index), &a->index);
	buf_fini_secret(&index);
	wrap(s, a);
}

void
imap_cmd_append_end(struct imap_session *s)
{
	struct slice rest = slice_from(imap_lex_text(&s->lex), s->append->text_at);

	s->append->has_next = false;
	if (slice_trim(rest).n) {
		s->append->is_bad = true;
		refuse(s, "Unexpected text after the message", false);
	} else {
		finish_message(s);
	}
}

static void
append(struct imap_session *s)
{
	imap_bad(s, "APPEND ends with a literal");
}

const struct imap_command imap_cmd_append[] = {
	{"APPEND", IMAP_IN, 0, append},
	{NULL, 0, 0, NULL},
};
