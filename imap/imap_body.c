#include "imap/imap_body.h"

#include "core/mail_header.h"
#include "core/mail_list.h"
#include "imap/imap_param.h"

/* One writing of one structure. */
struct writer {
	const struct imap_body *body;
	struct buf *out, *cuts;
	size_t from; /* where the text begins in out */
	bool is_extended;
};

/* --- strings ------------------------------------------------------------------------ */

bool
imap_body_put_string(struct slice text, bool nil, struct buf *out)
{
	bool is_literal = false;

	if (text.n == 0)
		return buf_put_str(out, nil ? "NIL" : "\"\"");
	for (size_t i = 0; i < text.n && !is_literal; i++)
		is_literal = text.p[i] >= 0x80 || text.p[i] == '\r' || text.p[i] == '\n';
	if (is_literal)
		buf_printf(out, "{%zu}\r\n", text.n);
	else
		buf_put_u8(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (!is_literal && (text.p[i] == '"' || text.p[i] == '\\'))
			buf_put_u8(out, '\\');
		buf_put_u8(out, text.p[i] ? text.p[i] : '?');
	}
	if (!is_literal)
		buf_put_u8(out, '"');
	return !out->overflow;
}

/* The first field of that name, unfolded; is_there tells absent from empty. */
static void
put_field(struct slice fields, const char *name, struct buf *out)
{
	struct mail_field f;
	struct buf text;

	if (!mail_header_find(fields, slice_str(name), &f)) {
		buf_put_str(out, "NIL");
		return;
	}
	buf_init(&text, f.body.n + 1);
	mail_header_unfold(f.body, &text);
	imap_body_put_string(buf_slice(&text), false, out);
	buf_fini(&text);
}

/* --- envelopes ----------------------------------------------------------------------- */

static void
put_address(const struct mail_list_item *item, struct buf *out)
{
	buf_put_u8(out, '(');
	if (item->kind == MAIL_LIST_MAILBOX) {
		imap_body_put_string(item->name, true, out);
		buf_put_u8(out, ' ');
		imap_body_put_string(item->route, true, out);
		buf_put_u8(out, ' ');
		imap_body_put_string(item->local, false, out);
		buf_put_u8(out, ' ');
		/* Only a group's members may have NIL here. */
		imap_body_put_string(item->domain, false, out);
	} else if (item->kind == MAIL_LIST_GROUP) {
		buf_put_str(out, "NIL NIL ");
		imap_body_put_string(item->name, false, out);
		buf_put_str(out, " NIL");
	} else {
		buf_put_str(out, "NIL NIL NIL NIL");
	}
	buf_put_u8(out, ')');
}

/* All fields of that name together. False: there is no address in them. */
static bool
put_addresses(struct slice fields, const char *name, struct buf *out)
{
	struct mail_header h;
	struct mail_field f;
	struct mail_list list;
	struct arena arena;
	size_t count = 0;

	mail_header_begin(&h, fields);
	while (count < MAIL_LIST_MAX && mail_header_next(&h, &f)) {
		if (!slice_eq_nocase(f.name, slice_str(name)))
			continue;
		arena_init(&arena, 0);
		mail_list_parse(f.body, &arena, MAIL_LIST_MAX - count, &list);
		if (count == 0 && list.count)
			buf_put_u8(out, '(');
		for (size_t i = 0; i < list.count; i++)
			put_address(&list.items[i], out);
		count += list.count;
		arena_reset(&arena);
	}
	if (count)
		buf_put_u8(out, ')');
	return count > 0;
}

bool
imap_body_envelope(const struct imap_body *b, uint32_t number, struct buf *out)
{
	/* RFC 9051 section 2.3.5; Sender and Reply-To fall back on From. */
	static const char *const lists[] = {"From", "Sender", "Reply-To", "To", "Cc", "Bcc"};
	struct slice fields = b->parts[number].fields;

	buf_put_u8(out, '(');
	put_field(fields, "Date", out);
	buf_put_u8(out, ' ');
	put_field(fields, "Subject", out);
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		buf_put_u8(out, ' ');
		if (put_addresses(fields, lists[i], out))
			continue;
		if ((i != 1 && i != 2) || !put_addresses(fields, "From", out))
			buf_put_str(out, "NIL");
	}
	buf_put_u8(out, ' ');
	put_field(fields, "In-Reply-To", out);
	buf_put_u8(out, ' ');
	put_field(fields, "Message-ID", out);
	return buf_put_u8(out, ')');
}

/* --- structures ------------------------------------------------------------------------ */

static void
put_disposition(const struct mail_part *p, struct arena *a, struct buf *out)
{
	struct mail_field f;
	struct mail_type t;

	if (!mail_header_find(p->fields, SLICE_LIT("Content-Disposition"), &f) ||
		!mail_type_parse_value(f.body, a, &t)) {
		buf_put_str(out, "NIL");
		return;
	}
	buf_put_u8(out, '(');
	imap_body_put_string(t.type, false, out);
	buf_put_u8(out, ' ');
	t.type = SLICE_EMPTY;
	imap_param_put(&t, out);
	buf_put_u8(out, ')');
}

/* body-fld-lang = nstring / "(" string *(SP string) ")" */
static void
put_languages(const struct mail_part *p, struct buf *out)
{
	struct mail_field f;
	struct slice rest, tag;
	size_t count = 0;

	if (mail_header_find(p->fields, SLICE_LIT("Content-Language"), &f)) {
		for (rest = mail_type_skip_blank(f.body); rest.n;
			rest = mail_type_skip_blank(rest)) {
			tag = mail_type_token(&rest, false);
			if (tag.n == 0) {
				rest = slice_from(rest, 1);
				continue;
			}
			buf_put_u8(out, count++ ? ' ' : '(');
			imap_body_put_string(tag, false, out);
		}
	}
	buf_put_str(out, count ? ")" : "NIL");
}

/* The extension's end that all kinds have. */
static void
put_extension_end(struct writer *w, const struct mail_part *p, struct arena *a, size_t from)
{
	struct imap_body_cut cut;

	buf_put_u8(w->out, ' ');
	put_disposition(p, a, w->out);
	buf_put_u8(w->out, ' ');
	put_languages(p, w->out);
	buf_put_u8(w->out, ' ');
	put_field(p->fields, "Content-Location", w->out);
	cut.at = (uint32_t)(from - w->from);
	cut.n = (uint32_t)(w->out->n - from);
	if (w->cuts && !w->out->overflow)
		buf_put(w->cuts, &cut, sizeof cut);
}

static void
put_encoding(const struct mail_part *p, struct buf *out)
{
	struct mail_field f;
	struct slice token;

	if (p->encoding != MAIL_ENCODING_UNKNOWN ||
		!mail_header_find(p->fields, SLICE_LIT("Content-Transfer-Encoding"), &f)) {
		buf_printf(out, "\"%s\"", mail_decode_name((enum mail_encoding)p->encoding));
		return;
	}
	f.body = mail_type_skip_blank(f.body);
	token = mail_type_token(&f.body, false);
	imap_body_put_string(token, false, out);
}

static void put_part(struct writer *w, uint32_t number);

static void
put_single(
	struct writer *w, const struct mail_part *p, const struct mail_type *t, struct arena *a)
{
	struct buf *out = w->out;
	size_t from;

	imap_body_put_string(t->type, false, out);
	buf_put_u8(out, ' ');
	imap_body_put_string(t->subtype, false, out);
	buf_put_u8(out, ' ');
	imap_param_put(t, out);
	buf_put_u8(out, ' ');
	put_field(p->fields, "Content-ID", out);
	buf_put_u8(out, ' ');
	put_field(p->fields, "Content-Description", out);
	buf_put_u8(out, ' ');
	put_encoding(p, out);
	buf_put_u8(out, ' ');
	buf_put_dec(out, p->end_at - p->body_at);
	if (p->kind == MAIL_PART_MESSAGE) {
		buf_put_u8(out, ' ');
		imap_body_envelope(w->body, p->child, out);
		buf_put_u8(out, ' ');
		put_part(w, p->child);
	}
	if (p->kind == MAIL_PART_MESSAGE || slice_eq_nocase(t->type, SLICE_LIT("text"))) {
		buf_put_u8(out, ' ');
		buf_put_dec(out, p->lines);
	}
	if (!w->is_extended)
		return;
	from = out->n;
	buf_put_u8(out, ' ');
	put_field(p->fields, "Content-MD5", out);
	put_extension_end(w, p, a, from);
}

static void
put_multipart(
	struct writer *w, const struct mail_part *p, const struct mail_type *t, struct arena *a)
{
	struct imap_body_cut cut;
	size_t from;

	for (uint32_t i = p->child; i != MAIL_SCAN_NONE; i = w->body->parts[i].next)
		put_part(w, i);
	if (p->child == MAIL_SCAN_NONE) {
		/* The grammar wants at least one. */
		buf_put_str(w->out,
			"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 0 0");
		cut = (struct imap_body_cut){
			(uint32_t)(w->out->n - w->from), sizeof " NIL NIL NIL NIL" - 1};
		if (w->is_extended)
			buf_put_str(w->out, " NIL NIL NIL NIL");
		if (w->is_extended && w->cuts)
			buf_put(w->cuts, &cut, sizeof cut);
		buf_put_u8(w->out, ')');
	}
	buf_put_u8(w->out, ' ');
	imap_body_put_string(t->subtype, false, w->out);
	if (!w->is_extended)
		return;
	from = w->out->n;
	buf_put_u8(w->out, ' ');
	imap_param_put(t, w->out);
	put_extension_end(w, p, a, from);
}

/* Recursion goes as deep as the scan's own limit. */
static void
put_part(struct writer *w, uint32_t number)
{
	const struct mail_part *p = &w->body->parts[number];
	struct mail_type t;
	struct arena arena;

	if (w->out->overflow)
		return;
	arena_init(&arena, 0);
	mail_scan_type(p, &arena, &t);
	buf_put_u8(w->out, '(');
	if (p->kind == MAIL_PART_MULTIPART)
		put_multipart(w, p, &t, &arena);
	else
		put_single(w, p, &t, &arena);
	buf_put_u8(w->out, ')');
	arena_reset(&arena);
}

bool
imap_body_structure(
	const struct imap_body *b, bool is_extended, struct buf *out, struct buf *cuts)
{
	struct writer w = {b, out, cuts, out->n, is_extended};

	put_part(&w, 0);
	return !out->overflow && (!cuts || !cuts->overflow);
}

/* --- sections ---------------------------------------------------------------------------- */

/* The number'th part of the entity `at`, which is parts[0], a multipart, or the
 * message in a message/rfc822 part. A message without parts has one, itself. */
static uint32_t
child_of(const struct imap_body *b, uint32_t at, uint32_t number)
{
	if (b->parts[at].kind != MAIL_PART_MULTIPART)
		return number == 1 ? at : MAIL_SCAN_NONE;
	at = b->parts[at].child;
	while (at != MAIL_SCAN_NONE && --number)
		at = b->parts[at].next;
	return at;
}

static uint32_t
find_part(const struct imap_body *b, struct slice path)
{
	uint32_t at = 0, number;

	for (size_t i = 0; i + sizeof number <= path.n && at != MAIL_SCAN_NONE;
		i += sizeof number) {
		memcpy(&number, path.p + i, sizeof number);
		if (number == 0)
			return MAIL_SCAN_NONE;
		if (i > 0 && b->parts[at].kind == MAIL_PART_LEAF)
			return MAIL_SCAN_NONE;
		if (i > 0 && b->parts[at].kind == MAIL_PART_MESSAGE)
			at = b->parts[at].child;
		at = child_of(b, at, number);
	}
	return at;
}

bool
imap_body_find(const struct imap_body *b, struct slice path, enum imap_body_text what,
	struct imap_body_range *range, uint32_t *part)
{
	uint32_t at = find_part(b, path);
	const struct mail_part *p;
	bool is_head;

	if (at == MAIL_SCAN_NONE || (path.n == 0 && what == IMAP_BODY_MIME))
		return false;
	if (path.n && (what == IMAP_BODY_HEADER || what == IMAP_BODY_TEXT)) {
		if (b->parts[at].kind != MAIL_PART_MESSAGE)
			return false;
		at = b->parts[at].child;
	}
	p = &b->parts[at];
	is_head = what == IMAP_BODY_HEADER || what == IMAP_BODY_MIME;
	range->from = is_head ? p->header_at : p->body_at;
	range->to = is_head ? p->body_at : p->end_at;
	range->from += b->shift;
	range->to += b->shift;
	/* What stands in front belongs to the header of the whole. */
	if (path.n == 0 && what != IMAP_BODY_TEXT)
		range->from = 0;
	*part = at;
	return true;
}

struct imap_body_range
imap_body_partial(struct imap_body_range r, uint64_t from, uint64_t n)
{
	uint64_t size = r.to - r.from;

	from = from < size ? from : size;
	n = n < size - from ? n : size - from;
	return (struct imap_body_range){r.from + from, r.from + from + n};
}

/* --- header fields ------------------------------------------------------------------ */

void
imap_body_filter_init(
	struct imap_body_filter *f, const struct slice *names, size_t n, bool is_not)
{
	*f = (struct imap_body_filter){.names = names,
		.n_names = n,
		.is_not = is_not,
		.is_kept = is_not,
		.is_line_start = true};
}

static bool
is_wanted(const struct imap_body_filter *f, struct slice name)
{
	while (name.n && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
		name.n--;
	for (size_t i = 0; i < f->n_names; i++)
		if (slice_eq_nocase(name, f->names[i]))
			return !f->is_not;
	return f->is_not;
}

/* Decides about the line whose start is in held, and lets go of that. */
static void
judge(struct imap_body_filter *f, bool is_field, struct buf *out)
{
	f->is_kept = is_field ? is_wanted(f, slice_of(f->held, f->held_n)) : f->is_not;
	f->is_judged = true;
	if (f->is_kept)
		buf_put(out, f->held, f->held_n);
	f->held_n = 0;
}

/* One octet of a line that isn't decided. */
static void
gather(struct imap_body_filter *f, uint8_t c, struct buf *out)
{
	if (c == '\n' && (f->held_n == 0 || (f->held_n == 1 && f->held[0] == '\r'))) {
		/* The empty line is part of every header. */
		f->is_kept = f->is_over = f->is_judged = true;
		buf_put(out, f->held, f->held_n);
		f->held_n = 0;
	} else if (c == ':' || c == '\n' || f->held_n == IMAP_BODY_NAME_MAX) {
		judge(f, c == ':', out);
	} else {
		f->held[f->held_n++] = c;
	}
}

bool
imap_body_filter_feed(struct imap_body_filter *f, struct slice chunk, struct buf *out)
{
	size_t n;

	while (chunk.n && !f->is_over) {
		/* A continuation goes the way of its field. */
		if (f->is_line_start)
			f->is_judged = chunk.p[0] == ' ' || chunk.p[0] == '\t';
		f->is_line_start = false;
		n = 1;
		if (f->is_judged)
			n = mail_header_line(chunk);
		else
			gather(f, chunk.p[0], out);
		if (f->is_judged && f->is_kept)
			buf_put(out, chunk.p, n);
		else if (!f->is_judged)
			n = 1;
		f->is_line_start = chunk.p[n - 1] == '\n';
		chunk = slice_from(chunk, n);
	}
	return !out->overflow;
}

bool
imap_body_filter_end(struct imap_body_filter *f, struct buf *out)
{
	if (f->held_n)
		judge(f, false, out);
	return !out->overflow;
}
