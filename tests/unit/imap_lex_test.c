#include "tests/test.h"

#include <stdlib.h>

#include "imap/imap_lex.h"

/* Literals up to 8 octets are kept, "APPEND" ones streamed, others refused. */
static void
decide(struct imap_lex *l, struct buf *log)
{
	struct slice text = imap_lex_text(l);

	buf_printf(log, "L%llu%s%s ", (unsigned long long)l->literal_size,
		l->literal_sync ? "" : "+", l->literal_binary ? "~" : "");
	if (slice_find_slice(text, SLICE_LIT("APPEND")) < text.n) {
		imap_lex_stream(l);
	} else if ((l->literal_size > 8 || !imap_lex_keep(l)) && imap_lex_refuse(l)) {
		buf_put_str(log, "no ");
		imap_lex_next(l, false);
	}
}

static void
take_command(struct imap_lex *l, const char *how, struct buf *log)
{
	buf_put_str(log, how);
	buf_put_slice(log, slice_cut(imap_lex_text(l), 0, 24));
	buf_put_str(log, "] ");
	imap_lex_next(l, false);
}

/* Writes an event as text and does what it asks for. */
static void
on_event(struct imap_lex *l, enum imap_lex_event e, struct slice data, struct buf *log)
{
	switch (e) {
	case IMAP_LEX_MORE:
		break;
	case IMAP_LEX_LITERAL:
		decide(l, log);
		break;
	case IMAP_LEX_DATA:
		buf_put_slice(log, data);
		break;
	case IMAP_LEX_DATA_END:
		buf_put_str(log, ". ");
		break;
	case IMAP_LEX_COMMAND:
		take_command(l, "C[", log);
		break;
	case IMAP_LEX_TOO_LONG:
		take_command(l, "T[", log);
		break;
	case IMAP_LEX_REFUSED:
		take_command(l, "R[", log);
		break;
	case IMAP_LEX_LOST:
		buf_put_str(log, "LOST ");
		break;
	}
}

/* Runs a whole input in pieces of `step` octets and writes what came as text. */
static void
run(struct slice in, size_t step, size_t cap, struct buf *log)
{
	struct imap_lex l;
	struct slice piece, data;
	enum imap_lex_event e;

	imap_lex_init(&l, cap);
	for (size_t at = 0; at < in.n; at += step) {
		piece = slice_cut(in, at, at + step);
		do {
			data = SLICE_EMPTY;
			e = imap_lex_step(&l, &piece, &data);
			on_event(&l, e, data, log);
		} while (e != IMAP_LEX_MORE && e != IMAP_LEX_LOST);
		assert_true(l.text.n <= cap && l.text.room <= cap);
	}
	imap_lex_fini(&l);
}

static void
expect(const char *in, const char *want)
{
	struct buf log;

	for (size_t step = 1; step < 80; step++) {
		buf_init(&log, 65536);
		run(slice_str(in), step, 1024, &log);
		buf_put_u8(&log, 0);
		assert_string_equal((char *)log.p, want);
		buf_fini(&log);
	}
}

static void
a_line_is_a_command(void **state)
{
	(void)state;
	expect("a NOOP\r\nb NOOP\nc", "C[a NOOP\r\n] C[b NOOP\n] ");
}

static void
a_literal_is_kept_in_the_text(void **state)
{
	(void)state;
	expect("a LOGIN {3}\r\nu\r\n {2+}\r\npw\r\n",
		"L3 L2+ C[a LOGIN {3}\r\nu\r\n {2+}\r\np] ");
	expect("a X {0}\r\n\r\nb\r\n", "L0 C[a X {0}\r\n\r\n] C[b\r\n] ");
}

static void
a_brace_inside_quotes_announces_nothing(void **state)
{
	(void)state;
	expect("a X \"q{5}\r\n", "C[a X \"q{5}\r\n] ");
	expect("a X \"\\\"\" {1}\r\nz\r\n", "L1 C[a X \"\\\"\" {1}\r\nz\r\n] ");
	expect("a X {}\r\nb {x}\r\nc 5}\r\n", "C[a X {}\r\n] C[b {x}\r\n] C[c 5}\r\n] ");
}

static void
a_refused_synchronising_literal_ends_the_command(void **state)
{
	(void)state;
	expect("a X {9}\r\nb NOOP\r\n", "L9 no C[b NOOP\r\n] ");
}

static void
a_refused_nonsynchronising_literal_is_skipped(void **state)
{
	(void)state;
	expect("a X {9+}\r\n123\r\n5678 {3+}\r\nb\r\n \r\nb NOOP\r\n",
		"L9+ R[a X {9+}\r\n {3+}\r\n \r\n] C[b NOOP\r\n] ");
	expect("a X {9+}\r\n123456789 {3}\r\nb NOOP\r\n",
		"L9+ R[a X {9+}\r\n {3}\r\n] C[b NOOP\r\n] ");
}

static void
an_append_literal_is_streamed(void **state)
{
	(void)state;
	expect("a APPEND i ~{5}\r\na\r\nb{\r\nb\r\n",
		"L5~ a\r\nb{. C[a APPEND i ~{5}\r\n\r\n] C[b\r\n] ");
}

static void
impossible_sizes_are_refused_or_end_it(void **state)
{
	struct buf log;

	(void)state;
	expect("a X {99999999999999999999999999}\r\nb\r\n",
		"L9223372036854775807 no C[b\r\n] ");
	buf_init(&log, 4096);
	run(SLICE_LIT("a X {99999999999999999999999999+}\r\n"), 64, 1024, &log);
	assert_slice(buf_slice(&log), "LOST ");
	buf_clear(&log);
	run(SLICE_LIT("a X {4294967296+}\r\n"), 64, 1024, &log);
	assert_slice(buf_slice(&log), "L4294967296+ LOST ");
	buf_fini(&log);
}

static void
a_long_line_is_read_to_its_end(void **state)
{
	struct buf in, log;

	(void)state;
	for (size_t step = 1; step < 3000; step += 97) {
		buf_init(&in, 1 << 20);
		buf_init(&log, 65536);
		buf_put_str(&in, "tag X ");
		for (int i = 0; i < 5000; i++)
			buf_put_u8(&in, 'x');
		buf_put_str(&in, "{5+}\r\nab\r\nc y\r\nb NOOP\r\n");
		run(buf_slice(&in), step, 1024, &log);
		buf_put_u8(&log, 0);
		assert_string_equal(
			(char *)log.p, "T[tag X xxxxxxxxxxxxxxxxxx] C[b NOOP\r\n] ");
		buf_fini(&in);
		buf_fini(&log);
	}
}

static void
a_raw_line_has_no_literals(void **state)
{
	struct imap_lex l;
	struct slice in = SLICE_LIT("abc{5}\r\n"), data;

	(void)state;
	imap_lex_init(&l, 1024);
	imap_lex_next(&l, true);
	assert_int_equal(imap_lex_step(&l, &in, &data), IMAP_LEX_COMMAND);
	assert_slice(imap_lex_text(&l), "abc{5}\r\n");
	imap_lex_fini(&l);
}

static void
a_dropped_stream_is_skipped(void **state)
{
	struct imap_lex l;
	struct slice in = SLICE_LIT("a APPEND x {6}\r\nabcdef\r\nb NOOP\r\n"), data;

	(void)state;
	imap_lex_init(&l, 1024);
	assert_int_equal(imap_lex_step(&l, &in, &data), IMAP_LEX_LITERAL);
	imap_lex_stream(&l);
	imap_lex_drop(&l);
	assert_int_equal(imap_lex_step(&l, &in, &data), IMAP_LEX_REFUSED);
	imap_lex_next(&l, false);
	assert_true(imap_lex_is_idle(&l));
	assert_int_equal(imap_lex_step(&l, &in, &data), IMAP_LEX_COMMAND);
	assert_slice(imap_lex_text(&l), "b NOOP\r\n");
	imap_lex_fini(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_command),
		cmocka_unit_test(a_literal_is_kept_in_the_text),
		cmocka_unit_test(a_brace_inside_quotes_announces_nothing),
		cmocka_unit_test(a_refused_synchronising_literal_ends_the_command),
		cmocka_unit_test(a_refused_nonsynchronising_literal_is_skipped),
		cmocka_unit_test(an_append_literal_is_streamed),
		cmocka_unit_test(impossible_sizes_are_refused_or_end_it),
		cmocka_unit_test(a_long_line_is_read_to_its_end),
		cmocka_unit_test(a_raw_line_has_no_literals),
		cmocka_unit_test(a_dropped_stream_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
