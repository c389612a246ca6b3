#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/buf.h"
#include "core/mail_scan.h"

/* Feeds in pieces of `step` octets, each in memory of exactly its size. */
static struct mail_scan *
scan(struct slice in, size_t step)
{
	struct mail_scan *s = mail_scan_new();

	for (size_t i = 0; i < in.n; i += step) {
		struct slice piece = slice_cut(in, i, i + step);
		uint8_t *exact = malloc(piece.n);

		memcpy(exact, piece.p, piece.n);
		mail_scan_feed(s, slice_of(exact, piece.n));
		free(exact);
	}
	mail_scan_finish(s);
	return s;
}

/* "parent kind type header-body-end lines;" for each part. */
static void
show(const struct mail_scan *s, struct buf *out)
{
	static const char kinds[] = "LMR";
	struct arena arena;
	struct mail_type t;
	uint32_t count;
	const struct mail_part *parts = mail_scan_parts(s, &count);

	arena_init(&arena, 0);
	buf_clear(out);
	for (uint32_t i = 0; i < count; i++) {
		const struct mail_part *p = &parts[i];

		mail_scan_type(p, &arena, &t);
		buf_printf(out, "%d %c %.*s/%.*s %d-%d-%d %d;", (int)p->parent, kinds[p->kind],
			SLICE_FMT(t.type), SLICE_FMT(t.subtype), (int)p->header_at,
			(int)p->body_at, (int)p->end_at, (int)p->lines);
	}
	arena_reset(&arena);
}

/* Whatever the message and the limits, parts lie within their parents, in order. */
static void
check_invariants(const struct mail_scan *s)
{
	uint32_t count;
	const struct mail_part *parts = mail_scan_parts(s, &count);

	assert_true(count >= 1 && count <= MAIL_SCAN_PARTS_MAX);
	assert_int_equal(parts[0].end_at, mail_scan_size(s));
	for (uint32_t i = 0; i < count; i++) {
		const struct mail_part *p = &parts[i];

		assert_true(p->header_at <= p->body_at && p->body_at <= p->end_at);
		assert_true(p->lines <= p->end_at - p->body_at);
		if (i) {
			assert_true(p->parent < i);
			assert_true(p->header_at >= parts[p->parent].body_at);
			assert_true(p->end_at <= parts[p->parent].end_at);
		}
		if (p->next != MAIL_SCAN_NONE)
			assert_true(p->next > i && parts[p->next].header_at >= p->end_at);
		if (p->child != MAIL_SCAN_NONE)
			assert_int_equal(p->child, i + 1);
		assert_true((p->kind == MAIL_PART_MESSAGE) <= (p->child != MAIL_SCAN_NONE));
	}
}

static void
expect(const char *message, const char *want)
{
	struct buf out;

	buf_init(&out, 100000);
	for (size_t step = 1; step <= strlen(message) + 1; step++) {
		struct mail_scan *s = scan(slice_str(message), step);

		show(s, &out);
		check_invariants(s);
		mail_scan_free(s);
		if (!slice_eq(buf_slice(&out), slice_str(want)))
			fail_msg("by %zu:\n%.*s\nnot\n%s", step, (int)out.n, (char *)out.p,
				want);
	}
	buf_fini(&out);
}

static void
simple_messages_are_one_part(void **state)
{
	(void)state;
	expect("", "-1 L text/plain 0-0-0 0;");
	expect("A: b\r\n\r\nbody\r\nx", "-1 L text/plain 0-8-15 1;");
	expect("A: b\n\nbody\n", "-1 L text/plain 0-6-11 1;");
	expect("A: b", "-1 L text/plain 0-4-4 0;");
	expect("\r\n\r\n\r\n", "-1 L text/plain 0-2-6 2;");
	expect("Content-Type: text/html\r\n folded\r\n\r\n", "-1 L text/html 0-36-36 0;");
	expect("Content-Type: rubbish\n\n", "-1 L text/plain 0-23-23 0;");
}

#define MULTI "Content-Type: multipart/mixed; boundary=\"b\"\n\n" /* 45 octets */

static void
multiparts_end_where_their_boundaries_say(void **state)
{
	(void)state;
	expect(MULTI "pre\n--b\n\none\n--b\nA: b\n\ntwo\n\n--b--\nepi\n--b\n",
		"-1 M multipart/mixed 0-45-87 12;0 L text/plain 53-54-57 0;0 L text/plain "
		"62-68-72 1;");
	expect(MULTI "--b\r\n\r\none\r\n--b--",
		"-1 M multipart/mixed 0-45-62 3;0 L text/plain 50-52-55 0;");
	/* No body, no empty line, nothing at all. */
	expect(MULTI "--b\n\n--b\nA: b\n--b\n--b--\n",
		"-1 M multipart/mixed 0-45-69 6;0 L text/plain 49-50-50 0;"
		"0 L text/plain 54-59-59 0;0 L text/plain 63-63-63 0;");
	/* Not closed. */
	expect(MULTI "--b\n\none\n",
		"-1 M multipart/mixed 0-45-54 3;0 L text/plain 49-50-54 1;");
	/* A delimiter needs no more than its beginning, and a line's start. */
	expect(MULTI "x--b\n --b\n--bcd \n\n-b\n---b\n", "-1 M multipart/mixed 0-45-71 6;"
							 "0 L text/plain 62-63-71 2;");
	expect(MULTI "", "-1 M multipart/mixed 0-45-45 0;");
	expect("Content-Type: multipart/mixed\n\n--b\n\n",
		"-1 L application/octet-stream 0-31-36 2;");
}

static void
nested_parts_close_with_the_outer(void **state)
{
	(void)state;
	expect("Content-Type: multipart/mixed; boundary=a\n\n"		   /* 43 */
	       "--a\nContent-Type: multipart/alternative; boundary=ab\n\n" /* 54: 97 */
	       "--ab\n\none\n--ab\n\ntwo\n--a\n\nthree\n--a--\n",
		"-1 M multipart/mixed 0-43-134 13;"
		"0 M multipart/alternative 47-97-116 5;"
		"1 L text/plain 102-103-106 0;1 L text/plain 112-113-116 0;"
		"0 L text/plain 121-122-127 0;");
	expect("Content-Type: message/rfc822\n\nSubject: in\n\nbody\n",
		"-1 R message/rfc822 0-30-48 3;0 L text/plain 30-43-48 1;");
	expect("Content-Type: multipart/digest; boundary=a\n\n" /* 44 */
	       "--a\n\nSubject: x\n\nbody\n--a\nContent-Type: text/plain\n\nt\n--a--\n",
		"-1 M multipart/digest 0-44-104 10;0 R message/rfc822 48-49-65 2;"
		"1 L text/plain 49-61-65 0;0 L text/plain 70-96-97 0;");
	expect("Content-Type: message/rfc822",
		"-1 R message/rfc822 0-28-28 0;0 L text/plain 28-28-28 0;");
}

static void
wanted_fields_are_kept_raw(void **state)
{
	struct slice in = SLICE_LIT("Received: x\r\nSubject: a\r\n b\r\nX-Y: z\r\nTo : c\r\n"
				    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
				    "Subject: not here\r\ncontent-id: <i>\r\n"
				    "Content-Transfer-Encoding: (c) Base64 ; x\r\n\r\n");
	struct mail_scan *s = scan(in, 3);
	uint32_t count;
	const struct mail_part *parts = mail_scan_parts(s, &count);

	(void)state;
	assert_int_equal(count, 2);
	assert_slice(parts[0].fields, "Subject: a\r\n b\r\nTo : c\r\n"
				      "Content-Type: multipart/mixed; boundary=b\r\n");
	assert_slice(parts[1].fields, "content-id: <i>\r\n"
				      "Content-Transfer-Encoding: (c) Base64 ; x\r\n");
	assert_int_equal(parts[1].encoding, MAIL_ENCODING_BASE64);
	mail_scan_free(s);
}

static void
texts_show_their_charset(void **state)
{
	struct mail_scan *s = scan(
		SLICE_LIT("Content-Type: text/html; charset=\"ISO-8859-15\"\n\n"), 100);
	uint32_t count;
	const struct mail_part *p = mail_scan_parts(s, &count);

	(void)state;
	assert_true(p->is_text && p->is_html);
	assert_int_equal(p->charset, CHARSET_ISO_8859_15);
	mail_scan_free(s);
}

static void
feed_repeated(struct mail_scan *s, struct buf *chunk, struct slice unit, size_t times)
{
	for (size_t i = 0; i < times; i++) {
		buf_put_slice(chunk, unit);
		if (chunk->n > 60000 || i + 1 == times) {
			mail_scan_feed(s, buf_slice(chunk));
			buf_clear(chunk);
		}
	}
}

static void
nesting_and_numbers_are_bounded_and_fast(void **state)
{
	struct mail_scan *s = mail_scan_new();
	struct buf chunk;
	uint32_t count, depth = 0;
	const struct mail_part *parts;
	clock_t start = clock();
	char text[100];

	(void)state;
	buf_init(&chunk, 100000);
	for (int i = 0; i < 10000; i++) {
		mail_scan_feed(s, slice_of(text, (size_t)sprintf(text,
							 "Content-Type: multipart/mixed; "
							 "boundary=b%05d\n\n--b%05d\n",
							 i, i)));
	}
	mail_scan_finish(s);
	check_invariants(s);
	parts = mail_scan_parts(s, &count);
	for (uint32_t i = count - 1; i != MAIL_SCAN_NONE; i = parts[i].parent)
		depth++;
	assert_int_equal(depth, MAIL_SCAN_DEPTH_MAX + 1);
	assert_true(parts[count - 1].is_cut);
	mail_scan_free(s);

	s = mail_scan_new();
	feed_repeated(s, &chunk, SLICE_LIT("Content-Type: message/rfc822\n\n"), 10000);
	mail_scan_finish(s);
	check_invariants(s);
	mail_scan_parts(s, &count);
	assert_int_equal(count, MAIL_SCAN_DEPTH_MAX + 1);
	mail_scan_free(s);

	s = mail_scan_new();
	mail_scan_feed(s, SLICE_LIT(MULTI));
	feed_repeated(s, &chunk, SLICE_LIT("--b\nContent-Type: text/x\n\nx\n"), 1000000);
	mail_scan_finish(s);
	check_invariants(s);
	mail_scan_parts(s, &count);
	assert_int_equal(count, MAIL_SCAN_PARTS_MAX);
	mail_scan_free(s);

	s = mail_scan_new();
	feed_repeated(
		s, &chunk, SLICE_LIT("Subject: a field of which there are many\n"), 1000000);
	feed_repeated(s, &chunk, SLICE_LIT(" "), 1000000);
	feed_repeated(s, &chunk, SLICE_LIT(MULTI), 1);
	mail_scan_finish(s);
	parts = mail_scan_parts(s, &count);
	assert_true(parts[0].fields.n <= MAIL_SCAN_FIELDS_MAX);
	mail_scan_free(s);
	buf_fini(&chunk);
	assert_true(clock() - start < 30 * CLOCKS_PER_SEC);
}

static void
a_type_behind_huge_fields_still_counts(void **state)
{
	struct mail_scan *s = mail_scan_new();
	struct buf chunk;
	uint32_t count;
	const struct mail_part *parts;

	(void)state;
	buf_init(&chunk, 100000);
	mail_scan_feed(s, SLICE_LIT("To: "));
	feed_repeated(s, &chunk, SLICE_LIT("someone@example.org,\r\n "), 10000);
	mail_scan_feed(s, SLICE_LIT("x@y\r\nContent-Type: multipart/mixed; "
				    "boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n"));
	mail_scan_finish(s);
	parts = mail_scan_parts(s, &count);
	assert_int_equal(count, 2);
	assert_int_equal(parts[0].kind, MAIL_PART_MULTIPART);
	mail_scan_free(s);
	buf_fini(&chunk);
}

static void
odd_boundaries_are_survived(void **state)
{
	char text[2000];
	struct mail_scan *s;
	uint32_t count;
	int n;

	(void)state;
	for (size_t size = 250; size < 262; size++) {
		n = sprintf(text,
			"Content-Type: multipart/mixed; boundary=%0*d\n\n--%0*d-- x\n",
			(int)size, 7, (int)size, 7);
		s = scan(slice_of(text, (size_t)n), 7);
		assert_int_equal(mail_scan_parts(s, &count)->kind,
			size <= MAIL_SCAN_BOUNDARY_MAX ? MAIL_PART_MULTIPART : MAIL_PART_LEAF);
		assert_int_equal(count, 1);
		mail_scan_free(s);
		n = sprintf(text, "Content-Type: multipart/mixed; boundary=%0*d\n\n--%0*d x\n",
			(int)size, 7, (int)size, 7);
		s = scan(slice_of(text, (size_t)n), 7);
		mail_scan_parts(s, &count);
		assert_int_equal(count, size <= MAIL_SCAN_BOUNDARY_MAX ? 2 : 1);
		mail_scan_free(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple_messages_are_one_part),
		cmocka_unit_test(multiparts_end_where_their_boundaries_say),
		cmocka_unit_test(nested_parts_close_with_the_outer),
		cmocka_unit_test(wanted_fields_are_kept_raw),
		cmocka_unit_test(texts_show_their_charset),
		cmocka_unit_test(nesting_and_numbers_are_bounded_and_fast),
		cmocka_unit_test(a_type_behind_huge_fields_still_counts),
		cmocka_unit_test(odd_boundaries_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
