#include "smtp/smtp_srs.h"

#include "core/arena.h"
#include "core/mail_addr.h"

enum { DAY_SEC = 86400, DAYS = 1024, STAMP = 2, TAG = 5 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* An address in two: what is between the quotes, if there are any, stays as it is written. */
struct parts {
	struct slice local, domain;
	bool is_quoted;
};

static bool
split(struct slice address, struct parts *out)
{
	size_t at = address.n;

	while (at && address.p[at - 1] != '@')
		at--;
	if (at < 2 || at == address.n)
		return false;
	out->local = slice_cut(address, 0, at - 1);
	out->domain = slice_from(address, at);
	out->is_quoted = out->local.n >= 2 && out->local.p[0] == '"';
	if (out->is_quoted)
		out->local = slice_cut(out->local, 1, out->local.n - 1);
	return out->local.n > 0;
}

static bool
is_address(struct slice text)
{
	struct mail_addr addr;
	struct arena a;
	bool good;

	arena_init(&a, 0);
	good = !mail_addr_parse(text, &a, &addr) && !addr.is_literal;
	arena_reset(&a);
	return good;
}

/* Appends the address; local comes in two pieces. */
static enum err
put_address(const struct parts *p, struct slice first, struct slice rest, struct buf *out)
{
	struct buf text;
	enum err e = ERR_LIMIT;

	buf_init(&text, SMTP_SRS_ADDRESS_MAX);
	if (p->is_quoted)
		buf_put_u8(&text, '"');
	buf_put_slice(&text, first);
	buf_put_slice(&text, rest);
	if (p->is_quoted)
		buf_put_u8(&text, '"');
	buf_put_u8(&text, '@');
	buf_put_slice(&text, p->domain);
	if (!text.overflow && is_address(buf_slice(&text)) &&
		buf_put_slice(out, buf_slice(&text)))
		e = ERR_OK;
	buf_fini(&text);
	return e;
}

/* Of "SRS0=" or "SRS1=" and what comes behind the hash. */
static void
make_hash(const struct seal_key *key, struct slice tag, struct slice rest,
	char out[SMTP_SRS_HASH])
{
	uint8_t hash[SEAL_HASH];
	struct seal_hasher h;

	seal_hasher_init(&h, key);
	for (size_t i = 0; i < tag.n + rest.n; i++) {
		uint8_t c = slice_lower(i < tag.n ? tag.p[i] : rest.p[i - tag.n]);

		seal_hasher_add(&h, slice_of(&c, 1));
	}
	seal_hasher_done(&h, hash);
	for (size_t i = 0; i < SMTP_SRS_HASH; i++)
		out[i] = alphabet[hash[i] & 31];
}

/* Does the local part begin with SRS0 or SRS1 and a separator? */
static bool
is_tagged(struct slice local, char digit)
{
	uint8_t separator = local.n > TAG ? local.p[TAG - 1] : 0;

	return slice_starts_nocase(local, SLICE_LIT("SRS")) && local.n > TAG &&
	       local.p[3] == (uint8_t)digit &&
	       (separator == '=' || separator == '+' || separator == '-');
}

/* --- forward --- */

/* What follows the hash: of a sender who wasn't rewritten yet, and of one who was. */
static void
put_first(const struct parts *from, uint64_t now_sec, struct buf *out)
{
	uint32_t day = (uint32_t)(now_sec / DAY_SEC % DAYS);

	buf_printf(out, "%c%c=%.*s=", alphabet[day / 32], alphabet[day % 32],
		SLICE_FMT(from->domain));
	buf_put_slice(out, from->local);
}

static bool
is_rewritten(struct slice local)
{
	return is_tagged(local, '0') ||
	       (is_tagged(local, '1') && slice_has(slice_from(local, TAG), '='));
}

static void
put_further(const struct parts *from, struct buf *out)
{
	struct slice host = slice_from(from->local, TAG);

	/* Of a chain, the first one who rewrote and the one who does now are enough. */
	if (is_tagged(from->local, '1')) {
		buf_put_slice(out, slice_from(host, slice_find(host, '=') + 1));
		return;
	}
	buf_printf(out, "%.*s=", SLICE_FMT(from->domain));
	buf_put_slice(out, slice_from(from->local, TAG - 1));
}

enum err
smtp_srs_forward(const struct seal_key *key, uint64_t now_sec, struct slice sender,
	struct slice domain, struct buf *out)
{
	char head[TAG + SMTP_SRS_HASH + 1] = "SRS0=";
	struct parts from, to;
	struct buf rest;
	enum err e;

	if (!split(sender, &from) || !is_address(sender))
		return ERR_SYNTAX;
	buf_init(&rest, SMTP_SRS_ADDRESS_MAX);
	if (is_rewritten(from.local)) {
		head[3] = '1';
		put_further(&from, &rest);
	} else {
		put_first(&from, now_sec, &rest);
	}
	make_hash(key, slice_of(head, TAG), buf_slice(&rest), head + TAG);
	head[sizeof head - 1] = '=';
	to = (struct parts){.domain = domain, .is_quoted = from.is_quoted};
	e = rest.overflow
		    ? ERR_LIMIT
		    : put_address(&to, slice_of(head, sizeof head), buf_slice(&rest), out);
	buf_fini(&rest);
	return e;
}

/* --- back --- */

static int
digit_of(uint8_t c)
{
	for (int i = 0; i < 32; i++)
		if (slice_lower((uint8_t)alphabet[i]) == slice_lower(c))
			return i;
	return -1;
}

/* Was it made on one of the days that count? Another node's clock may be a day ahead. */
static bool
is_fresh(struct slice stamp, uint64_t now_sec)
{
	int high = digit_of(stamp.p[0]), low = digit_of(stamp.p[1]);
	uint64_t age = (now_sec / DAY_SEC + DAYS + 1 - (uint64_t)(high * 32 + low)) % DAYS;

	return high >= 0 && low >= 0 && age <= SMTP_SRS_DAYS_MAX + 1;
}

static bool
is_ours(const struct seal_key *key, struct slice tag, struct slice rest)
{
	struct slice given = slice_cut(tag, TAG, TAG + SMTP_SRS_HASH);
	char wanted[SMTP_SRS_HASH], folded[SMTP_SRS_HASH];

	make_hash(key, slice_cut(tag, 0, TAG), rest, wanted);
	for (size_t i = 0; i < SMTP_SRS_HASH; i++) {
		int digit = digit_of(given.p[i]);

		folded[i] = digit < 0 ? '?' : alphabet[digit];
	}
	return seal_equal(wanted, folded, SMTP_SRS_HASH);
}

bool
smtp_srs_is_tagged(struct slice address)
{
	struct parts p;

	return split(address, &p) && (is_tagged(p.local, '0') || is_tagged(p.local, '1'));
}

enum err
smtp_srs_back(
	const struct seal_key *key, uint64_t now_sec, struct slice address, struct buf *out)
{
	enum { HEAD = TAG + SMTP_SRS_HASH + 1 };
	struct parts from, to;
	struct slice rest;
	size_t equals;
	bool is_first;

	if (!split(address, &from))
		return ERR_NOT_FOUND;
	is_first = is_tagged(from.local, '0');
	if (!is_first && !is_tagged(from.local, '1'))
		return ERR_NOT_FOUND;
	rest = slice_from(from.local, HEAD < from.local.n ? HEAD : from.local.n);
	if (rest.n == 0 || from.local.p[TAG - 1] != '=' || from.local.p[HEAD - 1] != '=' ||
		!is_ours(key, from.local, rest))
		return ERR_DENIED;
	if (is_first) {
		if (rest.n <= STAMP || rest.p[STAMP] != '=' || !is_fresh(rest, now_sec))
			return ERR_DENIED;
		rest = slice_from(rest, STAMP + 1);
	}
	equals = slice_find(rest, '=');
	if (equals + 1 >= rest.n)
		return ERR_DENIED;
	to = (struct parts){
		slice_from(rest, equals + 1), slice_cut(rest, 0, equals), from.is_quoted};
	return put_address(&to, is_first ? SLICE_EMPTY : SLICE_LIT("SRS0"), to.local, out);
}
