#include "smtp/smtp_xforward.h"

#include "core/ip_network.h"
#include "smtp/smtp_parse.h"

void
smtp_xforward_put_keyword(struct buf *out)
{
	buf_put_str(out, "XFORWARD");
	for (unsigned i = 0; i < SMTP_CLIENT_FORWARDS; i++)
		buf_printf(out, " %s", smtp_client_hello_forward((enum smtp_client_forward)i));
}

static bool
is_unknown(struct slice v)
{
	return slice_eq_nocase(v, SLICE_LIT("[UNAVAILABLE]")) ||
	       slice_eq_nocase(v, SLICE_LIT("[TEMPUNAVAIL]"));
}

/* RFC 5321 4.1.3 has the tag. */
static bool
take_address(struct slice *v)
{
	struct slice tag = SLICE_LIT("IPv6:");
	bool is_six = slice_starts_nocase(*v, tag);
	struct ip_network net;

	if (is_six)
		*v = slice_from(*v, tag.n);
	return !slice_has(*v, '/') && !ip_network_parse(*v, &net) && (!is_six || net.n == 16);
}

static bool
check(enum smtp_client_forward f, struct slice *v)
{
	uint64_t port;

	if (f == SMTP_CLIENT_FORWARD_NAME)
		return smtp_parse_is_host(*v);
	if (f == SMTP_CLIENT_FORWARD_ADDR)
		return take_address(v);
	if (f == SMTP_CLIENT_FORWARD_PORT)
		return slice_u64(*v, UINT16_MAX, &port) && port > 0;
	if (f == SMTP_CLIENT_FORWARD_SOURCE)
		return slice_eq_nocase(*v, SLICE_LIT("LOCAL")) ||
		       slice_eq_nocase(*v, SLICE_LIT("REMOTE"));
	return true;
}

/* What can't be held is unknown, and not refused: the client's own client chose it, and a
 * command that is refused takes the other facts along. */
static struct slice
read_value(enum smtp_client_forward f, struct slice text, struct arena *a)
{
	struct slice v;

	if (smtp_parse_xtext(text, a, &v) || v.n > SMTP_XFORWARD_VALUE_MAX || is_unknown(v) ||
		!check(f, &v))
		return SLICE_EMPTY;
	return v;
}

static enum smtp_reply
take(struct slice word, struct arena *a, struct smtp_xforward *x, unsigned *seen)
{
	size_t eq = slice_find(word, '=');
	struct slice name = slice_cut(word, 0, eq), text = slice_from(word, eq + 1);
	unsigned f = 0;

	while (f < SMTP_CLIENT_FORWARDS &&
		!slice_eq_nocase(name,
			slice_str(smtp_client_hello_forward((enum smtp_client_forward)f))))
		f++;
	if (f == SMTP_CLIENT_FORWARDS)
		return SMTP_REPLY_UNKNOWN_PARAM;
	if (*seen & 1u << f)
		return SMTP_REPLY_TWICE_PARAM;
	*seen |= 1u << f;
	if (text.n == 0)
		return SMTP_REPLY_BAD_PARAM;
	x->fact[f] = read_value((enum smtp_client_forward)f, text, a);
	return SMTP_REPLY_NONE;
}

enum smtp_reply
smtp_xforward_parse(
	struct slice args, struct arena *a, struct smtp_xforward *io, struct slice *bad)
{
	struct smtp_xforward x = *io;
	enum smtp_reply r = SMTP_REPLY_NONE;
	unsigned seen = 0;

	for (args = slice_trim(args); args.n && r == SMTP_REPLY_NONE; args = slice_trim(args)) {
		size_t end = slice_find(args, ' ');
		struct slice word = slice_cut(args, 0, end);

		*bad = slice_cut(word, 0, slice_find(word, '='));
		r = take(word, a, &x, &seen);
		args = slice_from(args, end);
	}
	if (r == SMTP_REPLY_NONE)
		*io = x;
	return r;
}
