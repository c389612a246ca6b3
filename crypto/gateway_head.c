#include "crypto/gateway_head.h"

#include "core/mail_header.h"
#include "crypto/gateway.h"

enum { READ_AT_ONCE = 8192, FIELDS_FIRST = 32 };

/* Octets up to and with the empty line that ends it; 0: it isn't there. from: what was looked
 * at before. */
static size_t
end_of(struct slice s, size_t from)
{
	size_t at = from > 3 ? from - 3 : 0;

	if (slice_starts(s, SLICE_LIT("\n")))
		return 1;
	if (slice_starts(s, SLICE_LIT("\r\n")))
		return 2;
	while ((at += slice_find(slice_from(s, at), '\n')) < s.n) {
		at++;
		if (at < s.n && s.p[at] == '\n')
			return at + 1;
		if (at + 1 < s.n && s.p[at] == '\r' && s.p[at + 1] == '\n')
			return at + 2;
	}
	return 0;
}

static enum err
read_raw(const struct text *t, struct buf *raw)
{
	size_t end = 0, before = 0, want = 0;
	enum err e = ERR_OK;

	while (end == 0 && raw->n < t->size && raw->n <= GATEWAY_HEADER_MAX && !e) {
		want = want ? 2 * want : READ_AT_ONCE;
		want = want < raw->cap - raw->n ? want : raw->cap - raw->n;
		want = want < t->size - raw->n ? want : (size_t)(t->size - raw->n);
		before = raw->n;
		e = text_get(t, raw->n, want, raw);
		if (!e)
			end = end_of(buf_slice(raw), before);
	}
	if (e)
		return e;
	raw->n = end ? end : raw->n;
	return raw->n > GATEWAY_HEADER_MAX ? ERR_TOO_BIG : ERR_OK;
}

static struct gateway_field *
add_field(struct gateway_head *h)
{
	struct gateway_field *more;

	if (h->n == h->room) {
		h->room = h->room ? 2 * h->room : FIELDS_FIRST;
		more = arena_alloc(h->arena, h->room * sizeof *more);
		if (h->n)
			memcpy(more, h->field, h->n * sizeof *more);
		h->field = more;
	}
	return &h->field[h->n++];
}

/* raw: a field, or a line that is none. */
static bool
is_odd(struct slice raw)
{
	for (size_t i = 0; i < raw.n; i++)
		if (raw.p[i] == 0 ||
			(raw.p[i] == '\r' && (i + 1 == raw.n || raw.p[i + 1] != '\n')))
			return true;
	return false;
}

static void
take_fields(struct gateway_head *h, struct slice raw)
{
	struct mail_header walk;
	struct mail_field f;
	size_t line = slice_find(raw, '\n');

	/* Made in a mail that has no line yet, a line ends as SMTP wants it. */
	h->is_crlf = line >= raw.n || (line && raw.p[line - 1] == '\r');
	mail_header_begin(&walk, raw);
	while (mail_header_next(&walk, &f)) {
		*add_field(h) = (struct gateway_field){f.name, f.body, f.raw};
		h->is_odd |= f.name.n == 0 || is_odd(f.raw);
	}
	h->body_at = walk.at;
}

enum err
gateway_head_read(const struct text *t, struct arena *a, struct gateway_head *h)
{
	struct buf raw;
	enum err e;

	buf_init(&raw, GATEWAY_HEADER_MAX + 1);
	e = read_raw(t, &raw);
	if (!e) {
		*h = (struct gateway_head){.arena = a};
		take_fields(h, arena_dup(a, buf_slice(&raw)));
	}
	buf_fini_secret(&raw);
	return e;
}

void
gateway_head_copy(const struct gateway_head *from, struct gateway_head *to)
{
	*to = *from;
	to->room = to->n;
	to->field = arena_alloc(to->arena, (to->n ? to->n : 1) * sizeof *to->field);
	if (to->n)
		memcpy(to->field, from->field, to->n * sizeof *to->field);
}

static bool
is_there(const struct gateway_field *f)
{
	return f->raw.n && f->name.n;
}

size_t
gateway_head_find(const struct gateway_head *h, struct slice name, size_t from)
{
	size_t i = from;

	while (i < h->n && !(is_there(&h->field[i]) && slice_eq_nocase(h->field[i].name, name)))
		i++;
	return i;
}

size_t
gateway_head_count(const struct gateway_head *h, struct slice name)
{
	size_t count = 0;

	for (size_t i = 0; (i = gateway_head_find(h, name, i)) < h->n; i++)
		count++;
	return count;
}

void
gateway_head_drop(struct gateway_head *h, size_t i)
{
	h->field[i].raw = SLICE_EMPTY;
	h->is_changed = true;
}

void
gateway_head_drop_all(struct gateway_head *h, struct slice prefix)
{
	for (size_t i = 0; i < h->n; i++)
		if (is_there(&h->field[i]) && slice_starts_nocase(h->field[i].name, prefix))
			gateway_head_drop(h, i);
}

const char *
gateway_head_line_end(const struct gateway_head *h)
{
	return h->is_crlf ? "\r\n" : "\n";
}

static struct gateway_field
make_field(const struct gateway_head *h, struct slice name, struct slice body)
{
	struct gateway_field f = {.name = name};
	struct buf raw;

	buf_init(&raw, name.n + body.n + 8);
	buf_put_slice(&raw, name);
	buf_put_str(&raw, slice_starts(body, SLICE_LIT(" ")) ? ":" : ": ");
	buf_put_slice(&raw, body);
	buf_put_str(&raw, gateway_head_line_end(h));
	f.raw = arena_dup(h->arena, buf_slice(&raw));
	f.name = slice_cut(f.raw, 0, name.n);
	f.body = slice_cut(f.raw, name.n + 1, f.raw.n - (h->is_crlf ? 2 : 1));
	buf_fini(&raw);
	return f;
}

void
gateway_head_set(struct gateway_head *h, size_t i, struct slice body)
{
	h->field[i] = make_field(h, h->field[i].name, body);
	h->is_changed = true;
}

void
gateway_head_put_last(struct gateway_head *h, struct slice name, struct slice body)
{
	struct gateway_field f = make_field(h, name, body);

	*add_field(h) = f;
	h->is_changed = true;
}

void
gateway_head_put_first(struct gateway_head *h, struct slice name, struct slice body)
{
	struct gateway_field f = make_field(h, name, body);

	add_field(h);
	memmove(h->field + 1, h->field, (h->n - 1) * sizeof f);
	h->field[0] = f;
	h->is_changed = true;
}

bool
gateway_head_is_mime(struct slice name)
{
	return slice_starts_nocase(name, SLICE_LIT("Content-")) ||
	       slice_eq_nocase(name, SLICE_LIT("MIME-Version"));
}

static bool
is_in_part(const struct gateway_head *h, size_t i, enum gateway_head_part part)
{
	struct slice name = h->field[i].name;

	if (part == GATEWAY_HEAD_OUTER)
		return name.n && !gateway_head_is_mime(name);
	if (part == GATEWAY_HEAD_INNER)
		return slice_starts_nocase(name, SLICE_LIT("Content-")) &&
		       gateway_head_find(h, name, 0) == i;
	return true;
}

/* The text's last line may lack its end; a field behind it would go on in it. */
static void
put_raw(const struct gateway_head *h, struct slice raw, struct buf *out)
{
	/* With an end it would be the empty line. */
	if (slice_eq(raw, SLICE_LIT("\r")))
		return;
	buf_put_slice(out, raw);
	if (raw.n && raw.p[raw.n - 1] != '\n')
		buf_put_str(out, gateway_head_line_end(h));
}

enum err
gateway_head_write(
	const struct gateway_head *h, enum gateway_head_part part, const struct text_sink *to)
{
	size_t size = 0, inner = 0;
	struct buf out;
	enum err e = ERR_OK;

	for (size_t i = 0; i < h->n; i++)
		size += h->field[i].raw.n + 2;
	buf_init(&out, size + 1);
	for (size_t i = 0; i < h->n && inner < GATEWAY_HEAD_INNER_MAX; i++)
		if (is_in_part(h, i, part)) {
			put_raw(h, h->field[i].raw, &out);
			inner += part == GATEWAY_HEAD_INNER;
		}
	if (out.n)
		e = to->put(to->arg, buf_slice(&out));
	buf_fini_secret(&out);
	return e;
}
