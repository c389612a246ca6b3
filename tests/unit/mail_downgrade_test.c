#include "core/mail_downgrade.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mail_scan.h"
#include "tests/test.h"

enum { OUT_MAX = 8 << 20 };

static void
look(struct mail_downgrade *d, struct slice text, size_t step)
{
	for (size_t i = 0; i < text.n; i += step)
		mail_downgrade_look(d, slice_cut(text, i, i + step));
}

/* Looked at twice; its verdict. */
static enum err
look_twice(struct mail_downgrade *d, struct slice text, size_t step)
{
	look(d, text, step);
	assert_int_equal(mail_downgrade_looked(d), ERR_MORE);
	look(d, text, step);
	return mail_downgrade_looked(d);
}

static void
write_all(struct mail_downgrade *d, struct slice text, size_t step, struct buf *out)
{
	mail_downgrade_begin(d);
	for (size_t i = 0; i < text.n;) {
		size_t used = mail_downgrade_write(d, slice_cut(text, i, i + step), out);

		assert_true(used > 0);
		i += used;
	}
	mail_downgrade_end(d, out);
	assert_false(out->overflow);
	for (size_t i = 0; i < out->n; i++)
		assert_true(out->p[i] < 128);
}

static bool is_to_sign;

static struct mail_downgrade *
begin(void)
{
	struct mail_downgrade *d = mail_downgrade_new();

	if (is_to_sign)
		mail_downgrade_to_sign(d);
	return d;
}

/* In pieces of every size, and written twice. */
static void
becomes(const char *text, const char *want)
{
	struct slice in = slice_str(text);
	struct buf out;

	buf_init(&out, OUT_MAX);
	for (size_t step = 1; step <= in.n + 1; step++) {
		struct mail_downgrade *d = begin();

		assert_int_equal(look_twice(d, in, step), ERR_OK);
		for (int i = 0; i < 2; i++) {
			buf_clear(&out);
			write_all(d, in, step, &out);
			if (!slice_eq(buf_slice(&out), slice_str(want)))
				fail_msg("by %zu: %.*s", step, SLICE_FMT(buf_slice(&out)));
		}
		mail_downgrade_free(d);
	}
	buf_fini(&out);
}

static void
stays(const char *text)
{
	becomes(text, text);
}

static void
cannot(const char *text, const char *why)
{
	struct slice in = slice_str(text);

	for (size_t step = 1; step <= in.n + 1; step++) {
		struct mail_downgrade *d = mail_downgrade_new();

		assert_int_equal(look_twice(d, in, step), ERR_UNSUPPORTED);
		if (!strstr(mail_downgrade_facts(d)->why, why))
			fail_msg("%s", mail_downgrade_facts(d)->why);
		mail_downgrade_free(d);
	}
}

#define QP "Content-Transfer-Encoding: quoted-printable\r\n"
#define B64 "Content-Transfer-Encoding: base64\r\n"
#define MIME "MIME-Version: 1.0\r\n"
#define TEXT "Content-Type: text/plain; charset=utf-8\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n"

/* --- one part -------------------------------------------------------------------- */

static void
a_text_of_7_bits_is_left_alone(void **state)
{
	(void)state;
	stays("");
	stays("Subject: x\r\n\r\n= is no quote here\r\n");
	stays("Subject: no body\r\n");
	stays(MIME TEXT "Content-Transfer-Encoding: 8bit\r\n\r\nsaid, but not so\r\n");
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

static void
what_is_signed_has_no_line_that_is_changed_on_the_way(void **state)
{
	struct buf out;
	struct slice in = SLICE_LIT(
		TEXT "\r\n" LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN "123456789\r\n");
	struct mail_downgrade *d;

	(void)state;
	stays(TEXT "\r\n-- \r\nme\t");
	is_to_sign = true;
	becomes(TEXT "\r\n-- \r\nme\r\n", TEXT MIME QP "\r\n=2D-=20\r\nme\r\n");
	becomes(MIXED "\r\npreamble \r\n--b\r\n" TEXT "\r\nfirst\r\n--b\r\n" TEXT
		      "\r\nlast\t\r\n--b--\r\n",
		MIXED MIME "\r\npreamble \r\n--b\r\n" TEXT "\r\nfirst\r\n--b\r\n" TEXT QP
			   "\r\nlast=09\r\n--b--\r\n");
	stays(TEXT
		"\r\n a line\r\n\r\nof 998 octets:\r\n" LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN
		"12345678\r\n");
	/* What is encoded, or signed, stays. */
	stays(TEXT QP "\r\n-- \r\n");
	stays("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n" TEXT
	      "\r\n-- \r\n--b--\r\n");
	d = begin();
	buf_init(&out, OUT_MAX);
	assert_int_equal(look_twice(d, in, 7), ERR_OK);
	write_all(d, in, 7, &out);
	assert_true(slice_find_slice(buf_slice(&out), SLICE_LIT(QP)) < out.n);
	mail_downgrade_free(d);
	buf_fini(&out);
	is_to_sign = false;
}

static void
a_text_becomes_quoted_printable(void **state)
{
	(void)state;
	becomes(MIME TEXT "Content-Transfer-Encoding: 8bit\r\nX: y\r\n\r\ncaf\xc3\xa9 = x \r\n",
		MIME TEXT "X: y\r\n" QP "\r\ncaf=C3=A9 =3D x=20\r\n");
	/* folded, twice, and not said at all */
	becomes(MIME TEXT "content-transfer-encoding :\r\n 8bit\r\nX: y\r\n folded\r\n"
			  "Content-Transfer-Encoding: binary\r\n\r\n\xe4-\xe4nd more",
		MIME TEXT "X: y\r\n folded\r\n" QP "\r\n=E4-=E4nd more");
	becomes(MIME TEXT "\r\n\xe4 and more", MIME TEXT QP "\r\n=E4 and more");
}

static void
what_is_no_mime_becomes_it(void **state)
{
	(void)state;
	becomes("Subject: x\r\n\r\ncaf\xe9 and more\r\n",
		"Subject: x\r\n" MIME "Content-Type: text/plain; charset=unknown-8bit\r\n" QP
		"\r\ncaf=E9 and more\r\n");
	becomes("Content-Type: text/html\r\n\r\n<p>caf\xe9</p>\r\n",
		"Content-Type: text/html\r\n" MIME QP "\r\n<p>caf=E9</p>\r\n");
}

static void
base64_is_taken_where_it_is_shorter_or_nobody_reads_it(void **state)
{
	(void)state;
	becomes(MIME TEXT "\r\n\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\r\n",
		MIME TEXT B64 "\r\n0L/RgNC40LLQtdGCDQo=");
	becomes(MIME "Content-Type: image/x-y\r\n\r\nmostly text\xff\r\n",
		MIME "Content-Type: image/x-y\r\n" B64 "\r\nbW9zdGx5IHRleHT/DQo=");
}

/* --- parts in parts -------------------------------------------------------------- */

static void
each_part_gets_what_it_needs(void **state)
{
	(void)state;
	becomes(MIME MIXED
		"Content-Transfer-Encoding: 8bit\r\n\r\npr\xe9"
		"amble\r\n--b\r\n\r\nplain\r\n--b\r\n" TEXT
		"\r\nd\xc3\xa9j\xc3\xa0 vu, I say\r\n--b\r\nContent-Type: a/b\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--b--\r\n\xe9pilogue\r\n",
		MIME MIXED
		"Content-Transfer-Encoding: 7bit\r\n\r\npr?"
		"amble\r\n--b\r\n\r\nplain\r\n--b\r\n" TEXT QP
		"\r\nd=C3=A9j=C3=A0 vu, I say\r\n--b\r\nContent-Type: a/b\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--b--\r\n?pilogue\r\n");
}

static void
a_part_without_a_header_gets_one(void **state)
{
	(void)state;
	becomes(MIME MIXED "\r\n--b\r\n\r\n\xe9tait \xe7"
			   "a, I say\r\n--b--",
		MIME MIXED "\r\n--b\r\nContent-Type: text/plain; charset=unknown-8bit\r\n" QP
			   "\r\n=E9tait =E7"
			   "a, I say\r\n--b--");
}

#define INNER                                                                                  \
	"Subject: in\r\n" TEXT "Content-Transfer-Encoding: 8bit\r\n\r\nfa\xc3\xa7on, I "       \
	"say\r\n"
#define INNER_7 "Subject: in\r\n" TEXT MIME QP "\r\nfa=C3=A7on, I say\r\n"

static void
a_message_in_it_is_converted_within(void **state)
{
	(void)state;
	becomes(MIME MIXED "\r\n--b\r\nContent-Type: message/rfc822\r\n"
			   "Content-Transfer-Encoding: 8bit\r\n\r\n" INNER "\r\n--b--\r\n",
		MIME MIXED "\r\n--b\r\nContent-Type: message/rfc822\r\n"
			   "Content-Transfer-Encoding: 7bit\r\n\r\n" INNER_7 "\r\n--b--\r\n");
	becomes(MIME "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" INNER
		     "\r\n--b--\r\n",
		MIME "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" INNER_7
		     "\r\n--b--\r\n");
}

/* RFC 6532 section 3.7: it may have any encoding, so its header is no hindrance. */
static void
a_message_in_utf_8_is_encoded_as_a_whole(void **state)
{
	(void)state;
	becomes(MIME MIXED "\r\n--b\r\nContent-Type: message/global\r\n\r\n"
			   "Subject: \xc3\xa4\r\n\r\nx\r\n--b--\r\n",
		MIME MIXED "\r\n--b\r\nContent-Type: message/global\r\n" B64
			   "\r\nU3ViamVjdDogw6QNCg0KeA==\r\n--b--\r\n");
}

/* --- what can't be --------------------------------------------------------------- */

#define SIGNED "Content-Type: multipart/signed; micalg=x; protocol=\"a/b\"; boundary=s\r\n\r\n"
#define SIGNATURE "\r\n--s\r\nContent-Type: a/b\r\n\r\nsig\r\n--s--\r\n"

static void
a_signature_is_never_broken(void **state)
{
	(void)state;
	cannot(MIME SIGNED "--s\r\n" TEXT "\r\n\xc3\xa4" SIGNATURE, "signed");
	cannot(MIME SIGNED "--s\r\n" MIXED "\r\n--b\r\n\r\n\xc3\xa4\r\n--b--" SIGNATURE,
		"signed");
	cannot(MIME SIGNED "--s\r\n" MIXED "\r\n\xc3\xa4\r\n--b\r\n\r\nx\r\n--b--" SIGNATURE,
		"signed");
	cannot(MIME SIGNED "--s\r\nContent-Type: message/rfc822\r\n\r\n" INNER SIGNATURE,
		"signed");
	/* What stands beside it is another thing. */
	becomes(MIME MIXED "\r\n--b\r\n" SIGNED "--s\r\n" TEXT
			   "Content-Transfer-Encoding: 8bit\r\n\r\nx" SIGNATURE "--b\r\n" TEXT
			   "\r\nfa\xc3\xa7on, I say\r\n--b--\r\n",
		MIME MIXED "\r\n--b\r\n" SIGNED "--s\r\n" TEXT
			   "Content-Transfer-Encoding: 8bit\r\n\r\nx" SIGNATURE
			   "--b\r\n" TEXT QP "\r\nfa=C3=A7on, I say\r\n--b--\r\n");
}

static void
a_header_field_of_8_bits_stops_it(void **state)
{
	(void)state;
	cannot("Subject: \xc3\xa4\r\n\r\nx\r\n", "header field");
	cannot("Subject: x\r\n \xc3\xa4\r\n", "header field");
	cannot(MIME MIXED "\r\n--b\r\nContent-Disposition: x; filename=\xe4\r\n\r\nx\r\n--b--",
		"header field");
	cannot(MIME "Content-Type: message/rfc822\r\n\r\nSubject: \xe4\r\n\r\nx\r\n",
		"header field");
}

static void
what_may_not_be_encoded_stops_it(void **state)
{
	(void)state;
	cannot(MIME TEXT QP "\r\n\xe4\r\n", "says that it is encoded");
	cannot(MIME TEXT "Content-Transfer-Encoding: x-uue\r\n\r\n\xe4\r\n",
		"says that it is encoded");
	cannot(MIME "Content-Type: multipart/mixed\r\n\r\n\xe4\r\n", "lack a boundary");
	cannot(MIME "Content-Type: message/partial; id=x; number=1\r\n\r\n\xe4\r\n",
		"can't be encoded");
	cannot(MIME "Content-Type: message/delivery-status\r\n\r\n\xe4\r\n",
		"can't be encoded");
	becomes(MIME "Content-Type: message/global-delivery-status\r\n\r\n\xe4\r\n",
		MIME "Content-Type: message/global-delivery-status\r\n" B64 "\r\n5A0K");
}

static enum err
verdict_of(struct buf *text, const char **why)
{
	struct mail_downgrade *d = mail_downgrade_new();
	enum err e = look_twice(d, buf_slice(text), text->n + 1);

	*why = mail_downgrade_facts(d)->why;
	mail_downgrade_free(d);
	return e;
}

static void
many_parts(struct buf *text, size_t n)
{
	buf_clear(text);
	buf_put_str(text, MIME MIXED "\r\n");
	for (size_t i = 0; i < n; i++)
		buf_put_str(text, "--b\r\n\r\n\xe4\r\n");
}

static void
the_limits_of_the_scan_are_limits_here(void **state)
{
	struct buf text;
	const char *why;

	(void)state;
	buf_init(&text, OUT_MAX);
	many_parts(&text, MAIL_SCAN_PARTS_MAX - 2);
	assert_int_equal(verdict_of(&text, &why), ERR_OK);
	many_parts(&text, MAIL_SCAN_PARTS_MAX - 1);
	assert_int_equal(verdict_of(&text, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why, "too many MIME parts"));
	for (int depth = MAIL_SCAN_DEPTH_MAX; depth <= MAIL_SCAN_DEPTH_MAX + 1; depth++) {
		buf_clear(&text);
		for (int i = 0; i < depth; i++)
			buf_printf(&text,
				"Content-Type: multipart/mixed; "
				"boundary=b%dx\r\n\r\n--b%dx\r\n",
				i, i);
		buf_put_str(&text, "\r\n\xe4\r\n");
		assert_int_equal(verdict_of(&text, &why),
			depth == MAIL_SCAN_DEPTH_MAX ? ERR_OK : ERR_UNSUPPORTED);
	}
	assert_non_null(strstr(why, "nested too deep"));
	buf_fini(&text);
}

/* The scan keeps no more of a part's fields than this: whether it is signed isn't known. */
static void
a_type_that_is_out_of_reach_counts_as_any(void **state)
{
	struct buf text;
	const char *why;

	(void)state;
	buf_init(&text, OUT_MAX);
	for (int i = 0; i < 2; i++) {
		buf_put_str(&text, MIME "Content-X: ");
		for (int k = 0; k < MAIL_SCAN_FIELDS_MAX - 50; k++)
			buf_put_u8(&text, 'x');
		buf_put_str(&text, "\r\n");
	}
	buf_put_str(&text, SIGNED "--s\r\n\r\n\xe4" SIGNATURE);
	assert_int_equal(verdict_of(&text, &why), ERR_UNSUPPORTED);
	buf_fini(&text);
}

/* --- the facts ------------------------------------------------------------------- */

static void
the_facts_are_told(void **state)
{
	static const char text[] = "DKIM-Signature: v=1\r\n" MIME MIXED "\r\n--b\r\n" TEXT
				   "\r\nfa\xc3\xa7on, I say\r\n--b\r\nContent-Type: a/b\r\n\r\n"
				   "\xff\r\n--b\r\n\r\nx\r\n--b--\r\n";
	struct slice in = SLICE_LIT("DKIM-Signature: v=1\r\n\r\nx\r\n");
	struct mail_downgrade *d = mail_downgrade_new();
	const struct mail_downgrade_facts *facts = mail_downgrade_facts(d);
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	assert_int_equal(look_twice(d, slice_str(text), 7), ERR_OK);
	write_all(d, slice_str(text), 7, &out);
	assert_int_equal(facts->quoted, 1);
	assert_int_equal(facts->base64, 1);
	assert_true(facts->voids_dkim);
	assert_null(facts->why);
	assert_in_range(facts->size_bytes, out.n, out.n + 400);
	mail_downgrade_free(d);
	d = mail_downgrade_new();
	assert_int_equal(look_twice(d, in, 100), ERR_OK);
	assert_false(mail_downgrade_facts(d)->voids_dkim);
	assert_int_equal(mail_downgrade_facts(d)->size_bytes, in.n);
	mail_downgrade_free(d);
	buf_fini(&out);
}

/* --- room ------------------------------------------------------------------------ */

static void
it_writes_no_more_than_there_is_room_for(void **state)
{
	struct mail_downgrade *d = mail_downgrade_new();
	struct buf text, out, whole;
	size_t at = 0, used;

	(void)state;
	buf_init(&text, OUT_MAX);
	buf_init(&out, MAIL_DOWNGRADE_ROOM);
	buf_init(&whole, OUT_MAX);
	many_parts(&text, 5000);
	assert_int_equal(look_twice(d, buf_slice(&text), 1 << 16), ERR_OK);
	mail_downgrade_begin(d);
	while (at < text.n) {
		buf_clear(&out);
		used = mail_downgrade_write(d, slice_from(buf_slice(&text), at), &out);
		assert_true(used > 0 && !out.overflow);
		at += used;
		buf_put_slice(&whole, buf_slice(&out));
	}
	mail_downgrade_end(d, &whole);
	buf_clear(&out);
	assert_int_equal(mail_downgrade_write(d, SLICE_EMPTY, &out), 0);
	buf_put_u8(&out, 'x');
	assert_int_equal(mail_downgrade_write(d, SLICE_LIT("x"), &out), 0);
	mail_downgrade_free(d);
	buf_fini(&text);
	buf_fini(&out);
	buf_fini(&whole);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_of_7_bits_is_left_alone),
		cmocka_unit_test(what_is_signed_has_no_line_that_is_changed_on_the_way),
		cmocka_unit_test(a_text_becomes_quoted_printable),
		cmocka_unit_test(what_is_no_mime_becomes_it),
		cmocka_unit_test(base64_is_taken_where_it_is_shorter_or_nobody_reads_it),
		cmocka_unit_test(each_part_gets_what_it_needs),
		cmocka_unit_test(a_part_without_a_header_gets_one),
		cmocka_unit_test(a_message_in_it_is_converted_within),
		cmocka_unit_test(a_message_in_utf_8_is_encoded_as_a_whole),
		cmocka_unit_test(a_signature_is_never_broken),
		cmocka_unit_test(a_header_field_of_8_bits_stops_it),
		cmocka_unit_test(what_may_not_be_encoded_stops_it),
		cmocka_unit_test(the_limits_of_the_scan_are_limits_here),
		cmocka_unit_test(a_type_that_is_out_of_reach_counts_as_any),
		cmocka_unit_test(the_facts_are_told),
		cmocka_unit_test(it_writes_no_more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
