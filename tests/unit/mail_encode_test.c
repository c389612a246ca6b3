#include "core/mail_encode.h"

#include <stdlib.h>

#include "tests/test.h"

enum { TEXT_MAX = 600, ROUNDS = 3000 };

static void
encode(enum mail_encoding encoding, struct slice in, size_t step, struct buf *out)
{
	struct mail_encode e;

	mail_encode_init(&e, encoding);
	for (size_t i = 0; i < in.n; i += step) {
		size_t before = out->n, n = in.n - i < step ? in.n - i : step;

		mail_encode_feed(&e, slice_cut(in, i, i + n), out);
		assert_true(out->n - before <= n * MAIL_ENCODE_GROWTH + MAIL_ENCODE_SLACK);
	}
	mail_encode_end(&e, out);
	assert_false(out->overflow);
}

static void
expect(enum mail_encoding encoding, const char *in, const char *want)
{
	struct buf out;

	buf_init(&out, 10000);
	for (size_t step = 1; step <= strlen(in) + 1; step++) {
		buf_clear(&out);
		encode(encoding, slice_str(in), step, &out);
		if (!slice_eq(buf_slice(&out), slice_str(want)))
			fail_msg("%s by %zu: %.*s", in, step, (int)out.n, (char *)out.p);
	}
	buf_fini(&out);
}

#define X25 "xxxxxxxxxxxxxxxxxxxxxxxxx"
#define X74 X25 X25 "xxxxxxxxxxxxxxxxxxxxxxxx"

static void
quoted_printable_quotes_what_it_must(void **state)
{
	enum mail_encoding qp = MAIL_ENCODING_QP;

	(void)state;
	expect(qp, "", "");
	expect(qp, "caf\xc3\xa9 = good\r\n", "caf=C3=A9 =3D good\r\n");
	expect(qp, "tab\there\x7f\x01", "tab\there=7F=01");
	expect(qp, "blank \r\ntab\t\r\nend ", "blank=20\r\ntab=09\r\nend=20");
	expect(qp, "two  \r\n", "two =20\r\n");
	expect(qp, "bare\nlf", "bare\r\nlf");
	expect(qp, "bare\rcr \r", "bare=0Dcr=20=0D");
	expect(qp, "\r\r\n", "=0D\r\n");
}

static void
lines_are_broken_where_they_must(void **state)
{
	enum mail_encoding qp = MAIL_ENCODING_QP;

	(void)state;
	expect(qp, X74 "y", X74 "y");
	expect(qp, X74 "yz", X74 "y=\r\nz");
	expect(qp, X74 "\xe4", X74 "=\r\n=E4");
	expect(qp, X74 " ", X74 "=\r\n=20");
}

static void
no_line_begins_with_a_hyphen(void **state)
{
	enum mail_encoding qp = MAIL_ENCODING_QP;

	(void)state;
	expect(qp, "--b\r\na-b\r\n-- \r\n", "=2D-b\r\na-b\r\n=2D-=20\r\n");
	expect(qp, X74 "y--b", X74 "y=\r\n=2D-b");
	expect(qp, X74 "--b", X74 "-=\r\n=2Db");
}

static void
base64_is_as_the_rfc_has_it(void **state)
{
	enum mail_encoding b64 = MAIL_ENCODING_BASE64;
	char in[58 + 1], want[76 + 6 + 1];

	(void)state;
	expect(b64, "", "");
	expect(b64, "f", "Zg==");
	expect(b64, "fo", "Zm8=");
	expect(b64, "foo", "Zm9v");
	expect(b64, "foobar\xff\xfe\xfd\xbf", "Zm9vYmFy//79vw==");
	memset(in, 0, sizeof in);
	memset(in, 'a', 57);
	for (size_t i = 0; i < 76; i += 4)
		memcpy(want + i, "YWFh", 4);
	want[76] = 0;
	expect(b64, in, want);
	in[57] = 'f';
	memcpy(want + 76, "\r\nZg==", 7);
	expect(b64, in, want);
}

/* --- any text -------------------------------------------------------------------- */

static void
look_at_lines(struct slice s, bool is_qp)
{
	size_t begin = 0;

	for (size_t i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != '\n') {
			assert_true(s.p[i] < 127);
			assert_true(s.p[i] != '\r' || s.p[i + 1] == '\n');
			continue;
		}
		if (i < s.n)
			assert_int_equal(s.p[i - 1], '\r');
		if (i > begin + 1) {
			size_t n = i - begin - (i < s.n);

			assert_true(n <= MAIL_ENCODE_LINE_MAX);
			assert_int_not_equal(s.p[begin], '-');
			if (is_qp && n)
				assert_true(s.p[begin + n - 1] > ' ');
		}
		begin = i + 1;
	}
}

/* Line ends in quoted-printable: LF is CRLF. */
static void
put_lines(struct slice s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
			buf_put_u8(out, '\r');
		buf_put_u8(out, s.p[i]);
	}
}

static void
check_round(enum mail_encoding encoding, struct slice text, size_t step)
{
	struct mail_decode d;
	struct buf coded, want;
	uint8_t *back;
	size_t n;

	buf_init(&coded, 1 << 16);
	buf_init(&want, 1 << 16);
	encode(encoding, text, step, &coded);
	look_at_lines(buf_slice(&coded), encoding == MAIL_ENCODING_QP);
	back = malloc(coded.n + 2 * MAIL_DECODE_SLACK);
	mail_decode_init(&d, encoding);
	n = mail_decode_feed(&d, buf_slice(&coded), back);
	n += mail_decode_end(&d, back + n);
	if (encoding == MAIL_ENCODING_QP)
		put_lines(text, &want);
	else
		buf_put_slice(&want, text);
	assert_true(slice_eq(slice_of(back, n), buf_slice(&want)));
	free(back);
	buf_fini(&coded);
	buf_fini(&want);
}

static void
what_is_decoded_is_what_was_encoded(void **state)
{
	static const uint8_t octets[] = "\r\n\r\n  --\t=.ab\x80\xc3\xa9\xff\0x";
	uint64_t seed = 1;
	uint8_t text[TEXT_MAX];

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		size_t n, kinds;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		n = (seed >> 33) % TEXT_MAX;
		kinds = 1 + (seed >> 20) % sizeof octets;
		for (size_t k = 0; k < n; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[k] = octets[sizeof octets - 1 - (seed >> 33) % kinds];
		}
		check_round(MAIL_ENCODING_QP, slice_of(text, n), 1 + (seed >> 40) % 90);
		check_round(MAIL_ENCODING_BASE64, slice_of(text, n), 1 + (seed >> 40) % 90);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoted_printable_quotes_what_it_must),
		cmocka_unit_test(lines_are_broken_where_they_must),
		cmocka_unit_test(no_line_begins_with_a_hyphen),
		cmocka_unit_test(base64_is_as_the_rfc_has_it),
		cmocka_unit_test(what_is_decoded_is_what_was_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
