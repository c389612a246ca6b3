#include "core/mail_scan.h"

#include <stdlib.h>

#include "core/mail_header.h"
#include "core/must.h"

/* "--", the boundary, "--". */
enum { LINE_KEEP = MAIL_SCAN_BOUNDARY_MAX + 4, TYPE_KEEP = 8192, PARTS_FIRST = 4 };

enum line_mode {
	LINE_PLAIN,
	LINE_CANDIDATE, /* begins with '-': gathered until it can be judged */
	LINE_BOUNDARY,
};

/* An open part. */
struct frame {
	uint32_t part, last_child;
	size_t boundary_at, boundary_n; /* in scan.boundaries; 0 octets: no multipart */
	uint64_t lines_before;
	bool is_open; /* its boundary counts: a multipart before its last delimiter */
	bool is_digest;
};

struct mail_scan {
	struct arena arena;
	struct mail_part *parts;
	uint32_t count, room;
	struct frame frames[MAIL_SCAN_DEPTH_MAX + 1];
	uint32_t depth, open;
	struct buf boundaries;
	bool is_in_header;
	/* The line in hand. */
	enum line_mode mode;
	uint64_t at, line_at, line_n, lines;
	uint8_t last_octet;
	unsigned line_end; /* octets of the line end before the line in hand */
	struct buf line;
	uint32_t match;
	bool is_final;
	/* The header in hand. */
	struct buf field, kept, type;
	bool has_type, has_encoding;
	enum mail_encoding encoding;
	size_t kept_total;
};

static struct frame *
top(struct mail_scan *s)
{
	return &s->frames[s->depth - 1];
}

/* --- parts ---------------------------------------------------------------------------- */

/* False: no more of them. The new part's header begins at `at`. */
static bool
open_part(struct mail_scan *s, uint64_t at)
{
	uint32_t parent = s->depth ? top(s)->part : MAIL_SCAN_NONE;
	struct mail_part *p;

	if (s->count == MAIL_SCAN_PARTS_MAX)
		return false;
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : PARTS_FIRST;
		s->parts = must_realloc(s->parts, s->room * sizeof *s->parts);
	}
	p = &s->parts[s->count];
	*p = (struct mail_part){.header_at = at,
		.body_at = at,
		.end_at = at,
		.parent = parent,
		.child = MAIL_SCAN_NONE,
		.next = MAIL_SCAN_NONE};
	if (parent != MAIL_SCAN_NONE) {
		if (top(s)->last_child == MAIL_SCAN_NONE)
			s->parts[parent].child = s->count;
		else
			s->parts[top(s)->last_child].next = s->count;
		top(s)->last_child = s->count;
		p->is_digest = top(s)->is_digest;
	}
	s->frames[s->depth++] = (struct frame){.part = s->count++,
		.last_child = MAIL_SCAN_NONE,
		.boundary_at = s->boundaries.n};
	s->is_in_header = true;
	s->has_type = s->has_encoding = false;
	s->encoding = MAIL_ENCODING_7BIT;
	buf_clear(&s->field);
	buf_clear(&s->kept);
	buf_clear(&s->type);
	return true;
}

/* lines: LFs before end_at. */
static void
close_part(struct mail_scan *s, uint64_t end_at, uint64_t lines)
{
	struct frame *f = top(s);
	struct mail_part *p = &s->parts[f->part];

	p->end_at = end_at;
	p->lines = lines - f->lines_before;
	s->open -= f->is_open;
	s->boundaries.n = f->boundary_at;
	s->depth--;
}

/* --- headers ---------------------------------------------------------------------------- */

static bool
is_wanted(const struct mail_scan *s, struct slice name)
{
	static const char *const names[] = {"Date", "Subject", "From", "Sender", "Reply-To",
		"To", "Cc", "Bcc", "In-Reply-To", "Message-ID"};
	uint32_t parent = s->parts[s->frames[s->depth - 1].part].parent;

	if (slice_starts_nocase(name, SLICE_LIT("Content-")))
		return true;
	if (parent != MAIL_SCAN_NONE && s->parts[parent].kind != MAIL_PART_MESSAGE)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (slice_eq_nocase(name, slice_str(names[i])))
			return true;
	return false;
}

static void
keep_field(struct mail_scan *s, const struct mail_field *f)
{
	if (!s->has_type && slice_eq_nocase(f->name, SLICE_LIT("Content-Type"))) {
		buf_put_slice(&s->type, slice_cut(f->body, 0, TYPE_KEEP));
		s->has_type = true;
	}
	if (!s->has_encoding &&
		slice_eq_nocase(f->name, SLICE_LIT("Content-Transfer-Encoding"))) {
		struct slice value = mail_type_skip_blank(f->body);

		s->encoding = mail_decode_encoding(mail_type_token(&value, false));
		s->has_encoding = true;
	}
	/* Later fields may still fit: the buffer's overflow isn't one of ours. */
	if (s->kept.n + f->raw.n + 2 > MAIL_SCAN_FIELDS_MAX)
		return;
	buf_put_slice(&s->kept, f->raw);
	if (f->raw.p[f->raw.n - 1] != '\n')
		buf_put(&s->kept, "\r\n", 2);
}

static void
end_field(struct mail_scan *s)
{
	struct mail_header h;
	struct mail_field f;

	if (s->field.n == 0)
		return;
	mail_header_begin(&h, buf_slice(&s->field));
	if (mail_header_next(&h, &f) && f.name.n && is_wanted(s, f.name))
		keep_field(s, &f);
	buf_clear(&s->field);
}

static void
gather(struct mail_scan *s, struct slice piece)
{
	buf_put_slice(&s->field, slice_cut(piece, 0, MAIL_SCAN_FIELD_MAX - s->field.n));
}

static void
keep_fields(struct mail_scan *s, struct mail_part *p)
{
	if (s->kept.n == 0)
		return;
	if (s->kept_total + s->kept.n > MAIL_SCAN_TOTAL_MAX) {
		p->is_dropped = true;
		return;
	}
	s->kept_total += s->kept.n;
	p->fields = arena_dup(&s->arena, buf_slice(&s->kept));
}

static void
enter_multipart(struct mail_scan *s, struct mail_part *p, const struct mail_type *t)
{
	struct slice boundary = SLICE_EMPTY;
	struct frame *f = top(s);

	mail_type_param(t, SLICE_LIT("boundary"), &boundary);
	/* RFC 2046 section 5.1.1: no boundary ends with white space. */
	while (boundary.n &&
		(boundary.p[boundary.n - 1] == ' ' || boundary.p[boundary.n - 1] == '\t'))
		boundary.n--;
	if (boundary.n == 0 || boundary.n > MAIL_SCAN_BOUNDARY_MAX ||
		s->depth > MAIL_SCAN_DEPTH_MAX) {
		p->is_cut = true;
		return;
	}
	p->kind = MAIL_PART_MULTIPART;
	f->boundary_n = boundary.n;
	f->is_open = true;
	f->is_digest = slice_eq_nocase(t->subtype, SLICE_LIT("digest"));
	buf_put_slice(&s->boundaries, boundary);
	s->open++;
}

static void
enter_message(struct mail_scan *s, struct mail_part *p)
{
	uint64_t at = p->body_at;

	p->kind = MAIL_PART_MESSAGE;
	if (s->depth <= MAIL_SCAN_DEPTH_MAX && open_part(s, at))
		return;
	p->kind = MAIL_PART_LEAF;
	p->is_cut = true;
}

static void
note_text(struct mail_part *p, const struct mail_type *t)
{
	struct slice name = SLICE_EMPTY;
	bool is_text = slice_eq_nocase(t->type, SLICE_LIT("text"));

	p->is_text = is_text || slice_eq_nocase(t->type, SLICE_LIT("message"));
	p->is_html = is_text && slice_eq_nocase(t->subtype, SLICE_LIT("html"));
	if (!p->is_text)
		return;
	mail_type_param(t, SLICE_LIT("charset"), &name);
	p->charset = (uint8_t)charset_find(name);
}

/* The header in hand ends, the body begins at body_at; lines: LFs before it. */
static void
end_header(struct mail_scan *s, uint64_t body_at, uint64_t lines)
{
	struct mail_part *p = &s->parts[top(s)->part];
	struct mail_type t = {SLICE_LIT("text"), SLICE_LIT("plain"), NULL, 0};
	struct arena scratch;

	end_field(s);
	keep_fields(s, p);
	s->is_in_header = false;
	p->body_at = p->end_at = body_at;
	p->encoding = (uint8_t)s->encoding;
	top(s)->lines_before = lines;
	arena_init(&scratch, 0);
	if (!mail_type_parse(buf_slice(&s->type), &scratch, &t) && p->is_digest)
		t = (struct mail_type){SLICE_LIT("message"), SLICE_LIT("rfc822"), NULL, 0};
	note_text(p, &t);
	if (slice_eq_nocase(t.type, SLICE_LIT("multipart")))
		enter_multipart(s, p, &t);
	else if (mail_type_is(&t, SLICE_LIT("message"), SLICE_LIT("rfc822")) ||
		 mail_type_is(&t, SLICE_LIT("message"), SLICE_LIT("global")))
		enter_message(s, p);
	arena_reset(&scratch);
}

/* --- boundaries ---------------------------------------------------------------------- */

/* RFC 2046 section 5.1.1: the line has to begin with the delimiter, no more; of
 * several that fit, the longest is meant, and of equals the innermost. */
static bool
find_boundary(struct mail_scan *s)
{
	struct slice line = buf_slice(&s->line);
	struct slice rest = slice_from(line, 2);
	const struct frame *f, *best = NULL;

	if (!slice_starts(line, SLICE_LIT("--")))
		return false;
	for (uint32_t i = s->depth; i-- > 0;) {
		f = &s->frames[i];
		if (!f->is_open || f->boundary_n > rest.n ||
			(best && f->boundary_n <= best->boundary_n))
			continue;
		if (memcmp(s->boundaries.p + f->boundary_at, rest.p, f->boundary_n) == 0) {
			best = f;
			s->match = i;
		}
	}
	if (!best)
		return false;
	s->is_final = slice_starts(slice_from(rest, best->boundary_n), SLICE_LIT("--"));
	return true;
}

/* The line in hand, complete, is a delimiter. */
static void
on_boundary(struct mail_scan *s)
{
	uint64_t end_at = s->line_at - s->line_end;
	uint64_t lines = s->lines - (s->line_end > 0);

	while (s->is_in_header)
		end_header(s, s->line_at, s->lines);
	while (s->depth > s->match + 1) {
		if (s->parts[top(s)->part].body_at > end_at) {
			/* The line end is the header's: those around it end there too. */
			end_at = s->line_at;
			lines = s->lines;
		}
		close_part(s, end_at, lines);
	}
	if (s->is_final) {
		top(s)->is_open = false;
		s->open--;
	} else {
		/* Beyond the last possible part all is epilogue. */
		open_part(s, s->at);
	}
}

/* --- lines ------------------------------------------------------------------------------ */

static void
judge(struct mail_scan *s, struct slice rest)
{
	s->mode = find_boundary(s) ? LINE_BOUNDARY : LINE_PLAIN;
	if (s->mode == LINE_BOUNDARY || !s->is_in_header)
		return;
	end_field(s);
	gather(s, buf_slice(&s->line));
	gather(s, rest);
}

static void
take_candidate(struct mail_scan *s, struct slice piece)
{
	struct slice head = slice_cut(piece, 0, LINE_KEEP - s->line.n);

	buf_put_slice(&s->line, head);
	if (piece.p[piece.n - 1] == '\n' || s->line.n == LINE_KEEP)
		judge(s, slice_from(piece, head.n));
}

static void
begin_line(struct mail_scan *s, uint8_t first)
{
	s->line_at = s->at;
	s->mode = s->open && first == '-' ? LINE_CANDIDATE : LINE_PLAIN;
	buf_clear(&s->line);
	if (s->is_in_header && s->mode == LINE_PLAIN && first != ' ' && first != '\t')
		end_field(s);
}

static void
end_line(struct mail_scan *s, unsigned line_end)
{
	if (s->mode == LINE_BOUNDARY) {
		on_boundary(s);
		s->lines++;
	} else {
		s->lines++;
		if (s->is_in_header && s->line_n == line_end)
			end_header(s, s->at, s->lines);
	}
	s->line_end = line_end;
	s->line_n = 0;
}

/* A line, or a piece of one that goes on in the next chunk. */
static void
take_piece(struct mail_scan *s, struct slice piece)
{
	uint8_t before = piece.n > 1 ? piece.p[piece.n - 2] : s->last_octet;

	if (s->line_n == 0)
		begin_line(s, piece.p[0]);
	if (s->mode == LINE_CANDIDATE)
		take_candidate(s, piece);
	else if (s->mode == LINE_PLAIN && s->is_in_header)
		gather(s, piece);
	s->at += piece.n;
	s->line_n += piece.n;
	s->last_octet = piece.p[piece.n - 1];
	if (s->last_octet == '\n')
		end_line(s, s->line_n > 1 && before == '\r' ? 2 : 1);
}

/* Nothing but the end can follow. */
static void
skip(struct mail_scan *s, struct slice chunk)
{
	s->at += chunk.n;
	for (size_t i = 0; i < chunk.n; i++)
		s->lines += chunk.p[i] == '\n';
}

void
mail_scan_feed(struct mail_scan *s, struct slice chunk)
{
	size_t n;

	while (chunk.n) {
		if (!s->is_in_header && s->open == 0) {
			skip(s, chunk);
			return;
		}
		n = mail_header_line(chunk);
		take_piece(s, slice_cut(chunk, 0, n));
		chunk = slice_from(chunk, n);
	}
}

void
mail_scan_finish(struct mail_scan *s)
{
	if (s->line_n && s->mode == LINE_CANDIDATE)
		judge(s, SLICE_EMPTY);
	if (s->line_n && s->mode == LINE_BOUNDARY)
		on_boundary(s);
	while (s->is_in_header)
		end_header(s, s->at, s->lines);
	while (s->depth)
		close_part(s, s->at, s->lines);
}

struct mail_scan *
mail_scan_new(void)
{
	struct mail_scan *s = must_zalloc(sizeof *s);

	arena_init(&s->arena, 0);
	buf_init(&s->boundaries, (size_t)MAIL_SCAN_BOUNDARY_MAX * (MAIL_SCAN_DEPTH_MAX + 1));
	buf_init(&s->line, LINE_KEEP);
	buf_init(&s->field, MAIL_SCAN_FIELD_MAX);
	buf_init(&s->kept, MAIL_SCAN_FIELDS_MAX);
	buf_init(&s->type, TYPE_KEEP);
	open_part(s, 0);
	return s;
}

void
mail_scan_free(struct mail_scan *s)
{
	if (!s)
		return;
	arena_reset(&s->arena);
	buf_fini(&s->boundaries);
	buf_fini(&s->line);
	buf_fini(&s->field);
	buf_fini(&s->kept);
	buf_fini(&s->type);
	free(s->parts);
	free(s);
}

const struct mail_part *
mail_scan_parts(const struct mail_scan *s, uint32_t *count)
{
	*count = s->count;
	return s->parts;
}

uint64_t
mail_scan_size(const struct mail_scan *s)
{
	return s->at;
}

void
mail_scan_type(const struct mail_part *part, struct arena *a, struct mail_type *out)
{
	struct mail_field f;

	*out = (struct mail_type){SLICE_LIT("text"), SLICE_LIT("plain"), NULL, 0};
	if (part->is_digest)
		*out = (struct mail_type){SLICE_LIT("message"), SLICE_LIT("rfc822"), NULL, 0};
	if (mail_header_find(part->fields, SLICE_LIT("Content-Type"), &f))
		mail_type_parse(slice_cut(f.body, 0, TYPE_KEEP), a, out);
	if (part->kind == MAIL_PART_MULTIPART && part->is_dropped)
		*out = (struct mail_type){SLICE_LIT("multipart"), SLICE_LIT("mixed"), NULL, 0};
	else if (part->kind == MAIL_PART_MESSAGE && part->is_dropped)
		*out = (struct mail_type){SLICE_LIT("message"), SLICE_LIT("rfc822"), NULL, 0};
	else if (part->is_cut || part->is_dropped)
		*out = (struct mail_type){
			SLICE_LIT("application"), SLICE_LIT("octet-stream"), NULL, 0};
}
