#include "core/utf8.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_path.h"

enum err
smtp_parse_line(
	struct slice in, size_t max, struct slice *line, bool *is_bare, size_t *consumed)
{
	size_t lf = slice_find(slice_cut(in, 0, max), '\n');
	bool found;

	if (lf < in.n && lf < max) {
		bool has_cr = lf > 0 && in.p[lf - 1] == '\r';
		struct slice l = slice_cut(in, 0, has_cr ? lf - 1 : lf);
		*line = l;
		*is_bare = !has_cr || slice_has(l, '\0') || slice_has(l, '\r');
		*consumed = lf + 1;
		return ERR_OK;
	}
	if (in.n < max)
		return ERR_MORE;
	*consumed = smtp_parse_skip(in, &found);
	if (found)
		(*consumed)--; /* the LF is left for the skipping caller to find */
	return ERR_TOO_BIG;
}

size_t
smtp_parse_skip(struct slice in, bool *found)
{
	size_t lf = slice_find(in, '\n');

	*found = lf < in.n;
	return *found ? lf + 1 : in.n;
}

static bool
is_alpha(uint8_t c)
{
	c = slice_lower(c);
	return c >= 'a' && c <= 'z';
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

struct smtp_command
smtp_parse_command(struct slice line)
{
	struct smtp_command c;
	size_t n = 0;

	while (n < line.n && is_alpha(line.p[n]))
		n++;
	c.verb = slice_cut(line, 0, n);
	c.args = slice_from(line, n);
	if (c.args.n && c.args.p[0] != ' ' && c.args.p[0] != '\t') {
		c.verb = line; /* "MAIL2", "RCPT;": no verb of ours */
		c.args = SLICE_EMPTY;
	}
	c.args = slice_trim(c.args);
	return c;
}

static int
hex_upper(uint8_t c)
{
	if (is_digit(c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A hexchar's octet, or -1; more: what stands behind the plus. */
static int
hex_char(struct slice more)
{
	int high = more.n > 0 ? hex_upper(more.p[0]) : -1;
	int low = more.n > 1 ? hex_upper(more.p[1]) : -1;

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* has_high: octets above 127 are taken too. */
static enum err
decode(struct slice in, bool has_high, struct arena *a, struct slice *out)
{
	uint8_t *p = arena_alloc(a, in.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		int c = in.p[i];
		if (c < '!' || c == 127 || c == '=')
			return ERR_SYNTAX;
		if (c == '+') {
			c = hex_char(slice_from(in, i + 1));
			i += 2;
		}
		/* a line end here would forge fields in a DSN */
		if (c < ' ' || c == 127 || (c > 127 && !has_high))
			return ERR_SYNTAX;
		p[n++] = (uint8_t)c;
	}
	*out = slice_of(p, n);
	return ERR_OK;
}

enum err
smtp_parse_xtext(struct slice in, struct arena *a, struct slice *out)
{
	return decode(in, false, a, out);
}

/* One "KEY[=value]"; *rest is what follows. */
struct param {
	struct slice key, value;
	bool has_value;
};

/* RFC 5321 4.1.2: esmtp-param. */
static bool
next_param(struct slice *rest, struct param *p)
{
	struct slice word;
	size_t end = 0, eq;

	*rest = slice_trim(*rest);
	while (end < rest->n && rest->p[end] != ' ' && rest->p[end] != '\t')
		end++;
	word = slice_cut(*rest, 0, end);
	*rest = slice_from(*rest, end);
	eq = slice_find(word, '=');
	p->key = slice_cut(word, 0, eq);
	p->has_value = eq < word.n;
	p->value = slice_from(word, eq + 1);
	if (p->key.n == 0 || p->key.p[0] == '-' || (p->has_value && p->value.n == 0))
		return false;
	for (size_t i = 0; i < p->key.n; i++)
		if (!is_alpha(p->key.p[i]) && !is_digit(p->key.p[i]) && p->key.p[i] != '-')
			return false;
	for (size_t i = 0; i < p->value.n; i++)
		if (p->value.p[i] < '!' || p->value.p[i] == 127)
			return false;
	return true;
}

/* Parsers of the single parameters: false means a bad value. */
typedef bool (*param_parser)(const struct param *p, struct arena *a, void *out);

static bool
parse_size(const struct param *p, struct arena *a, void *out)
{
	struct smtp_mail *m = out;

	(void)a;
	/* RFC 1870 4: at most 20 digits */
	return p->value.n <= 20 && slice_u64(p->value, UINT64_MAX, &m->size_bytes);
}

/* It isn't kept: what the message has is seen when it comes. */
static bool
parse_body(const struct param *p, struct arena *a, void *out)
{
	(void)a;
	(void)out;
	return slice_eq_nocase(p->value, SLICE_LIT("7BIT")) ||
	       slice_eq_nocase(p->value, SLICE_LIT("8BITMIME"));
}

static bool
parse_smtputf8(const struct param *p, struct arena *a, void *out)
{
	(void)a;
	((struct smtp_mail *)out)->smtputf8 = true;
	return !p->has_value;
}

static bool
parse_auth(const struct param *p, struct arena *a, void *out)
{
	struct smtp_mail *m = out;

	if (slice_eq(p->value, SLICE_LIT("<>")))
		return true;
	return p->value.n <= 500 && smtp_parse_xtext(p->value, a, &m->auth) == ERR_OK;
}

static bool
parse_ret(const struct param *p, struct arena *a, void *out)
{
	struct smtp_mail *m = out;

	(void)a;
	if (slice_eq_nocase(p->value, SLICE_LIT("FULL")))
		m->ret = SMTP_RET_FULL;
	else if (slice_eq_nocase(p->value, SLICE_LIT("HDRS")))
		m->ret = SMTP_RET_HDRS;
	else
		return false;
	return true;
}

static bool
parse_envid(const struct param *p, struct arena *a, void *out)
{
	struct smtp_mail *m = out;

	return p->value.n > 0 && p->value.n <= SMTP_PARSE_ENVID_MAX &&
	       smtp_parse_xtext(p->value, a, &m->envid) == ERR_OK;
}

static unsigned
notify_word(struct slice w)
{
	if (slice_eq_nocase(w, SLICE_LIT("NEVER")))
		return SMTP_NOTIFY_NEVER;
	if (slice_eq_nocase(w, SLICE_LIT("SUCCESS")))
		return SMTP_NOTIFY_SUCCESS;
	if (slice_eq_nocase(w, SLICE_LIT("FAILURE")))
		return SMTP_NOTIFY_FAILURE;
	if (slice_eq_nocase(w, SLICE_LIT("DELAY")))
		return SMTP_NOTIFY_DELAY;
	return 0;
}

static bool
parse_notify(const struct param *p, struct arena *a, void *out)
{
	struct smtp_rcpt_args *r = out;
	struct slice rest = p->value;

	(void)a;
	for (;;) {
		size_t comma = slice_find(rest, ',');
		unsigned bit = notify_word(slice_cut(rest, 0, comma));
		if (bit == 0 || r->notify & bit)
			return false;
		r->notify |= bit;
		if (comma >= rest.n)
			break;
		rest = slice_from(rest, comma + 1);
	}
	/* RFC 3461 4.1: NEVER stands alone */
	return !(r->notify & SMTP_NOTIFY_NEVER) || r->notify == SMTP_NOTIFY_NEVER;
}

static bool
parse_orcpt(const struct param *p, struct arena *a, void *out)
{
	struct smtp_rcpt_args *r = out;
	size_t semi = slice_find(p->value, ';');

	if (semi == 0 || semi + 1 >= p->value.n || p->value.n > SMTP_PARSE_ORCPT_MAX)
		return false;
	r->orcpt_type = slice_cut(p->value, 0, semi);
	for (size_t i = 0; i < semi; i++)
		if (!is_alpha(p->value.p[i]) && !is_digit(p->value.p[i]) &&
			p->value.p[i] != '-')
			return false;
	/* UTF-8 stands as it is behind "utf-8" (RFC 6533 3); Postfix sends xtext of it behind
	 * "rfc822". */
	return decode(slice_from(p->value, semi + 1), true, a, &r->orcpt) == ERR_OK &&
	       r->orcpt.n > 0 && utf8_is_valid(r->orcpt);
}

struct param_row {
	struct slice key;
	param_parser parse;
};

static const struct param_row mail_params[] = {
	{{(const uint8_t *)"SIZE", 4}, parse_size},
	{{(const uint8_t *)"BODY", 4}, parse_body},
	{{(const uint8_t *)"SMTPUTF8", 8}, parse_smtputf8},
	{{(const uint8_t *)"AUTH", 4}, parse_auth},
	{{(const uint8_t *)"RET", 3}, parse_ret},
	{{(const uint8_t *)"ENVID", 5}, parse_envid},
	{{NULL, 0}, NULL},
};

static const struct param_row rcpt_params[] = {
	{{(const uint8_t *)"NOTIFY", 6}, parse_notify},
	{{(const uint8_t *)"ORCPT", 5}, parse_orcpt},
	{{NULL, 0}, NULL},
};

static enum smtp_reply
parse_params(struct slice rest, const struct param_row *rows, struct arena *a, void *out,
	struct slice *bad)
{
	unsigned seen = 0;
	struct param p;

	for (rest = slice_trim(rest); rest.n > 0; rest = slice_trim(rest)) {
		const struct param_row *row = rows;
		bool is_formed = next_param(&rest, &p);
		unsigned bit;
		*bad = p.key;
		while (row->parse && !slice_eq_nocase(row->key, p.key))
			row++;
		if (!row->parse)
			return SMTP_REPLY_UNKNOWN_PARAM;
		if (!is_formed)
			return SMTP_REPLY_BAD_PARAM;
		bit = 1u << (row - rows);
		if (seen & bit)
			return SMTP_REPLY_TWICE_PARAM;
		seen |= bit;
		if (!row->parse(&p, a, out))
			return SMTP_REPLY_BAD_PARAM;
	}
	return SMTP_REPLY_NONE;
}

/* "FROM:" or "TO:" and the path; blanks after the colon are tolerated, as
 * every large server does. *args moves on to the parameters. */
static bool
take_path(struct slice *args, struct slice keyword, struct smtp_path *path)
{
	size_t used;

	if (!slice_starts_nocase(*args, keyword))
		return false;
	*args = slice_trim(slice_from(*args, keyword.n));
	used = smtp_path_parse(*args, path);
	if (used == 0 || (used < args->n && args->p[used] != ' ' && args->p[used] != '\t'))
		return false;
	*args = slice_from(*args, used);
	return true;
}

enum smtp_reply
smtp_parse_mail(struct slice args, struct arena *a, struct smtp_mail *out, struct slice *bad)
{
	struct smtp_mail m = {0};
	enum smtp_reply r;

	*bad = SLICE_EMPTY;
	if (!slice_starts_nocase(args, SLICE_LIT("FROM:")))
		return SMTP_REPLY_SYNTAX_MAIL;
	if (!take_path(&args, SLICE_LIT("FROM:"), &m.from))
		return SMTP_REPLY_BAD_SENDER;
	if (!m.from.is_null && m.from.domain.n == 0)
		return SMTP_REPLY_BAD_SENDER;
	r = parse_params(args, mail_params, a, &m, bad);
	if (r != SMTP_REPLY_NONE)
		return r;
	if (m.from.has_utf8 && !m.smtputf8)
		return SMTP_REPLY_NEEDS_UTF8;
	*out = m;
	return SMTP_REPLY_NONE;
}

enum smtp_reply
smtp_parse_rcpt(struct slice args, bool utf8, struct arena *a, struct smtp_rcpt_args *out,
	struct slice *bad)
{
	struct smtp_rcpt_args p = {0};
	enum smtp_reply r;

	*bad = SLICE_EMPTY;
	if (!slice_starts_nocase(args, SLICE_LIT("TO:")))
		return SMTP_REPLY_SYNTAX_RCPT;
	if (!take_path(&args, SLICE_LIT("TO:"), &p.to) || p.to.is_null)
		return SMTP_REPLY_BAD_RCPT;
	/* RFC 5321 4.1.1.3: of addresses without a domain only <Postmaster> */
	if (p.to.domain.n == 0 && !slice_eq_nocase(p.to.local, SLICE_LIT("postmaster")))
		return SMTP_REPLY_BAD_RCPT;
	r = parse_params(args, rcpt_params, a, &p, bad);
	if (r != SMTP_REPLY_NONE)
		return r;
	if (p.to.has_utf8 && !utf8)
		return SMTP_REPLY_NEEDS_UTF8;
	*out = p;
	return SMTP_REPLY_NONE;
}

enum smtp_reply
smtp_parse_bdat(struct slice args, uint64_t *size, bool *is_last)
{
	size_t sp = slice_find(args, ' ');
	struct slice word = slice_trim(slice_from(args, sp));
	uint64_t n;

	if (!slice_u64(slice_cut(args, 0, sp), UINT64_MAX, &n))
		return SMTP_REPLY_SYNTAX_BDAT;
	if (word.n && !slice_eq_nocase(word, SLICE_LIT("LAST")))
		return SMTP_REPLY_SYNTAX_BDAT;
	*size = n;
	*is_last = word.n > 0;
	return SMTP_REPLY_NONE;
}

bool
smtp_parse_is_host(struct slice s)
{
	return smtp_path_is_domain(s, false) || smtp_path_is_literal(s);
}
