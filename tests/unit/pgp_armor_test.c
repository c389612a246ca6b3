#include "crypto/pgp_armor.h"

#include <openssl/evp.h>

#include "tests/test.h"

enum { MAX = 1 << 20 };

static enum err
read_in(struct slice all, size_t n, struct pgp_unarmor *u, struct buf *out)
{
	enum err e = ERR_OK;

	buf_clear(out);
	pgp_unarmor_init(u, text_into(out));
	for (; e == ERR_OK && all.n; all = slice_from(all, n))
		e = pgp_unarmor_feed(u, slice_cut(all, 0, n));
	return e == ERR_OK ? pgp_unarmor_finish(u) : e;
}

/* want: the octets, if it goes well. */
static void
expect(const char *text, enum err result, enum pgp_armor_kind kind, const char *want)
{
	static const size_t pieces[] = {1, 2, 3, 64, 10000};
	struct buf out;

	buf_init(&out, MAX);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct pgp_unarmor u;

		assert_int_equal(read_in(slice_str(text), pieces[i], &u, &out), result);
		assert_int_equal(u.kind, kind);
		if (want)
			assert_true(slice_eq(buf_slice(&out), slice_str(want)));
	}
	buf_fini(&out);
}
#define M "-----BEGIN PGP MESSAGE-----\n"
#define E "-----END PGP MESSAGE-----\n"

static void
a_block_is_read_whatever_stands_around_it(void **state)
{
	(void)state;
	expect(M "\naGFsbG8=\n" E, ERR_OK, PGP_ARMOR_MESSAGE, "hallo");
	expect("Dear Ann,\n" M "Comment: x\nFoo: \n\naGFs\nbG8=\n=abcd\n" E "\nBye\n", ERR_OK,
		PGP_ARMOR_MESSAGE, "hallo");
	expect("-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\naGFs  \r\n bG8=\r\n=aaaa\r\n"
	       "-----END PGP PUBLIC KEY BLOCK-----",
		ERR_OK, PGP_ARMOR_PUBLIC_KEY, "hallo");
	expect(M " \t\n\naGFsbG8x\n" E, ERR_OK, PGP_ARMOR_MESSAGE, "hallo1");
	expect(M "\n" E, ERR_OK, PGP_ARMOR_MESSAGE, "");
}

static void
a_wrong_checksum_is_no_reason_to_refuse(void **state)
{
	(void)state;
	expect(M "\naGFsbG8=\n=!!!\n" E, ERR_OK, PGP_ARMOR_MESSAGE, "hallo");
	expect(M "\naGFsbG8=\n=aaaa\naGFs\n" E, ERR_SYNTAX, PGP_ARMOR_MESSAGE, "hallo");
}

static void
blocks_follow_one_another_if_they_are_of_one_kind(void **state)
{
	struct pgp_unarmor u;
	struct buf out;

	(void)state;
	buf_init(&out, MAX);
	assert_int_equal(
		read_in(SLICE_LIT(M "\naGFs\n" E M "\nbG8=\n" E), 5, &u, &out), ERR_OK);
	assert_int_equal(u.blocks, 2);
	assert_false(u.has_text);
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT("hallo")));
	assert_int_equal(read_in(SLICE_LIT(M "\naGFs\n" E " x"), 5, &u, &out), ERR_OK);
	assert_true(u.has_text);
	buf_fini(&out);
	expect(M "\naGFs\n" E "-----BEGIN PGP SIGNATURE-----\n", ERR_SYNTAX, PGP_ARMOR_MESSAGE,
		NULL);
}

/* The text with n blanks for its '@'. */
static void
expect_padded(const char *text, size_t n, enum err result, bool has_text)
{
	size_t before = slice_find(slice_str(text), '@');
	struct pgp_unarmor u;
	struct buf in, out;

	buf_init(&in, MAX);
	buf_init(&out, MAX);
	buf_put_slice(&in, slice_cut(slice_str(text), 0, before));
	for (size_t i = 0; i < n; i++)
		buf_put_u8(&in, ' ');
	buf_put_slice(&in, slice_from(slice_str(text), before + 1));
	for (size_t piece = 1; piece < 1000; piece += 333) {
		assert_int_equal(read_in(buf_slice(&in), piece, &u, &out), result);
		if (result == ERR_OK)
			assert_int_equal(u.has_text, has_text);
	}
	buf_fini(&in);
	buf_fini(&out);
}

static void
nothing_hides_behind_blanks(void **state)
{
	size_t room = PGP_ARMOR_LINE_MAX - (sizeof E - 2);

	(void)state;
	expect_padded(M "\naGFs\n-----END PGP MESSAGE-----@\n", room - 1, ERR_OK, false);
	expect_padded(M "\naGFs\n-----END PGP MESSAGE-----@\n", room, ERR_SYNTAX, false);
	expect_padded(M "\naGFs\n-----END PGP MESSAGE-----@x\n", room, ERR_SYNTAX, false);
	expect_padded(M "\naGFs\n" E "@\n", PGP_ARMOR_LINE_MAX - 1, ERR_OK, false);
	expect_padded(M "\naGFs\n" E "@x\n", PGP_ARMOR_LINE_MAX - 1, ERR_OK, true);
	expect_padded(M "\naGFs\n" E "@x\n", PGP_ARMOR_LINE_MAX, ERR_OK, true);
	expect_padded(M "@\naGFs\n" E, PGP_ARMOR_LINE_MAX - 1, ERR_OK, false);
	expect_padded(M "@x\naGFs\n" E, PGP_ARMOR_LINE_MAX, ERR_SYNTAX, false);
}

static void
what_is_damaged_is_refused(void **state)
{
	static const char *const rows[] = {M, M "\n", M "\naGFs\n",
		M "\naGFsbG8=\n-----END PGP\n", M "\naGFsbG8=\n-----END PGP SIGNATURE-----\n",
		M "\naGF\n" E, M "\naG=s\n" E, M "\naGFsbG8=aGFs\n" E, M "\naGF\xc3\n" E,
		M "aGFsbG8=\n" E, M "\naGFs-\n" E, M "\naGFs=abcd\n" E};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(rows[i], ERR_SYNTAX, PGP_ARMOR_MESSAGE, NULL);
}

static void
without_a_block_nothing_is_found(void **state)
{
	(void)state;
	expect("", ERR_NOT_FOUND, PGP_ARMOR_NONE, "");
	expect("Hello\n-----BEGIN PGP NONSENSE-----\n", ERR_NOT_FOUND, PGP_ARMOR_NONE, "");
	expect("x-----BEGIN PGP MESSAGE-----\n", ERR_NOT_FOUND, PGP_ARMOR_NONE, "");
}

static void
binary_passes_and_signed_text_is_for_others(void **state)
{
	(void)state;
	expect("\xc3-----BEGIN\n", ERR_OK, PGP_ARMOR_NONE, "\xc3-----BEGIN\n");
	expect("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n", ERR_UNSUPPORTED,
		PGP_ARMOR_CLEARTEXT, "");
}

static void
headers_end_at_their_limit(void **state)
{
	struct buf text, out;
	struct pgp_unarmor u;

	(void)state;
	buf_init(&text, 4 * MAX);
	buf_init(&out, MAX);
	for (unsigned over = 0; over < 2; over++) {
		size_t at;

		buf_clear(&text);
		buf_put_str(&text, M);
		at = text.n;
		while (text.n - at < PGP_ARMOR_HEADERS_MAX - 1001)
			buf_put_str(&text, "Comment: an octet more or less in each of these\n");
		buf_put_str(&text, "C:");
		while (text.n - at < PGP_ARMOR_HEADERS_MAX - 2u + over)
			buf_put_u8(&text, 'x');
		buf_put_str(&text, "\n\naGFs\n" E);
		for (size_t n = 1; n < 5000; n += 999)
			assert_int_equal(read_in(buf_slice(&text), n, &u, &out),
				over ? ERR_LIMIT : ERR_OK);
	}
	buf_fini(&out);
	buf_fini(&text);
}

static void
what_is_written_is_read_again(void **state)
{
	struct buf in, text, out;

	(void)state;
	buf_init(&in, MAX);
	buf_init(&text, MAX);
	buf_init(&out, MAX);
	for (size_t n = 0; n < 200; n++) {
		struct pgp_armor a;
		struct pgp_unarmor u;
		enum pgp_armor_kind kind = (enum pgp_armor_kind)(1 + n % 4);

		buf_clear(&text);
		pgp_armor_init(&a, kind, n % 2, text_into(&text));
		for (size_t i = 0; i < n; i++)
			assert_int_equal(pgp_armor_feed(&a, slice_of(in.p + i, 1)), ERR_OK);
		assert_int_equal(pgp_armor_finish(&a), ERR_OK);
		assert_int_equal(read_in(buf_slice(&text), 77, &u, &out), ERR_OK);
		assert_int_equal(u.kind, kind);
		assert_true(slice_eq(buf_slice(&out), buf_slice(&in)));
		buf_put_u8(&in, (uint8_t)(n * 37));
	}
	buf_fini(&out);
	buf_fini(&text);
	buf_fini(&in);
}

static void
the_checksum_is_the_one_of_rfc_9580(void **state)
{
	struct pgp_armor a;
	struct buf text;

	(void)state;
	buf_init(&text, MAX);
	pgp_armor_init(&a, PGP_ARMOR_MESSAGE, true, text_into(&text));
	assert_int_equal(pgp_armor_feed(&a, SLICE_LIT("hallo")), ERR_OK);
	assert_int_equal(pgp_armor_finish(&a), ERR_OK);
	assert_true(slice_eq(buf_slice(&text), SLICE_LIT(M "\naGFsbG8=\n=n9DC\n" E)));
	buf_fini(&text);
}

/* Bit by bit. */
static uint32_t
crc24(const uint8_t *p, size_t n)
{
	uint32_t c = 0xb704ce;

	for (size_t i = 0; i < 8 * n; i++) {
		uint32_t bit = p[i / 8] >> (7 - i % 8) & 1;

		c = (c << 1 & 0xffffff) ^ ((c >> 23 ^ bit) ? 0x864cfb : 0);
	}
	return c;
}

static void
the_checksum_is_right_for_any_length(void **state)
{
	uint8_t octets[200], sum[3];
	char text[5];

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)(i * 197 + 11);
	for (size_t n = 0; n <= sizeof octets; n++) {
		uint32_t c = crc24(octets, n);
		struct pgp_armor a;
		struct buf out;

		for (int i = 0; i < 3; i++)
			sum[i] = (uint8_t)(c >> (16 - 8 * i));
		EVP_EncodeBlock((uint8_t *)text, sum, 3);
		buf_init(&out, 4096);
		pgp_armor_init(&a, PGP_ARMOR_MESSAGE, true, text_into(&out));
		assert_int_equal(pgp_armor_feed(&a, slice_of(octets, n)), ERR_OK);
		assert_int_equal(pgp_armor_finish(&a), ERR_OK);
		assert_true(slice_find_slice(buf_slice(&out), slice_str(text)) < out.n);
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_read_whatever_stands_around_it),
		cmocka_unit_test(a_wrong_checksum_is_no_reason_to_refuse),
		cmocka_unit_test(blocks_follow_one_another_if_they_are_of_one_kind),
		cmocka_unit_test(nothing_hides_behind_blanks),
		cmocka_unit_test(what_is_damaged_is_refused),
		cmocka_unit_test(without_a_block_nothing_is_found),
		cmocka_unit_test(binary_passes_and_signed_text_is_for_others),
		cmocka_unit_test(headers_end_at_their_limit),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(the_checksum_is_the_one_of_rfc_9580),
		cmocka_unit_test(the_checksum_is_right_for_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
