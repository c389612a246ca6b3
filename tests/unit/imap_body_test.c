#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "imap/imap_body.h"
#include "imap/imap_index.h"

static struct mail_scan *
scan(struct slice in)
{
	struct mail_scan *s = mail_scan_new();

	mail_scan_feed(s, in);
	mail_scan_finish(s);
	return s;
}

static void
envelope(const char *header, const char *want)
{
	struct mail_scan *s = scan(slice_str(header));
	struct imap_body b = {0};
	struct buf out;

	buf_init(&out, 10000);
	b.parts = mail_scan_parts(s, &b.count);
	assert_true(imap_body_envelope(&b, 0, &out));
	if (!slice_eq(buf_slice(&out), slice_str(want)))
		fail_msg("%s\n%.*s\nnot\n%s", header, (int)out.n, (char *)out.p, want);
	buf_fini(&out);
	mail_scan_free(s);
}

/* Both forms, and the short one as it is made from the index's. */
static void
structure(const char *message, const char *want_extended, const char *want)
{
	struct mail_scan *s = scan(slice_str(message));
	struct imap_body b = {0};
	struct imap_index x;
	struct buf out;

	buf_init(&out, 100000);
	b.parts = mail_scan_parts(s, &b.count);
	assert_true(imap_body_structure(&b, true, &out, NULL));
	if (!slice_eq(buf_slice(&out), slice_str(want_extended)))
		fail_msg(
			"%s\n%.*s\nnot\n%s", message, (int)out.n, (char *)out.p, want_extended);
	buf_clear(&out);
	assert_true(imap_body_structure(&b, false, &out, NULL));
	if (!slice_eq(buf_slice(&out), slice_str(want)))
		fail_msg("%s\n%.*s\nnot\n%s", message, (int)out.n, (char *)out.p, want);
	buf_clear(&out);
	assert_true(imap_index_build(s, &out));
	assert_true(imap_index_read(buf_slice(&out), &x));
	assert_true(slice_eq(x.structure, slice_str(want_extended)));
	{
		struct buf body;

		buf_init(&body, 100000);
		assert_true(imap_index_body(&x, &body));
		assert_true(slice_eq(buf_slice(&body), slice_str(want)));
		buf_fini(&body);
	}
	buf_fini(&out);
	mail_scan_free(s);
}

static void
envelopes_are_as_the_rfc_says(void **state)
{
	(void)state;
	/* The example of RFC 9051 section 7.5.2. */
	envelope("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
		 "From: Terry Gray <gray@cac.washington.edu>\r\n"
		 "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
		 "To: imap@cac.washington.edu\r\n"
		 "cc: minutes@CNRI.Reston.VA.US, \r\n   John Klensin <KLENSIN@MIT.EDU>\r\n"
		 "Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n",
		"(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and "
		"minutes\" "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((NIL NIL \"imap\" \"cac.washington.edu\")) "
		"((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
		"(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
		"\"<B27397-0100000@cac.washington.edu>\")");
	envelope("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
	envelope("Subject:\nDate: \nFrom:\nTo: ,\nSender: x@y\n",
		"(\"\" \"\" NIL ((NIL NIL \"x\" \"y\")) NIL NIL NIL NIL NIL NIL)");
	envelope("Subject: a \"q\" \\ b\r\n c\nTo: G: a@b, root;\nTo: <@r:c@d>\n",
		"(NIL \"a \\\"q\\\" \\\\ b c\" NIL NIL NIL "
		"((NIL NIL \"G\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL \"root\" \"\")(NIL NIL NIL "
		"NIL)"
		"(NIL \"@r\" \"c\" \"d\")) NIL NIL NIL NIL)");
	envelope("Subject: caf\xc3\xa9\nIn-Reply-To: <a> <b>\n",
		"(NIL {5}\r\ncaf\xc3\xa9 NIL NIL NIL NIL NIL NIL \"<a> <b>\" NIL)");
}

static void
a_nul_never_reaches_the_client(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	imap_body_put_string(SLICE_LIT("a\0b"), false, &out);
	imap_body_put_string(SLICE_LIT("\xff\0"), false, &out);
	assert_slice(buf_slice(&out), "\"a?b\"{2}\r\n\xff?");
	buf_fini(&out);
}

static void
structures_are_as_the_rfc_says(void **state)
{
	(void)state;
	structure("Subject: x\r\n\r\nbody\r\n",
		"(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 6 1 NIL NIL "
		"NIL NIL)",
		"(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 6 1)");
	structure("Content-Type: Application/Pdf; name=\"a b\"\nContent-Transfer-Encoding: "
		  "base64\n"
		  "Content-ID: <i@d>\nContent-Description: de\n sc\nContent-MD5: Q==\n"
		  "Content-Disposition: attachment; filename=x\nContent-Language: en, (c) de\n"
		  "Content-Location: http://x/\n\nAAAA\n",
		"(\"Application\" \"Pdf\" (\"name\" \"a b\") \"<i@d>\" \"de sc\" \"BASE64\" 5 "
		"\"Q==\" "
		"(\"attachment\" (\"filename\" \"x\")) (\"en\" \"de\") \"http://x/\")",
		"(\"Application\" \"Pdf\" (\"name\" \"a b\") \"<i@d>\" \"de sc\" \"BASE64\" "
		"5)");
	structure("Content-Type: multipart/mixed; boundary=b\n\n"
		  "--b\n\none\n--b\nContent-Type: text/html; "
		  "charset=utf-8\nContent-Transfer-Encoding: x-odd\n\n"
		  "two\nlines\n\n--b--\n",
		"((\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3 0 NIL NIL "
		"NIL NIL)"
		"(\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"x-odd\" 10 2 NIL NIL NIL "
		"NIL) "
		"\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)",
		"((\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3 0)"
		"(\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"x-odd\" 10 2) "
		"\"mixed\")");
	structure("Content-Type: message/rfc822\n\nSubject: in\n\nbody\n",
		"(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 18 "
		"(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) "
		"(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 5 1 NIL NIL "
		"NIL NIL) 3 "
		"NIL NIL NIL NIL)",
		"(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 18 "
		"(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) "
		"(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 5 1) 3)");
	structure("Content-Type: multipart/mixed; boundary=b\n\nnothing\n",
		"((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 0 0 NIL NIL "
		"NIL NIL) "
		"\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)",
		"((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 0 0) "
		"\"mixed\")");
}

/* RFC 9051 section 6.4.5.1's example, in small. */
static const char nested[] =
	"H: root\n" /* 0 */
	"Content-Type: multipart/mixed; boundary=a\n\n"
	"--a\n\nfirst\n"
	"--a\nContent-Type: message/rfc822\n\n"
	"Subject: inner\nContent-Type: multipart/alternative; boundary=b\n\n"
	"--b\nX: 1\n\nalt one\n--b\n\nalt two\n--b--\n"
	"--a\nContent-Type: message/rfc822\n\nS: plain\n\nlast\n--a--\n";

static void
section(const struct imap_body *b, struct slice whole, const char *path,
	enum imap_body_text what, const char *want)
{
	uint32_t numbers[8], part;
	struct imap_body_range r;
	size_t n = 0;

	for (const char *p = path; *p; p += p[1] ? 2 : 1)
		numbers[n++] = (uint32_t)(*p - '0');
	if (!imap_body_find(b, imap_body_path(numbers, n), what, &r, &part)) {
		if (want)
			fail_msg("%s %d not found", path, what);
		return;
	}
	if (!want || !slice_eq(slice_cut(whole, r.from, r.to), slice_str(want)))
		fail_msg("%s %d: %.*s", path, what, (int)(r.to - r.from), whole.p + r.from);
}

static void
sections_are_found(void **state)
{
	struct slice head = SLICE_LIT("Delivered-To: x\n");
	struct mail_scan *s = scan(slice_str(nested));
	struct imap_body b = {.shift = 0};
	struct buf whole;

	(void)state;
	buf_init(&whole, 10000);
	b.parts = mail_scan_parts(s, &b.count);
	section(&b, slice_str(nested), "", IMAP_BODY_WHOLE, nested);
	section(&b, slice_str(nested), "", IMAP_BODY_HEADER,
		"H: root\nContent-Type: multipart/mixed; boundary=a\n\n");
	b.shift = head.n;
	buf_clear(&whole);
	buf_put_slice(&whole, head);
	buf_put_str(&whole, nested);
	buf_put_u8(&whole, '\0');
	whole.n--;
	section(&b, buf_slice(&whole), "", IMAP_BODY_WHOLE, (const char *)whole.p);
	section(&b, buf_slice(&whole), "", IMAP_BODY_HEADER,
		"Delivered-To: x\nH: root\nContent-Type: multipart/mixed; boundary=a\n\n");
	section(&b, buf_slice(&whole), "1", IMAP_BODY_WHOLE, "first");
	section(&b, buf_slice(&whole), "1", IMAP_BODY_MIME, "\n");
	section(&b, buf_slice(&whole), "1", IMAP_BODY_HEADER, NULL);
	section(&b, buf_slice(&whole), "1", IMAP_BODY_TEXT, NULL);
	section(&b, buf_slice(&whole), "1.1", IMAP_BODY_WHOLE, NULL);
	section(&b, buf_slice(&whole), "2", IMAP_BODY_MIME, "Content-Type: message/rfc822\n\n");
	section(&b, buf_slice(&whole), "2", IMAP_BODY_HEADER,
		"Subject: inner\nContent-Type: multipart/alternative; boundary=b\n\n");
	section(&b, buf_slice(&whole), "2", IMAP_BODY_TEXT,
		"--b\nX: 1\n\nalt one\n--b\n\nalt two\n--b--");
	section(&b, buf_slice(&whole), "2.1", IMAP_BODY_WHOLE, "alt one");
	section(&b, buf_slice(&whole), "2.1", IMAP_BODY_MIME, "X: 1\n\n");
	section(&b, buf_slice(&whole), "2.2", IMAP_BODY_WHOLE, "alt two");
	section(&b, buf_slice(&whole), "2.3", IMAP_BODY_WHOLE, NULL);
	section(&b, buf_slice(&whole), "3", IMAP_BODY_WHOLE, "S: plain\n\nlast");
	section(&b, buf_slice(&whole), "3.1", IMAP_BODY_WHOLE, "last");
	section(&b, buf_slice(&whole), "3.1", IMAP_BODY_MIME, "S: plain\n\n");
	section(&b, buf_slice(&whole), "3.2", IMAP_BODY_WHOLE, NULL);
	section(&b, buf_slice(&whole), "3.1.1", IMAP_BODY_WHOLE, NULL);
	section(&b, buf_slice(&whole), "4", IMAP_BODY_WHOLE, NULL);
	section(&b, buf_slice(&whole), "0", IMAP_BODY_WHOLE, NULL);
	section(&b, buf_slice(&whole), "", IMAP_BODY_MIME, NULL);
	mail_scan_free(s);
	s = scan(SLICE_LIT("A: b\n\nbody"));
	b = (struct imap_body){.shift = 0};
	b.parts = mail_scan_parts(s, &b.count);
	section(&b, SLICE_LIT("A: b\n\nbody"), "1", IMAP_BODY_WHOLE, "body");
	section(&b, SLICE_LIT("A: b\n\nbody"), "1", IMAP_BODY_MIME, "A: b\n\n");
	section(&b, SLICE_LIT("A: b\n\nbody"), "", IMAP_BODY_TEXT, "body");
	section(&b, SLICE_LIT("A: b\n\nbody"), "2", IMAP_BODY_WHOLE, NULL);
	mail_scan_free(s);
	buf_fini(&whole);
}

static void
partials_are_cut_to_the_section(void **state)
{
	struct imap_body_range r = {10, 20};

	(void)state;
	r = imap_body_partial((struct imap_body_range){10, 20}, 3, 4);
	assert_true(r.from == 13 && r.to == 17);
	r = imap_body_partial((struct imap_body_range){10, 20}, 3, UINT64_MAX);
	assert_true(r.from == 13 && r.to == 20);
	r = imap_body_partial((struct imap_body_range){10, 20}, UINT64_MAX, UINT64_MAX);
	assert_true(r.from == 20 && r.to == 20);
}

static void
filter(const char *header, bool is_not, const char *want)
{
	const struct slice names[] = {SLICE_LIT("subject"), SLICE_LIT("TO")};
	struct imap_body_filter f;
	struct buf out;

	buf_init(&out, 10000);
	for (size_t step = 1; step <= strlen(header) + 1; step++) {
		buf_clear(&out);
		imap_body_filter_init(&f, names, 2, is_not);
		for (size_t i = 0; i < strlen(header); i += step)
			assert_true(imap_body_filter_feed(
				&f, slice_cut(slice_str(header), i, i + step), &out));
		assert_true(imap_body_filter_end(&f, &out));
		if (!slice_eq(buf_slice(&out), slice_str(want)))
			fail_msg("by %zu: %.*s not %s", step, (int)out.n, (char *)out.p, want);
	}
	buf_fini(&out);
}

static void
header_fields_are_filtered_in_pieces(void **state)
{
	const char header[] = "From: a\r\nSubject: b\r\n folded\r\nX: y\r\n\tz\r\nto : "
			      "c\r\nTox: d\r\nodd\r\n\r\n";

	(void)state;
	filter(header, false, "Subject: b\r\n folded\r\nto : c\r\n\r\n");
	filter(header, true, "From: a\r\nX: y\r\n\tz\r\nTox: d\r\nodd\r\n\r\n");
	filter("To: a\nX: b\n\n", false, "To: a\n\n");
	filter("To: a\nX: b", false, "To: a\n");
	filter("To", false, "");
	filter("To", true, "To");
	filter("\r\nTo: body", false, "\r\n");
	filter("", false, "");
}

static void
the_largest_structures_are_bounded(void **state)
{
	struct mail_scan *s = mail_scan_new();
	struct imap_body b = {0};
	struct buf out;
	char text[100];

	(void)state;
	for (int i = 0; i < 10000; i++)
		mail_scan_feed(
			s, slice_of(text, (size_t)sprintf(text,
						  i % 2 ? "Content-Type: message/rfc822\n\n"
							: "Content-Type: multipart/mixed; "
							  "boundary=b%05d\n\n--b%05d\n",
						  i, i)));
	mail_scan_finish(s);
	b.parts = mail_scan_parts(s, &b.count);
	buf_init(&out, 1000000);
	assert_true(imap_body_structure(&b, true, &out, NULL));
	buf_fini(&out);
	buf_init(&out, 1000);
	assert_false(imap_body_structure(&b, true, &out, NULL));
	buf_fini(&out);
	mail_scan_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(envelopes_are_as_the_rfc_says),
		cmocka_unit_test(a_nul_never_reaches_the_client),
		cmocka_unit_test(structures_are_as_the_rfc_says),
		cmocka_unit_test(sections_are_found),
		cmocka_unit_test(partials_are_cut_to_the_section),
		cmocka_unit_test(header_fields_are_filtered_in_pieces),
		cmocka_unit_test(the_largest_structures_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
