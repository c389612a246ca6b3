#include "crypto/pgp_cleartext.h"

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { OUT_MAX = 1 << 22 };

/* Text that can be read as it stands: at once and octet by octet alike. What is shown is what
 * is hashed, but for line ends. */
struct read {
	struct buf shown, hashed, signature;
	enum err e;
};

static void
read_in(struct read *r, struct slice all, size_t piece)
{
	struct pgp_cleartext c;

	buf_init(&r->shown, OUT_MAX);
	buf_init(&r->hashed, OUT_MAX);
	buf_init(&r->signature, OUT_MAX);
	pgp_cleartext_init(&c, text_into(&r->shown), text_into(&r->hashed));
	r->e = ERR_OK;
	for (; r->e == ERR_OK && all.n; all = slice_from(all, piece))
		r->e = pgp_cleartext_feed(&c, slice_cut(all, 0, piece));
	if (r->e == ERR_OK)
		r->e = pgp_cleartext_finish(&c);
	buf_put_slice(&r->signature, buf_slice(&c.signature));
	pgp_cleartext_fini(&c);
}

static void
drop(struct read *r)
{
	buf_fini(&r->shown);
	buf_fini(&r->hashed);
	buf_fini(&r->signature);
}

static void
check_shown(const struct read *r)
{
	struct slice shown = buf_slice(&r->shown), hashed = buf_slice(&r->hashed);
	size_t lines = 0;

	for (; shown.n; lines++) {
		size_t end = slice_find(shown, '\n'), over = slice_find(hashed, '\n');
		struct slice a = slice_cut(shown, 0, end), b = slice_cut(hashed, 0, over);

		must(end < shown.n);
		a.n -= a.n && a.p[a.n - 1] == '\r';
		b.n -= over < hashed.n && b.n && b.p[b.n - 1] == '\r';
		must(slice_eq(a, b));
		shown = slice_from(shown, end + 1);
		hashed = slice_from(hashed, over + 1);
	}
	must(hashed.n == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice all = slice_of(p, n);
	struct read one, other;

	(void)pgp_cleartext_is(all);
	read_in(&one, all, n ? n : 1);
	read_in(&other, all, 1);
	must(one.e == other.e);
	if (one.e == ERR_OK) {
		must(slice_eq(buf_slice(&one.shown), buf_slice(&other.shown)));
		must(slice_eq(buf_slice(&one.hashed), buf_slice(&other.hashed)));
		must(slice_eq(buf_slice(&one.signature), buf_slice(&other.signature)));
		check_shown(&one);
	}
	drop(&one);
	drop(&other);
	return 0;
}
