#include "tests/test.h"

#include <stdlib.h>

#include "imap/imap_index.h"

static const char nested[] =
	"H: root\n" /* 0 */
	"Content-Type: multipart/mixed; boundary=a\n\n"
	"--a\n\nfirst\n"
	"--a\nContent-Type: message/rfc822\n\n"
	"Subject: inner\nContent-Type: multipart/alternative; boundary=b\n\n"
	"--b\nX: 1\n\nalt one\n--b\n\nalt two\n--b--\n"
	"--a\nContent-Type: message/rfc822\n\nS: plain\n\nlast\n--a--\n";

static struct mail_scan *
scan(struct slice in)
{
	struct mail_scan *s = mail_scan_new();

	mail_scan_feed(s, in);
	mail_scan_finish(s);
	return s;
}

static void
an_index_keeps_what_the_scan_said(void **state)
{
	struct mail_scan *s = scan(slice_str(nested));
	struct imap_index x;
	struct imap_body b;
	struct arena arena;
	struct mail_part *parts;
	struct buf out, text;
	uint32_t count;

	(void)state;
	arena_init(&arena, 0);
	buf_init(&out, 2 * IMAP_INDEX_MAX);
	buf_init(&text, 10000);
	b.parts = mail_scan_parts(s, &b.count);
	assert_true(imap_index_build(s, &out));
	assert_true(imap_index_read(buf_slice(&out), &x));
	assert_int_equal(x.size, sizeof nested - 1);
	assert_int_equal(x.header_size, b.parts[0].body_at);
	assert_true(imap_body_envelope(&b, 0, &text));
	assert_true(slice_eq(buf_slice(&text), x.envelope));
	parts = imap_index_parts(&x, &arena);
	count = x.part_count;
	assert_int_equal(count, b.count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(parts[i].header_at, b.parts[i].header_at);
		assert_int_equal(parts[i].body_at, b.parts[i].body_at);
		assert_int_equal(parts[i].end_at, b.parts[i].end_at);
		assert_int_equal(parts[i].lines, b.parts[i].lines);
		assert_int_equal(parts[i].parent, b.parts[i].parent);
		assert_int_equal(parts[i].child, b.parts[i].child);
		assert_int_equal(parts[i].next, b.parts[i].next);
		assert_int_equal(parts[i].kind, b.parts[i].kind);
		assert_int_equal(parts[i].is_text, b.parts[i].is_text);
		assert_int_equal(parts[i].charset, b.parts[i].charset);
		assert_int_equal(parts[i].encoding, b.parts[i].encoding);
	}
	/* Cut off anywhere, or with one octet changed, it is refused or read within bounds. */
	for (size_t n = 0; n < out.n; n++) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, out.p, n);
		assert_false(imap_index_read(slice_of(exact, n), &x));
		free(exact);
	}
	for (size_t i = 0; i < out.n; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			out.p[i] ^= (uint8_t)(1 << bit);
			if (imap_index_read(buf_slice(&out), &x)) {
				buf_clear(&text);
				imap_index_body(&x, &text);
				assert_true(!x.has_parts || imap_index_parts(&x, &arena));
			}
			out.p[i] ^= (uint8_t)(1 << bit);
		}
	}
	out.p[out.n] = 0;
	assert_false(imap_index_read(slice_of(out.p, out.n + 1), &x));
	arena_reset(&arena);
	buf_fini(&out);
	buf_fini(&text);
	mail_scan_free(s);
}

static void
an_index_of_an_ordinary_mail_is_small(void **state)
{
	struct mail_scan *s = mail_scan_new();
	struct imap_index x;
	struct slice text;
	struct buf out;
	char body[4096];

	(void)state;
	memset(body, 'x', sizeof body);
	mail_scan_feed(
		s, SLICE_LIT("Received: from a.example.org (a.example.org [192.0.2.1]) by b\r\n"
			     "\tid 12345; Mon, 2 Jan 2006 15:04:05 -0700\r\n"
			     "Date: Mon, 2 Jan 2006 15:04:05 -0700\r\n"
			     "From: =?utf-8?Q?Andr=C3=89_L?= <andre.l@example.org>\r\nTo: "
			     "u1@example.org\r\n"
			     "Subject: An ordinary mail about nothing much\r\n"
			     "Message-ID: "
			     "<20060102150405.12345@a.example.org>\r\nMIME-Version: 1.0\r\n"
			     "Content-Type: text/plain; "
			     "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"));
	mail_scan_feed(s, slice_of(body, sizeof body));
	mail_scan_finish(s);
	buf_init(&out, IMAP_INDEX_MAX);
	assert_true(imap_index_build(s, &out));
	print_message("index: %zu octets\n", out.n);
	assert_true(out.n < 700);
	assert_true(imap_index_read(buf_slice(&out), &x));
	assert_true(x.has_date && x.date.utc_sec == 1136239445 && x.date.zone_min == -420);
	assert_int_equal(imap_index_text(&x, IMAP_INDEX_FROM, &text), 1);
	assert_slice(text, "andre\xcc\x81 l <andre.l@example.org>");
	assert_int_equal(imap_index_text(&x, IMAP_INDEX_SUBJECT, &text), 1);
	assert_slice(text, "an ordinary mail about nothing much");
	assert_int_equal(imap_index_text(&x, IMAP_INDEX_CC, &text), 0);
	mail_scan_free(s);
	buf_fini(&out);
}

static void
an_index_leaves_out_what_is_too_large(void **state)
{
	struct mail_scan *s = mail_scan_new();
	struct imap_index x;
	struct slice text;
	struct buf out;

	(void)state;
	mail_scan_feed(
		s, SLICE_LIT("Subject: x\nContent-Type: multipart/mixed; boundary=b\nTo: "));
	for (int i = 0; i < 300; i++)
		mail_scan_feed(s, SLICE_LIT("someone.with.a.name@example.org,\n "));
	mail_scan_feed(s, SLICE_LIT("x@y\n\n"));
	for (int i = 0; i < 9000; i++)
		mail_scan_feed(s,
			SLICE_LIT(
				"--b\nContent-Type: application/octet-stream; name=x\n\nx\n"));
	mail_scan_finish(s);
	buf_init(&out, IMAP_INDEX_MAX);
	assert_true(imap_index_build(s, &out));
	assert_true(imap_index_read(buf_slice(&out), &x));
	assert_false(x.has_parts || x.has_structure);
	assert_true(x.has_envelope);
	assert_int_equal(imap_index_text(&x, IMAP_INDEX_TO, &text), -1);
	assert_int_equal(imap_index_text(&x, IMAP_INDEX_SUBJECT, &text), 1);
	mail_scan_free(s);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_keeps_what_the_scan_said),
		cmocka_unit_test(an_index_of_an_ordinary_mail_is_small),
		cmocka_unit_test(an_index_leaves_out_what_is_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
