#include "imap/imap_index.h"

#include "core/mail_fold.h"
#include "core/mail_header.h"
#include "core/mail_word.h"

enum { FLAG_DATE = 1, FLAG_ENVELOPE = 2, FLAG_STRUCTURE = 4, FLAG_PARTS = 8, FLAGS_ALL = 15 };
enum {
	PART_KIND = 3,
	PART_TEXT = 4,
	PART_HTML = 8,
	PART_CUT = 16,
	PART_DIGEST = 32,
	PART_ALL = 63
};

static const char *const field_names[IMAP_INDEX_FIELDS] = {
	"From", "To", "Cc", "Bcc", "Subject"};

/* --- numbers and texts ------------------------------------------------------------------ */

static void
put_number(struct buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_put_u8(out, (uint8_t)(v | 0x80));
	buf_put_u8(out, (uint8_t)v);
}

static void
put_text(struct buf *out, struct slice s)
{
	put_number(out, s.n);
	buf_put_slice(out, s);
}

static void
put_signed(struct buf *out, int64_t v)
{
	put_number(out, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

static bool
take_number(struct slice *s, uint64_t *v)
{
	uint64_t got = 0;

	for (size_t i = 0; i < s->n && i < 10; i++) {
		if (i == 9 && s->p[i] > 1)
			return false;
		got |= (uint64_t)(s->p[i] & 0x7f) << (7 * i);
		if (s->p[i] < 0x80) {
			*s = slice_from(*s, i + 1);
			*v = got;
			return true;
		}
	}
	return false;
}

static bool
take_text(struct slice *s, struct slice *text)
{
	uint64_t n;

	if (!take_number(s, &n) || n > s->n)
		return false;
	*text = slice_cut(*s, 0, (size_t)n);
	*s = slice_from(*s, (size_t)n);
	return true;
}

static bool
take_signed(struct slice *s, int64_t *v)
{
	uint64_t raw;

	if (!take_number(s, &raw))
		return false;
	*v = (int64_t)(raw >> 1 ^ (raw & 1 ? UINT64_MAX : 0));
	return true;
}

/* --- building ----------------------------------------------------------------------- */

/* The sections of the blob that may be left out. */
struct sections {
	struct buf fields, envelope, structure, parts;
	uint8_t there, stored;
};

int
imap_index_fold(struct slice header, struct slice name, struct buf *out)
{
	struct mail_header h;
	struct mail_field f;
	struct buf text;
	int found = 0;

	mail_header_begin(&h, header);
	while (mail_header_next(&h, &f)) {
		if (!slice_eq_nocase(f.name, name))
			continue;
		if (found)
			buf_put_u8(out, '\n');
		found = 1;
		buf_init(&text, f.body.n * 3 + 16);
		if (!mail_word_field(f.name, f.body, &text))
			out->overflow = true;
		mail_fold_search(buf_slice(&text), out);
		buf_fini(&text);
	}
	return out->overflow ? -1 : found;
}

static void
make_fields(struct slice header, struct sections *x)
{
	struct buf text;
	int found;

	for (unsigned i = 0; i < IMAP_INDEX_FIELDS; i++) {
		buf_init(&text, IMAP_INDEX_FIELD_MAX);
		found = imap_index_fold(header, slice_str(field_names[i]), &text);
		if (found)
			x->there |= (uint8_t)(1 << i);
		if (found > 0) {
			x->stored |= (uint8_t)(1 << i);
			put_text(&x->fields, buf_slice(&text));
		}
		buf_fini(&text);
	}
}

static void
make_structure(const struct imap_body *b, struct buf *out)
{
	struct buf text, raw, cuts;
	struct imap_body_cut cut;
	uint32_t at = 0;

	buf_init(&text, IMAP_INDEX_MAX);
	buf_init(&raw, IMAP_INDEX_MAX);
	buf_init(&cuts, IMAP_INDEX_MAX);
	if (!imap_body_structure(b, true, &text, &raw))
		out->overflow = true;
	put_text(out, buf_slice(&text));
	for (size_t i = 0; i + sizeof cut <= raw.n; i += sizeof cut) {
		memcpy(&cut, raw.p + i, sizeof cut);
		put_number(&cuts, cut.at - at);
		put_number(&cuts, cut.n);
		at = cut.at + cut.n;
	}
	put_text(out, buf_slice(&cuts));
	buf_fini(&text);
	buf_fini(&raw);
	buf_fini(&cuts);
}

static void
make_parts(const struct imap_body *b, struct buf *out)
{
	uint64_t before = 0;

	put_number(out, b->count);
	for (uint32_t i = 0; i < b->count; i++) {
		const struct mail_part *p = &b->parts[i];

		buf_put_u8(out,
			(uint8_t)(p->kind | (p->is_text ? PART_TEXT : 0) |
				  (p->is_html ? PART_HTML : 0) | (p->is_cut ? PART_CUT : 0) |
				  (p->is_digest ? PART_DIGEST : 0)));
		buf_put_u8(out, p->encoding);
		buf_put_u8(out, p->charset);
		put_number(out, i ? i - p->parent : 0);
		put_number(out, p->header_at - before);
		put_number(out, p->body_at - p->header_at);
		put_number(out, p->end_at - p->body_at);
		put_number(out, p->lines);
		before = p->header_at;
	}
}

static bool
write_blob(const struct imap_body *b, uint64_t size, struct sections *x, struct buf *out)
{
	struct mail_field f;
	struct mail_date date = {0};
	bool has_date;
	size_t at = out->n, left = IMAP_INDEX_MAX - 64;
	struct buf *const optional[] = {&x->fields, &x->envelope, &x->structure, &x->parts};
	bool is_in[4];

	/* What matters most comes first; what has no room left is left out. */
	for (unsigned i = 0; i < 4; i++) {
		is_in[i] = !optional[i]->overflow && optional[i]->n <= left;
		left -= is_in[i] ? optional[i]->n : 0;
	}
	has_date = mail_header_find(b->parts[0].fields, SLICE_LIT("Date"), &f) &&
		   mail_date_parse(f.body, &date);
	buf_put_u8(out, IMAP_INDEX_VERSION);
	buf_put_u8(
		out, (uint8_t)((has_date ? FLAG_DATE : 0) | (is_in[1] ? FLAG_ENVELOPE : 0) |
			       (is_in[2] ? FLAG_STRUCTURE : 0) | (is_in[3] ? FLAG_PARTS : 0)));
	buf_put_u8(out, x->there);
	buf_put_u8(out, is_in[0] ? x->stored : 0);
	put_number(out, size);
	put_number(out, b->parts[0].body_at);
	if (has_date) {
		put_signed(out, date.utc_sec);
		put_signed(out, date.zone_min);
	}
	for (unsigned i = 0; i < 4; i++)
		if (is_in[i])
			buf_put_slice(out, buf_slice(optional[i]));
	return !out->overflow && out->n - at <= IMAP_INDEX_MAX;
}

bool
imap_index_build(const struct mail_scan *s, struct buf *out)
{
	struct imap_body b = {0};
	struct sections x = {0};
	struct buf text;
	bool ok;

	b.parts = mail_scan_parts(s, &b.count);
	buf_init(&x.fields, IMAP_INDEX_MAX);
	buf_init(&x.envelope, IMAP_INDEX_MAX);
	buf_init(&x.structure, IMAP_INDEX_MAX);
	buf_init(&x.parts, IMAP_INDEX_MAX);
	make_fields(b.parts[0].fields, &x);
	buf_init(&text, IMAP_INDEX_MAX);
	if (!imap_body_envelope(&b, 0, &text))
		x.envelope.overflow = true;
	put_text(&x.envelope, buf_slice(&text));
	buf_fini(&text);
	make_structure(&b, &x.structure);
	make_parts(&b, &x.parts);
	ok = write_blob(&b, mail_scan_size(s), &x, out);
	buf_fini(&x.fields);
	buf_fini(&x.envelope);
	buf_fini(&x.structure);
	buf_fini(&x.parts);
	return ok;
}

/* --- reading ------------------------------------------------------------------------ */

/* One part of the table. `all`: the parts before it, for the bounds. */
static bool
take_part(struct slice *s, uint32_t number, uint64_t before, struct mail_part *p)
{
	uint64_t up, header, body, lines;
	uint8_t flags;

	if (s->n < 3)
		return false;
	flags = s->p[0];
	*p = (struct mail_part){.parent = MAIL_SCAN_NONE,
		.child = MAIL_SCAN_NONE,
		.next = MAIL_SCAN_NONE,
		.kind = flags & PART_KIND,
		.encoding = s->p[1],
		.charset = s->p[2],
		.is_text = flags & PART_TEXT,
		.is_html = flags & PART_HTML,
		.is_cut = flags & PART_CUT,
		.is_digest = flags & PART_DIGEST};
	*s = slice_from(*s, 3);
	if (flags > PART_ALL || p->kind > MAIL_PART_MESSAGE ||
		p->encoding > MAIL_ENCODING_UNKNOWN)
		return false;
	if (!take_number(s, &up) || !take_number(s, &header) || !take_number(s, &body) ||
		!take_number(s, &p->end_at) || !take_number(s, &lines))
		return false;
	if (number ? up < 1 || up > number : up != 0)
		return false;
	if (number)
		p->parent = number - (uint32_t)up;
	p->lines = lines;
	return lines <= p->end_at && !__builtin_add_overflow(before, header, &p->header_at) &&
	       !__builtin_add_overflow(p->header_at, body, &p->body_at) &&
	       !__builtin_add_overflow(p->body_at, p->end_at, &p->end_at);
}

/* A part is within its parent and behind its elder sibling. */
static bool
link_part(struct mail_part *parts, uint32_t *last, uint32_t number)
{
	struct mail_part *p = &parts[number], *parent = &parts[p->parent];
	uint32_t elder = last[p->parent];

	if (parent->kind == MAIL_PART_LEAF || p->header_at < parent->body_at ||
		p->end_at > parent->end_at)
		return false;
	if (elder == MAIL_SCAN_NONE) {
		if (p->parent + 1 != number)
			return false;
		parent->child = number;
	} else {
		if (parent->kind == MAIL_PART_MESSAGE || p->header_at < parts[elder].end_at)
			return false;
		parts[elder].next = number;
	}
	last[p->parent] = number;
	return true;
}

static struct mail_part *
read_parts(struct slice raw, uint32_t count, uint64_t size, struct arena *a)
{
	struct mail_part *parts = arena_alloc(a, count * sizeof *parts);
	uint32_t *last = arena_alloc(a, count * sizeof *last);
	uint64_t before = 0;

	for (uint32_t i = 0; i < count; i++) {
		last[i] = MAIL_SCAN_NONE;
		if (!take_part(&raw, i, before, &parts[i]) || (i && !link_part(parts, last, i)))
			return NULL;
		before = parts[i].header_at;
	}
	for (uint32_t i = 0; i < count; i++)
		if (parts[i].kind == MAIL_PART_MESSAGE && parts[i].child == MAIL_SCAN_NONE)
			return NULL;
	return raw.n == 0 && parts[0].header_at == 0 && parts[0].end_at == size ? parts : NULL;
}

/* The table is what is left of the blob. */
static bool
check_parts(struct slice *s, struct imap_index *x)
{
	struct arena scratch;
	uint64_t count;
	bool ok;

	/* A part takes 8 octets at least. */
	if (!take_number(s, &count) || count < 1 || count > MAIL_SCAN_PARTS_MAX ||
		count > s->n / 8)
		return false;
	x->part_count = (uint32_t)count;
	x->parts = *s;
	*s = SLICE_EMPTY;
	arena_init(&scratch, 0);
	ok = read_parts(x->parts, x->part_count, x->size, &scratch) != NULL;
	arena_reset(&scratch);
	return ok;
}

static bool
check_cuts(const struct imap_index *x)
{
	struct slice rest = x->cuts;
	uint64_t at = 0, step;

	while (rest.n) {
		if (!take_number(&rest, &step) || __builtin_add_overflow(at, step, &at))
			return false;
		/* Twice: the distance, then the length. */
		if (!take_number(&rest, &step) || __builtin_add_overflow(at, step, &at))
			return false;
	}
	return at <= x->structure.n;
}

static bool
take_fields(struct slice *s, struct imap_index *x)
{
	if ((x->fields_stored & ~x->fields_there) || x->fields_there >= 1 << IMAP_INDEX_FIELDS)
		return false;
	for (unsigned i = 0; i < IMAP_INDEX_FIELDS; i++)
		if ((x->fields_stored >> i & 1) && !take_text(s, &x->fields[i]))
			return false;
	return true;
}

static bool
take_date(struct slice *s, struct imap_index *x)
{
	int64_t zone;

	if (!take_signed(s, &x->date.utc_sec) || !take_signed(s, &zone) || zone < -1439 ||
		zone > 1439)
		return false;
	x->date.zone_min = (int16_t)zone;
	/* So far from the ends that sums with a zone can't overflow. */
	return x->date.utc_sec < INT64_MAX / 2 && x->date.utc_sec > INT64_MIN / 2;
}

bool
imap_index_read(struct slice raw, struct imap_index *out)
{
	struct imap_index x = {0};
	uint8_t flags;

	if (raw.n < 4 || raw.n > IMAP_INDEX_MAX || raw.p[0] != IMAP_INDEX_VERSION ||
		raw.p[1] > FLAGS_ALL)
		return false;
	flags = raw.p[1];
	x.has_date = flags & FLAG_DATE;
	x.has_envelope = flags & FLAG_ENVELOPE;
	x.has_structure = flags & FLAG_STRUCTURE;
	x.has_parts = flags & FLAG_PARTS;
	x.fields_there = raw.p[2];
	x.fields_stored = raw.p[3];
	raw = slice_from(raw, 4);
	if (!take_number(&raw, &x.size) || !take_number(&raw, &x.header_size) ||
		x.header_size > x.size)
		return false;
	if (x.has_date && !take_date(&raw, &x))
		return false;
	if (!take_fields(&raw, &x) || (x.has_envelope && !take_text(&raw, &x.envelope)))
		return false;
	if (x.has_structure && (!take_text(&raw, &x.structure) || !take_text(&raw, &x.cuts) ||
				       !check_cuts(&x)))
		return false;
	if ((x.has_parts && !check_parts(&raw, &x)) || raw.n)
		return false;
	*out = x;
	return true;
}

int
imap_index_text(const struct imap_index *x, enum imap_index_field field, struct slice *text)
{
	if (!(x->fields_there >> field & 1))
		return 0;
	if (!(x->fields_stored >> field & 1))
		return -1;
	*text = x->fields[field];
	return 1;
}

bool
imap_index_body(const struct imap_index *x, struct buf *out)
{
	struct slice rest = x->cuts;
	uint64_t step, cut;
	size_t at = 0;

	while (take_number(&rest, &step) && take_number(&rest, &cut)) {
		buf_put_slice(out, slice_cut(x->structure, at, at + (size_t)step));
		at += (size_t)(step + cut);
	}
	return buf_put_slice(out, slice_from(x->structure, at));
}

struct mail_part *
imap_index_parts(const struct imap_index *x, struct arena *a)
{
	return read_parts(x->parts, x->part_count, x->size, a);
}
