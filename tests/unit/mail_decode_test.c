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
what_was_encoded_decodes_to_the_same(void **state)
{
	struct mail_encode e;
	struct buf text, out;
	uint8_t in[300];
	size_t column;

	(void)state;
	buf_init(&text, 100000);
	buf_init(&out, 100000);
	for (unsigned seed = 1; seed < 400; seed++) {
		size_t n = seed % sizeof in;

		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)((seed * 2654435761u + i * i * 40503u) >> (seed % 16));
		for (size_t i = 0; i < n; i++)
			if (in[i] == '\n' && (i == 0 || in[i - 1] != '\r'))
				in[i] = seed & 1 ? ' ' : '=';
		for (int qp = 0; qp < 2; qp++) {
			buf_clear(&text);
			mail_encode_init(&e);
			for (size_t i = 0; i < n; i += 7)
				assert_true((qp ? mail_encode_qp : mail_encode_base64)(
					&e, slice_cut(slice_of(in, n), i, i + 7), &text));
			assert_true(
				(qp ? mail_encode_qp_end : mail_encode_base64_end)(&e, &text));
			column = 0;
			for (size_t i = 0; i < text.n; i++) {
				column = text.p[i] == '\n' ? 0 : column + 1;
				assert_true(column <= 77);
				assert_true(text.p[i] < 127);
			}
			decode(qp ? MAIL_ENCODING_QP : MAIL_ENCODING_BASE64, buf_slice(&text),
				13, &out);
			assert_int_equal(out.n, n);
			assert_memory_equal(out.p ? out.p : in, in, n);
		}
	}
	buf_fini(&text);
	buf_fini(&out);
}

static void
an_encoder_stops_at_the_cap(void **state)
{
	struct mail_encode e;
	struct buf out;

	(void)state;
	buf_init(&out, 10);
	mail_encode_init(&e);
	assert_false(mail_encode_base64(&e, SLICE_LIT("0123456789"), &out));
	buf_clear(&out);
	mail_encode_init(&e);
	assert_false(mail_encode_qp(&e, SLICE_LIT("====="), &out));
	buf_clear(&out);
	mail_encode_init(&e);
	assert_false(mail_encode_qp(&e, SLICE_LIT(" \r\r\r\r\r\r\r\rx"), &out));
	buf_clear(&out);
	assert_false(mail_encode_base64_line(SLICE_LIT("0123456789"), &out));
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
		cmocka_unit_test(what_was_encoded_decodes_to_the_same),
		cmocka_unit_test(an_encoder_stops_at_the_cap),
		cmocka_unit_test(encodings_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
