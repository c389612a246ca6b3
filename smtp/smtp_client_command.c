/* The lines of the envelope, as they are sent. */
#include "core/mail_addr.h"
#include "core/utf8.h"
#include "smtp/smtp_client_inner.h"
#include "smtp/smtp_dsn_text.h"
#include "smtp/smtp_path.h"

enum { FORWARD_LINE_MAX = 512, FORWARD_VALUE_MAX = 255, ORCPT_TYPE_MAX = 38 };

/* RFC 3461 4: xchar and hexchar. */
static void
put_xtext(struct buf *out, struct slice s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		uint8_t ch = s.p[i];
		char hex[] = {'+', digits[ch >> 4], digits[ch & 15]};

		if (ch > ' ' && ch < 127 && ch != '+' && ch != '=')
			buf_put_u8(out, ch);
		else
			buf_put(out, hex, sizeof hex);
	}
}

static bool
is_printable(struct slice s, bool has_high)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 127 || (s.p[i] > 127 && !has_high))
			return false;
	return true;
}

/* A parameter with its value as it is sent, text. What was longer than max octets is left out:
 * the mail is worth more than its ENVID. */
static void
put_param(struct smtp_client *c, const char *name, struct buf *text)
{
	if (!text->overflow) {
		buf_put_str(&c->out, name);
		buf_put_slice(&c->out, buf_slice(text));
	}
	buf_fini(text);
}

static void
put_envid(struct smtp_client *c, struct slice envid)
{
	struct buf text;

	if (envid.n == 0 || !is_printable(envid, false))
		return;
	buf_init(&text, SMTP_PARSE_ENVID_MAX);
	put_xtext(&text, envid);
	put_param(c, " ENVID=", &text);
}

/* A server without SMTPUTF8 knows a domain by its A-labels (RFC 5890 2.3.2.1), a local part not
 * at all. What can't be had so stays. */
static struct slice
plainest(struct smtp_client *c, const struct smtp_path *p)
{
	struct slice domain;
	struct buf text;
	struct slice path;

	if (!p->has_utf8 || c->hello.offers & SMTP_CLIENT_SMTPUTF8 ||
		!utf8_is_ascii(p->local) ||
		mail_addr_parse_domain(p->domain, &c->tx, &domain) != NULL)
		return arena_dup(&c->tx, p->raw);
	buf_init(&text, SMTP_PARSE_PATH_MAX + MAIL_ADDR_DOMAIN_MAX);
	buf_printf(&text, "%.*s@%.*s", SLICE_FMT(p->local), SLICE_FMT(domain));
	path = arena_dup(&c->tx, buf_slice(&text));
	buf_fini(&text);
	return path;
}

static bool
parse_path(struct smtp_client *c, struct buf *text, struct slice *path)
{
	struct smtp_path p;
	bool is_ok = buf_put_u8(text, '>') && smtp_path_parse(buf_slice(text), &p) == text->n;

	if (is_ok)
		*path = plainest(c, &p);
	return is_ok;
}

bool
smtp_client_path(struct smtp_client *c, struct slice address, struct slice *path)
{
	struct mail_addr bare = {.local = address};
	struct buf text;
	bool is_ok;

	buf_init(&text, SMTP_PARSE_PATH_MAX + 2);
	buf_put_u8(&text, '<');
	buf_put_slice(&text, address);
	is_ok = parse_path(c, &text, path);
	/* The directory has its addresses without the quotes that some need. */
	while (bare.local.n && bare.local.p[bare.local.n - 1] != '@')
		bare.local.n--;
	if (!is_ok && bare.local.n > 1) {
		bare.domain = slice_from(address, bare.local.n--);
		buf_clear(&text);
		buf_put_u8(&text, '<');
		mail_addr_format(&bare, &text);
		is_ok = parse_path(c, &text, path);
	}
	buf_fini(&text);
	return is_ok;
}

void
smtp_client_put_mail(struct smtp_client *c)
{
	const struct smtp_client_mail *m = c->mail;
	unsigned offers = c->hello.offers;

	buf_put_str(&c->out, "MAIL FROM:<");
	buf_put_slice(&c->out, c->sender);
	buf_put_u8(&c->out, '>');
	if (offers & SMTP_CLIENT_SIZE && m->size_bytes) {
		buf_put_str(&c->out, " SIZE=");
		buf_put_dec(&c->out, m->size_bytes);
	}
	if (m->is_binary)
		buf_put_str(&c->out, " BODY=BINARYMIME");
	else if (m->is_8bit)
		buf_put_str(&c->out, " BODY=8BITMIME");
	if (c->has_utf8)
		buf_put_str(&c->out, " SMTPUTF8");
	if (offers & SMTP_CLIENT_DSN) {
		if (m->ret != SMTP_RET_NONE)
			buf_put_str(
				&c->out, m->ret == SMTP_RET_FULL ? " RET=FULL" : " RET=HDRS");
		put_envid(c, m->envid);
	}
	buf_put_str(&c->out, "\r\n");
}

static void
put_notify(struct buf *out, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {{SMTP_NOTIFY_SUCCESS, "SUCCESS"}, {SMTP_NOTIFY_FAILURE, "FAILURE"},
		{SMTP_NOTIFY_DELAY, "DELAY"}};
	const char *before = " NOTIFY=";

	/* RFC 3461 4.1: NEVER stands alone. */
	if (notify & SMTP_NOTIFY_NEVER) {
		buf_put_str(out, " NOTIFY=NEVER");
		return;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!(notify & words[i].bit))
			continue;
		buf_put_str(out, before);
		buf_put_str(out, words[i].word);
		before = ",";
	}
}

/* RFC 6533 3 wants another encoding behind "utf-8". */
static void
put_orcpt(struct smtp_client *c, struct slice orcpt)
{
	size_t semi = slice_find(orcpt, ';');
	struct slice type = slice_cut(orcpt, 0, semi), address = slice_from(orcpt, semi + 1);
	struct buf text;

	if (type.n == 0 || type.n > ORCPT_TYPE_MAX || !is_printable(type, false) ||
		slice_has(type, ' ') || address.n == 0 || !is_printable(address, true) ||
		!utf8_is_valid(address))
		return;
	buf_init(&text, SMTP_PARSE_ORCPT_MAX);
	buf_put_slice(&text, type);
	buf_put_u8(&text, ';');
	if (slice_eq_nocase(type, SLICE_LIT("utf-8")) && !utf8_is_ascii(address))
		smtp_dsn_text_xtext(&text, address);
	else
		put_xtext(&text, address);
	put_param(c, " ORCPT=", &text);
}

void
smtp_client_put_rcpt(struct smtp_client *c, size_t i)
{
	buf_put_str(&c->out, "RCPT TO:<");
	buf_put_slice(&c->out, c->paths[i]);
	buf_put_u8(&c->out, '>');
	if (c->hello.offers & SMTP_CLIENT_DSN) {
		put_notify(&c->out, c->mail->rcpt[i].notify);
		put_orcpt(c, c->mail->rcpt[i].orcpt);
	}
	buf_put_str(&c->out, "\r\n");
}

void
smtp_client_put_xforward(struct smtp_client *c)
{
	size_t begin = c->out.n;
	struct buf value;

	buf_init(&value, 3 * FORWARD_VALUE_MAX);
	buf_put_str(&c->out, "XFORWARD");
	for (unsigned i = 0; i < SMTP_CLIENT_FORWARDS; i++) {
		const char *name = smtp_client_hello_forward((enum smtp_client_forward)i);
		bool is_first = c->out.n - begin == sizeof "XFORWARD" - 1;
		struct slice fact = slice_cut(c->mail->forward[i], 0, FORWARD_VALUE_MAX);

		if (!(c->forwards & 1u << i))
			continue;
		buf_clear(&value);
		put_xtext(&value, fact.n ? fact : SLICE_LIT("[UNAVAILABLE]"));
		if (!is_first &&
			c->out.n - begin + strlen(name) + value.n + 4 > FORWARD_LINE_MAX)
			break;
		buf_printf(&c->out, " %s=%.*s", name, SLICE_FMT(buf_slice(&value)));
		c->forwards &= ~(1u << i);
	}
	buf_put_str(&c->out, "\r\n");
	buf_fini(&value);
}
