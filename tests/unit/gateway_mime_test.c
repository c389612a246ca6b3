#include "tests/test.h"

#include "crypto/gateway_mime.h"

static struct arena arena;

static int
forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static struct gateway_mime
look(const char *mail)
{
	struct slice s = slice_str(mail);
	struct text t = text_of(&s);
	struct gateway_head h;
	struct gateway_mime m;

	assert_int_equal(gateway_head_read(&t, &arena, &h), ERR_OK);
	gateway_mime_look(&h, &t, &m);
	assert_int_equal(m.body.at, h.body_at);
	assert_int_equal(m.body.end, t.size);
	return m;
}

static void
the_outermost_part_says_its_layer_in_any_case(void **state)
{
	static const struct {
		const char *header;
		enum gateway_mime_kind kind;
	} all[] = {
		{"Content-Type: application/pkcs7-mime\r\n\r\n", GATEWAY_MIME_CMS},
		{"content-type: Application/X-PKCS7-MIME; SMIME-TYPE=Lie\r\n\r\n",
			GATEWAY_MIME_CMS},
		{"Content-Type: application/octet-stream; name=smime.P7M\r\n\r\n",
			GATEWAY_MIME_CMS},
		{"Content-Type: application/octet-stream\r\n"
		 "Content-Disposition: attachment; filename=\"a.p7m\"\r\n\r\n",
			GATEWAY_MIME_CMS},
		{"Content-Type: application/octet-stream; name=a.bin\r\n\r\n",
			GATEWAY_MIME_PLAIN},
		{"Content-Type: MULTIPART/Signed; Protocol=\"APPLICATION/pkcs7-signature\";\r\n"
		 " boundary=b\r\n\r\n",
			GATEWAY_MIME_SIGNED},
		{"Content-Type: multipart/signed; protocol=application/x-pkcs7-signature; "
		 "boundary=b\r\n\r\n",
			GATEWAY_MIME_SIGNED},
		{"Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; "
		 "boundary=b\r\n\r\n",
			GATEWAY_MIME_PGP_SIGNED},
		{"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; "
		 "boundary=b\r\n\r\n",
			GATEWAY_MIME_PGP_ENCRYPTED},
		{"Content-Type: multipart/signed; boundary=b\r\n\r\n", GATEWAY_MIME_PLAIN},
		{"Content-Type: multipart/mixed; boundary=b\r\n\r\n", GATEWAY_MIME_PLAIN},
		{"Content-Type: application/pkcs7-signature\r\n\r\n", GATEWAY_MIME_PLAIN},
		{"Content-Type: nonsense\r\n\r\n", GATEWAY_MIME_PLAIN},
		{"Subject: none\r\n\r\n", GATEWAY_MIME_PLAIN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct gateway_mime m = look(all[i].header);

		print_message("%s\n", all[i].header);
		assert_int_equal(m.kind, all[i].kind);
		assert_null(m.flaw);
	}
}

static void
what_may_be_read_in_two_ways_is_no_layer(void **state)
{
	static const char *const all[] = {
		"Content-Type: application/pkcs7-mime\r\nContent-Type: text/html\r\n\r\n",
		"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n"
		"content-transfer-encoding: 7bit\r\n\r\n",
		"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; "
		"boundary=a; BOUNDARY=b\r\n\r\n",
		"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; "
		"boundary=a\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: "
		"x-own\r\n\r\n",
		"no field\r\nContent-Type: application/pkcs7-mime\r\n\r\n",
		"A: b\rC: d\r\nContent-Type: application/pkcs7-mime\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct gateway_mime m = look(all[i]);

		print_message("%s\n", all[i]);
		assert_int_equal(m.kind, GATEWAY_MIME_PLAIN);
		assert_non_null(m.flaw);
	}
	assert_null(look("no field\r\nContent-Type: text/plain\r\n\r\n").flaw);
}

#define SIGNED "Content-Type: multipart/signed; boundary=b\r\n\r\n"

static enum err
split(const char *mail, struct gateway_mime_two *two)
{
	struct slice s = slice_str(mail);
	struct text t = text_of(&s);

	return gateway_mime_split(&t, two);
}

static void
two_parts_are_found_as_they_are_covered(void **state)
{
	const char *mail = SIGNED
		"preamble\r\n--b\r\nA: b\r\n\r\ntext\r\n\r\n--b\r\n"
		"Content-Type: application/pkcs7-signature\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nMII=\r\n--b--\r\nepilogue";
	struct gateway_mime_two two;

	(void)state;
	assert_int_equal(split(mail, &two), ERR_OK);
	assert_slice(slice_cut(slice_str(mail), (size_t)two.first.at, (size_t)two.first.end),
		"A: b\r\n\r\ntext\r\n");
	assert_slice(slice_cut(slice_str(mail), (size_t)two.first_body.at,
			     (size_t)two.first_body.end),
		"text\r\n");
	assert_slice(slice_cut(slice_str(mail), (size_t)two.second_body.at,
			     (size_t)two.second_body.end),
		"MII=");
	assert_int_equal(two.second_encoding, MAIL_ENCODING_BASE64);
}

static void
other_than_two_parts_are_malformed(void **state)
{
	static const char *const all[] = {SIGNED, SIGNED "--b\r\n\r\none\r\n--b--\r\n",
		SIGNED "--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b\r\n\r\n3\r\n--b--\r\n",
		"Content-Type: text/plain\r\n\r\n--b\r\n",
		SIGNED
		"--b\r\n\r\n1\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
		"--c\r\n\r\n2\r\n--c--\r\n--b--\r\n"};
	struct gateway_mime_two two;

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		assert_int_equal(split(all[i], &two), ERR_SYNTAX);
}

static struct slice
lined(const char *in, size_t step, struct gateway_mime_canon *c)
{
	struct slice s = slice_str(in);
	struct buf out;
	struct text_sink to;
	struct slice got;

	buf_init(&out, 1 << 16);
	to = gateway_mime_canon_into(c, text_into(&out));
	for (size_t at = 0; at < s.n; at += step)
		assert_int_equal(to.put(to.arg, slice_cut(s, at, at + step)), ERR_OK);
	assert_int_equal(gateway_mime_canon_end(c), ERR_OK);
	got = arena_dup(&arena, buf_slice(&out));
	buf_fini(&out);
	return got;
}

static void
every_line_ends_in_crlf_whatever_ended_it(void **state)
{
	struct gateway_mime_canon c;

	(void)state;
	for (size_t step = 1; step < 12; step++) {
		assert_slice(lined("a\nb\r\nc\rd\r\r\n\n", step, &c),
			"a\r\nb\r\nc\r\nd\r\n\r\n\r\n");
		assert_int_equal(c.bare, 4);
		assert_slice(lined("a\r", step, &c), "a\r\n");
		assert_int_equal(c.bare, 1);
		assert_slice(lined("a\r\nb\r\n", step, &c), "a\r\nb\r\n");
		assert_int_equal(c.bare, 0);
	}
}

static void
octets_that_are_no_text_are_counted(void **state)
{
	struct gateway_mime_canon c;

	(void)state;
	lined("a\tb\x1b$B\f\x01\x7f\x02 \xc3\xa9", 3, &c);
	assert_int_equal(c.odd, 2);
	assert_int_equal(c.high, 2);
}

static void
long_texts_pass_in_pieces(void **state)
{
	struct gateway_mime_canon c;
	char in[10000 + 1];
	struct slice out;

	(void)state;
	for (size_t i = 0; i < sizeof in - 1; i++)
		in[i] = i % 70 == 69 ? '\n' : (char)('a' + i % 26);
	in[sizeof in - 1] = 0;
	out = lined(in, sizeof in, &c);
	assert_int_equal(out.n, sizeof in - 1 + c.bare);
	assert_int_equal(c.bare, 142);
	assert_true(slice_eq(out, lined(in, 7, &c)));
}

static void
base64_comes_in_lines_and_goes_back(void **state)
{
	struct gateway_mime_base64 b;
	struct slice in, s;
	struct text t;
	struct buf out, back;
	struct text_sink to, to_back;

	(void)state;
	in = slice_str(
		"0123456789012345678901234567890123456789012345678901234567890123456789");
	buf_init(&out, 1 << 16);
	buf_init(&back, 1 << 16);
	to = gateway_mime_base64_into(&b, text_into(&out));
	for (size_t i = 0; i < in.n; i += 11)
		assert_int_equal(to.put(to.arg, slice_cut(in, i, i + 11)), ERR_OK);
	assert_int_equal(gateway_mime_base64_end(&b), ERR_OK);
	gateway_mime_base64_fini(&b);
	assert_slice(buf_slice(&out), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAx"
				      "MjM0NTY3ODkwMTIzNDU2\r\n"
				      "Nzg5MDEyMzQ1Njc4OQ==\r\n");
	s = buf_slice(&out);
	t = text_of(&s);
	to_back = text_into(&back);
	assert_int_equal(gateway_mime_decode(&t, (struct gateway_mime_range){0, t.size},
				 MAIL_ENCODING_BASE64, &to_back),
		ERR_OK);
	assert_true(slice_eq(buf_slice(&back), in));
	buf_fini(&out);
	buf_fini(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			the_outermost_part_says_its_layer_in_any_case, forget),
		cmocka_unit_test_teardown(what_may_be_read_in_two_ways_is_no_layer, forget),
		cmocka_unit_test_teardown(two_parts_are_found_as_they_are_covered, forget),
		cmocka_unit_test_teardown(other_than_two_parts_are_malformed, forget),
		cmocka_unit_test_teardown(every_line_ends_in_crlf_whatever_ended_it, forget),
		cmocka_unit_test_teardown(octets_that_are_no_text_are_counted, forget),
		cmocka_unit_test_teardown(long_texts_pass_in_pieces, forget),
		cmocka_unit_test_teardown(base64_comes_in_lines_and_goes_back, forget),
	};

	return cmocka_run_group_tests_name("gateway_mime", tests, NULL, NULL);
}
