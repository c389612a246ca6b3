#include "crypto/gateway_charset.h"

#include "core/charset.h"
#include "core/mail_type.h"
#include "core/utf8.h"
#include "crypto/gateway_mime_pgp.h"

#define FIELD "Charset:"

/* --- what is said of it --- */

static struct slice
take_line(struct slice *rest)
{
	size_t n = slice_find(*rest, '\n');
	struct slice line = slice_trim(slice_cut(*rest, 0, n));

	*rest = slice_from(*rest, n < rest->n ? n + 1 : n);
	return line;
}

/* Behind its BEGIN line, up to the empty one. */
static enum charset
named_by_armor(const struct gateway_charset_mail *mail)
{
	enum charset named = CHARSET_UNKNOWN;
	struct slice rest, line;
	struct buf front;

	buf_init(&front, GATEWAY_MIME_PGP_FRONT_MAX);
	gateway_mime_pgp_front(mail->text, mail->mime, &front);
	rest = slice_trim(buf_slice(&front));
	take_line(&rest);
	while ((line = take_line(&rest)).n)
		if (slice_starts_nocase(line, SLICE_LIT(FIELD)))
			named = charset_find(slice_trim(slice_from(line, sizeof FIELD - 1)));
	buf_fini(&front);
	return named;
}

/* A text that is no UTF-8 isn't what these say. */
static enum charset
named_by_mail(const struct gateway_head *h)
{
	size_t i = gateway_head_find(h, SLICE_LIT("Content-Type"), 0);
	enum charset named = CHARSET_UNKNOWN;
	struct mail_type type;
	struct slice label;
	struct arena a;

	arena_init(&a, 0);
	if (i < h->n && mail_type_parse(h->field[i].body, &a, &type) &&
		mail_type_param(&type, SLICE_LIT("charset"), &label))
		named = charset_find(label);
	arena_reset(&a);
	return named == CHARSET_UNKNOWN || named == CHARSET_US_ASCII || named == CHARSET_UTF_8
		       ? CHARSET_WINDOWS_1252
		       : named;
}

/* --- what it is --- */

struct looking {
	uint8_t rest[UTF8_MAX]; /* a character that isn't whole yet */
	size_t n;
	bool is_other, has_shift; /* it isn't UTF-8; it shifts, as ISO 2022 does */
};

static enum err
look_at(void *arg, struct slice octets)
{
	struct looking *l = arg;
	struct slice rest;
	uint32_t c;

	for (size_t i = 0; i < octets.n; i++) {
		l->has_shift |= octets.p[i] == 27;
		if (l->n == 0 && octets.p[i] < 128)
			continue;
		l->rest[l->n++] = octets.p[i];
		rest = slice_of(l->rest, l->n);
		if (!utf8_is_cut(rest)) {
			l->is_other |= utf8_get(rest, &c) != l->n;
			l->n = 0;
		}
	}
	return ERR_OK;
}

enum err
gateway_charset_inline(
	const struct gateway_charset_mail *mail, const struct text *plain, const char **name)
{
	enum charset named = named_by_armor(mail), other = named_by_mail(mail->head);
	struct looking l = {.n = 0};
	struct text_sink to = {look_at, &l};
	enum err e = text_copy(plain, 0, plain->size, &to);

	if (e)
		return e;
	l.is_other |= l.n > 0 || (l.has_shift && other == CHARSET_ISO_2022_JP);
	if (named == CHARSET_UNKNOWN || (named == CHARSET_UTF_8 && l.is_other))
		named = l.is_other ? other : CHARSET_UTF_8;
	*name = charset_name(named);
	return ERR_OK;
}
