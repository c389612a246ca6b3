#include "tests/test.h"

#include <stdio.h>

#include "smtp/smtp_client_hello.h"
#include "smtp/smtp_client_reply.h"

#include "crypto/sasl.h"

/* Feeds one reply in pieces of `step` octets. */
static enum err
feed(struct smtp_client_reply *r, struct slice in, size_t step, size_t *used)
{
	enum err e = ERR_MORE;
	size_t n;

	smtp_client_reply_init(r);
	*used = 0;
	while (e == ERR_MORE && *used < in.n) {
		e = smtp_client_reply_feed(r, slice_cut(in, *used, *used + step), &n);
		assert_true(n > 0 && n <= step);
		*used += n;
	}
	return e;
}

#define LIT(s)                                                                                 \
	{                                                                                      \
		(const uint8_t *)s, sizeof s - 1                                               \
	}
static const struct {
	struct slice in;
	enum err e;
	unsigned code;
	size_t used; /* 0: all */
	const char *enhanced, *text;
} rows[] = {
	{LIT("250 Ok\r\n"), ERR_OK, 250, 0, "", "250 Ok"},
	{LIT("250\r\n"), ERR_OK, 250, 0, "", "250"},
	{LIT("250 \r\n"), ERR_OK, 250, 0, "", "250"},
	{LIT("250 Ok\n"), ERR_OK, 250, 0, "", "250 Ok"},
	{LIT("250 Ok\r\n250 more\r\n"), ERR_OK, 250, 8, "", "250 Ok"},
	{LIT("550 5.1.1 No such user\r\n"), ERR_OK, 550, 0, "5.1.1", "550 5.1.1 No such user"},
	{LIT("550-5.1.1 No such\r\n550-5.1.1  user\r\n550 5.1.2 here\r\n"), ERR_OK, 550, 0,
		"5.1.1", "550 5.1.1 No such user 5.1.2 here"},
	{LIT("550-5.7.1\r\n550 no\r\n"), ERR_OK, 550, 0, "5.7.1", "550 5.7.1 no"},
	{LIT("550 5.123.456 x\r\n"), ERR_OK, 550, 0, "5.123.456", "550 5.123.456 x"},
	{LIT("550 5.1234.5 x\r\n"), ERR_OK, 550, 0, "", "550 5.1234.5 x"},
	{LIT("550 5.1.1.2 x\r\n"), ERR_OK, 550, 0, "", "550 5.1.1.2 x"},
	{LIT("550 5.1 x\r\n"), ERR_OK, 550, 0, "", "550 5.1 x"},
	{LIT("550 5..1 x\r\n"), ERR_OK, 550, 0, "", "550 5..1 x"},
	{LIT("550 4.1.1 x\r\n"), ERR_OK, 550, 0, "", "550 4.1.1 x"},
	{LIT("250-a\r\n250-\r\n250-b\r\n250 c\r\n"), ERR_OK, 250, 0, "", "250 a b c"},
	{LIT("450 a\tb\0c\x1b[2J\xc3\xa4\r\n"), ERR_OK, 450, 0, "", "450 a b?c?[2J??"},
	{LIT("450 a\rb\r\r\n"), ERR_OK, 450, 0, "", "450 a?b?"},
	{LIT("199 a\r\n"), ERR_SYNTAX, 0, 0, "", NULL},
	{LIT("600 a\r\n"), ERR_SYNTAX, 0, 0, "", NULL},
	{LIT("25 a\r\n"), ERR_SYNTAX, 0, 0, "", NULL},
	{LIT("2\r\n"), ERR_SYNTAX, 0, 0, "", NULL},
	{LIT("\r\n"), ERR_SYNTAX, 0, 0, "", NULL},
	{LIT("2500 a\r\n"), ERR_SYNTAX, 0, 0, "", NULL},
	{LIT("250a\r\n"), ERR_SYNTAX, 0, 0, "", NULL},
	{LIT(" 250 a\r\n"), ERR_SYNTAX, 0, 0, "", NULL},
	{LIT("SSH-2.0-x\r\n"), ERR_SYNTAX, 0, 0, "", NULL},
	{LIT("250-a\r\n251 b\r\n"), ERR_SYNTAX, 250, 0, "", NULL},
	{LIT("250-a\r\n550 5.0.0 b\r\n"), ERR_SYNTAX, 250, 0, "", NULL},
	{LIT("250-a\r\nb\r\n"), ERR_SYNTAX, 250, 0, "", NULL},
};

static void
replies_are_read_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t step = 1; step <= rows[i].in.n; step++) {
			struct smtp_client_reply r;
			struct buf text;
			size_t used;

			buf_init(&text, 4096);
			assert_int_equal(feed(&r, rows[i].in, step, &used), rows[i].e);
			assert_int_equal(used, rows[i].used ? rows[i].used : rows[i].in.n);
			assert_int_equal(r.code, rows[i].code);
			if (rows[i].e == ERR_OK) {
				assert_string_equal(r.enhanced, rows[i].enhanced);
				smtp_client_reply_text(&r, &text);
				buf_put_u8(&text, 0);
				assert_string_equal((char *)text.p, rows[i].text);
			}
			buf_fini(&text);
			smtp_client_reply_fini(&r);
		}
}

static void
a_reply_cut_anywhere_isnt_one_yet(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t n = 0; n < (rows[i].used ? rows[i].used : rows[i].in.n); n++) {
			struct smtp_client_reply r;
			size_t used;
			enum err e = feed(&r, slice_cut(rows[i].in, 0, n), n ? n : 1, &used);

			assert_int_equal(e, ERR_MORE);
			assert_int_equal(used, n);
			smtp_client_reply_fini(&r);
		}
}

static void
the_next_reply_begins_anew(void **state)
{
	struct slice in = SLICE_LIT("550-5.1.1 a\r\n550 5.1.1 b\r\n250 c\r\n"), rest;
	struct smtp_client_reply r;
	struct buf text;
	size_t used;

	(void)state;
	buf_init(&text, 4096);
	smtp_client_reply_init(&r);
	assert_int_equal(smtp_client_reply_feed(&r, in, &used), ERR_OK);
	rest = slice_from(in, used);
	assert_int_equal(smtp_client_reply_feed(&r, rest, &used), ERR_OK);
	assert_int_equal(used, rest.n);
	smtp_client_reply_text(&r, &text);
	assert_slice(buf_slice(&text), "250 c");
	assert_string_equal(r.enhanced, "");
	buf_fini(&text);
	smtp_client_reply_fini(&r);
}

/* "250" or "250-" or "250 ", filled up to n octets with CRLF. */
static void
put_line(struct buf *b, char mark, size_t n)
{
	buf_printf(b, "250%c", mark);
	for (size_t i = 6; i < n; i++)
		buf_put_u8(b, 'x');
	buf_put_str(b, "\r\n");
}

static void
a_line_has_2048_octets_at_most_and_512_of_them_are_kept(void **state)
{
	(void)state;
	for (size_t step = 1; step <= 4096; step = step * 7 + 1) {
		struct smtp_client_reply r;
		struct buf in;
		size_t used;

		buf_init(&in, 8192);
		put_line(&in, '-', SMTP_CLIENT_REPLY_LINE_MAX);
		put_line(&in, ' ', SMTP_CLIENT_REPLY_LINE_KEPT + 2);
		assert_int_equal(feed(&r, buf_slice(&in), step, &used), ERR_OK);
		assert_int_equal(r.lines.n, 2 * (SMTP_CLIENT_REPLY_LINE_KEPT - 4) + 1);
		assert_int_equal(r.lines.p[SMTP_CLIENT_REPLY_LINE_KEPT - 5], 'x');
		assert_int_equal(r.lines.p[r.lines.n - 1], 'x');
		smtp_client_reply_fini(&r);
		buf_clear(&in);
		put_line(&in, ' ', SMTP_CLIENT_REPLY_LINE_MAX + 1);
		assert_int_equal(feed(&r, buf_slice(&in), step, &used), ERR_TOO_BIG);
		assert_int_equal(smtp_client_reply_fault(&r).n, SMTP_CLIENT_REPLY_LINE_KEPT);
		smtp_client_reply_fini(&r);
		/* without an end it isn't waited for */
		in.n = SMTP_CLIENT_REPLY_LINE_MAX - 1;
		assert_int_equal(feed(&r, buf_slice(&in), step, &used), ERR_MORE);
		smtp_client_reply_fini(&r);
		in.n = SMTP_CLIENT_REPLY_LINE_MAX;
		assert_int_equal(feed(&r, buf_slice(&in), step, &used), ERR_TOO_BIG);
		smtp_client_reply_fini(&r);
		buf_fini(&in);
	}
}

static void
a_reply_has_500_lines_at_most(void **state)
{
	struct smtp_client_reply r;
	struct buf in, text;
	size_t used;

	(void)state;
	buf_init(&in, 2 << 20);
	buf_init(&text, SMTP_CLIENT_REPLY_TEXT_MAX);
	for (size_t i = 1; i < SMTP_CLIENT_REPLY_LINES_MAX; i++)
		put_line(&in, '-', SMTP_CLIENT_REPLY_LINE_MAX);
	put_line(&in, ' ', SMTP_CLIENT_REPLY_LINE_MAX);
	assert_int_equal(feed(&r, buf_slice(&in), 4000, &used), ERR_OK);
	assert_false(r.lines.overflow);
	smtp_client_reply_text(&r, &text);
	assert_int_equal(text.n, SMTP_CLIENT_REPLY_TEXT_MAX);
	smtp_client_reply_fini(&r);
	in.n -= SMTP_CLIENT_REPLY_LINE_MAX;
	put_line(&in, '-', 10);
	assert_int_equal(feed(&r, buf_slice(&in), 4000, &used), ERR_TOO_BIG);
	assert_int_equal(used, in.n);
	smtp_client_reply_fini(&r);
	buf_fini(&in);
	buf_fini(&text);
}

static void
what_wasnt_smtp_can_be_quoted(void **state)
{
	struct smtp_client_reply r;
	size_t used;

	(void)state;
	assert_int_equal(feed(&r, SLICE_LIT("SSH-2.0-\x01x\r\n"), 3, &used), ERR_SYNTAX);
	assert_slice(smtp_client_reply_fault(&r), "SSH-2.0-?x");
	smtp_client_reply_fini(&r);
}

/* --- EHLO --- */

static struct smtp_client_hello
hello(const char *lines)
{
	struct smtp_client_hello h;

	smtp_client_hello_parse(slice_str(lines), true, &h);
	return h;
}

static void
each_keyword_is_known_in_any_case(void **state)
{
	static const struct {
		const char *line;
		unsigned offer;
	} words[] = {{"PIPELINING", SMTP_CLIENT_PIPELINING}, {"size", SMTP_CLIENT_SIZE},
		{"8BitMIME", SMTP_CLIENT_8BITMIME}, {"SMTPUTF8", SMTP_CLIENT_SMTPUTF8},
		{"DSN", SMTP_CLIENT_DSN}, {"STARTTLS", SMTP_CLIENT_STARTTLS},
		{"CHUNKING", SMTP_CLIENT_CHUNKING}, {"BINARYMIME", SMTP_CLIENT_BINARYMIME},
		{"auth PLAIN", SMTP_CLIENT_AUTH}, {"XFORWARD NAME", SMTP_CLIENT_XFORWARD},
		{"LIMITS RCPTMAX=1", 0}, {"HELP", 0}, {"PIPELININGS", 0}, {"DSN1", 0}, {"", 0}};
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		snprintf(text, sizeof text, "mx.example\n%s", words[i].line);
		assert_int_equal(hello(text).offers, words[i].offer);
		snprintf(text, sizeof text, "DSN\nHELP\n %s \nX", words[i].line);
		assert_int_equal(hello(text).offers, words[i].offer);
	}
}

static void
the_first_line_names_the_server_and_offers_nothing(void **state)
{
	struct smtp_client_hello h;

	(void)state;
	assert_slice(hello("mx.example greets you\nDSN").name, "mx.example");
	assert_slice(hello("mx.example").name, "mx.example");
	assert_int_equal(hello("").name.n, 0);
	assert_int_equal(hello("PIPELINING").offers, 0);
	smtp_client_hello_parse(SLICE_LIT("mx.example\nPIPELINING"), false, &h);
	assert_int_equal(h.offers, 0);
	assert_slice(h.name, "mx.example");
}

static void
numbers_that_cant_be_are_no_limits(void **state)
{
	struct smtp_client_hello h = hello("h\nSIZE 1000\nLIMITS MAILMAX=5 rcptmax=20 X=1");

	(void)state;
	assert_int_equal(h.size_max_bytes, 1000);
	assert_int_equal(h.rcpt_max, 20);
	assert_int_equal(h.mail_max, 5);
	assert_int_equal(hello("h\nSIZE").size_max_bytes, 0);
	assert_int_equal(hello("h\nSIZE 0").size_max_bytes, 0);
	assert_int_equal(hello("h\nSIZE -1").size_max_bytes, 0);
	assert_int_equal(hello("h\nSIZE 18446744073709551616").size_max_bytes, 0);
	assert_true(hello("h\nSIZE 18446744073709551615").size_max_bytes == UINT64_MAX);
	h = hello("h\nLIMITS RCPTMAX=0 MAILMAX RCPTMAX=x MAILMAX=4294967296");
	assert_int_equal(h.rcpt_max, 0);
	assert_int_equal(h.mail_max, 0);
}

static void
mechanisms_and_attributes_are_gathered_from_all_lines(void **state)
{
	struct smtp_client_hello h = hello(
		"h\nAUTH LOGIN GSSAPI  plain\nAUTH SCRAM-SHA-256\nXFORWARD NAME "
		"source\nXFORWARD LOGIN NONSENSE");

	(void)state;
	assert_int_equal(
		h.mechanisms, 1u << SASL_LOGIN | 1u << SASL_PLAIN | 1u << SASL_SCRAM_SHA_256);
	assert_int_equal(h.forwards, 1u << SMTP_CLIENT_FORWARD_NAME |
					     1u << SMTP_CLIENT_FORWARD_SOURCE |
					     1u << SMTP_CLIENT_FORWARD_LOGIN);
	assert_string_equal(smtp_client_hello_forward(SMTP_CLIENT_FORWARD_PROTO), "PROTO");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_read_in_pieces_of_any_size),
		cmocka_unit_test(a_reply_cut_anywhere_isnt_one_yet),
		cmocka_unit_test(the_next_reply_begins_anew),
		cmocka_unit_test(a_line_has_2048_octets_at_most_and_512_of_them_are_kept),
		cmocka_unit_test(a_reply_has_500_lines_at_most),
		cmocka_unit_test(what_wasnt_smtp_can_be_quoted),
		cmocka_unit_test(each_keyword_is_known_in_any_case),
		cmocka_unit_test(the_first_line_names_the_server_and_offers_nothing),
		cmocka_unit_test(numbers_that_cant_be_are_no_limits),
		cmocka_unit_test(mechanisms_and_attributes_are_gathered_from_all_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
