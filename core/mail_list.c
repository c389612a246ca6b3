#include "core/mail_list.h"

#include "core/buf.h"

enum { ITEMS_FIRST = 4 };

struct reader {
	struct slice rest;
	struct slice comment; /* the last one since the item began, as written */
	struct arena *arena;
	struct mail_list list;
	size_t room, max;
	bool is_in_group;
	/* One run of words, as a phrase and as a local part: what of it no blank cuts off. */
	struct buf phrase, local;
	size_t before_local; /* octets of the phrase ahead of it */
};

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The octets of the comment at the start of s, its brackets included. */
static size_t
comment_size(struct slice s)
{
	size_t i = 0, depth = 0;

	for (; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return s.n;
}

/* True when there was any. */
static bool
skip_blank(struct reader *r)
{
	size_t before = r->rest.n, n;

	while (r->rest.n) {
		if (is_blank(r->rest.p[0])) {
			r->rest = slice_from(r->rest, 1);
		} else if (r->rest.p[0] == '(') {
			n = comment_size(r->rest);
			r->comment = slice_cut(r->rest, 1, n);
			if (r->rest.p[n - 1] == ')')
				r->comment.n--;
			r->rest = slice_from(r->rest, n);
		} else {
			break;
		}
	}
	return r->rest.n < before;
}

static bool
is_at(const struct reader *r, uint8_t c)
{
	return r->rest.n && r->rest.p[0] == c;
}

static bool
take(struct reader *r, uint8_t c)
{
	if (!is_at(r, c))
		return false;
	r->rest = slice_from(r->rest, 1);
	return true;
}

static void
take_quoted(struct reader *r)
{
	size_t i = 1;
	uint8_t c;

	for (; i < r->rest.n && r->rest.p[i] != '"'; i++) {
		if (r->rest.p[i] == '\\' && i + 1 < r->rest.n)
			i++;
		c = r->rest.p[i];
		if (c == '\r' || c == '\n')
			continue;
		buf_put_u8(&r->phrase, c);
		buf_put_u8(&r->local, c);
	}
	r->rest = slice_from(r->rest, i + 1);
}

static bool
ends_word(uint8_t c)
{
	return is_blank(c) || (c && memchr("\"(<>,;:@", c, 8));
}

/* A blank before what is next. */
static void
put_blank(struct reader *r)
{
	/* Blanks may stand round dots only: "Ann a@b.test" has lost its brackets. */
	if (!is_at(r, '.') && r->phrase.p[r->phrase.n - 1] != '.') {
		r->before_local = r->phrase.n;
		buf_clear(&r->local);
	}
	buf_put_u8(&r->phrase, ' ');
}

/* Words, dots and quoted strings up to one of < > , ; : @ or the end. */
static void
take_words(struct reader *r)
{
	bool was_blank = false;
	size_t n;

	buf_clear(&r->phrase);
	buf_clear(&r->local);
	r->before_local = 0;
	while (r->rest.n) {
		was_blank |= skip_blank(r);
		if (r->rest.n == 0 || (r->rest.p[0] != '"' && ends_word(r->rest.p[0])))
			break;
		if (was_blank && r->phrase.n)
			put_blank(r);
		was_blank = false;
		if (is_at(r, '"')) {
			take_quoted(r);
			continue;
		}
		for (n = 0; n < r->rest.n && !ends_word(r->rest.p[n]); n++)
			;
		buf_put(&r->phrase, r->rest.p, n);
		buf_put(&r->local, r->rest.p, n);
		r->rest = slice_from(r->rest, n);
	}
}

/* At the first octet behind the '@'. */
static struct slice
take_domain(struct reader *r)
{
	size_t n;

	buf_clear(&r->phrase);
	skip_blank(r);
	if (is_at(r, '[')) {
		n = slice_find(r->rest, ']');
		n = n < r->rest.n ? n + 1 : n;
		buf_put(&r->phrase, r->rest.p, n);
		r->rest = slice_from(r->rest, n);
		return arena_dup(r->arena, buf_slice(&r->phrase));
	}
	while (r->rest.n) {
		for (n = 0; n < r->rest.n && !ends_word(r->rest.p[n]); n++)
			;
		buf_put(&r->phrase, r->rest.p, n);
		r->rest = slice_from(r->rest, n);
		skip_blank(r);
		/* Blanks may stand round dots only. */
		if (n == 0 || r->rest.n == 0 ||
			(r->rest.p[0] != '.' && r->phrase.p[r->phrase.n - 1] != '.'))
			break;
	}
	return arena_dup(r->arena, buf_slice(&r->phrase));
}

static struct mail_list_item *
add(struct reader *r, enum mail_list_kind kind)
{
	struct mail_list *l = &r->list;
	struct mail_list_item *grown;

	if (l->count == r->room) {
		r->room = r->room ? r->room * 2 : ITEMS_FIRST;
		grown = arena_alloc(r->arena, r->room * sizeof *grown);
		if (l->count)
			memcpy(grown, l->items, l->count * sizeof *grown);
		l->items = grown;
	}
	l->items[l->count] = (struct mail_list_item){.kind = kind};
	return &l->items[l->count++];
}

/* The comment's text without backslashes: "a@b (Full Name)". */
static struct slice
comment_name(struct reader *r)
{
	struct slice raw = slice_trim(r->comment);
	uint8_t *to = arena_alloc(r->arena, raw.n);
	size_t n = 0;

	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\' && i + 1 < raw.n)
			i++;
		if (raw.p[i] != '\r' && raw.p[i] != '\n')
			to[n++] = raw.p[i];
	}
	return slice_of(to, n);
}

/* Whatever stands between an address and the next ',' or ';'. */
static void
skip_to_separator(struct reader *r)
{
	while (r->rest.n && !is_at(r, ',') && !is_at(r, ';')) {
		if (skip_blank(r))
			continue;
		buf_clear(&r->phrase);
		buf_clear(&r->local);
		if (is_at(r, '"'))
			take_quoted(r);
		else
			r->rest = slice_from(r->rest, 1);
	}
}

/* Behind the '<': [ route ":" ] local "@" domain ">" */
static void
take_angle(struct reader *r, struct mail_list_item *item)
{
	size_t n = 0;

	skip_blank(r);
	if (is_at(r, '@')) {
		while (n < r->rest.n && r->rest.p[n] != ':' && r->rest.p[n] != '>')
			n++;
		item->route = slice_trim(slice_cut(r->rest, 0, n));
		r->rest = slice_from(r->rest, n);
		take(r, ':');
	}
	take_words(r);
	item->local = arena_dup(r->arena, buf_slice(&r->local));
	if (take(r, '@'))
		item->domain = take_domain(r);
	skip_blank(r);
	/* A '<' that is never closed ends with its item. */
	take(r, '>');
}

static void
take_mailbox(struct reader *r)
{
	struct mail_list_item *item = add(r, MAIL_LIST_MAILBOX);
	struct slice words = arena_dup(r->arena, buf_slice(&r->phrase));

	if (take(r, '<')) {
		item->name = words;
		take_angle(r, item);
	} else if (r->before_local && !is_at(r, '@')) {
		item->name = words; /* and no address */
	} else {
		item->name = slice_cut(words, 0, r->before_local);
		item->local = arena_dup(r->arena, buf_slice(&r->local));
		if (take(r, '@'))
			item->domain = take_domain(r);
	}
	skip_to_separator(r);
	if (item->name.n == 0 && r->comment.n)
		item->name = comment_name(r);
}

static void
end_group(struct reader *r)
{
	if (r->is_in_group)
		add(r, MAIL_LIST_GROUP_END);
	r->is_in_group = false;
}

static void
take_item(struct reader *r)
{
	r->comment = SLICE_EMPTY;
	take_words(r);
	if (is_at(r, '<') || is_at(r, '@') || r->phrase.n) {
		if (is_at(r, ':'))
			end_group(r);
		if (r->list.count >= r->max) {
			r->list.is_cut = true;
			return;
		}
		if (!is_at(r, ':')) {
			take_mailbox(r);
			return;
		}
		add(r, MAIL_LIST_GROUP)->name = arena_dup(r->arena, buf_slice(&r->phrase));
		r->is_in_group = true;
	}
	if (is_at(r, ';'))
		end_group(r);
	r->rest = slice_from(r->rest, 1);
}

void
mail_list_parse(struct slice body, struct arena *a, size_t max, struct mail_list *out)
{
	struct reader r = {.rest = body, .arena = a, .max = max};

	buf_init(&r.phrase, body.n + 1);
	buf_init(&r.local, body.n + 1);
	while (r.rest.n && !r.list.is_cut)
		take_item(&r);
	end_group(&r);
	buf_fini(&r.phrase);
	buf_fini(&r.local);
	*out = r.list;
}
