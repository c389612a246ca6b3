#include "tests/test.h"

#include "core/mail_decode.h"
#include "core/mail_encode.h"

typedef bool (*encode_feed)(struct mail_encode *e, struct slice in, struct buf *out);
typedef bool (*encode_end)(struct mail_encode *e, struct buf *out);

struct encoder {
	enum mail_encoding encoding;
	encode_feed feed;
	encode_end end;
};

static const struct encoder base64 = {
	MAIL_ENCODING_BASE64, mail_encode_base64, mail_encode_base64_end};
static const struct encoder qp = {MAIL_ENCODING_QP, mail_encode_qp, mail_encode_qp_end};

static void
encode(const struct encoder *by, struct slice in, size_t step, struct buf *out)
{
	struct mail_encode e;

	buf_clear(out);
	mail_encode_init(&e);
	for (size_t i = 0; i < in.n; i += step)
		assert_true(by->feed(&e, slice_cut(in, i, i + step), out));
	assert_true(by->end(&e, out));
}

/* By pieces of every size. */
static void
expect(const struct encoder *by, struct slice in, const char *want)
{
	struct buf out;

	buf_init(&out, 10000);
	for (size_t step = 1; step <= in.n + 1; step++) {
		encode(by, in, step, &out);
		if (!slice_eq(buf_slice(&out), slice_str(want)))
			fail_msg("%s by %zu: %.*s", want, step, (int)out.n, (char *)out.p);
	}
	buf_fini(&out);
}

#define X25 "xxxxxxxxxxxxxxxxxxxxxxxxx"

static void
base64_is_padded_and_cut_into_lines_of_76(void **state)
{
	(void)state;
	expect(&base64, SLICE_EMPTY, "");
	expect(&base64, SLICE_LIT("f"), "Zg==\r\n");
	expect(&base64, SLICE_LIT("fo"), "Zm8=\r\n");
	expect(&base64, SLICE_LIT("foo"), "Zm9v\r\n");
	expect(&base64, SLICE_LIT("\0\xff\xfe"), "AP/+\r\n");
	/* 57 octets are just a line. */
	expect(&base64, SLICE_LIT(X25 X25 "xxxxxxx"),
		"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r"
		"\n");
	expect(&base64, SLICE_LIT(X25 X25 "xxxxxxxy"),
		"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r"
		"\n"
		"eQ==\r\n");
}

static void
quoted_printable_hides_what_is_not_safe(void **state)
{
	(void)state;
	expect(&qp, SLICE_EMPTY, "");
	expect(&qp, SLICE_LIT("a=b\xc3\xa9\0"), "a=3Db=C3=A9=00");
	expect(&qp, SLICE_LIT("one\r\ntwo\nthree"), "one\r\ntwo\r\nthree");
	expect(&qp, SLICE_LIT("in  side\tit"), "in  side\tit");
	expect(&qp, SLICE_LIT("end \r\nend\t\nend "), "end=20\r\nend=09\r\nend=20");
	expect(&qp, SLICE_LIT("bare\rcr\r\r\n\r"), "bare=0Dcr=0D\r\n=0D");
	expect(&qp, SLICE_LIT(X25 X25 X25), X25 X25 X25);
	expect(&qp, SLICE_LIT(X25 X25 X25 "y"), X25 X25 X25 "=\r\ny");
	expect(&qp, SLICE_LIT(X25 X25 "xxxxxxxxxxxxxxxxxxxxxxx="),
		X25 X25 "xxxxxxxxxxxxxxxxxxxxxxx=\r\n=3D");
}

static void
a_whole_value_is_one_line(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	assert_true(mail_encode_base64_line(SLICE_EMPTY, &out));
	assert_int_equal(out.n, 0);
	assert_true(mail_encode_base64_line(SLICE_LIT("\0ab\0cd"), &out));
	assert_slice(buf_slice(&out), "AGFiAGNk");
	buf_clear(&out);
	assert_true(mail_encode_base64_line(SLICE_LIT(X25 X25 X25), &out));
	assert_int_equal(out.n, 100);
	buf_fini(&out);
}

static void
decode(enum mail_encoding encoding, struct slice in, struct buf *out)
{
	struct mail_decode d;

	buf_clear(out);
	mail_decode_init(&d, encoding);
	buf_grow(out, mail_decode_feed(&d, in, buf_room(out, in.n + MAIL_DECODE_SLACK)));
	buf_grow(out, mail_decode_end(&d, buf_room(out, MAIL_DECODE_SLACK)));
}

static void
check_lines(struct slice text)
{
	size_t column = 0;

	for (size_t i = 0; i < text.n; i++) {
		column = text.p[i] == '\n' ? 0 : column + 1;
		assert_true(column <= 77); /* 76 and the CR */
		assert_true(text.p[i] < 127);
	}
}

/* Any octets, but an LF only after a CR: quoted-printable makes each into CRLF. */
static struct slice
make_octets(uint8_t *to, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		to[i] = (uint8_t)((seed * 2654435761u + i * i * 40503u) >> (seed % 16));
		if (to[i] == '\n' && (i == 0 || to[i - 1] != '\r'))
			to[i] = seed & 1 ? ' ' : '=';
	}
	return slice_of(to, n);
}

static void
what_was_encoded_decodes_to_the_same(void **state)
{
	static const struct encoder *const both[] = {&base64, &qp};
	struct buf text, out;
	struct slice in;
	uint8_t octets[300];

	(void)state;
	buf_init(&text, 100000);
	buf_init(&out, 100000);
	for (unsigned seed = 1; seed < 400; seed++) {
		in = make_octets(octets, seed % sizeof octets, seed);
		for (size_t i = 0; i < 2; i++) {
			encode(both[i], in, 7, &text);
			check_lines(buf_slice(&text));
			decode(both[i]->encoding, buf_slice(&text), &out);
			assert_true(slice_eq(buf_slice(&out), in));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_padded_and_cut_into_lines_of_76),
		cmocka_unit_test(quoted_printable_hides_what_is_not_safe),
		cmocka_unit_test(a_whole_value_is_one_line),
		cmocka_unit_test(what_was_encoded_decodes_to_the_same),
		cmocka_unit_test(an_encoder_stops_at_the_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
