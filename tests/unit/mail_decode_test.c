#include "tests/test.h"

#include <stdlib.h>

#include "core/mail_decode.h"

/* Decodes in pieces of `step` octets. */
static void
decode(enum mail_encoding encoding, struct slice in, size_t step, struct buf *out)
{
	struct mail_decode d;
	struct slice piece;
	uint8_t *to;

	buf_clear(out);
	mail_decode_init(&d, encoding);
	for (size_t i = 0; i < in.n; i += step) {
		piece = slice_cut(in, i, i + step);
		to = malloc(piece.n + MAIL_DECODE_SLACK);
		buf_put(out, to, mail_decode_feed(&d, piece, to));
		free(to);
	}
	to = malloc(MAIL_DECODE_SLACK);
	buf_put(out, to, mail_decode_end(&d, to));
	free(to);
}

static void
expect(enum mail_encoding encoding, const char *in, const char *want)
{
	struct buf out;

	buf_init(&out, 10000);
	for (size_t step = 1; step <= strlen(in) + 1; step++) {
		decode(encoding, slice_str(in), step, &out);
		if (!slice_eq(buf_slice(&out), slice_str(want)))
			fail_msg("%s by %zu: %.*s", in, step, (int)out.n, (char *)out.p);
	}
	buf_fini(&out);
}

static void
quoted_printable_is_decoded_and_forgiven(void **state)
{
	enum mail_encoding qp = MAIL_ENCODING_QP;

	(void)state;
	expect(qp, "a=3Db=C3=a9", "a=b\xc3\xa9");
	expect(qp, "soft=\r\nbreak=\nand= \t\r\nblank", "softbreakandblank");
	expect(qp, "end  \t\r\nnext \nlast ", "end\r\nnext\nlast");
	expect(qp, "in  side\r\n", "in  side\r\n");
	expect(qp, "bad=ZZ =4", "bad=ZZ =4");
	expect(qp, "=4=41=", "=4A");
	expect(qp, "== \r\nx", "=x");
	expect(qp, "bare\rcr", "bare\rcr");
	expect(qp, "\r\n\r\n =20\r\n", "\r\n\r\n  \r\n");
}

static void
long_runs_of_blanks_are_bounded(void **state)
{
	char in[1000], want[1000];

	(void)state;
	memset(in, ' ', sizeof in);
	in[900] = 'x';
	in[901] = '\0';
	memcpy(want, in, sizeof in);
	expect(MAIL_ENCODING_QP, in, want);
}

static void
base64_is_decoded_and_forgiven(void **state)
{
	enum mail_encoding b64 = MAIL_ENCODING_BASE64;

	(void)state;
	expect(b64, "aGVsbG8gd29ybGQ=", "hello world");
	expect(b64, "aGVs\r\nbG8g\r\nd29y\r\nbGQ=\r\n", "hello world");
	expect(b64, "a G*V-s!bG8gd29ybGQ", "hello world");
	expect(b64, "aGk=aGk=", "hihi");
	expect(b64, "aGkhaGk=\r\naGk=", "hi!hihi");
	expect(b64, "====", "");
	expect(b64, "a", "");
	expect(MAIL_ENCODING_8BIT, "as it is =41", "as it is =41");
}

static void
strict_base64_refuses_what_is_odd(void **state)
{
	static const char *const bad[] = {
		"a", "ab", "abc", "a===", "ab=c", "ab c", "aGk=aGk=", "=", "ab\n="};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(mail_decode_base64(slice_str(bad[i]), &out));
	assert_true(mail_decode_base64(SLICE_LIT("AGFiAGNk"), &out));
	assert_slice(buf_slice(&out), "\0ab\0cd");
	assert_true(mail_decode_base64(SLICE_EMPTY, &out));
	buf_fini(&out);
}

static void
encodings_are_known_by_name(void **state)
{
	(void)state;
	assert_int_equal(
		mail_decode_encoding(SLICE_LIT(" Quoted-Printable\r\n")), MAIL_ENCODING_QP);
	assert_int_equal(mail_decode_encoding(SLICE_LIT("")), MAIL_ENCODING_7BIT);
	assert_int_equal(mail_decode_encoding(SLICE_LIT("x-uuencode")), MAIL_ENCODING_UNKNOWN);
	assert_string_equal(mail_decode_name(MAIL_ENCODING_BASE64), "BASE64");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoted_printable_is_decoded_and_forgiven),
		cmocka_unit_test(long_runs_of_blanks_are_bounded),
		cmocka_unit_test(base64_is_decoded_and_forgiven),
		cmocka_unit_test(strict_base64_refuses_what_is_odd),
		cmocka_unit_test(encodings_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
