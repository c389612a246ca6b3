#include "imap/imap_parse.h"

#include "imap/imap_utf7.h"

void
imap_parse_init(struct imap_parse *p, struct slice text, struct arena *a)
{
	*p = (struct imap_parse){.text = text, .arena = a};
}

bool
imap_parse_fail(struct imap_parse *p, const char *error)
{
	if (!p->error)
		p->error = error;
	return false;
}

bool
imap_parse_is_atom_char(uint8_t c)
{
	if (c <= ' ' || c >= 0x7f)
		return false;
	return !memchr("(){%*\"\\]", c, 8);
}

bool
imap_parse_is_astring_char(uint8_t c)
{
	return c == ']' || imap_parse_is_atom_char(c);
}

bool
imap_parse_is(const struct imap_parse *p, uint8_t c)
{
	return p->text.n && p->text.p[0] == c;
}

bool
imap_parse_skip(struct imap_parse *p, uint8_t c)
{
	if (!imap_parse_is(p, c))
		return false;
	p->text = slice_from(p->text, 1);
	return true;
}

bool
imap_parse_char(struct imap_parse *p, uint8_t c)
{
	if (imap_parse_skip(p, c))
		return true;
	if (c == '(')
		return imap_parse_fail(p, "Expected an opening parenthesis");
	if (c == ')')
		return imap_parse_fail(p, "Expected a closing parenthesis");
	return imap_parse_fail(p, c == ' ' ? "Missing argument" : "Unexpected character");
}

bool
imap_parse_space(struct imap_parse *p)
{
	return imap_parse_char(p, ' ');
}

bool
imap_parse_is_end(const struct imap_parse *p)
{
	return slice_eq(p->text, SLICE_LIT("\r\n")) || slice_eq(p->text, SLICE_LIT("\n"));
}

bool
imap_parse_end(struct imap_parse *p)
{
	return imap_parse_is_end(p) || imap_parse_fail(p, "Unexpected text after the command");
}

bool
imap_parse_word(struct imap_parse *p, const char *word)
{
	struct slice w = slice_str(word);

	if (!slice_starts_nocase(p->text, w))
		return false;
	if (p->text.n > w.n && imap_parse_is_atom_char(p->text.p[w.n]) && p->text.p[w.n] != '[')
		return false;
	p->text = slice_from(p->text, w.n);
	return true;
}

static struct slice
take(struct imap_parse *p, size_t n)
{
	struct slice got = slice_cut(p->text, 0, n);

	p->text = slice_from(p->text, n);
	return got;
}

bool
imap_parse_tag(struct imap_parse *p, struct slice *out)
{
	size_t n = 0;

	/* tag = 1*<any ASTRING-CHAR except "+"> */
	while (n < p->text.n && imap_parse_is_astring_char(p->text.p[n]) && p->text.p[n] != '+')
		n++;
	if (n == 0 || n > IMAP_PARSE_TAG_MAX)
		return imap_parse_fail(p, "Invalid tag");
	*out = take(p, n);
	return true;
}

bool
imap_parse_atom(struct imap_parse *p, struct slice *out)
{
	size_t n = 0;

	while (n < p->text.n && imap_parse_is_atom_char(p->text.p[n]))
		n++;
	if (n == 0)
		return imap_parse_fail(p, "Expected a word");
	*out = take(p, n);
	return true;
}

static bool
literal(struct imap_parse *p, struct slice *out)
{
	size_t n = 1;
	uint64_t size;

	while (n < p->text.n && p->text.p[n] >= '0' && p->text.p[n] <= '9')
		n++;
	if (!slice_u64(slice_cut(p->text, 1, n), SIZE_MAX / 2, &size))
		return imap_parse_fail(p, "Invalid literal");
	take(p, n);
	imap_parse_skip(p, '+');
	if (!imap_parse_skip(p, '}'))
		return imap_parse_fail(p, "Invalid literal");
	imap_parse_skip(p, '\r');
	if (!imap_parse_skip(p, '\n') || p->text.n < size)
		return imap_parse_fail(p, "Invalid literal");
	*out = take(p, (size_t)size);
	return !slice_has(*out, 0) || imap_parse_fail(p, "NUL in a literal");
}

/* Octets up to the closing quote; 0: there is none on this line. */
static size_t
quoted_size(struct slice text)
{
	size_t at = 1;

	while (at < text.n && text.p[at] != '"' && text.p[at] != '\r' && text.p[at] != '\n')
		at += text.p[at] == '\\' ? 2 : 1;
	return at < text.n && text.p[at] == '"' ? at : 0;
}

static bool
quoted(struct imap_parse *p, struct slice *out)
{
	size_t n = 0, end = quoted_size(p->text);
	uint8_t *to, c;

	if (!end)
		return imap_parse_fail(p, "Unterminated quoted string");
	to = arena_alloc(p->arena, end);
	for (size_t at = 1; at < end; at++) {
		c = p->text.p[at];
		if (c == '\\') {
			c = p->text.p[++at];
			if (c != '\\' && c != '"')
				return imap_parse_fail(p, "Invalid escape in a quoted string");
		}
		if (c == 0)
			return imap_parse_fail(p, "NUL in a quoted string");
		to[n++] = c;
	}
	take(p, end + 1);
	*out = slice_of(to, n);
	return imap_utf7_is_utf8(*out) || imap_parse_fail(p, "Quoted string isn't valid UTF-8");
}

bool
imap_parse_string(struct imap_parse *p, struct slice *out)
{
	if (imap_parse_is(p, '"'))
		return quoted(p, out);
	if (imap_parse_is(p, '~') && p->text.n > 1 && p->text.p[1] == '{')
		take(p, 1);
	if (imap_parse_is(p, '{'))
		return literal(p, out);
	return imap_parse_fail(p, "Expected a string");
}

static bool
is_string_next(const struct imap_parse *p)
{
	return imap_parse_is(p, '"') || imap_parse_is(p, '{');
}

bool
imap_parse_astring(struct imap_parse *p, struct slice *out)
{
	size_t n = 0;

	if (is_string_next(p))
		return imap_parse_string(p, out);
	while (n < p->text.n && imap_parse_is_astring_char(p->text.p[n]))
		n++;
	if (n == 0)
		return imap_parse_fail(p, "Expected a string");
	*out = take(p, n);
	return true;
}

bool
imap_parse_nstring(struct imap_parse *p, struct slice *out, bool *is_nil)
{
	*is_nil = imap_parse_word(p, "NIL");
	*out = SLICE_EMPTY;
	return *is_nil || imap_parse_string(p, out);
}

bool
imap_parse_number64(struct imap_parse *p, uint64_t *out)
{
	size_t n = 0;

	while (n < p->text.n && p->text.p[n] >= '0' && p->text.p[n] <= '9')
		n++;
	if (n == 0)
		return imap_parse_fail(p, "Expected a number");
	if (!slice_u64(slice_cut(p->text, 0, n), INT64_MAX, out))
		return imap_parse_fail(p, "Number too big");
	take(p, n);
	return true;
}

bool
imap_parse_number(struct imap_parse *p, uint32_t *out)
{
	uint64_t v;

	if (!imap_parse_number64(p, &v))
		return false;
	if (v > UINT32_MAX)
		return imap_parse_fail(p, "Number too big");
	*out = (uint32_t)v;
	return true;
}

bool
imap_parse_nz_number(struct imap_parse *p, uint32_t *out)
{
	uint32_t v;

	if (!imap_parse_number(p, &v))
		return false;
	if (v == 0)
		return imap_parse_fail(p, "Expected a number above 0");
	*out = v;
	return true;
}

bool
imap_parse_set(struct imap_parse *p, struct imap_seqset *out)
{
	switch ((int)imap_seqset_parse(p->arena, &p->text, out)) {
	case ERR_OK:
		return true;
	case ERR_LIMIT:
		return imap_parse_fail(p, "Too many ranges in a message set");
	default:
		return imap_parse_fail(p, "Invalid message set");
	}
}

static bool
is_inbox(struct slice s)
{
	return slice_starts_nocase(s, SLICE_LIT("INBOX")) && (s.n == 5 || s.p[5] == '/');
}

/* What is stored: UTF-8 in one form. Control characters break terminals and logs, and RFC 9051
 * section 5.1 wants Net-Unicode (RFC 5198), which has none. */
static bool
name_from(struct imap_parse *p, struct slice raw, struct slice *out)
{
	struct buf utf8;
	enum err e = ERR_OK;
	uint8_t *to;

	buf_init(&utf8, raw.n * 3 + 1);
	if (p->is_utf8)
		e = imap_utf7_is_utf8(raw) && buf_put_slice(&utf8, raw) ? ERR_OK : ERR_SYNTAX;
	else
		e = imap_utf7_decode(raw, &utf8);
	for (size_t i = 0; i < utf8.n; i++)
		if (utf8.p[i] < 0x20 || utf8.p[i] == 0x7f ||
			(utf8.p[i] == 0xc2 && i + 1 < utf8.n && utf8.p[i + 1] < 0xa0))
			e = ERR_SYNTAX;
	*out = arena_dup(p->arena, buf_slice(&utf8));
	buf_fini(&utf8);
	if (e && p->is_utf8)
		return imap_parse_fail(p, "Mailbox name isn't valid UTF-8 text");
	if (e)
		return imap_parse_fail(p, "Mailbox name isn't valid modified UTF-7");
	to = (uint8_t *)(uintptr_t)out->p;
	if (is_inbox(*out))
		memcpy(to, "INBOX", 5);
	return true;
}

bool
imap_parse_mailbox(struct imap_parse *p, struct slice *out)
{
	struct slice raw;

	if (!imap_parse_astring(p, &raw))
		return false;
	if (raw.n == 0)
		return imap_parse_fail(p, "Empty mailbox name");
	return name_from(p, raw, out);
}

bool
imap_parse_pattern(struct imap_parse *p, struct slice *out)
{
	struct slice raw;
	size_t n = 0;

	if (is_string_next(p)) {
		if (!imap_parse_string(p, &raw))
			return false;
	} else {
		while (n < p->text.n && (imap_parse_is_astring_char(p->text.p[n]) ||
						p->text.p[n] == '%' || p->text.p[n] == '*'))
			n++;
		if (n == 0)
			return imap_parse_fail(p, "Expected a mailbox pattern");
		raw = take(p, n);
	}
	return name_from(p, raw, out);
}

static uint8_t
system_flag(struct slice name)
{
	static const struct {
		struct slice name;
		uint8_t bit;
	} flags[] = {{SLICE_LIT("Seen"), IMAP_SEEN}, {SLICE_LIT("Answered"), IMAP_ANSWERED},
		{SLICE_LIT("Flagged"), IMAP_FLAGGED}, {SLICE_LIT("Deleted"), IMAP_DELETED},
		{SLICE_LIT("Draft"), IMAP_DRAFT}};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (slice_eq_nocase(name, flags[i].name))
			return flags[i].bit;
	return 0;
}

static bool
one_flag(struct imap_parse *p, struct imap_flags *out)
{
	bool is_system = imap_parse_skip(p, '\\');
	struct slice name;
	uint8_t bit;

	if (!imap_parse_atom(p, &name))
		return false;
	if (is_system) {
		bit = system_flag(name);
		out->system |= bit;
		return bit || imap_parse_fail(p, "Invalid system flag");
	}
	if (name.n > IMAP_PARSE_KEYWORD_OCTETS_MAX)
		return imap_parse_fail(p, "Keyword too long");
	for (uint16_t i = 0; i < out->n_keywords; i++)
		if (slice_eq_nocase(out->keywords[i], name))
			return true;
	if (out->n_keywords == IMAP_PARSE_KEYWORDS_MAX)
		return imap_parse_fail(p, "Too many keywords");
	out->keywords[out->n_keywords++] = name;
	return true;
}

bool
imap_parse_flags(struct imap_parse *p, bool is_bare_ok, struct imap_flags *out)
{
	struct imap_flags f = {0};
	bool has_list = imap_parse_skip(p, '(');

	if (!has_list && !is_bare_ok)
		return imap_parse_fail(p, "Expected a list of flags");
	f.keywords = arena_alloc(p->arena, IMAP_PARSE_KEYWORDS_MAX * sizeof *f.keywords);
	if (!has_list || !imap_parse_is(p, ')')) {
		do {
			if (!one_flag(p, &f))
				return false;
		} while (imap_parse_skip(p, ' '));
	}
	if (has_list && !imap_parse_char(p, ')'))
		return false;
	*out = f;
	return true;
}

int32_t
imap_parse_days(int year, int month, int day)
{
	/* Years begin in March, so that the leap day is the last one. */
	int y = month <= 2 ? year - 1 : year, m = (month + 9) % 12;
	int era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * m + 2) / 5 +
	       day - 1 - 719468;
}

static bool
digits(struct imap_parse *p, int n, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (!p->text.n || p->text.p[0] < '0' || p->text.p[0] > '9')
			return false;
		v = v * 10 + (take(p, 1).p[0] - '0');
	}
	*out = v;
	return true;
}

static bool
calendar_day(struct imap_parse *p, int n_day, int32_t *days)
{
	static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	static const int last[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int day, month, year;
	struct slice name;

	if (!digits(p, n_day, &day) || !imap_parse_skip(p, '-'))
		return false;
	name = take(p, 3);
	for (month = 0; month < 12; month++)
		if (slice_eq_nocase(name, slice_of(months + month * 3, 3)))
			break;
	if (month == 12 || !imap_parse_skip(p, '-') || !digits(p, 4, &year))
		return false;
	if (day < 1 || day > last[month])
		return false;
	if (month == 1 && day == 29 && (year % 4 || (year % 100 == 0 && year % 400)))
		return false;
	*days = imap_parse_days(year, month + 1, day);
	return true;
}

bool
imap_parse_date(struct imap_parse *p, int32_t *days)
{
	bool has_quote = imap_parse_skip(p, '"');
	int n_day = p->text.n > 1 && p->text.p[1] != '-' ? 2 : 1;

	if (!calendar_day(p, n_day, days) || (has_quote && !imap_parse_skip(p, '"')))
		return imap_parse_fail(p, "Invalid date");
	return true;
}

static bool
clock_time(struct imap_parse *p, int *sec, int *zone_min)
{
	int h, m, s, zone, zm;
	bool is_west;

	if (!digits(p, 2, &h) || !imap_parse_skip(p, ':') || !digits(p, 2, &m) ||
		!imap_parse_skip(p, ':') || !digits(p, 2, &s) || !imap_parse_skip(p, ' '))
		return false;
	is_west = imap_parse_is(p, '-');
	if (!is_west && !imap_parse_is(p, '+'))
		return false;
	take(p, 1);
	if (!digits(p, 2, &zone) || !digits(p, 2, &zm))
		return false;
	if (h > 23 || m > 59 || s > 60 || zm > 59)
		return false;
	*sec = h * 3600 + m * 60 + s;
	*zone_min = (zone * 60 + zm) * (is_west ? -1 : 1);
	return true;
}

bool
imap_parse_date_time(struct imap_parse *p, struct imap_date_time *out)
{
	int sec, zone_min;
	int32_t days;
	bool is_right;

	is_right = imap_parse_skip(p, '"');
	/* date-day-fixed = (SP DIGIT) / 2DIGIT */
	is_right = is_right && calendar_day(p, imap_parse_skip(p, ' ') ? 1 : 2, &days);
	is_right = is_right && imap_parse_skip(p, ' ') && clock_time(p, &sec, &zone_min);
	if (!is_right || !imap_parse_skip(p, '"'))
		return imap_parse_fail(p, "Invalid date and time");
	out->sec = (int64_t)days * 86400 + sec - zone_min * 60;
	out->zone_min = (int16_t)zone_min;
	return true;
}
