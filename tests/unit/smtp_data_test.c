#include "tests/test.h"

#include "core/buf.h"
#include "smtp/smtp_data.h"
#include "smtp/smtp_head.h"

struct got {
	struct buf text;
	size_t used;
	bool is_end;
	uint8_t flaws;
};

/* Feeds in pieces of `step` octets; stops at the true end. */
static void
feed(struct slice in, size_t step, struct got *g)
{
	struct smtp_data d;

	buf_init(&g->text, 1 << 20);
	g->used = 0;
	g->is_end = false;
	smtp_data_init(&d);
	while (g->used < in.n && !g->is_end) {
		struct slice piece = slice_cut(in, g->used, g->used + step), span;
		size_t n = smtp_data_feed(&d, piece, &span, &g->is_end);
		assert_true(n > 0 && n <= piece.n);
		buf_put_slice(&g->text, span);
		g->used += n;
	}
	g->flaws = d.flaws;
}

static const struct {
	struct slice in, text;
	size_t used;
	uint8_t flaws;
} rows[] = {
#define ROW(in, out, used, flaws)                                                              \
	{                                                                                      \
		{(const uint8_t *)in, sizeof in - 1}, {(const uint8_t *)out, sizeof out - 1},  \
			used, flaws                                                            \
	}
	ROW(".\r\nQUIT", "", 3, 0),
	ROW("a\r\n.\r\nQUIT\r\n", "a\r\n", 6, 0),
	ROW("a\r\n..\r\n...b\r\n.c\r\n.\r\n", "a\r\n.\r\n..b\r\nc\r\n", 20, 0),
	ROW("\r\n\r\n.\r\n", "\r\n\r\n", 7, 0),
	ROW("a\n.\nb\r\n.\r\n", "", 10, SMTP_FLAW_LF),
	ROW("a\n.\r\nb\r\n.\r\n", "", 11, SMTP_FLAW_LF),
	ROW("a\r\n.\nb\r\n.\r\n", "", 11, SMTP_FLAW_LF),
	ROW("a\r.\r\nb\r\n.\r\n", "", 11, SMTP_FLAW_CR),
	ROW("a\r\n.\rb\r\n.\r\n", "", 11, SMTP_FLAW_CR),
	ROW("a\r\n.\r\r\n.\r\n", "", 10, SMTP_FLAW_CR),
	ROW("a\r\r\n.\r\n", "", 7, SMTP_FLAW_CR),
	ROW("a\0b\r\n.\r\n", "", 8, SMTP_FLAW_NUL),
	ROW(".\n.\r\n\r\n.\r\n", "", 10, SMTP_FLAW_LF),
	ROW("\n", "", 1, SMTP_FLAW_LF),
#undef ROW
};

static void
only_crlf_dot_crlf_ends_data_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t step = 1; step <= rows[i].in.n; step++) {
			struct got g;
			feed(rows[i].in, step, &g);
			assert_int_equal(g.used, rows[i].used);
			assert_int_equal(g.flaws, rows[i].flaws);
			assert_int_equal(g.is_end, i != sizeof rows / sizeof rows[0] - 1);
			if (!g.flaws)
				assert_true(slice_eq(buf_slice(&g.text), rows[i].text));
			buf_fini(&g.text);
		}
}

static void
data_cut_short_never_ends(void **state)
{
	struct slice in = SLICE_LIT("a\r\n..b\r\n.c\r\n.\r\n");

	(void)state;
	for (size_t n = 0; n < in.n; n++) {
		struct got g;
		feed(slice_cut(in, 0, n), n ? n : 1, &g);
		assert_false(g.is_end);
		assert_int_equal(g.flaws, 0);
		buf_fini(&g.text);
	}
}

static void
chunks_are_looked_at_across_their_borders(void **state)
{
	static const struct {
		const char *in;
		uint8_t flaws;
		bool lacks;
	} chunk_rows[] = {{"", 0, false}, {"a\r\n.\r\nb\r\n", 0, false}, {"a", 0, true},
		{"a\r", SMTP_FLAW_CR, true}, {"a\nb\r\n", SMTP_FLAW_LF, false},
		{"a\rb\r\n", SMTP_FLAW_CR, false}, {"\r\n", 0, false}};

	(void)state;
	for (size_t i = 0; i < sizeof chunk_rows / sizeof chunk_rows[0]; i++) {
		struct slice in = slice_str(chunk_rows[i].in);
		for (size_t step = 1; step <= in.n + 1; step++) {
			struct smtp_data d;
			smtp_data_init(&d);
			for (size_t at = 0; at < in.n; at += step)
				smtp_data_look(&d, slice_cut(in, at, at + step));
			assert_int_equal(smtp_data_finish(&d), chunk_rows[i].lacks);
			assert_int_equal(d.flaws, chunk_rows[i].flaws);
		}
	}
}

static void
scan(struct slice in, size_t step, struct smtp_head *h)
{
	smtp_head_init(h);
	for (size_t at = 0; at < in.n; at += step)
		smtp_head_feed(h, slice_cut(in, at, at + step));
}

static void
the_header_is_counted_in_pieces_of_any_size(void **state)
{
	struct slice in = SLICE_LIT(
		"received: a\r\n\tb\r\nReceived : c\r\nX-Received: d\r\n"
		"Message-ID:\r\n <x@y>  \r\nDATE: now\r\n\r\nReceived: no\r\n");
	struct smtp_head h;

	(void)state;
	for (size_t step = 1; step <= in.n; step++) {
		scan(in, step, &h);
		assert_int_equal(h.received, 2);
		assert_int_equal(h.dates, 1);
		assert_int_equal(h.message_ids, 1);
		assert_true(h.is_over);
		assert_slice(smtp_head_message_id(&h), "<x@y>");
	}
}

static void
octets_above_127_count_in_the_header_alone(void **state)
{
	static const struct {
		const char *text;
		bool is_8bit;
	} texts[] = {{"A: b\r\n\r\n\xc3\xa4\r\n", false}, {"\r\n\xc3\xa4\r\n", false},
		{"A: \xc3\xa4\r\n\r\nb\r\n", true}, {"A: b\r\n \xe4\r\n\r\nb\r\n", true},
		{"A: b\r\n\xe4: c\r\n\r\nb\r\n", true},
		{"Message-ID: <\xe4>\r\n\r\nb\r\n", true}, {"A: \xc3\xa4", true}};
	struct smtp_head h;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (size_t step = 1; step <= strlen(texts[i].text); step++) {
			scan(slice_str(texts[i].text), step, &h);
			if (h.is_8bit != texts[i].is_8bit)
				fail_msg("row %zu by %zu", i, step);
		}
}

static void
two_message_ids_or_one_too_long_count_as_none(void **state)
{
	struct smtp_head h;
	char s[600] = "Message-ID:";

	(void)state;
	scan(SLICE_LIT("Message-ID: <a>\r\nMessage-Id: <b>\r\n\r\n"), 7, &h);
	assert_int_equal(h.message_ids, 2);
	assert_int_equal(smtp_head_message_id(&h).n, 0);
	scan(SLICE_LIT("Subject: <a>\r\n\r\nMessage-ID: <b>\r\n"), 7, &h);
	assert_int_equal(smtp_head_message_id(&h).n, 0);
	memset(s + 11, 'x', SMTP_HEAD_ID_MAX + 1);
	scan(slice_of(s, 11 + SMTP_HEAD_ID_MAX), 600, &h);
	assert_int_equal(smtp_head_message_id(&h).n, SMTP_HEAD_ID_MAX);
	scan(slice_of(s, 11 + SMTP_HEAD_ID_MAX + 1), 600, &h);
	assert_int_equal(smtp_head_message_id(&h).n, 0);
}

static void
a_line_that_is_no_field_ends_the_header(void **state)
{
	struct smtp_head h;

	(void)state;
	scan(SLICE_LIT("Hello there\r\nReceived: x\r\n"), 3, &h);
	assert_true(h.is_over);
	assert_int_equal(h.received, 0);
	scan(SLICE_LIT("A-very-long-name-of-a-field: 1\r\nReceived: x\r\n"), 3, &h);
	assert_int_equal(h.received, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_crlf_dot_crlf_ends_data_in_pieces_of_any_size),
		cmocka_unit_test(data_cut_short_never_ends),
		cmocka_unit_test(chunks_are_looked_at_across_their_borders),
		cmocka_unit_test(the_header_is_counted_in_pieces_of_any_size),
		cmocka_unit_test(octets_above_127_count_in_the_header_alone),
		cmocka_unit_test(two_message_ids_or_one_too_long_count_as_none),
		cmocka_unit_test(a_line_that_is_no_field_ends_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
