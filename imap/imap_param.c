#include "imap/imap_param.h"

#include "imap/imap_body.h"

/* A name of RFC 2231: base, or base*, base*n, base*n*. */
struct piece {
	struct slice base;
	uint64_t number;
	bool is_numbered, is_extended;
};

static struct piece
read_name(struct slice name)
{
	size_t star = slice_find(name, '*');
	struct piece p = {.base = slice_cut(name, 0, star)};
	struct slice rest = slice_from(name, star + 1);

	p.is_extended = rest.n && rest.p[rest.n - 1] == '*';
	rest.n -= p.is_extended;
	p.is_numbered = p.base.n && slice_u64(rest, MAIL_TYPE_PARAMS_MAX, &p.number);
	return p;
}

static const struct mail_param *
find_piece(const struct mail_type *t, struct slice base, uint64_t number, bool *is_extended)
{
	struct piece p;

	for (size_t i = 0; i < t->param_count; i++) {
		p = read_name(t->params[i].name);
		*is_extended = p.is_extended;
		if (p.is_numbered && p.number == number && slice_eq_nocase(p.base, base))
			return &t->params[i];
	}
	return NULL;
}

/* Within an extended value everything that isn't an attribute-char of RFC 2231 is encoded. */
static void
put_encoded(struct slice value, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < value.n; i++) {
		uint8_t c = value.p[i];

		if (c <= ' ' || c >= 0x7f || memchr("*'%()<>@,;:\\\"/[]?=", c, 18)) {
			buf_put_u8(out, '%');
			buf_put_u8(out, (uint8_t)digits[c >> 4]);
			c = (uint8_t)digits[c & 15];
		}
		buf_put_u8(out, c);
	}
}

/* The pieces 0, 1, ... of base as one parameter. */
static void
put_joined(const struct mail_type *t, struct slice base, struct buf *out)
{
	const struct mail_param *p;
	bool is_extended, any = false;
	struct buf name, value;
	size_t size = 0;

	for (uint64_t n = 0; (p = find_piece(t, base, n, &is_extended)); n++) {
		any |= is_extended;
		size += p->value.n * 3;
	}
	buf_init(&name, base.n + 1);
	buf_init(&value, size + 2);
	buf_put_slice(&name, base);
	if (any)
		buf_put_u8(&name, '*');
	find_piece(t, base, 0, &is_extended);
	/* A later piece is encoded, and the first one named no charset: it is unknown. */
	if (any && !is_extended)
		buf_put_str(&value, "''");
	for (uint64_t n = 0; (p = find_piece(t, base, n, &is_extended)); n++) {
		if (any && !is_extended)
			put_encoded(p->value, &value);
		else
			buf_put_slice(&value, p->value);
	}
	imap_body_put_string(buf_slice(&name), false, out);
	buf_put_u8(out, ' ');
	imap_body_put_string(buf_slice(&value), false, out);
	buf_fini(&name);
	buf_fini(&value);
}

/* Is the parameter shown with piece 0 of its name? */
static bool
is_joined_elsewhere(const struct mail_type *t, struct slice base, uint64_t number)
{
	bool is_extended;

	for (uint64_t n = 0; n < number; n++)
		if (!find_piece(t, base, n, &is_extended))
			return false;
	return number > 0;
}

bool
imap_param_put(const struct mail_type *t, struct buf *out)
{
	struct slice unused;
	bool needs_charset = slice_eq_nocase(t->type, SLICE_LIT("text")) &&
			     !mail_type_param(t, SLICE_LIT("charset"), &unused);
	const char *before = "(";

	for (size_t i = 0; i < t->param_count; i++) {
		struct piece p = read_name(t->params[i].name);

		if (p.is_numbered && is_joined_elsewhere(t, p.base, p.number))
			continue;
		buf_put_str(out, before);
		before = " ";
		if (p.is_numbered && p.number == 0) {
			put_joined(t, p.base, out);
			continue;
		}
		imap_body_put_string(t->params[i].name, false, out);
		buf_put_u8(out, ' ');
		imap_body_put_string(t->params[i].value, false, out);
	}
	if (needs_charset) {
		buf_put_str(out, before);
		buf_put_str(out, "\"CHARSET\" \"US-ASCII\"");
		before = " ";
	}
	return buf_put_str(out, *before == '(' ? "NIL" : ")");
}
