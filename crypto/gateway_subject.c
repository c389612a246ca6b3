#include "crypto/gateway_subject.h"

#include "core/charset.h"
#include "core/mail_encode.h"
#include "core/mail_fold.h"
#include "core/mail_type.h"
#include "core/mail_word.h"
#include "core/utf8.h"

/* WORD_TEXT: octets in one encoded word: 48 of base64 and the 12 around them are at most the
 * 75 of RFC 2047 section 2, and fit behind the name. LINE: as that says, too. */
enum { WORD_TEXT = 36, LINE = 76, WORD_FIRST_COLUMN = 9 };

bool
gateway_subject_read(struct slice body, struct buf *out)
{
	return mail_word_decode(body, out);
}

/* --- our tags in it --- */

/* What of the text is kept, and its letters as they are compared; for each bracket that is
 * open two numbers: where it stands in the one and in the other. */
struct stripping {
	struct buf kept, letters, open, folded;
	bool is_found;
};

/* Letters that look like ours, folded. */
static uint8_t
look_alike(uint32_t c)
{
	static const struct {
		uint16_t c;
		uint8_t like;
	} table[] = {{0x430, 'a'}, {0x435, 'e'}, {0x440, 'p'}, {0x441, 'c'}, {0x442, 't'},
		{0x443, 'y'}, {0x455, 's'}, {0x456, 'i'}, {0x501, 'd'}, {0x44c, 'b'},
		{0x43d, 'n'}, {0x3b1, 'a'}, {0x3b5, 'e'}, {0x3b9, 'i'}, {0x3bd, 'n'},
		{0x3c1, 'p'}, {0x3c4, 't'}, {0x3c5, 'y'}, {0x3b3, 'y'}, {0x3b2, 'b'},
		{0x131, 'i'}};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].c == c)
			return table[i].like;
	return 0;
}

/* Invisible characters, accents and blanks have none. */
static void
put_letters(struct stripping *s, struct slice character)
{
	uint32_t c;
	size_t n;

	buf_clear(&s->folded);
	mail_fold_search(character, &s->folded);
	for (struct slice rest = buf_slice(&s->folded); (n = utf8_get(rest, &c)) > 0;
		rest = slice_from(rest, n)) {
		uint8_t letter = c > ' ' && c < 127 ? (uint8_t)c : look_alike(c);

		if (letter)
			buf_put_u8(&s->letters, letter);
	}
}

static bool
is_ours(struct slice letters)
{
	return slice_eq(letters, SLICE_LIT("decrypted")) ||
	       slice_starts(letters, SLICE_LIT("decrypted,")) ||
	       slice_starts(letters, SLICE_LIT("signedby")) ||
	       slice_starts(letters, SLICE_LIT("invalidsignature"));
}

static void
open_bracket(struct stripping *s, size_t kept_at)
{
	size_t at[2] = {kept_at, s->letters.n};

	buf_put(&s->open, at, sizeof at);
}

/* The innermost one that is open ends with the text so far. */
static void
close_bracket(struct stripping *s)
{
	size_t at[2];

	if (s->open.n == 0)
		return;
	s->open.n -= sizeof at;
	memcpy(at, s->open.p + s->open.n, sizeof at);
	if (!is_ours(slice_cut(buf_slice(&s->letters), at[1], s->letters.n - 1)))
		return;
	s->is_found = true;
	s->kept.n = at[0];
	s->letters.n = at[1] - 1;
	while (s->kept.n && s->kept.p[s->kept.n - 1] == ' ')
		s->kept.n--;
}

static void
strip_text(struct stripping *s, struct slice text)
{
	while (text.n) {
		uint32_t c;
		size_t n = utf8_get(text, &c), kept = s->kept.n, letters = s->letters.n;

		n = n ? n : 1;
		buf_put_slice(&s->kept, slice_cut(text, 0, n));
		put_letters(s, slice_cut(text, 0, n));
		if (s->letters.n == letters + 1 && s->letters.p[letters] == '[')
			open_bracket(s, kept);
		else if (s->letters.n == letters + 1 && s->letters.p[letters] == ']')
			close_bracket(s);
		text = slice_from(text, n);
	}
}

static bool
strip_field(struct gateway_head *h, size_t i)
{
	struct slice body = h->field[i].body;
	struct stripping s = {0};
	struct buf text;

	buf_init(&text, 3 * body.n + 16);
	gateway_subject_read(body, &text);
	if (!utf8_is_ascii(buf_slice(&text)) || slice_has(buf_slice(&text), '[')) {
		buf_init(&s.kept, text.n + 16);
		buf_init(&s.letters, MAIL_FOLD_GROWTH * text.n + 16);
		buf_init(&s.folded, MAIL_FOLD_GROWTH * UTF8_MAX);
		buf_init(&s.open, 2 * sizeof(size_t) * (text.n + 1));
		strip_text(&s, buf_slice(&text));
		if (s.is_found)
			gateway_subject_write(h, i, slice_trim(buf_slice(&s.kept)));
		buf_fini(&s.kept);
		buf_fini(&s.letters);
		buf_fini(&s.folded);
		buf_fini(&s.open);
	}
	buf_fini(&text);
	return s.is_found;
}

bool
gateway_subject_strip(struct gateway_head *h)
{
	bool is_found = false;

	for (size_t i = 0; (i = gateway_head_find(h, SLICE_LIT("Subject"), i)) < h->n; i++)
		is_found |= strip_field(h, i);
	return is_found;
}

/* --- written anew --- */

static bool
is_plain(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return slice_find_slice(s, SLICE_LIT("=?")) == s.n;
}

static void
fold(const struct gateway_head *h, struct buf *out)
{
	buf_put_str(out, gateway_head_line_end(h));
}

/* Lines break before a blank that isn't the first octet of a line. */
static void
put_plain(const struct gateway_head *h, struct slice s, struct buf *out)
{
	size_t column = WORD_FIRST_COLUMN, word;

	while (s.n) {
		for (word = 1; word < s.n && s.p[word] != ' '; word++)
			;
		if (s.p[0] == ' ' && column + word > LINE && word > 1) {
			fold(h, out);
			column = 0;
		}
		buf_put_slice(out, slice_cut(s, 0, word));
		column += word;
		s = slice_from(s, word);
	}
}

/* As many whole characters as one word has room for. */
static size_t
word_size(struct slice utf8)
{
	size_t n = 0, more;
	uint32_t c;

	while (n < utf8.n) {
		more = utf8_get(slice_from(utf8, n), &c);
		more = more ? more : 1;
		if (n + more > WORD_TEXT)
			break;
		n += more;
	}
	return n;
}

static void
put_words(const struct gateway_head *h, struct slice s, struct buf *out)
{
	struct mail_encode e;
	size_t n;

	for (bool is_first = true; s.n; s = slice_from(s, n), is_first = false) {
		n = word_size(s);
		if (!is_first) {
			fold(h, out);
			buf_put_u8(out, ' ');
		}
		buf_put_str(out, "=?utf-8?B?");
		mail_encode_init(&e, MAIL_ENCODING_BASE64);
		mail_encode_feed(&e, slice_cut(s, 0, n), out);
		mail_encode_end(&e, out);
		buf_put_str(out, "?=");
	}
}

void
gateway_subject_write(struct gateway_head *h, size_t i, struct slice utf8)
{
	struct buf body;

	buf_init(&body, 4 * utf8.n + 64 + utf8.n / 10 * 16);
	if (is_plain(utf8))
		put_plain(h, utf8, &body);
	else
		put_words(h, utf8, &body);
	gateway_head_set(h, i, buf_slice(&body));
	buf_fini(&body);
}

void
gateway_subject_tag(struct gateway_head *h, struct slice text)
{
	size_t i = gateway_head_find(h, SLICE_LIT("Subject"), 0);
	struct slice before = i < h->n ? h->field[i].body : SLICE_EMPTY;
	struct buf body;

	buf_init(&body, before.n + text.n + 16);
	buf_put_slice(&body, before);
	if (before.n + text.n > LINE - WORD_FIRST_COLUMN)
		fold(h, &body);
	buf_printf(&body, " [%.*s]", SLICE_FMT(text));
	if (i < h->n)
		gateway_head_set(h, i, buf_slice(&body));
	else
		gateway_head_put_last(h, SLICE_LIT("Subject"), buf_slice(&body));
	buf_fini(&body);
}

/* --- that of what was encrypted --- */

bool
gateway_subject_is_protected(const struct gateway_head *part)
{
	size_t i = gateway_head_find(part, SLICE_LIT("Content-Type"), 0);
	struct slice value = SLICE_EMPTY;
	struct mail_type type;
	struct arena a;
	bool says;

	arena_init(&a, 0);
	says = i < part->n && mail_type_parse(part->field[i].body, &a, &type) &&
	       (mail_type_param(&type, SLICE_LIT("hp"), &value) ||
		       mail_type_param(&type, SLICE_LIT("protected-headers"), &value)) &&
	       (slice_eq_nocase(value, SLICE_LIT("cipher")) ||
		       slice_eq_nocase(value, SLICE_LIT("v1")));
	arena_reset(&a);
	return says;
}

void
gateway_subject_protect(struct gateway_head *h)
{
	size_t i = gateway_head_find(h, SLICE_LIT("Content-Type"), 0);
	struct slice before = slice_trim(h->field[i].body);
	struct buf body;

	while (before.n && before.p[before.n - 1] == ';')
		before = slice_trim(slice_cut(before, 0, before.n - 1));
	buf_init(&body, before.n + LINE);
	buf_put_slice(&body, before);
	buf_put_str(&body, ";");
	fold(h, &body);
	buf_put_str(&body, "\tprotected-headers=\"v1\"");
	gateway_head_set(h, i, buf_slice(&body));
	buf_fini(&body);
}

bool
gateway_subject_protected(const struct gateway_head *part, struct buf *utf8)
{
	size_t i = gateway_head_find(part, SLICE_LIT("Subject"), 0);

	return !part->is_odd && gateway_head_count(part, SLICE_LIT("Subject")) == 1 &&
	       gateway_subject_is_protected(part) &&
	       gateway_subject_read(part->field[i].body, utf8);
}

void
gateway_subject_put(struct gateway_head *h, struct slice utf8)
{
	size_t i = gateway_head_find(h, SLICE_LIT("Subject"), 0), more = i;
	struct buf line;

	buf_init(&line, utf8.n + 1);
	for (size_t k = 0; k < utf8.n; k++)
		if (utf8.p[k] != '\r')
			buf_put_u8(&line, utf8.p[k] < ' ' ? ' ' : utf8.p[k]);
	while ((more = gateway_head_find(h, SLICE_LIT("Subject"), more + 1)) < h->n)
		gateway_head_drop(h, more);
	if (i == h->n)
		gateway_head_put_last(h, SLICE_LIT("Subject"), SLICE_EMPTY);
	gateway_subject_write(h, i, slice_trim(buf_slice(&line)));
	gateway_subject_strip(h);
	buf_fini_secret(&line);
}
