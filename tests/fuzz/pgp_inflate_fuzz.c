#include "crypto/pgp_inflate.h"

#include <zlib.h>

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Bodies of compressed data packets: at once and in pieces the same comes out, no more than
 * may; and texts that are packed, which come out again. */
enum { OUT_MAX = 1 << 24, IN_MAX = 8192, TIMES = 8 };

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

static void
try_packed(struct slice in, struct buf *out)
{
	struct buf text, body;
	uLongf room;

	buf_init(&text, OUT_MAX);
	buf_init(&body, OUT_MAX);
	for (size_t i = 0; i < TIMES; i++)
		buf_put_slice(&text, in);
	room = compressBound(text.n);
	buf_put_u8(&body, PGP_ZLIB);
	must(compress2(buf_room(&body, room), &room, text.p, text.n, 1) == Z_OK);
	buf_grow(&body, room);
	must(inflate_in(buf_slice(&body), 1 + in.n % 1000, out) == ERR_OK);
	must(slice_eq(buf_slice(out), buf_slice(&text)));
	buf_fini(&text);
	buf_fini(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice body = slice_of(p, n);
	struct buf out, other;
	enum err e, in_pieces;

	if (n > IN_MAX)
		return 0;
	buf_init(&out, OUT_MAX);
	buf_init(&other, OUT_MAX);
	e = inflate_in(body, n + 1, &out);
	must(e == ERR_OK || e == ERR_SYNTAX || e == ERR_UNSUPPORTED || e == ERR_LIMIT);
	must(out.n <= PGP_INFLATE_FREE + (uint64_t)n * PGP_RATIO_MAX);
	/* What grows too much at its front does so before the rest was fed. */
	in_pieces = inflate_in(body, 1 + n % 7, &other);
	must(in_pieces == e || in_pieces == ERR_LIMIT);
	if (e == ERR_OK && in_pieces == ERR_OK)
		must(slice_eq(buf_slice(&out), buf_slice(&other)));
	if (e == ERR_OK && n && p[0] == PGP_UNCOMPRESSED)
		must(slice_eq(buf_slice(&out), slice_from(body, 1)));
	buf_clear(&out);
	if (n)
		try_packed(body, &out);
	buf_fini(&out);
	buf_fini(&other);
	return 0;
}
