#include "tests/test.h"

#include "smtp/smtp_client_body.h"
#include "smtp/smtp_data.h"

#define LIT(s)                                                                                 \
	{                                                                                      \
		(const uint8_t *)s, sizeof s - 1                                               \
	}
static const struct {
	struct slice in, data, bdat;
	unsigned crs, lfs;
} rows[] = {
	{LIT(""), LIT(""), LIT(""), 0, 0},
	{LIT("a\r\n"), LIT("a\r\n"), LIT("a\r\n"), 0, 0},
	{LIT("a"), LIT("a\r\n"), LIT("a\r\n"), 0, 0},
	{LIT("a\r\n\r\n"), LIT("a\r\n\r\n"), LIT("a\r\n\r\n"), 0, 0},
	{LIT(".\r\n"), LIT("..\r\n"), LIT(".\r\n"), 0, 0},
	{LIT("."), LIT("..\r\n"), LIT(".\r\n"), 0, 0},
	{LIT("a\r\n.b\r\n..\r\nc.\r\n"), LIT("a\r\n..b\r\n...\r\nc.\r\n"),
		LIT("a\r\n.b\r\n..\r\nc.\r\n"), 0, 0},
	{LIT("a\n.\nb"), LIT("a\r\n..\r\nb\r\n"), LIT("a\r\n.\r\nb\r\n"), 0, 2},
	{LIT("a\r.\rb"), LIT("a\r\n..\r\nb\r\n"), LIT("a\r\n.\r\nb\r\n"), 2, 0},
	{LIT("a\r\r\n"), LIT("a\r\n\r\n"), LIT("a\r\n\r\n"), 1, 0},
	{LIT("\r\r\r"), LIT("\r\n\r\n\r\n"), LIT("\r\n\r\n\r\n"), 3, 0},
	{LIT("\n\r"), LIT("\r\n\r\n"), LIT("\r\n\r\n"), 1, 1},
	{LIT("\n\n\r\n\n"), LIT("\r\n\r\n\r\n\r\n"), LIT("\r\n\r\n\r\n\r\n"), 0, 3},
	{LIT("a\r\n.\n"), LIT("a\r\n..\r\n"), LIT("a\r\n.\r\n"), 0, 1},
	{LIT("a\r\n.\r"), LIT("a\r\n..\r\n"), LIT("a\r\n.\r\n"), 1, 0},
	{LIT("a\r"), LIT("a\r\n"), LIT("a\r\n"), 1, 0},
};

static void
send(struct smtp_client_body *b, struct slice in, size_t step, struct buf *out)
{
	size_t before = 0;

	for (size_t at = 0; at < in.n; at += step) {
		struct slice piece = slice_cut(in, at, at + step);
		smtp_client_body_feed(b, piece, out);
		assert_true(out->n - before <= 2 * piece.n + 2);
		before = out->n;
	}
	smtp_client_body_finish(b, out);
	assert_true(out->n - before <= 2);
}

static void
no_cr_or_lf_leaves_bare_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t step = 1; step <= rows[i].in.n + 1; step++) {
			struct smtp_client_body b;
			struct buf out;

			buf_init(&out, 1000);
			smtp_client_body_init(&b, true);
			send(&b, rows[i].in, step, &out);
			assert_true(slice_eq(buf_slice(&out), rows[i].data));
			assert_int_equal(b.bare_crs, rows[i].crs);
			assert_int_equal(b.bare_lfs, rows[i].lfs);
			buf_clear(&out);
			smtp_client_body_init(&b, false);
			send(&b, rows[i].in, step, &out);
			assert_true(slice_eq(buf_slice(&out), rows[i].bdat));
			buf_fini(&out);
		}
}

static void
the_servers_side_reads_what_bdat_would_carry(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice whole, span;
		struct smtp_data d;
		struct buf in, out;
		bool is_end = false;
		size_t at = 0;

		buf_init(&in, 1000);
		buf_init(&out, 1000);
		buf_put_slice(&in, rows[i].data);
		buf_put_str(&in, ".\r\n");
		whole = buf_slice(&in);
		smtp_data_init(&d);
		while (!is_end) {
			at += smtp_data_feed(&d, slice_from(whole, at), &span, &is_end);
			buf_put_slice(&out, span);
		}
		assert_int_equal(at, in.n);
		assert_int_equal(d.flaws, 0);
		assert_true(slice_eq(buf_slice(&out), rows[i].bdat));
		buf_fini(&in);
		buf_fini(&out);
	}
}

static void
long_lines_pass_whole_and_are_counted(void **state)
{
	char line[2 * SMTP_CLIENT_BODY_LINE_MAX];
	struct smtp_client_body b;
	struct buf out;

	(void)state;
	memset(line, 'x', sizeof line);
	buf_init(&out, 1 << 20);
	for (size_t n = SMTP_CLIENT_BODY_LINE_MAX; n <= SMTP_CLIENT_BODY_LINE_MAX + 1; n++) {
		smtp_client_body_init(&b, true);
		buf_clear(&out);
		for (int i = 0; i < 2; i++) {
			smtp_client_body_feed(&b, slice_of(line, n), &out);
			smtp_client_body_feed(&b, SLICE_LIT("\r\n"), &out);
		}
		smtp_client_body_feed(&b, slice_of(line, n / 2), &out);
		smtp_client_body_feed(&b, slice_of(line, n - n / 2), &out);
		smtp_client_body_finish(&b, &out);
		assert_int_equal(b.long_lines, n > SMTP_CLIENT_BODY_LINE_MAX ? 3 : 0);
		assert_int_equal(out.n, 3 * (n + 2));
	}
	buf_fini(&out);
}

static void
a_nul_is_seen_and_passes(void **state)
{
	struct smtp_client_body b;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	smtp_client_body_init(&b, false);
	smtp_client_body_feed(&b, SLICE_LIT("a\r\n"), &out);
	assert_false(b.has_nul);
	smtp_client_body_feed(&b, SLICE_LIT("b\0c\r\n"), &out);
	smtp_client_body_feed(&b, SLICE_LIT("d\r\n"), &out);
	assert_true(b.has_nul);
	assert_slice(buf_slice(&out), "a\r\nb\0c\r\nd\r\n");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_cr_or_lf_leaves_bare_in_pieces_of_any_size),
		cmocka_unit_test(the_servers_side_reads_what_bdat_would_carry),
		cmocka_unit_test(long_lines_pass_whole_and_are_counted),
		cmocka_unit_test(a_nul_is_seen_and_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
