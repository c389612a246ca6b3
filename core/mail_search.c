#include "core/mail_search.h"

#include "core/mail_fold.h"
#include "core/mail_header.h"
#include "core/mail_word.h"

enum { PIECE = 4096 };

#define EACH(octet) (0x0101010101010101u * (octet))

void
mail_search_init(struct mail_search *s, struct mail_search_key *keys, size_t n)
{
	*s = (struct mail_search){.keys = keys, .n_keys = n};
	for (size_t i = 0; i < n; i++)
		if (keys[i].needle.n > s->longest)
			s->longest = keys[i].needle.n;
	buf_init(&s->utf8, (size_t)(PIECE + MAIL_DECODE_SLACK) * 3 + 16);
	buf_init(&s->window, s->longest + s->utf8.cap * MAIL_FOLD_GROWTH);
	mail_search_reset(s);
}

void
mail_search_fini(struct mail_search *s)
{
	buf_fini_secret(&s->window);
	buf_fini_secret(&s->utf8);
}

void
mail_search_reset(struct mail_search *s)
{
	s->n_open = 0;
	for (size_t i = 0; i < s->n_keys; i++) {
		s->keys[i].is_found = s->keys[i].needle.n == 0;
		s->n_open += !s->keys[i].is_found;
	}
}

void
mail_search_begin(struct mail_search *s, enum mail_encoding encoding, enum charset charset)
{
	mail_decode_init(&s->decode, encoding);
	charset_decode_init(&s->charset,
		charset == CHARSET_US_ASCII || charset == CHARSET_UNKNOWN ? CHARSET_UTF_8
									  : charset);
	buf_clear(&s->window);
}

/* Looks at the window, then keeps what a match may begin in. */
static void
look(struct mail_search *s)
{
	struct slice text = buf_slice(&s->window);
	size_t keep = s->longest ? s->longest - 1 : 0;

	for (size_t i = 0; i < s->n_keys; i++) {
		struct mail_search_key *k = &s->keys[i];

		if (k->is_found || k->needle.n > text.n ||
			!memmem(text.p, text.n, k->needle.p, k->needle.n))
			continue;
		k->is_found = true;
		s->n_open--;
	}
	if (text.n > keep)
		buf_drop(&s->window, text.n - keep);
}

/* Eight octets of ASCII at a time in lower case. False: there is an octet above
 * 127, the rest of `to` is then not written. */
static bool
lower_ascii(struct slice in, uint8_t *to)
{
	uint64_t v, upper;
	size_t i = 0;

	for (; i + 8 <= in.n; i += 8) {
		memcpy(&v, in.p + i, 8);
		if (v & EACH(0x80))
			return false;
		/* The high bit of an octet tells whether it lies in A to Z. */
		upper = (v + EACH(0x80 - 'A')) & ~(v + EACH(0x80 - 'Z' - 1)) & EACH(0x80);
		v |= upper >> 2;
		memcpy(to + i, &v, 8);
	}
	for (; i < in.n; i++) {
		if (in.p[i] >= 0x80)
			return false;
		to[i] = slice_lower(in.p[i]);
	}
	return true;
}

/* ASCII stands for itself, and no character is half read. */
static bool
is_plain(const struct mail_search *s)
{
	enum charset c = s->charset.charset;

	return s->charset.held_count == 0 &&
	       (c == CHARSET_UTF_8 || c == CHARSET_GB18030 || c >= CHARSET_SINGLE_FIRST ||
		       (c >= CHARSET_BIG5 && c != CHARSET_ISO_2022_KR &&
			       c != CHARSET_ISO_2022_JP));
}

/* At most PIECE octets and the decoder's slack, transfer encoding undone. */
static void
take_text(struct mail_search *s, struct slice text)
{
	uint8_t *to;

	if (is_plain(s) && (to = buf_room(&s->window, text.n)) && lower_ascii(text, to)) {
		buf_grow(&s->window, text.n);
	} else {
		buf_clear(&s->utf8);
		charset_decode(&s->charset, text, &s->utf8);
		mail_fold_search(buf_slice(&s->utf8), &s->window);
	}
	look(s);
}

bool
mail_search_feed(struct mail_search *s, struct slice raw)
{
	uint8_t text[PIECE + MAIL_DECODE_SLACK];
	struct slice piece;
	size_t n;

	while (raw.n && s->n_open) {
		piece = slice_cut(raw, 0, PIECE);
		raw = slice_from(raw, piece.n);
		if (s->decode.encoding == MAIL_ENCODING_QP ||
			s->decode.encoding == MAIL_ENCODING_BASE64) {
			n = mail_decode_feed(&s->decode, piece, text);
			piece = slice_of(text, n);
		}
		take_text(s, piece);
	}
	return s->n_open == 0;
}

bool
mail_search_end(struct mail_search *s)
{
	uint8_t text[MAIL_DECODE_SLACK];
	size_t n = mail_decode_end(&s->decode, text);

	if (s->n_open && n)
		take_text(s, slice_of(text, n));
	return s->n_open == 0;
}

bool
mail_search_header(struct mail_search *s, struct slice header)
{
	struct mail_header h;
	struct mail_field f;
	struct buf line;

	mail_header_begin(&h, header);
	while (s->n_open && mail_header_next(&h, &f)) {
		buf_init(&line, f.raw.n * 3 + 16);
		if (f.name.n) {
			buf_put_slice(&line, f.name);
			buf_put(&line, ": ", 2);
		}
		mail_word_field(f.name, f.body, &line);
		mail_search_begin(s, MAIL_ENCODING_8BIT, CHARSET_UTF_8);
		mail_search_feed(s, buf_slice(&line));
		mail_search_end(s);
		buf_fini(&line);
	}
	return s->n_open == 0;
}
