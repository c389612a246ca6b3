#include "core/mail_downgrade.h"

#include <stdlib.h>

#include "core/arena.h"
#include "core/mail_header.h"
#include "core/mail_scan.h"
#include "core/must.h"

/* NAME_KEPT: of a header line, until it is known whether it is one of ours. FIELDS: octets of
 * the fields that a header gets, at most; the shortest part with an 8-bit octet has PART_LEAST,
 * so that STEP octets become at most MAIL_DOWNGRADE_ROOM. */
enum { NAME_KEPT = 40, FIELDS = 128, PART_LEAST = 6, STEP = 1024, LINE_MAX_SMTP = 998 };
_Static_assert(STEP *MAIL_ENCODE_GROWTH + MAIL_ENCODE_SLACK + NAME_KEPT +
			       (STEP / PART_LEAST + 2) * FIELDS <=
		       MAIL_DOWNGRADE_ROOM,
	"a step fits");

enum action { KEEP, QUOTE, TO_BASE64, RELABEL };

struct part {
	uint32_t parent;
	enum action action;
	uint8_t encoding; /* as it says: enum mail_encoding */
	bool is_leaf;	  /* message/global too: it may have any encoding (RFC 6532 3.7) */
	bool is_text;	  /* type text */
	bool is_signed;	  /* multipart/signed, or in one */
	bool is_head;	  /* a message's header: MIME-Version belongs there */
	bool has_type, has_version, has_dkim;
	bool has_high;	    /* it or a part in it */
	bool needs_version; /* something of its message is converted */
	const char *why;    /* its body may not be encoded */
	/* of its body; of a multipart, what stands around its parts; high: octets that have
	 * to be encoded, or lines */
	uint64_t octets, quoted, high;
	uint64_t header_high;
};

/* A stretch of the text. */
struct stretch {
	uint64_t end_at;
	uint32_t part;
	bool is_header;
};

struct mail_downgrade {
	struct mail_scan *scan; /* of the first look; NULL later */
	struct part *parts;
	uint32_t count;
	bool is_beyond; /* the scan's limits: it may be another thing than it seems */
	struct stretch *stretches;
	size_t stretch_count, room;
	/* where the text is being read */
	uint64_t at;
	size_t now; /* of stretches */
	bool is_writing;
	bool is_to_sign;
	uint64_t column; /* of a body that is looked at */
	bool is_blank;	 /* its last octet so far */
	struct buf *out;
	struct buf line; /* the front of a header line */
	bool is_in_line, is_dropped;
	struct mail_encode encode;
	struct mail_downgrade_facts facts;
};

struct mail_downgrade *
mail_downgrade_new(void)
{
	struct mail_downgrade *d = must_zalloc(sizeof *d);

	d->scan = mail_scan_new();
	buf_init(&d->line, NAME_KEPT);
	return d;
}

void
mail_downgrade_to_sign(struct mail_downgrade *d)
{
	d->is_to_sign = true;
}

void
mail_downgrade_free(struct mail_downgrade *d)
{
	if (!d)
		return;
	mail_scan_free(d->scan);
	buf_fini(&d->line);
	free(d->parts);
	free(d->stretches);
	free(d);
}

const struct mail_downgrade_facts *
mail_downgrade_facts(const struct mail_downgrade *d)
{
	return &d->facts;
}

/* --- what the parts are ---------------------------------------------------------- */

/* RFC 2046 section 5.2 and RFC 2045 section 6.4: these types have no encoding but 7bit, 8bit
 * and binary. */
static bool
is_composite(const struct mail_type *t)
{
	return slice_eq_nocase(t->type, SLICE_LIT("multipart")) ||
	       (slice_eq_nocase(t->type, SLICE_LIT("message")) &&
		       !slice_starts_nocase(t->subtype, SLICE_LIT("global")));
}

static const char *
why_not(const struct mail_part *p, const struct mail_type *t)
{
	if (p->is_cut)
		return "its MIME parts are nested too deep, or lack a boundary";
	if (p->encoding > MAIL_ENCODING_BINARY)
		return "a MIME part has 8-bit octets and says that it is encoded";
	if (is_composite(t))
		return "it has 8-bit octets in a MIME part of a type that can't be encoded";
	return NULL;
}

static void
take_part(struct mail_downgrade *d, uint32_t i, const struct mail_part *from, struct arena *a)
{
	const struct mail_part *p = &from[i];
	struct part *to = &d->parts[i];
	struct mail_type t;
	struct mail_field f;

	mail_scan_type(p, a, &t);
	*to = (struct part){.parent = p->parent, .encoding = p->encoding};
	to->is_leaf = p->kind == MAIL_PART_LEAF ||
		      (p->kind == MAIL_PART_MESSAGE && !is_composite(&t));
	to->is_text = slice_eq_nocase(t.type, SLICE_LIT("text"));
	to->is_signed = mail_type_is(&t, SLICE_LIT("multipart"), SLICE_LIT("signed"));
	to->is_head = i == 0;
	to->has_type = mail_header_find(p->fields, SLICE_LIT("Content-Type"), &f);
	if (to->is_leaf)
		to->why = why_not(p, &t);
	d->is_beyond |= p->is_dropped ||
			(p->kind == MAIL_PART_MULTIPART &&
				!slice_eq_nocase(t.type, SLICE_LIT("multipart")));
	if (i) {
		to->is_signed |= d->parts[p->parent].is_signed;
		to->is_head = from[p->parent].kind == MAIL_PART_MESSAGE;
	}
}

/* --- where they are -------------------------------------------------------------- */

static void
add_stretch(struct mail_downgrade *d, uint64_t end_at, uint32_t part, bool is_header)
{
	uint64_t from = d->stretch_count ? d->stretches[d->stretch_count - 1].end_at : 0;

	if (end_at <= from)
		return;
	if (d->stretch_count == d->room) {
		d->room = d->room ? 2 * d->room : 16;
		d->stretches = must_realloc(d->stretches, d->room * sizeof *d->stretches);
	}
	d->stretches[d->stretch_count++] = (struct stretch){end_at, part, is_header};
}

/* Is it in a part that is encoded as a whole? */
static bool
is_hidden(const struct mail_downgrade *d, uint32_t i)
{
	for (i = d->parts[i].parent; i != MAIL_SCAN_NONE; i = d->parts[i].parent)
		if (d->parts[i].is_leaf)
			return true;
	return false;
}

static void
take_parts(struct mail_downgrade *d, const struct mail_part *from)
{
	struct arena a;
	uint32_t open = MAIL_SCAN_NONE;

	d->is_beyond = d->count == MAIL_SCAN_PARTS_MAX;
	d->parts = must_zalloc(d->count * sizeof *d->parts);
	for (uint32_t i = 0; i < d->count; i++) {
		arena_init(&a, 0);
		take_part(d, i, from, &a);
		arena_reset(&a);
		if (is_hidden(d, i))
			continue;
		for (; open != from[i].parent; open = from[open].parent)
			add_stretch(d, from[open].end_at, open, false);
		if (i)
			add_stretch(d, from[i].header_at, from[i].parent, false);
		add_stretch(d, from[i].body_at, i, true);
		open = i;
	}
	for (; open != MAIL_SCAN_NONE; open = from[open].parent)
		add_stretch(d, from[open].end_at, open, false);
	/* A text can't become longer; what can't be still gets a place. */
	add_stretch(d, UINT64_MAX, 0, false);
}

/* --- header lines ---------------------------------------------------------------- */

static void
put(struct mail_downgrade *d, struct slice s)
{
	if (d->is_writing)
		buf_put_slice(d->out, s);
}

/* The fields that a header lacks, before its empty line. */
static void
put_fields(struct mail_downgrade *d, const struct part *p)
{
	if (p->needs_version && !p->has_version)
		put(d, SLICE_LIT("MIME-Version: 1.0\r\n"));
	/* RFC 1428 section 3: "this indicates that the character set is unknown". */
	if ((p->action == QUOTE || p->action == TO_BASE64) && !p->has_type)
		put(d, SLICE_LIT("Content-Type: text/plain; charset=unknown-8bit\r\n"));
	if (p->action == QUOTE)
		put(d, SLICE_LIT("Content-Transfer-Encoding: quoted-printable\r\n"));
	else if (p->action == TO_BASE64)
		put(d, SLICE_LIT("Content-Transfer-Encoding: base64\r\n"));
	else if (p->action == RELABEL)
		put(d, SLICE_LIT("Content-Transfer-Encoding: 7bit\r\n"));
}

/* The name before the colon is there, or isn't going to be. */
static void
judge_line(struct mail_downgrade *d, uint32_t part)
{
	struct slice front = buf_slice(&d->line);
	struct slice name = slice_trim(slice_cut(front, 0, slice_find(front, ':')));
	struct part *p = &d->parts[part];

	d->is_dropped = false;
	if (slice_eq(front, SLICE_LIT("\r\n")) || slice_eq(front, SLICE_LIT("\n")))
		put_fields(d, p);
	else if (slice_eq_nocase(name, SLICE_LIT("Content-Transfer-Encoding")))
		d->is_dropped = p->action != KEEP;
	else if (slice_eq_nocase(name, SLICE_LIT("MIME-Version")))
		p->has_version = true;
	else if (slice_eq_nocase(name, SLICE_LIT("DKIM-Signature")))
		p->has_dkim = true;
	if (!d->is_dropped)
		put(d, front);
	buf_clear(&d->line);
	d->is_in_line = true;
}

/* All of it in one line, which may go on. */
static void
read_line(struct mail_downgrade *d, uint32_t part, struct slice piece)
{
	bool ends = piece.p[piece.n - 1] == '\n';
	size_t n = 0;

	/* A folded field goes the way of its first line. */
	if (!d->is_in_line && d->line.n == 0 && (piece.p[0] == ' ' || piece.p[0] == '\t'))
		d->is_in_line = true;
	while (!d->is_in_line && n < piece.n) {
		uint8_t c = piece.p[n++];

		buf_put_u8(&d->line, c);
		if (c == ':' || c == '\n' || d->line.n == NAME_KEPT)
			judge_line(d, part);
	}
	if (d->is_in_line && !d->is_dropped)
		put(d, slice_from(piece, n));
	if (ends)
		d->is_in_line = false;
}

static void
begin_header(struct mail_downgrade *d)
{
	buf_clear(&d->line);
	d->is_in_line = d->is_dropped = false;
}

/* It has no empty line: nothing follows it, so nothing of it is converted. */
static void
end_header(struct mail_downgrade *d)
{
	put(d, buf_slice(&d->line));
	begin_header(d);
}

static uint64_t
count_high(struct slice s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] > 127;
	return n;
}

static void
read_header(struct mail_downgrade *d, uint32_t part, struct slice piece)
{
	if (!d->is_writing)
		d->parts[part].header_high += count_high(piece);
	while (piece.n) {
		size_t n = mail_header_line(piece);

		read_line(d, part, slice_cut(piece, 0, n));
		piece = slice_from(piece, n);
	}
}

/* --- bodies ---------------------------------------------------------------------- */

static void
end_line(struct mail_downgrade *d, struct part *p)
{
	p->high += d->is_blank || d->column > LINE_MAX_SMTP;
	d->is_blank = false;
	d->column = 0;
}

static void
count_lines(struct mail_downgrade *d, struct part *p, struct slice piece)
{
	for (size_t i = 0; i < piece.n; i++) {
		uint8_t c = piece.p[i];

		if (c == '\n') {
			end_line(d, p);
		} else if (c != '\r') {
			d->column++;
			d->is_blank = c == ' ' || c == '\t';
		}
	}
}

static bool
has_lines(const struct mail_downgrade *d, const struct part *p)
{
	return d->is_to_sign && p->is_leaf && !p->is_signed && !p->why;
}

static void
count_body(struct mail_downgrade *d, struct part *p, struct slice piece)
{
	p->octets += piece.n;
	p->high += count_high(piece);
	for (size_t i = 0; i < piece.n && p->is_leaf; i++)
		p->quoted += mail_encode_is_quoted(piece.p[i]);
	if (has_lines(d, p))
		count_lines(d, p, piece);
}

/* RFC 2046 section 5.1.1: what stands around the parts is to be ignored. */
static void
mask(struct slice piece, struct buf *out)
{
	uint8_t *to = buf_room(out, piece.n);

	if (!to)
		return;
	for (size_t i = 0; i < piece.n; i++)
		to[i] = piece.p[i] > 127 ? '?' : piece.p[i];
	buf_grow(out, piece.n);
}

static void
write_body(struct mail_downgrade *d, const struct part *p, struct slice piece)
{
	if (p->action == QUOTE || p->action == TO_BASE64)
		mail_encode_feed(&d->encode, piece, d->out);
	else if (p->high)
		mask(piece, d->out);
	else
		buf_put_slice(d->out, piece);
}

/* --- the way through the text ---------------------------------------------------- */

static void
enter_stretch(struct mail_downgrade *d)
{
	const struct stretch *s = &d->stretches[d->now];
	const struct part *p = &d->parts[s->part];

	if (s->is_header)
		begin_header(d);
	else if (d->is_writing && (p->action == QUOTE || p->action == TO_BASE64))
		mail_encode_init(&d->encode,
			p->action == QUOTE ? MAIL_ENCODING_QP : MAIL_ENCODING_BASE64);
}

static void
leave_stretch(struct mail_downgrade *d)
{
	const struct stretch *s = &d->stretches[d->now];
	struct part *p = &d->parts[s->part];

	if (s->is_header)
		end_header(d);
	else if (!d->is_writing && has_lines(d, p))
		end_line(d, p);
	else if (d->is_writing && (p->action == QUOTE || p->action == TO_BASE64))
		mail_encode_end(&d->encode, d->out);
}

static void
rewind_text(struct mail_downgrade *d)
{
	d->at = 0;
	d->now = 0;
	enter_stretch(d);
}

static void
walk(struct mail_downgrade *d, struct slice piece)
{
	while (piece.n) {
		const struct stretch *s = &d->stretches[d->now];
		uint64_t left = s->end_at - d->at;
		struct slice some = slice_cut(
			piece, 0, left < piece.n ? (size_t)left : piece.n);

		if (s->is_header)
			read_header(d, s->part, some);
		else if (d->is_writing)
			write_body(d, &d->parts[s->part], some);
		else
			count_body(d, &d->parts[s->part], some);
		d->at += some.n;
		piece = slice_from(piece, some.n);
		if (d->at == s->end_at) {
			leave_stretch(d);
			d->now++;
			enter_stretch(d);
		}
	}
}

/* --- what is to be done ---------------------------------------------------------- */

static const char *
fault_of(const struct part *p)
{
	if (p->header_high)
		return "a header field has 8-bit octets, which only a server with SMTPUTF8 "
		       "takes: "
		       "write it as RFC 2047 says";
	if (p->high && p->is_signed)
		return "it is signed (multipart/signed), so its 8-bit text mustn't be "
		       "converted: "
		       "sign it as quoted-printable or base64";
	return p->high && p->why ? p->why : NULL;
}

static uint64_t
quoted_size(const struct part *p)
{
	uint64_t n = p->octets + 2 * p->quoted;

	return n + 3 * (n / (MAIL_ENCODE_LINE_MAX - 1));
}

static uint64_t
base64_size(const struct part *p)
{
	uint64_t n = 4 * (p->octets / 3 + 1);

	return n + 2 * (n / MAIL_ENCODE_LINE_MAX);
}

/* The shorter one for text; what isn't text is read by no one. */
static void
encode_part(struct mail_downgrade *d, struct part *p)
{
	bool is_quoted = p->is_text && quoted_size(p) <= base64_size(p);

	p->action = is_quoted ? QUOTE : TO_BASE64;
	d->facts.quoted += is_quoted;
	d->facts.base64 += !is_quoted;
	d->facts.size_bytes += (is_quoted ? quoted_size(p) : base64_size(p)) - p->octets;
}

/* Children come behind their parents. */
static void
decide(struct mail_downgrade *d)
{
	for (uint32_t i = d->count; i-- > 0;) {
		struct part *p = &d->parts[i];

		p->has_high |= p->high > 0;
		if (p->has_high && p->is_leaf)
			encode_part(d, p);
		else if (p->has_high && (p->encoding == MAIL_ENCODING_8BIT ||
						p->encoding == MAIL_ENCODING_BINARY))
			p->action = RELABEL;
		p->needs_version = p->is_head && p->has_high;
		if (i)
			d->parts[p->parent].has_high |= p->has_high;
		if (p->has_high)
			d->facts.size_bytes += FIELDS;
	}
	d->facts.voids_dkim = d->parts[0].has_dkim && d->parts[0].has_high;
}

static const char *
find_fault(const struct mail_downgrade *d)
{
	const char *why = NULL;
	bool has_high = false;

	for (uint32_t i = 0; i < d->count && !why; i++) {
		why = fault_of(&d->parts[i]);
		has_high |= d->parts[i].high > 0;
	}
	if (!why && has_high && d->is_beyond)
		why = "it has too many MIME parts, or too large headers of them";
	return why;
}

void
mail_downgrade_look(struct mail_downgrade *d, struct slice piece)
{
	if (!d->scan) {
		walk(d, piece);
		return;
	}
	mail_scan_feed(d->scan, piece);
	d->facts.size_bytes += piece.n;
}

enum err
mail_downgrade_looked(struct mail_downgrade *d)
{
	if (d->scan) {
		mail_scan_finish(d->scan);
		take_parts(d, mail_scan_parts(d->scan, &d->count));
		mail_scan_free(d->scan);
		d->scan = NULL;
		rewind_text(d);
		return ERR_MORE;
	}
	leave_stretch(d);
	d->facts.why = find_fault(d);
	if (d->facts.why)
		return ERR_UNSUPPORTED;
	decide(d);
	return ERR_OK;
}

/* --- writing --------------------------------------------------------------------- */

void
mail_downgrade_begin(struct mail_downgrade *d)
{
	d->is_writing = true;
	rewind_text(d);
}

size_t
mail_downgrade_write(struct mail_downgrade *d, struct slice piece, struct buf *out)
{
	size_t used = 0;

	d->out = out;
	while (used < piece.n && out->cap - out->n >= MAIL_DOWNGRADE_ROOM) {
		struct slice some = slice_cut(piece, used, used + STEP);

		walk(d, some);
		used += some.n;
	}
	return used;
}

void
mail_downgrade_end(struct mail_downgrade *d, struct buf *out)
{
	d->out = out;
	leave_stretch(d);
}
