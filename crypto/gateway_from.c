#include "crypto/gateway_from.h"

#include "core/mail_addr.h"
#include "core/mail_list.h"
#include "core/mail_word.h"
#include "core/utf8.h"

enum { WIDE_AT = 0xff20, SMALL_AT = 0xfe6b };

static bool
ends_address(uint8_t c)
{
	return c <= ' ' || c == '<' || c == '>' || c == '(' || c == ')' || c == '"' ||
	       c == ',' || c == ';' || c == '[' || c == ']' || c == ':' || c == '\'';
}

static bool
has_odd_at(struct slice text)
{
	uint32_t c;

	for (size_t n; text.n; text = slice_from(text, n ? n : 1)) {
		n = utf8_get(text, &c);
		if (n && (c == WIDE_AT || c == SMALL_AT))
			return true;
	}
	return false;
}

/* Whatever looks like an address in the field, encoded words undone, is this one. */
static bool
shows_only(struct slice body, struct slice address)
{
	struct buf text;
	struct slice s;
	bool ok;

	buf_init(&text, 3 * body.n + 16);
	ok = mail_word_decode(body, &text) && !has_odd_at(buf_slice(&text));
	s = buf_slice(&text);
	for (size_t at = 0; ok && (at += slice_find(slice_from(s, at), '@')) < s.n; at++) {
		size_t from = at, to = at;

		while (from > 0 && !ends_address(s.p[from - 1]))
			from--;
		while (to < s.n && !ends_address(s.p[to]))
			to++;
		ok = slice_eq_nocase(slice_cut(s, from, to), address);
	}
	buf_fini(&text);
	return ok;
}

static struct slice
join(struct slice local, struct slice domain, struct arena *a)
{
	struct buf b;
	struct slice s;

	buf_init(&b, local.n + domain.n + 2);
	buf_put_slice(&b, local);
	buf_put_u8(&b, '@');
	buf_put_slice(&b, domain);
	s = arena_dup(a, buf_slice(&b));
	buf_fini(&b);
	return s;
}

const char *
gateway_from_read(const struct gateway_head *h, struct arena *a, struct slice *address)
{
	size_t i = gateway_head_find(h, SLICE_LIT("From"), 0);
	struct mail_list list;
	struct mail_list_item *one;
	struct slice domain;

	if (i >= h->n)
		return "it has no From";
	if (gateway_head_find(h, SLICE_LIT("From"), i + 1) < h->n)
		return "it has more than one From";
	mail_list_parse(h->field[i].body, a, 2, &list);
	for (size_t n = 0; n < list.count; n++)
		if (list.items[n].kind != MAIL_LIST_MAILBOX)
			return "its From is a group";
	if (list.count > 1 || list.is_cut)
		return "its From has more than one address";
	one = list.items;
	if (list.count == 0 || one->local.n == 0 || one->domain.n == 0)
		return "its From has no address";
	if (mail_addr_parse_domain(one->domain, a, &domain))
		return "its From has no address";
	if (one->route.n || !shows_only(h->field[i].body, join(one->local, one->domain, a)))
		return "its From shows another address than it has";
	*address = join(one->local, domain, a);
	return NULL;
}

static bool
is_in(struct slice body, struct slice canonical, struct arena *a)
{
	struct mail_list list;
	struct slice one;

	mail_list_parse(body, a, MAIL_LIST_MAX, &list);
	for (size_t i = 0; i < list.count; i++) {
		const struct mail_list_item *item = &list.items[i];

		if (item->kind == MAIL_LIST_MAILBOX && item->local.n && item->domain.n &&
			!mail_addr_canonical_text(
				join(item->local, item->domain, a), a, &one) &&
			slice_eq(one, canonical))
			return true;
	}
	return false;
}

bool
gateway_from_is_named(const struct gateway_head *h, struct slice canonical, struct arena *a)
{
	static const char *const names[] = {"To", "Cc"};
	bool found = false;

	for (size_t n = 0; n < 2; n++)
		for (size_t i = 0;
			!found && (i = gateway_head_find(h, slice_str(names[n]), i)) < h->n;
			i++)
			found = is_in(h->field[i].body, canonical, a);
	return found;
}
