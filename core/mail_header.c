#include "core/mail_header.h"

void
mail_header_begin(struct mail_header *h, struct slice raw)
{
	*h = (struct mail_header){raw, 0};
}

size_t
mail_header_line(struct slice s)
{
	size_t at = slice_find(s, '\n');

	return at < s.n ? at + 1 : s.n;
}

static struct slice
without_line_end(struct slice s)
{
	if (s.n && s.p[s.n - 1] == '\n')
		s.n--;
	if (s.n && s.p[s.n - 1] == '\r')
		s.n--;
	return s;
}

/* RFC 5322 section 2.2: a name is printable ASCII without the colon; section
 * 4.5 lets white space stand before the colon. */
static bool
split_name(struct mail_field *f)
{
	size_t colon = 0, end;

	while (colon < f->raw.n && f->raw.p[colon] > 32 && f->raw.p[colon] < 127 &&
		f->raw.p[colon] != ':')
		colon++;
	end = colon;
	while (colon < f->raw.n && (f->raw.p[colon] == ' ' || f->raw.p[colon] == '\t'))
		colon++;
	if (end == 0 || colon >= f->raw.n || f->raw.p[colon] != ':')
		return false;
	f->name = slice_cut(f->raw, 0, end);
	f->body = without_line_end(slice_from(f->raw, colon + 1));
	return true;
}

bool
mail_header_next(struct mail_header *h, struct mail_field *f)
{
	struct slice rest = slice_from(h->raw, h->at);
	size_t n = mail_header_line(rest);

	if (n == 0)
		return false;
	if (without_line_end(slice_cut(rest, 0, n)).n == 0 && rest.p[n - 1] == '\n') {
		h->at += n;
		return false;
	}
	while (n < rest.n && (rest.p[n] == ' ' || rest.p[n] == '\t'))
		n += mail_header_line(slice_from(rest, n));
	*f = (struct mail_field){SLICE_EMPTY, SLICE_EMPTY, slice_cut(rest, 0, n), h->at};
	if (!split_name(f))
		f->body = without_line_end(f->raw);
	h->at += n;
	return true;
}

bool
mail_header_find(struct slice raw, struct slice name, struct mail_field *f)
{
	struct mail_header h;
	struct mail_field got;

	mail_header_begin(&h, raw);
	while (mail_header_next(&h, &got)) {
		if (got.name.n && slice_eq_nocase(got.name, name)) {
			*f = got;
			return true;
		}
	}
	return false;
}

size_t
mail_header_count(struct slice raw, struct slice name)
{
	struct mail_header h;
	struct mail_field f;
	size_t count = 0;

	mail_header_begin(&h, raw);
	while (mail_header_next(&h, &f))
		count += f.name.n && slice_eq_nocase(f.name, name);
	return count;
}

bool
mail_header_unfold(struct slice body, struct buf *out)
{
	uint8_t *to, c;
	size_t n = 0;

	body = slice_trim(body);
	to = buf_room(out, body.n);
	if (!to)
		return false;
	for (size_t i = 0; i < body.n; i++) {
		c = body.p[i];
		if (c == '\r' && i + 1 < body.n && body.p[i + 1] == '\n')
			continue;
		if (c == '\n' && i + 1 < body.n &&
			(body.p[i + 1] == ' ' || body.p[i + 1] == '\t'))
			continue;
		to[n++] = c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
	}
	buf_grow(out, n);
	return true;
}

static size_t
message_ids(struct slice body, struct slice *first)
{
	size_t count = 0, open, shut;

	for (struct slice s = body; s.n; s = slice_from(s, shut + 1)) {
		open = slice_find(s, '<');
		shut = open + slice_find(slice_from(s, open), '>');
		if (shut >= s.n)
			break;
		if (count++ == 0)
			*first = slice_cut(s, open, shut + 1);
	}
	body = slice_trim(body);
	if (count == 0 && body.n) {
		*first = body;
		count = 1;
	}
	return count;
}

size_t
mail_header_message_id(struct slice raw, struct slice *first)
{
	struct mail_header h;
	struct mail_field f;
	struct slice id;
	size_t count = 0, n;

	mail_header_begin(&h, raw);
	while (mail_header_next(&h, &f)) {
		if (!slice_eq_nocase(f.name, SLICE_LIT("Message-ID")))
			continue;
		n = message_ids(f.body, &id);
		if (n && count == 0)
			*first = id;
		count += n;
	}
	return count;
}
