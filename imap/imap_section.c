#include "imap/imap_section.h"

enum { PIECE = 8192 }; /* octets that are filtered or decoded at a time */

/* What an old name asks for, as a section. */
static enum imap_att_text
text_of(const struct imap_att *att)
{
	switch ((int)att->kind) {
	case IMAP_ATT_RFC822_HEADER:
		return IMAP_ATT_HEADER;
	case IMAP_ATT_RFC822_TEXT:
		return IMAP_ATT_TEXT;
	case IMAP_ATT_RFC822:
		return IMAP_ATT_WHOLE;
	default:
		return att->text;
	}
}

/* The whole, its header and its text are found without the table of parts. */
static enum err
locate_top(struct imap_section *x, struct imap_message *m, enum imap_att_text text)
{
	uint64_t size = schema_message_size(&m->row), body;
	enum err e;

	x->from = (struct imap_body_range){0, size};
	if (text == IMAP_ATT_WHOLE)
		return ERR_OK;
	e = imap_message_index(m);
	if (!e)
		e = imap_message_top(m);
	if (e)
		return e;
	body = m->top.n + m->index.header_size;
	x->from = text == IMAP_ATT_TEXT ? (struct imap_body_range){body, size}
					: (struct imap_body_range){0, body};
	return ERR_OK;
}

static enum err
locate_part(struct imap_section *x, struct imap_message *m, const struct imap_att *att,
	bool *is_found)
{
	static const enum imap_body_text texts[] = {[IMAP_ATT_WHOLE] = IMAP_BODY_WHOLE,
		[IMAP_ATT_HEADER] = IMAP_BODY_HEADER,
		[IMAP_ATT_FIELDS] = IMAP_BODY_HEADER,
		[IMAP_ATT_FIELDS_NOT] = IMAP_BODY_HEADER,
		[IMAP_ATT_TEXT] = IMAP_BODY_TEXT,
		[IMAP_ATT_MIME] = IMAP_BODY_MIME};
	enum err e = imap_message_parts(m);
	const struct mail_part *p;
	uint32_t part;

	if (e)
		return e;
	*is_found = imap_body_find(&m->body, imap_body_path(att->parts, att->n_parts),
		texts[att->text], &x->from, &part);
	if (!*is_found || att->kind == IMAP_ATT_SECTION)
		return ERR_OK;
	/* RFC 2045 6.4: only a leaf can be encoded. */
	p = &m->body.parts[part];
	if (p->kind != MAIL_PART_LEAF)
		return ERR_OK;
	x->how = IMAP_SECTION_DECODED;
	mail_decode_init(&x->decode, (enum mail_encoding)p->encoding);
	return p->encoding == MAIL_ENCODING_UNKNOWN ? ERR_UNSUPPORTED : ERR_OK;
}

/* The next octets of the section as it will be, into out, which has room for PIECE and
 * MAIL_DECODE_SLACK and what a filter holds. */
static enum err
next_piece(struct imap_section *x, struct imap_message *m, struct buf *out)
{
	struct slice text = SLICE_EMPTY;
	uint64_t to = x->from.to - x->from.from < PIECE ? x->from.to : x->from.from + PIECE;
	enum err e = ERR_OK;

	if (x->from.from < to)
		e = imap_message_read(m, x->from.from, to, &text);
	else
		x->is_over = true;
	if (e)
		return e;
	x->from.from += text.n;
	if (x->how == IMAP_SECTION_FIELDS && x->is_over)
		imap_body_filter_end(&x->filter, out);
	else if (x->how == IMAP_SECTION_FIELDS)
		imap_body_filter_feed(&x->filter, text, out);
	else if (x->is_over)
		buf_grow(out, mail_decode_end(&x->decode, buf_room(out, MAIL_DECODE_SLACK)));
	else
		buf_grow(out, mail_decode_feed(&x->decode, text,
				      buf_room(out, text.n + MAIL_DECODE_SLACK)));
	return ERR_OK;
}

/* Reads all once to know how much it will be. */
static enum err
measure(const struct imap_section *given, struct imap_message *m, uint64_t *size)
{
	struct imap_section x = *given;
	struct buf piece;
	enum err e = ERR_OK;

	*size = 0;
	buf_init(&piece, PIECE + MAIL_DECODE_SLACK + IMAP_BODY_NAME_MAX);
	while (!x.is_over && !e) {
		buf_clear(&piece);
		e = next_piece(&x, m, &piece);
		*size += piece.n;
	}
	buf_fini_secret(&piece);
	return e;
}

enum err
imap_section_open(struct imap_section *x, struct imap_message *m, const struct imap_att *att,
	bool *is_found)
{
	enum imap_att_text text = text_of(att);
	struct imap_body_range r;
	uint64_t size;
	enum err e;

	*x = (struct imap_section){0};
	*is_found = true;
	e = att->n_parts ? locate_part(x, m, att, is_found) : locate_top(x, m, text);
	if (e || !*is_found)
		return e;
	if (text == IMAP_ATT_FIELDS || text == IMAP_ATT_FIELDS_NOT) {
		x->how = IMAP_SECTION_FIELDS;
		imap_body_filter_init(
			&x->filter, att->fields, att->n_fields, text == IMAP_ATT_FIELDS_NOT);
	}
	size = x->from.to - x->from.from;
	if (x->how != IMAP_SECTION_PLAIN)
		e = measure(x, m, &size);
	r = (struct imap_body_range){0, size};
	if (att->has_partial)
		r = imap_body_partial(r, att->partial_from, att->partial_n);
	x->size = x->left = r.to - r.from;
	x->skip = r.from;
	if (x->how == IMAP_SECTION_PLAIN)
		x->from.from += r.from;
	return e;
}

static enum err
read_plain(struct imap_section *x, struct imap_message *m, struct buf *out)
{
	struct slice text;
	enum err e = imap_message_read(m, x->from.from, x->from.from + x->left, &text);

	if (e)
		return e;
	buf_put_slice(out, text);
	x->from.from += text.n;
	x->left -= text.n;
	return ERR_OK;
}

/* The same octets come as when they were measured: the message can't change. */
static enum err
read_made(struct imap_section *x, struct imap_message *m, struct buf *piece, struct buf *out)
{
	struct slice text;
	enum err e;

	if (x->is_over)
		return ERR_CORRUPT;
	buf_clear(piece);
	e = next_piece(x, m, piece);
	text = buf_slice(piece);
	if (x->skip >= text.n) {
		x->skip -= text.n;
		return e;
	}
	text = slice_from(text, (size_t)x->skip);
	x->skip = 0;
	if (text.n > x->left)
		text.n = (size_t)x->left;
	buf_put_slice(out, text);
	x->left -= text.n;
	return e;
}

enum err
imap_section_read(struct imap_section *x, struct imap_message *m, size_t max, struct buf *out,
	bool *has_more)
{
	struct buf piece;
	enum err e = ERR_OK;

	buf_init(&piece, PIECE + MAIL_DECODE_SLACK + IMAP_BODY_NAME_MAX);
	while (x->left && out->n < max && !e)
		e = x->how == IMAP_SECTION_PLAIN ? read_plain(x, m, out)
						 : read_made(x, m, &piece, out);
	buf_fini_secret(&piece);
	*has_more = x->left > 0;
	return e;
}
