#include "crypto/pgp_inflate.h"

#include <bzlib.h>
#include <zlib.h>

#include "tests/test.h"

enum { MAX = 1 << 23 };

static void
pack_bzip2(struct slice text, struct buf *out)
{
	unsigned n = (unsigned)(text.n + text.n / 100 + 600);

	assert_non_null(buf_room(out, n));
	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)buf_room(out, n), &n,
				 (char *)(uintptr_t)text.p, (unsigned)text.n, 9, 0, 0),
		BZ_OK);
	buf_grow(out, n);
}

static void
pack_zlib(struct slice text, int window, struct buf *out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)text.p, .avail_in = (uInt)text.n};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.avail_out = (uInt)deflateBound(&z, text.n);
	z.next_out = buf_room(out, z.avail_out);
	assert_non_null(z.next_out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_grow(out, z.total_out);
	deflateEnd(&z);
}

/* A packet's body. */
static void
pack(uint8_t algorithm, struct slice text, struct buf *out)
{
	buf_clear(out);
	buf_put_u8(out, algorithm);
	if (algorithm == PGP_BZIP2)
		pack_bzip2(text, out);
	else if (algorithm == PGP_UNCOMPRESSED)
		buf_put_slice(out, text);
	else
		pack_zlib(text, algorithm == PGP_ZIP ? -15 : 15, out);
}

static enum err
inflate_in(struct slice body, size_t piece, struct buf *out)
{
	struct pgp_inflate *z = pgp_inflate_new(text_into(out));
	enum err e = ERR_OK, fed;

	buf_clear(out);
	for (; e == ERR_OK && body.n; body = slice_from(body, piece))
		e = pgp_inflate_feed(z, slice_cut(body, 0, piece));
	fed = e;
	e = pgp_inflate_finish(z);
	/* The first error stays. */
	assert_true(fed == ERR_OK || e == fed);
	pgp_inflate_free(z);
	return e;
}

static struct buf text, packed, out;

static int
begin(void **state)
{
	(void)state;
	buf_init(&text, MAX);
	buf_init(&packed, MAX);
	buf_init(&out, MAX);
	for (size_t i = 0; i < 3000; i++)
		buf_printf(&text, "line %zu of %zu\r\n", i, i * i);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	buf_fini(&text);
	buf_fini(&packed);
	buf_fini(&out);
	return 0;
}

static void
what_was_packed_comes_out_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (uint8_t a = PGP_UNCOMPRESSED; a <= PGP_BZIP2; a++)
		for (size_t n = 0; n <= text.n; n += n < 4 ? 1 : 12345)
			for (size_t piece = 1; piece < 100000; piece = piece * 37 + 1) {
				struct slice part = slice_cut(buf_slice(&text), 0, n);

				pack(a, part, &packed);
				assert_int_equal(
					inflate_in(buf_slice(&packed), piece, &out), ERR_OK);
				assert_true(slice_eq(buf_slice(&out), part));
			}
}

static void
what_is_cut_or_has_more_behind_it_is_refused(void **state)
{
	(void)state;
	for (uint8_t a = PGP_ZIP; a <= PGP_BZIP2; a++) {
		pack(a, slice_cut(buf_slice(&text), 0, 500), &packed);
		for (size_t n = 0; n < packed.n; n++)
			assert_int_equal(
				inflate_in(slice_cut(buf_slice(&packed), 0, n), 7, &out),
				ERR_SYNTAX);
		buf_put_u8(&packed, 'x');
		for (size_t piece = 1; piece <= packed.n; piece += packed.n - 1)
			assert_int_equal(
				inflate_in(buf_slice(&packed), piece, &out), ERR_SYNTAX);
	}
	assert_int_equal(inflate_in(SLICE_EMPTY, 1, &out), ERR_SYNTAX);
	assert_int_equal(inflate_in(SLICE_LIT("\x00"), 1, &out), ERR_OK);
}

static void
other_algorithms_are_unsupported(void **state)
{
	(void)state;
	for (int a = PGP_BZIP2 + 1; a < 256; a++) {
		uint8_t body[] = {(uint8_t)a, 1, 2, 3};

		assert_int_equal(
			inflate_in(slice_of(body, sizeof body), 2, &out), ERR_UNSUPPORTED);
	}
}

/* A change is found; of ZIP, which has no checksum, or comes out as another text. It never runs
 * on. */
static void
expect_change(uint8_t algorithm, size_t bit)
{
	uint8_t mask = (uint8_t)(1u << bit % 8);
	enum err e;

	packed.p[bit / 8] ^= mask;
	e = inflate_in(buf_slice(&packed), 50, &out);
	packed.p[bit / 8] ^= mask;
	assert_true(e == ERR_OK || e == ERR_SYNTAX || e == ERR_LIMIT || e == ERR_UNSUPPORTED);
	if (e == ERR_OK && algorithm != PGP_ZIP && bit / 8 > 0)
		assert_memory_equal(out.p, text.p, 700);
}

static void
changed_octets_do_no_harm(void **state)
{
	(void)state;
	for (uint8_t a = PGP_ZIP; a <= PGP_BZIP2; a++) {
		pack(a, slice_cut(buf_slice(&text), 0, 700), &packed);
		for (size_t bit = 0; bit < 8 * packed.n; bit++)
			expect_change(a, bit);
	}
}

static void
zeros_grow_to_their_limit_and_no_further(void **state)
{
	struct buf zeros;
	size_t limit;

	(void)state;
	buf_init(&zeros, MAX);
	assert_non_null(buf_room(&zeros, MAX));
	memset(buf_room(&zeros, MAX), 0, MAX);
	/* BZip2 makes some 45 octets of all of them. */
	zeros.n = PGP_INFLATE_FREE;
	pack(PGP_BZIP2, buf_slice(&zeros), &packed);
	limit = PGP_INFLATE_FREE + (packed.n - 1) * PGP_RATIO_MAX;
	for (size_t last = 0; last != packed.n;) {
		last = packed.n;
		zeros.n = limit;
		pack(PGP_BZIP2, buf_slice(&zeros), &packed);
		limit = PGP_INFLATE_FREE + (packed.n - 1) * PGP_RATIO_MAX;
	}
	zeros.n = limit;
	pack(PGP_BZIP2, buf_slice(&zeros), &packed);
	assert_int_equal(limit, PGP_INFLATE_FREE + (packed.n - 1) * PGP_RATIO_MAX);
	assert_int_equal(inflate_in(buf_slice(&packed), packed.n, &out), ERR_OK);
	assert_int_equal(out.n, limit);
	for (size_t more = 1; more < 3000000; more *= 1000) {
		zeros.n = limit + more;
		pack(PGP_BZIP2, buf_slice(&zeros), &packed);
		assert_int_equal(
			zeros.n > PGP_INFLATE_FREE + (packed.n - 1) * PGP_RATIO_MAX, true);
		assert_int_equal(inflate_in(buf_slice(&packed), packed.n, &out), ERR_LIMIT);
		assert_true(out.n <= limit + PGP_RATIO_MAX);
	}
	buf_fini(&zeros);
}

static enum err
full_after(void *arg, struct slice octets)
{
	size_t *left = arg;

	if (octets.n > *left)
		return ERR_FULL;
	*left -= octets.n;
	return ERR_OK;
}

static void
a_full_sink_ends_it(void **state)
{
	(void)state;
	for (uint8_t a = PGP_UNCOMPRESSED; a <= PGP_BZIP2; a++)
		for (size_t room = 40000; room < 50000; room += 9000) {
			size_t left = room;
			struct pgp_inflate *z = pgp_inflate_new(
				(struct text_sink){full_after, &left});
			enum err want = room < 45000 ? ERR_FULL : ERR_OK;

			pack(a, slice_cut(buf_slice(&text), 0, 45000), &packed);
			assert_int_equal(pgp_inflate_feed(z, buf_slice(&packed)), want);
			assert_int_equal(pgp_inflate_finish(z), want);
			pgp_inflate_free(z);
		}
	pgp_inflate_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_packed_comes_out_in_pieces_of_any_size),
		cmocka_unit_test(what_is_cut_or_has_more_behind_it_is_refused),
		cmocka_unit_test(other_algorithms_are_unsupported),
		cmocka_unit_test(changed_octets_do_no_harm),
		cmocka_unit_test(zeros_grow_to_their_limit_and_no_further),
		cmocka_unit_test(a_full_sink_ends_it),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
