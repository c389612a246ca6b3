/* imap_cmd_append: APPEND. The literal is sealed as it comes: in memory up to one part, then in
 * a spool file; it is scanned on the way for its index. OK is said when the log has it. */
#include <stdlib.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/mail_scan.h"
#include "core/must.h"
#include "imap/imap_index.h"
#include "imap/imap_private.h"
#include "store/command.h"
#include "store/view_mailbox.h"

struct imap_append {
	struct slice mailbox;
	struct imap_flags flags;
	struct imap_date_time date;
	bool has_date, failed, fresh;
	uint64_t size, sealed_size, part;
	struct seal_key key;
	struct mail_scan *scan;
	struct buf plain;  /* of the part at hand */
	struct buf sealed; /* the only part, while the body is small */
	int fd;		   /* the spool file, -1 */
	struct buf index;  /* sealed */
	uint64_t epoch;
	uint8_t wrapped[SEAL_WRAPPED];
	uint64_t mailbox_id;
};

void
imap_cmd_append_free(struct imap_session *s)
{
	struct imap_append *a = s->append;

	seal_wipe(&a->key, sizeof a->key);
	mail_scan_free(a->scan);
	buf_fini_secret(&a->plain);
	buf_fini(&a->sealed);
	buf_fini(&a->index);
	if (a->fd >= 0)
		close(a->fd);
	free(a);
	s->append = NULL;
}

/* "tag APPEND mailbox [(flags)] [date] " up to the literal. */
static bool
read_head(struct imap_session *s, struct imap_append *a)
{
	struct imap_parse *p = &s->parse;
	struct slice name;

	imap_parse_init(p, imap_lex_text(&s->lex), &s->arena);
	p->is_utf8 = s->rev2;
	if (!imap_parse_tag(p, &s->tag) || !imap_parse_space(p) || !imap_parse_atom(p, &name) ||
		!imap_parse_space(p) || !imap_parse_mailbox(p, &a->mailbox) ||
		!imap_parse_space(p))
		return false;
	if (imap_parse_is(p, '(') &&
		(!imap_parse_flags(p, false, &a->flags) || !imap_parse_space(p)))
		return false;
	if (imap_parse_is(p, '"')) {
		if (!imap_parse_date_time(p, &a->date) || !imap_parse_space(p))
			return false;
		a->has_date = true;
	}
	return imap_parse_is(p, '{') || imap_parse_is(p, '~');
}

/* The mailbox must be there, so that the client hears of it before it sends (RFC 9051
 * 6.3.12). */
static const char *
find_box(struct imap_session *s, struct imap_append *a)
{
	struct db_txn *txn = s->ops->begin(s->host);
	Commands__Mailbox *m;
	enum err e;

	if (!txn)
		return "[UNAVAILABLE] The mail store can't be read now, try again";
	e = view_mailbox_by_name(txn, s->account, a->mailbox, &s->arena, &m);
	s->ops->end(s->host);
	if (e)
		return "[TRYCREATE] There is no such mailbox";
	a->mailbox_id = m->id;
	return NULL;
}

bool
imap_cmd_append_begin(struct imap_session *s)
{
	struct imap_append *a = must_zalloc(sizeof *a);
	const char *why = NULL;

	a->fd = -1;
	buf_init(&a->plain, SEAL_PART_PLAIN);
	buf_init(&a->sealed, SEAL_PART);
	buf_init(&a->index, IMAP_INDEX_MAX + 256);
	s->append = a;
	if (!read_head(s, a)) {
		/* This literal is the mailbox's name, or nonsense that the whole command will
		 * show. */
		imap_cmd_append_free(s);
		s->tag = SLICE_EMPTY;
		return false;
	}
	s->tag = arena_dup(&s->arena, s->tag);
	s->in_command = true;
	if (s->lex.literal_size > s->set.append_max)
		why = "[TOOBIG] The message is larger than APPENDLIMIT";
	else if (s->lex.literal_size == 0)
		why = "[CANNOT] An empty message";
	if (!why)
		why = find_box(s, a);
	if (why) {
		/* Synchronising: the client sends nothing now. Else its octets fall, and BAD
		 * says so at their end. */
		if (imap_lex_refuse(&s->lex))
			imap_no(s, "%s", why);
		else
			imap_cmd_append_free(s);
		return false;
	}
	seal_key_new(&a->key);
	a->scan = mail_scan_new();
	imap_lex_stream(&s->lex);
	return true;
}

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

/* --- after the literal --- */

static void
on_appended(struct imap_session *s, enum err e, const Commands__Result *r)
{
	struct imap_append *a = s->append;

	/* keyd's epoch never reached the log: once more with a new one. */
	if (!e && r->code == COMMAND_NO_EPOCH && !a->fresh) {
		a->fresh = true;
		s->then = on_appended;
		s->ops->wrap(s->host, &a->key, true);
		return;
	}
	if (!imap_refused(s, e, r))
		imap_ok(s, "[APPENDUID %u %u] Appended", r->uidvalidity,
			r->n_uid ? r->uid[0] : 0);
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
	p.mailbox = a->mailbox_id;
	p.body = &body;
	p.flags = a->flags.system;
	p.keyword = arena_alloc(&s->arena, (a->flags.n_keywords + 1u) * sizeof *p.keyword);
	for (uint32_t i = 0; i < a->flags.n_keywords; i++)
		p.keyword[p.n_keyword++] = codec_bytes(a->flags.keywords[i]);
	if (a->has_date) {
		p.internal_date_sec = a->date.sec;
		p.zone_min = a->date.zone_min;
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
		imap_no(s, "[UNAVAILABLE] The message can't be sealed now, try again");
		return;
	}
	a->epoch = epoch;
	memcpy(a->wrapped, wrapped.p, sizeof a->wrapped);
	propose(s, a);
}

void
imap_cmd_append_end(struct imap_session *s)
{
	struct imap_append *a = s->append;
	struct slice text = imap_lex_text(&s->lex);
	struct buf index;

	/* Behind the literal: the line end. MULTIAPPEND isn't offered. */
	while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	if (text.n == 0 || text.p[text.n - 1] != '}') {
		imap_bad(s, "Nothing may follow the message");
		return;
	}
	seal_part_out(s, a, true);
	mail_scan_finish(a->scan);
	if (a->failed) {
		imap_no(s, "[LIMIT] No space left on the server's disk, try again later");
		return;
	}
	buf_init(&index, IMAP_INDEX_MAX + 1);
	if (imap_index_build(a->scan, &index))
		seal_blob(&a->key, "index", buf_slice(&index), &a->index);
	buf_fini_secret(&index);
	s->then = on_appended;
	s->ops->wrap(s->host, &a->key, false);
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
