#include "core/mail_word.h"

#include "core/buf.h"
#include "core/charset.h"
#include "core/mail_decode.h"
#include "core/mail_header.h"

/* RFC 2047 says 75 for a whole word; only the charset's name needs a limit. */
enum { NAME_MAX_OCTETS = 75, SECTION_MAX = MAIL_TYPE_PARAMS_MAX };

struct word {
	enum charset charset;
	bool is_base64;
	struct slice text;
	size_t size; /* of the whole encoded word */
};

/* What goes on from one word to the next: a character may be split over two. */
struct writer {
	struct buf *out;
	struct buf octets;
	struct charset_decoder decoder;
	bool is_open;
};

static int
hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = slice_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?=" */
static bool
read_word(struct slice s, struct word *w)
{
	size_t name, end;

	if (!slice_starts(s, SLICE_LIT("=?")))
		return false;
	name = slice_find(slice_cut(s, 2, 2 + NAME_MAX_OCTETS), '?') + 2;
	if (name + 2 >= s.n || s.p[name] != '?' || s.p[name + 2] != '?')
		return false;
	w->is_base64 = slice_lower(s.p[name + 1]) == 'b';
	if (!w->is_base64 && slice_lower(s.p[name + 1]) != 'q')
		return false;
	w->text = slice_from(s, name + 3);
	end = slice_find(w->text, '?');
	if (end + 1 >= w->text.n || w->text.p[end + 1] != '=')
		return false;
	w->text = slice_cut(w->text, 0, end);
	w->size = name + 3 + end + 2;
	/* RFC 2231 section 5: the language is of no use here. */
	s = slice_cut(s, 2, name);
	w->charset = charset_find(slice_cut(s, 0, slice_find(s, '*')));
	return w->charset != CHARSET_UNKNOWN;
}

static void
decode_q(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '_') {
			buf_put_u8(out, ' ');
		} else if (text.p[i] == '=' && i + 2 < text.n && hex(text.p[i + 1]) >= 0 &&
			   hex(text.p[i + 2]) >= 0) {
			buf_put_u8(
				out, (uint8_t)(hex(text.p[i + 1]) << 4 | hex(text.p[i + 2])));
			i += 2;
		} else {
			buf_put_u8(out, text.p[i]);
		}
	}
}

static void
decode_b(struct slice text, struct buf *out)
{
	struct mail_decode d;
	uint8_t *to = buf_room(out, text.n + MAIL_DECODE_SLACK);

	mail_decode_init(&d, MAIL_ENCODING_BASE64);
	if (to)
		buf_grow(out, mail_decode_feed(&d, text, to));
}

static void
end_run(struct writer *w)
{
	if (w->is_open)
		charset_decode_end(&w->decoder, w->out);
	w->is_open = false;
}

static void
put_word(struct writer *w, const struct word *word)
{
	if (!w->is_open || w->decoder.charset != word->charset) {
		end_run(w);
		charset_decode_init(&w->decoder, word->charset);
		w->is_open = true;
	}
	buf_clear(&w->octets);
	if (word->is_base64)
		decode_b(word->text, &w->octets);
	else
		decode_q(word->text, &w->octets);
	/* RFC 2047 section 2: each word begins in ASCII, whatever the last one left. */
	if (w->decoder.charset >= CHARSET_GB18030 || w->decoder.charset == CHARSET_UTF_7)
		w->decoder.set = 0;
	charset_decode(&w->decoder, buf_slice(&w->octets), w->out);
}

static void
put_plain(struct writer *w, struct slice text)
{
	if (text.n == 0)
		return;
	end_run(w);
	charset_to_utf8(CHARSET_UTF_8, text, w->out);
}

static bool
is_all_blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t')
			return false;
	return true;
}

/* From where the next encoded word begins, or the line's end. */
static size_t
find_word(struct slice line, size_t at, struct word *word)
{
	while (at < line.n) {
		at += slice_find_slice(slice_from(line, at), SLICE_LIT("=?"));
		if (at >= line.n || read_word(slice_from(line, at), word))
			break;
		at += 2;
	}
	return at < line.n ? at : line.n;
}

bool
mail_word_next(struct slice line, size_t *at, struct mail_word_piece *piece)
{
	size_t from = *at, next, end;
	struct word word;

	if (from >= line.n)
		return false;
	next = find_word(line, from, &word);
	piece->is_encoded = next == from;
	for (end = next; piece->is_encoded && next < line.n;
		next = find_word(line, end, &word)) {
		if (!is_all_blank(slice_cut(line, end, next)))
			break;
		end = next + word.size;
	}
	piece->raw = slice_cut(line, from, end);
	*at = end;
	return true;
}

static void
put_words(struct slice run, struct writer *w)
{
	struct word word;

	for (size_t at = 0; (at = find_word(run, at, &word)) < run.n; at += word.size)
		put_word(w, &word);
	end_run(w);
}

static void
decode_line(struct slice line, struct writer *w)
{
	struct mail_word_piece piece;

	for (size_t at = 0; mail_word_next(line, &at, &piece);)
		if (piece.is_encoded)
			put_words(piece.raw, w);
		else
			put_plain(w, piece.raw);
}

bool
mail_word_decode(struct slice body, struct buf *out)
{
	struct writer w = {.out = out};
	struct buf line;

	buf_init(&line, body.n + 1);
	buf_init(&w.octets, body.n + MAIL_DECODE_SLACK);
	mail_header_unfold(body, &line);
	if (slice_find_slice(buf_slice(&line), SLICE_LIT("=?")) < line.n)
		decode_line(buf_slice(&line), &w);
	else
		charset_to_utf8(CHARSET_UTF_8, buf_slice(&line), out);
	buf_fini(&line);
	buf_fini(&w.octets);
	return !out->overflow;
}

/* --- RFC 2231 --------------------------------------------------------------------------- */

/* The rest of a parameter's name behind `name`, or false. */
static bool
rest_of_name(const struct mail_param *p, struct slice name, struct slice *rest)
{
	if (!slice_starts_nocase(p->name, name) || p->name.n == name.n ||
		p->name.p[name.n] != '*')
		return false;
	*rest = slice_from(p->name, name.n + 1);
	return true;
}

/* The section `number` of `name`, or with number -1 the one that is all. */
static const struct mail_param *
find_section(const struct mail_type *t, struct slice name, int number, bool *is_extended)
{
	struct slice rest;
	uint64_t n;

	for (size_t i = 0; i < t->param_count; i++) {
		if (!rest_of_name(&t->params[i], name, &rest))
			continue;
		if (number < 0) {
			*is_extended = true;
			if (rest.n == 0)
				return &t->params[i];
			continue;
		}
		*is_extended = rest.n && rest.p[rest.n - 1] == '*';
		if (slice_u64(slice_cut(rest, 0, rest.n - *is_extended), SECTION_MAX, &n) &&
			n == (uint64_t)number)
			return &t->params[i];
	}
	return NULL;
}

static void
put_percent(struct slice value, struct buf *out)
{
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '%' && i + 2 < value.n && hex(value.p[i + 1]) >= 0 &&
			hex(value.p[i + 2]) >= 0) {
			buf_put_u8(
				out, (uint8_t)(hex(value.p[i + 1]) << 4 | hex(value.p[i + 2])));
			i += 2;
		} else {
			buf_put_u8(out, value.p[i]);
		}
	}
}

/* charset'language'value; without the two quotes all is value. */
static enum charset
take_charset(struct slice *value)
{
	size_t first = slice_find(*value, '\'');
	size_t second = first + 1 + slice_find(slice_from(*value, first + 1), '\'');
	enum charset charset;

	if (first >= value->n || second >= value->n)
		return CHARSET_UTF_8;
	charset = charset_find(slice_cut(*value, 0, first));
	*value = slice_from(*value, second + 1);
	return charset == CHARSET_UNKNOWN || charset == CHARSET_US_ASCII ? CHARSET_UTF_8
									 : charset;
}

static bool
join_sections(const struct mail_type *t, struct slice name, int number, struct buf *out)
{
	enum charset charset = CHARSET_UTF_8;
	const struct mail_param *p;
	struct slice value;
	struct buf octets;
	bool is_extended, is_first = true;
	size_t size = 0;

	for (size_t i = 0; i < t->param_count; i++)
		size += t->params[i].value.n;
	buf_init(&octets, size + 1);
	for (; (p = find_section(t, name, number, &is_extended)); number++) {
		value = p->value;
		if (is_first && is_extended)
			charset = take_charset(&value);
		is_first = false;
		if (is_extended)
			put_percent(value, &octets);
		else
			buf_put_slice(&octets, value);
		if (number < 0)
			break;
	}
	if (!is_first)
		charset_to_utf8(charset, buf_slice(&octets), out);
	buf_fini(&octets);
	return !is_first;
}

bool
mail_word_param(const struct mail_type *t, struct slice name, struct buf *out)
{
	struct slice value;

	if (join_sections(t, name, -1, out) || join_sections(t, name, 0, out))
		return !out->overflow;
	return mail_type_param(t, name, &value) && mail_word_decode(value, out);
}

static struct slice
base_name(struct slice name)
{
	return slice_cut(name, 0, slice_find(name, '*'));
}

/* Each parameter once, its pieces joined and decoded. */
static void
put_parameters(const struct mail_type *t, struct buf *out)
{
	struct slice name;
	size_t before;

	for (size_t i = 0; i < t->param_count; i++) {
		name = base_name(t->params[i].name);
		for (before = 0; before < i; before++)
			if (slice_eq_nocase(name, base_name(t->params[before].name)))
				break;
		if (before < i)
			continue;
		buf_put(out, "; ", 2);
		buf_put_slice(out, name);
		buf_put_u8(out, '=');
		mail_word_param(t, name, out);
	}
}

bool
mail_word_field(struct slice name, struct slice body, struct buf *out)
{
	struct mail_type t;
	struct arena a;
	bool has_extended; /* parameters of RFC 2231 */

	arena_init(&a, 0);
	has_extended = slice_starts_nocase(name, SLICE_LIT("Content-")) &&
		       slice_find(body, '*') < body.n && mail_type_parse_value(body, &a, &t);
	if (has_extended) {
		buf_put_slice(out, t.type);
		put_parameters(&t, out);
	} else {
		mail_word_decode(body, out);
	}
	arena_reset(&a);
	return !out->overflow;
}
