#include "crypto/pgp_inflate.h"

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Bodies of compressed data packets: at once and in pieces the same comes out, no more than
 * may. */
enum { OUT_MAX = 1 << 24, IN_MAX = 8192 };

static enum err
inflate_in(struct slice body, size_t piece, struct buf *out)
{
	struct pgp_inflate *z = pgp_inflate_new(text_into(out));
	enum err e = ERR_OK;

	for (; e == ERR_OK && body.n; body = slice_from(body, piece))
		e = pgp_inflate_feed(z, slice_cut(body, 0, piece));
	must(e == ERR_OK || pgp_inflate_finish(z) == e);
	e = pgp_inflate_finish(z);
	pgp_inflate_free(z);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice body = slice_of(p, n);
	struct buf out, other;
	enum err e;

	if (n > IN_MAX)
		return 0;
	buf_init(&out, OUT_MAX);
	buf_init(&other, OUT_MAX);
	e = inflate_in(body, n + 1, &out);
	must(e == ERR_OK || e == ERR_SYNTAX || e == ERR_UNSUPPORTED || e == ERR_LIMIT);
	must(out.n <= PGP_INFLATE_FREE + (uint64_t)n * PGP_RATIO_MAX);
	/* What grows too much at its front may do so before the rest was fed. */
	if (e == ERR_OK && inflate_in(body, 1 + n % 7, &other) == ERR_OK)
		must(slice_eq(buf_slice(&out), buf_slice(&other)));
	if (e == ERR_OK && n && p[0] == PGP_UNCOMPRESSED)
		must(slice_eq(buf_slice(&out), slice_from(body, 1)));
	buf_fini(&out);
	buf_fini(&other);
	return 0;
}
