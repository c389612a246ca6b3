#include "smtp/smtp_sts.h"

#include "core/mail_addr.h"
#include "core/utf8.h"

enum { NAME_MAX_OCTETS = 32, AGE_DIGITS_MAX = 10 };

static bool
is_alnum(uint8_t c)
{
	uint8_t low = slice_lower(c);

	return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct slice
skip_blanks(struct slice s)
{
	size_t n = 0;

	while (n < s.n && is_blank(s.p[n]))
		n++;
	return slice_from(s, n);
}

/* (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".") */
static bool
is_name(struct slice s)
{
	if (s.n == 0 || s.n > NAME_MAX_OCTETS || !is_alnum(s.p[0]))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '-' && s.p[i] != '.')
			return false;
	return true;
}

/* ---- the record ---- */

/* name "=" 1*(%x21-7E without ";" and "=") at the start of *rest, with the blanks behind it. */
static bool
take_field(struct slice *rest, struct slice *name, struct slice *value)
{
	size_t at = slice_find(*rest, '='), end = at + 1;

	while (end < rest->n && rest->p[end] > 0x20 && rest->p[end] < 0x7f &&
		rest->p[end] != ';' && rest->p[end] != '=')
		end++;
	if (at >= rest->n || end == at + 1)
		return false;
	*name = slice_cut(*rest, 0, at);
	*value = slice_cut(*rest, at + 1, end);
	*rest = skip_blanks(slice_from(*rest, end));
	return is_name(*name) && (rest->n == 0 || rest->p[0] == ';');
}

static bool
is_id(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]))
			return false;
	return s.n > 0 && s.n <= SMTP_STS_ID_MAX;
}

/* rest: what is behind the version, from its ";" on. */
static enum err
parse_fields(struct slice rest, struct slice *id)
{
	struct slice name, value, found = SLICE_EMPTY;

	while (rest.n) {
		rest = skip_blanks(slice_from(rest, 1));
		if (rest.n == 0)
			break;
		if (!take_field(&rest, &name, &value))
			return ERR_SYNTAX;
		if (!found.n && slice_eq(name, SLICE_LIT("id")))
			found = value;
	}
	if (!is_id(found))
		return ERR_SYNTAX;
	*id = found;
	return ERR_OK;
}

enum err
smtp_sts_record(const struct slice *texts, size_t n, struct slice *id)
{
	const struct slice version = SLICE_LIT("v=STSv1;");
	const struct slice *found = NULL;

	/* "records that do not begin with "v=STSv1;" are discarded" */
	for (size_t i = 0; i < n; i++) {
		if (!slice_starts(texts[i], version))
			continue;
		if (found)
			return ERR_NOT_FOUND;
		found = &texts[i];
	}
	return found ? parse_fields(slice_from(*found, version.n - 1), id) : ERR_NOT_FOUND;
}

bool
smtp_sts_is_stale(
	struct slice known_id, uint64_t fetched_sec, struct slice id, uint64_t now_sec)
{
	return !slice_eq(known_id, id) || now_sec >= fetched_sec + SMTP_STS_REFRESH_SEC;
}

/* ---- the policy ---- */

/* What was read of it so far; the first of each counts, but for mx. */
struct reader {
	struct arena *arena;
	struct slice version, mode, max_age;
	struct slice *mx;
	size_t n_mx;
};

static enum err
put_mx(struct reader *r, struct slice pattern)
{
	bool is_wild = slice_starts(pattern, SLICE_LIT("*."));
	struct slice domain;

	/* "the MX MUST specify the Punycode-encoded A-label" */
	if (!utf8_is_ascii(pattern) ||
		mail_addr_parse_domain(
			slice_from(pattern, is_wild ? 2 : 0), r->arena, &domain) != NULL)
		return ERR_SYNTAX;
	if (r->n_mx == SMTP_STS_MX_MAX)
		return ERR_LIMIT;
	if (!r->mx)
		r->mx = arena_alloc(r->arena, SMTP_STS_MX_MAX * sizeof *r->mx);
	if (is_wild) {
		uint8_t *text = arena_alloc(r->arena, domain.n + 2);

		memcpy(text, "*.", 2);
		memcpy(text + 2, domain.p, domain.n);
		domain = slice_of(text, domain.n + 2);
	}
	r->mx[r->n_mx++] = domain;
	return ERR_OK;
}

static void
put_first(struct slice *field, struct slice value)
{
	if (!field->n)
		*field = value;
}

static enum err
put_line(struct reader *r, struct slice line)
{
	size_t colon = slice_find(line, ':');
	struct slice name = slice_cut(line, 0, colon), value;

	if (line.n == 0)
		return ERR_OK;
	value = slice_trim(slice_from(line, colon + 1));
	if (!is_name(name) || value.n == 0)
		return ERR_SYNTAX;
	if (slice_eq(name, SLICE_LIT("mx")))
		return put_mx(r, value);
	if (slice_eq(name, SLICE_LIT("version")))
		put_first(&r->version, value);
	else if (slice_eq(name, SLICE_LIT("mode")))
		put_first(&r->mode, value);
	else if (slice_eq(name, SLICE_LIT("max_age")))
		put_first(&r->max_age, value);
	return ERR_OK;
}

static bool
parse_mode(struct slice text, enum smtp_sts_mode *out)
{
	static const struct slice names[] = {[SMTP_STS_NONE] = SLICE_LIT("none"),
		[SMTP_STS_TESTING] = SLICE_LIT("testing"),
		[SMTP_STS_ENFORCE] = SLICE_LIT("enforce")};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq(text, names[i])) {
			*out = (enum smtp_sts_mode)i;
			return true;
		}
	return false;
}

/* What a policy must have. */
static enum err
judge(const struct reader *r, struct smtp_sts_policy *out)
{
	struct smtp_sts_policy policy = {.mx = r->mx, .n_mx = r->n_mx};
	uint64_t age;

	if (!slice_eq(r->version, SLICE_LIT("STSv1")) || !parse_mode(r->mode, &policy.mode) ||
		r->max_age.n > AGE_DIGITS_MAX || !slice_u64(r->max_age, UINT64_MAX, &age))
		return ERR_SYNTAX;
	if (policy.mode != SMTP_STS_NONE && policy.n_mx == 0)
		return ERR_SYNTAX;
	policy.max_age_sec = age > SMTP_STS_AGE_MAX_SEC ? SMTP_STS_AGE_MAX_SEC : (uint32_t)age;
	*out = policy;
	return ERR_OK;
}

enum err
smtp_sts_parse(struct slice raw, struct arena *a, struct smtp_sts_policy *out)
{
	struct reader r = {.arena = a};
	enum err e = ERR_OK;

	if (raw.n > SMTP_STS_POLICY_MAX)
		return ERR_TOO_BIG;
	/* "sts-policy-term = LF / CRLF"; the trim takes blanks before it too. */
	while (raw.n && !e) {
		size_t lf = slice_find(raw, '\n');

		e = put_line(&r, slice_trim(slice_cut(raw, 0, lf)));
		raw = slice_from(raw, lf + 1);
	}
	return e ? e : judge(&r, out);
}

/* RFC 8461 section 4.1: "*" is the whole left-most label and stands for exactly one. */
static bool
is_match(struct slice pattern, struct slice host)
{
	if (!slice_starts(pattern, SLICE_LIT("*.")))
		return slice_eq_nocase(pattern, host);
	return host.n > 0 && host.p[0] != '.' &&
	       slice_eq_nocase(slice_from(pattern, 1), slice_from(host, slice_find(host, '.')));
}

bool
smtp_sts_allows(const struct smtp_sts_policy *policy, struct slice host)
{
	for (size_t i = 0; i < policy->n_mx; i++)
		if (is_match(policy->mx[i], host))
			return true;
	return false;
}
