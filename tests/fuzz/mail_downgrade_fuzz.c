/* A message for a 7-bit server, or to be signed: the first octet says which, and how long the
 * pieces are. What leaves has
 * no octet above 127, is the same in pieces of any size, and has the same parts with the same
 * decoded contents; what multipart/signed covers is as it was. */
#include <stdlib.h>

#include "core/mail_scan.h"
#include "core/must.h"
#include "core/mail_downgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static enum err
convert(struct slice in, size_t step, bool is_to_sign, struct buf *out)
{
	struct mail_downgrade *d = mail_downgrade_new();
	enum err e = ERR_MORE;

	if (is_to_sign)
		mail_downgrade_to_sign(d);
	for (int i = 0; i < 2; i++) {
		must(e == ERR_MORE);
		for (size_t at = 0; at < in.n; at += step)
			mail_downgrade_look(d, slice_cut(in, at, at + step));
		e = mail_downgrade_looked(d);
	}
	must(e == ERR_OK || e == ERR_UNSUPPORTED);
	must((e == ERR_OK) == !mail_downgrade_facts(d)->why);
	if (e == ERR_OK)
		mail_downgrade_begin(d);
	for (size_t at = 0, used; at < in.n && e == ERR_OK; at += used) {
		used = mail_downgrade_write(d, slice_cut(in, at, at + step), out);
		must(used);
	}
	if (e == ERR_OK)
		mail_downgrade_end(d, out);
	must(!out->overflow);
	mail_downgrade_free(d);
	return e;
}

static struct mail_scan *
scan(struct slice s)
{
	struct mail_scan *m = mail_scan_new();

	mail_scan_feed(m, s);
	mail_scan_finish(m);
	return m;
}

static struct slice
body_of(struct slice s, const struct mail_part *p)
{
	return slice_cut(s, (size_t)p->body_at, (size_t)p->end_at);
}

/* Decoded, with each LF as CRLF. */
static void
content(struct slice body, enum mail_encoding encoding, struct buf *out)
{
	struct mail_decode d;
	uint8_t *to = must_alloc(body.n + 2 * MAIL_DECODE_SLACK);
	size_t n;

	mail_decode_init(&d, encoding);
	n = mail_decode_feed(&d, body, to);
	n += mail_decode_end(&d, to + n);
	for (size_t i = 0; i < n; i++) {
		if (to[i] == '\n' && (i == 0 || to[i - 1] != '\r'))
			buf_put_u8(out, '\r');
		buf_put_u8(out, to[i]);
	}
	free(to);
}

static void
compare_parts(
	struct slice in, struct slice out, const struct mail_part *a, const struct mail_part *b)
{
	struct buf before, after;
	struct mail_type t;
	struct arena arena;

	arena_init(&arena, 0);
	mail_scan_type(a, &arena, &t);
	must(a->kind == b->kind && a->parent == b->parent);
	if (mail_type_is(&t, SLICE_LIT("multipart"), SLICE_LIT("signed")))
		must(slice_eq(body_of(in, a), body_of(out, b)));
	if (a->kind == MAIL_PART_LEAF) {
		buf_init(&before, 2 * in.n + 8);
		buf_init(&after, 2 * out.n + 8);
		content(body_of(in, a), (enum mail_encoding)a->encoding, &before);
		content(body_of(out, b), (enum mail_encoding)b->encoding, &after);
		must(slice_eq(buf_slice(&before), buf_slice(&after)));
		buf_fini(&before);
		buf_fini(&after);
	}
	arena_reset(&arena);
}

static void
compare(struct slice in, struct slice out)
{
	struct mail_scan *a = scan(in), *b = scan(out);
	uint32_t a_count, b_count;
	const struct mail_part *a_parts = mail_scan_parts(a, &a_count);
	const struct mail_part *b_parts = mail_scan_parts(b, &b_count);

	must(a_count == b_count);
	for (uint32_t i = 0; i < a_count; i++)
		compare_parts(in, out, &a_parts[i], &b_parts[i]);
	mail_scan_free(a);
	mail_scan_free(b);
}

/* A message/global that is encoded has its parts inside. */
static bool
has_global(struct slice s)
{
	for (size_t i = 0; i + 6 <= s.n; i++)
		if (slice_starts_nocase(slice_from(s, i), SLICE_LIT("global")))
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf whole, pieces;
	struct slice in;
	enum err e;

	if (n < 1 || n > 8192)
		return 0;
	in = slice_of(p + 1, n - 1);
	buf_init(&whole, 1 << 20);
	buf_init(&pieces, 1 << 20);
	e = convert(in, n, p[0] & 1, &whole);
	must(convert(in, (size_t)p[0] + 1, p[0] & 1, &pieces) == e);
	must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	for (size_t i = 0; i < whole.n; i++)
		must(whole.p[i] < 128);
	if (e == ERR_OK && !has_global(in))
		compare(in, buf_slice(&whole));
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
