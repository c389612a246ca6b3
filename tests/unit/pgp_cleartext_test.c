#include "crypto/pgp_cleartext.h"

#include <stdio.h>

#include "tests/test.h"

enum { MAX = 1 << 18 };

#define B "-----BEGIN PGP SIGNED MESSAGE-----\n"
#define S "-----BEGIN PGP SIGNATURE-----\n\naGFsbG8=\n-----END PGP SIGNATURE-----\n"

struct read {
	struct buf shown, hashed, signature;
	bool has_more;
	enum err e;
};

static void
read_init(struct read *r)
{
	buf_init(&r->shown, MAX);
	buf_init(&r->hashed, MAX);
	buf_init(&r->signature, MAX);
}

static void
read_fini(struct read *r)
{
	buf_fini(&r->shown);
	buf_fini(&r->hashed);
	buf_fini(&r->signature);
}

static void
read_in(struct read *r, struct slice all, size_t piece)
{
	struct pgp_cleartext c;

	buf_clear(&r->shown);
	buf_clear(&r->hashed);
	buf_clear(&r->signature);
	pgp_cleartext_init(&c, text_into(&r->shown), text_into(&r->hashed));
	r->e = ERR_OK;
	for (; r->e == ERR_OK && all.n; all = slice_from(all, piece))
		r->e = pgp_cleartext_feed(&c, slice_cut(all, 0, piece));
	if (r->e == ERR_OK)
		r->e = pgp_cleartext_finish(&c);
	/* "The first error stays." */
	if (r->e != ERR_OK) {
		assert_int_equal(pgp_cleartext_feed(&c, SLICE_LIT(S)), r->e);
		assert_int_equal(pgp_cleartext_finish(&c), r->e);
	}
	buf_put_slice(&r->signature, buf_slice(&c.signature));
	r->has_more = c.has_more;
	pgp_cleartext_fini(&c);
}

static void
expect(const char *all, const char *shown, const char *hashed, bool has_more)
{
	struct read r;

	read_init(&r);
	for (size_t piece = 1; piece < 200; piece = piece * 2 + 1) {
		read_in(&r, slice_str(all), piece);
		assert_int_equal(r.e, ERR_OK);
		assert_true(slice_eq(buf_slice(&r.shown), slice_str(shown)));
		assert_true(slice_eq(buf_slice(&r.hashed), slice_str(hashed)));
		assert_true(slice_eq(buf_slice(&r.signature), SLICE_LIT("hallo")));
		assert_int_equal(r.has_more, has_more);
	}
	read_fini(&r);
}

static void
expect_refused(const char *all)
{
	struct read r;

	read_init(&r);
	for (size_t piece = 1; piece < 200; piece = piece * 2 + 1) {
		read_in(&r, slice_str(all), piece);
		assert_int_equal(r.e, ERR_SYNTAX);
	}
	read_fini(&r);
}

static void
the_end_of_the_last_line_is_shown_and_not_signed(void **state)
{
	(void)state;
	expect(B "\nx\n" S, "x\n", "x", false);
	expect(B "\nx\n\n" S, "x\n\n", "x\r\n", false);
	expect(B "\n\n" S, "\n", "", false);
	expect(B "\n" S, "", "", false);
}

static void
ends_of_lines_are_signed_as_crlf_and_shown_as_they_came(void **state)
{
	(void)state;
	expect(B "\na\nb\r\nc\n" S, "a\nb\r\nc\n", "a\r\nb\r\nc", false);
	expect("-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\na\r\nb\r\n" S,
		"a\r\nb\r\n", "a\r\nb", false);
	expect(B "\na\rb\n" S, "a\rb\n", "a\rb", false);
}

static void
blanks_at_the_end_of_a_line_are_neither_signed_nor_shown(void **state)
{
	(void)state;
	expect(B "\n a \t \nb\t\r\nc\r\r\n" S, " a\nb\r\nc\r\n", " a\r\nb\r\nc", false);
	/* Other white space is text. */
	expect(B "\na\f\nb\v\n" S, "a\f\nb\v\n", "a\f\r\nb\v", false);
}

static void
dashes_are_unescaped_once(void **state)
{
	(void)state;
	expect(B "\n- -\n- - -x\n- From a\n- \n-x\n" S, "-\n- -x\nFrom a\n\n-x\n",
		"-\r\n- -x\r\nFrom a\r\n\r\n-x", false);
	expect(B "\n- -----BEGIN PGP SIGNATURE-----\n" S, "-----BEGIN PGP SIGNATURE-----\n",
		"-----BEGIN PGP SIGNATURE-----", false);
}

static void
borders_within_the_text_are_refused(void **state)
{
	(void)state;
	expect_refused(B "\na\n" B "\nb\n" S);
	expect_refused(B "\na\n-----\n" S);
	expect_refused(B "\na\n-----BEGIN PGP SIGNATURE\n" S);
	expect_refused(B "\na\n-----BEGIN PGP MESSAGE-----\n" S);
	expect_refused(B "\na\n-----BEGIN PGP SIGNATURE----- b\n" S);
}

static void
headers_name_hashes_and_nothing_else(void **state)
{
	static const char *const refused[] = {"Comment: x", "Hash: SHA256\v\vPay Eve 1000.",
		"Hash: Pay Eve 1000.", "Hash: SHA256 SHA512", "Hash: ", "Hash:", "Hash",
		"Hash: SHA256,", "Hash: ,SHA256", "Hash: SHA256,,SHA512", "Hash:SHA256",
		"Charset: utf-8", "x", " Hash: SHA256", "NotDashEscaped: yes", "Hash: SHA25",
		"Hash: SHA2566"};
	static const char *const taken[] = {"", "Hash: SHA256\n", "Hash: SHA256, SHA512 \n",
		"Hash: sha1,MD5,RIPEMD160\r\n",
		"Hash: SHA384\nHash: SHA3-512,SHA3-256,SHA224\n"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		snprintf(text, sizeof text, B "%s\n\nx\n" S, refused[i]);
		expect_refused(text);
	}
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		snprintf(text, sizeof text, B "%s\nx\n" S, taken[i]);
		expect(text, "x\n", "x", false);
	}
}

static void
what_stands_behind_the_signature_is_said_and_not_shown(void **state)
{
	(void)state;
	expect(B "\nx\n" S "\n \r\n", "x\n", "x", false);
	expect(B "\nx\n" S "more", "x\n", "x", true);
	expect(B "\nx\n" S "\n\nmore\n", "x\n", "x", true);
	expect(B "\nx\n" S B "\ny\n" S, "x\n", "x", true);
	expect_refused(B "\nx\n-----BEGIN PGP SIGNATURE-----\n\naGFsbG8=\n"
			 "-----END PGP SIGNATURE-----more\n");
}

static void
what_stands_before_it_is_refused(void **state)
{
	(void)state;
	expect_refused("x\n" B "\nx\n" S);
	expect_refused("\n" B "\nx\n" S);
	expect_refused(" " B "\nx\n" S);
	expect_refused(S);
	expect_refused("");
	assert_true(pgp_cleartext_is(SLICE_LIT(B)));
	assert_true(pgp_cleartext_is(SLICE_LIT("-----BEGIN PGP SIGNED MESSAGE-----")));
	assert_true(pgp_cleartext_is(SLICE_LIT("-----BEGIN PGP SIGNED MESSAGE----- \r\n")));
	assert_false(pgp_cleartext_is(SLICE_LIT("-----BEGIN PGP SIGNED MESSAGE-----x")));
	assert_false(pgp_cleartext_is(SLICE_LIT("-----BEGIN PGP SIGNED MESSAGE----")));
	assert_false(pgp_cleartext_is(SLICE_LIT(" " B)));
	assert_false(pgp_cleartext_is(SLICE_EMPTY));
}

static void
cut_anywhere_it_is_refused(void **state)
{
	struct slice all = SLICE_LIT(B "Hash: SHA256\n\na\n- -b\n" S);
	struct read r;

	(void)state;
	read_init(&r);
	/* The last line's end may be missing. */
	for (size_t n = 0; n < all.n - 1; n++)
		for (size_t piece = 1; piece < 100; piece += 49) {
			read_in(&r, slice_cut(all, 0, n), piece);
			assert_int_equal(r.e, ERR_SYNTAX);
		}
	for (size_t n = all.n - 1; n <= all.n; n++) {
		read_in(&r, slice_cut(all, 0, n), 7);
		assert_int_equal(r.e, ERR_OK);
		assert_true(slice_eq(buf_slice(&r.shown), SLICE_LIT("a\n-b\n")));
	}
	read_fini(&r);
}

/* The line of n octets and its LF. */
static void
long_line(struct buf *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_put_u8(out, 'x');
	buf_put_u8(out, '\n');
}

static void
a_line_ends_at_its_limit(void **state)
{
	struct buf all;
	struct read r;

	(void)state;
	read_init(&r);
	buf_init(&all, MAX);
	for (size_t over = 0; over < 2; over++)
		for (size_t piece = 1; piece < MAX; piece = piece * 999) {
			buf_clear(&all);
			buf_put_slice(&all, SLICE_LIT(B "\n"));
			long_line(&all, PGP_CLEARTEXT_LINE_MAX - 1 + over);
			buf_put_slice(&all, SLICE_LIT(S));
			read_in(&r, buf_slice(&all), piece);
			assert_int_equal(r.e, over ? ERR_LIMIT : ERR_OK);
		}
	buf_fini(&all);
	read_fini(&r);
}

static void
what_a_sink_says_is_handed_on(void **state)
{
	struct slice all = SLICE_LIT(B "\nabc\n" S);
	struct pgp_cleartext c;
	struct buf small, large;

	(void)state;
	buf_init(&small, 2);
	buf_init(&large, MAX);
	for (unsigned i = 0; i < 2; i++) {
		pgp_cleartext_init(
			&c, text_into(i ? &small : &large), text_into(i ? &large : &small));
		assert_int_equal(pgp_cleartext_feed(&c, all), ERR_TOO_BIG);
		assert_int_equal(pgp_cleartext_finish(&c), ERR_TOO_BIG);
		pgp_cleartext_fini(&c);
	}
	buf_fini(&small);
	buf_fini(&large);
}

/* --- writing ----------------------------------------------------------------------------- */

static enum err
write_in(struct slice text, const char *hash, size_t piece, struct read *r)
{
	struct pgp_cleartext_out c;
	enum err e = ERR_OK;

	buf_clear(&r->shown);
	buf_clear(&r->hashed);
	pgp_cleartext_out_init(&c, hash, text_into(&r->shown), text_into(&r->hashed));
	for (; e == ERR_OK && text.n; text = slice_from(text, piece))
		e = pgp_cleartext_out_feed(&c, slice_cut(text, 0, piece));
	if (e == ERR_OK)
		e = pgp_cleartext_out_finish(&c);
	pgp_cleartext_out_fini(&c);
	return e;
}

static void
lines_are_escaped_where_they_must_be(void **state)
{
	static const struct {
		const char *text, *out, *hashed;
	} rows[] = {{"", B "Hash: SHA256\n\n\n", ""}, {"x", B "Hash: SHA256\n\nx\n", "x"},
		{"x\n", B "Hash: SHA256\n\nx\n", "x"},
		{"\n\nx\n\n", B "Hash: SHA256\n\n\n\nx\n\n", "\r\n\r\nx\r\n"},
		{"-a\n--\n -\nFrom b\nfrom\r\nFrom\n",
			B "Hash: SHA256\n\n- -a\n- --\n -\n- From b\nfrom\nFrom\n",
			"-a\r\n--\r\n -\r\nFrom b\r\nfrom\r\nFrom"},
		{"a \t\r\n\t", B "Hash: SHA256\n\na\n\n", "a\r\n"}};
	struct read r;

	(void)state;
	read_init(&r);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t piece = 1; piece < 50; piece += 6) {
			assert_int_equal(
				write_in(slice_str(rows[i].text), "SHA256", piece, &r), ERR_OK);
			assert_true(slice_eq(buf_slice(&r.shown), slice_str(rows[i].out)));
			assert_true(slice_eq(buf_slice(&r.hashed), slice_str(rows[i].hashed)));
		}
	assert_int_equal(write_in(SLICE_LIT("x"), NULL, 1, &r), ERR_OK);
	assert_true(slice_eq(buf_slice(&r.shown), SLICE_LIT(B "\nx\n")));
	read_fini(&r);
}

static void
expect_read_again(struct slice text)
{
	struct read out, in;

	read_init(&out);
	read_init(&in);
	assert_int_equal(write_in(text, "SHA512", text.n + 1, &out), ERR_OK);
	buf_put_slice(&out.shown, SLICE_LIT(S));
	read_in(&in, buf_slice(&out.shown), MAX);
	assert_int_equal(in.e, ERR_OK);
	assert_false(in.has_more);
	assert_true(slice_eq(buf_slice(&in.hashed), buf_slice(&out.hashed)));
	read_fini(&out);
	read_fini(&in);
}

static void
what_is_written_is_read_again_up_to_the_longest_line(void **state)
{
	static const char *const texts[] = {"", "\n", "x", B "\nx\n" S, S, "-----\n",
		"- x\n- \n-", "From \n- From \n", " \t\n\n\n", "a\rb\r\nc\n\r\n"};
	struct buf line;
	struct read r;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		expect_read_again(slice_str(texts[i]));
	buf_init(&line, MAX);
	buf_put_u8(&line, '-');
	long_line(&line, PGP_CLEARTEXT_LINE_MAX - 4);
	/* Without its end it is as long as may be. */
	expect_read_again(slice_cut(buf_slice(&line), 0, PGP_CLEARTEXT_LINE_MAX - 3));
	read_init(&r);
	assert_int_equal(write_in(buf_slice(&line), "SHA512", 1000, &r), ERR_LIMIT);
	read_fini(&r);
	buf_fini(&line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_of_the_last_line_is_shown_and_not_signed),
		cmocka_unit_test(ends_of_lines_are_signed_as_crlf_and_shown_as_they_came),
		cmocka_unit_test(blanks_at_the_end_of_a_line_are_neither_signed_nor_shown),
		cmocka_unit_test(dashes_are_unescaped_once),
		cmocka_unit_test(borders_within_the_text_are_refused),
		cmocka_unit_test(headers_name_hashes_and_nothing_else),
		cmocka_unit_test(what_stands_behind_the_signature_is_said_and_not_shown),
		cmocka_unit_test(what_stands_before_it_is_refused),
		cmocka_unit_test(cut_anywhere_it_is_refused),
		cmocka_unit_test(a_line_ends_at_its_limit),
		cmocka_unit_test(what_a_sink_says_is_handed_on),
		cmocka_unit_test(lines_are_escaped_where_they_must_be),
		cmocka_unit_test(what_is_written_is_read_again_up_to_the_longest_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
