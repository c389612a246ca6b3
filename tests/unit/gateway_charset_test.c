#include "tests/test.h"

#include "crypto/gateway_charset.h"

#define BEGIN "-----BEGIN PGP MESSAGE-----\r\n"
#define ARMOR "\r\nCharset: KOI8-R\r\n-----END PGP MESSAGE-----\r\n"
#define UMLAUT "\xfc\xdf"
#define UMLAUT_UTF_8 "\xc3\xbc\xc3\x9f"

static void
what_is_said_counts_unless_it_cannot_be_so(void **state)
{
	static const struct {
		const char *type, *lines, *plain, *charset;
	} rows[] = {
		{"", "", "ascii", "UTF-8"},
		{"; charset=iso-8859-15", "", UMLAUT_UTF_8, "UTF-8"},
		{"; charset=iso-8859-15", "", UMLAUT, "ISO-8859-15"},
		{"; charset=iso-8859-15", "", "a" UMLAUT_UTF_8 "\xc3", "ISO-8859-15"},
		{"; charset=utf-8", "", UMLAUT, "windows-1252"},
		{"; charset=us-ascii", "", UMLAUT, "windows-1252"},
		{"; charset=\"x\r\n\ty\"", "", UMLAUT, "windows-1252"},
		{"; charset=utf-8", "Comment: a\r\nCharset: ISO-8859-5\r\n", UMLAUT,
			"ISO-8859-5"},
		{"; charset=iso-8859-15", "charset:utf-8\r\n", UMLAUT, "ISO-8859-15"},
		{"; charset=iso-8859-15", "Charset: nobody's\r\n", UMLAUT, "ISO-8859-15"},
		{"; charset=iso-2022-jp", "", "\x1b$B$\"\x1b(B", "ISO-2022-JP"},
		{"; charset=utf-8", "", "\x1b[1m", "UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice plain = slice_str(rows[i].plain), mail;
		struct text t, inside = text_of(&plain);
		struct gateway_head h;
		struct gateway_mime m;
		const struct gateway_charset_mail of = {&h, &t, &m};
		struct arena a;
		const char *name = NULL;
		struct buf b;

		arena_init(&a, 0);
		buf_init(&b, 1024);
		buf_printf(&b, "Content-Type: text/plain%s\r\n\r\n" BEGIN "%s" ARMOR,
			rows[i].type, rows[i].lines);
		mail = buf_slice(&b);
		t = text_of(&mail);
		assert_int_equal(gateway_head_read(&t, &a, &h), ERR_OK);
		gateway_mime_look(&h, &t, &m);
		assert_int_equal(m.kind, GATEWAY_MIME_PGP_INLINE);
		assert_int_equal(gateway_charset_inline(&of, &inside, &name), ERR_OK);
		assert_string_equal(name, rows[i].charset);
		buf_fini(&b);
		arena_reset(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_counts_unless_it_cannot_be_so),
	};

	return cmocka_run_group_tests_name("gateway_charset", tests, NULL, NULL);
}
