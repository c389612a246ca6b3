#include "tests/test.h"

#include <stdlib.h>

#include "core/must.h"
#include "crypto/dkim_canon.h"

static const char *const names[] = {"a", "b", "subject"};

struct result {
	struct buf header, body;
	enum err e;
	size_t fields;
};

/* In pieces of that size; the header as RFC 6376 shows it. */
static struct result
canon(struct slice text, size_t step)
{
	struct dkim_canon *c = must_alloc(sizeof *c);
	struct result r;

	buf_init(&r.header, 4 << 20);
	buf_init(&r.body, 4 << 20);
	dkim_canon_init(c, names, 3, text_into(&r.body));
	for (size_t at = 0; at < text.n; at += step)
		dkim_canon_feed(c, slice_cut(text, at, at + step));
	r.e = dkim_canon_finish(c);
	r.fields = c->fields;
	for (size_t i = 0; i < c->fields; i++)
		buf_printf(&r.header, "%s:%.*s\r\n", names[c->field[i].name],
			SLICE_FMT(dkim_canon_value(c, i)));
	dkim_canon_fini(c);
	free(c);
	return r;
}

static void
result_fini(struct result *r)
{
	buf_fini(&r->header);
	buf_fini(&r->body);
}

static void
assert_canon(const char *text, const char *header, const char *body)
{
	struct slice in = slice_str(text);

	for (size_t step = 1; step <= in.n + 1; step++) {
		struct result r = canon(in, step);

		assert_int_equal(r.e, ERR_OK);
		assert_true(slice_eq(buf_slice(&r.header), slice_str(header)));
		assert_true(slice_eq(buf_slice(&r.body), slice_str(body)));
		result_fini(&r);
	}
}

static void
the_example_of_rfc_6376_3_4_5_comes_out(void **state)
{
	(void)state;
	assert_canon("A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n",
		"a:X\r\nb:Y Z\r\n", " C\r\nD E\r\n");
}

static void
an_empty_body_stays_empty(void **state)
{
	(void)state;
	assert_canon("A: X\r\n\r\n", "a:X\r\n", "");
	assert_canon("A: X\r\n", "a:X\r\n", "");
	assert_canon("A: X", "a:X\r\n", "");
	assert_canon("A: X\r\n\r\n\r\n\r\n", "a:X\r\n", "");
	assert_canon("A: X\r\n\r\n \t\r\n\t", "a:X\r\n", "");
}

static void
a_last_line_without_its_end_gets_one(void **state)
{
	(void)state;
	assert_canon("A: X\r\n\r\nC", "a:X\r\n", "C\r\n");
	assert_canon("A: X\r\n\r\nC \t", "a:X\r\n", "C\r\n");
	assert_canon("A: X\r\n\r\nC\r\n\r\nD\r", "a:X\r\n", "C\r\n\r\nD\r\n");
}

static void
bare_crs_and_lfs_are_line_ends(void **state)
{
	(void)state;
	assert_canon("A: X\n\nC\nD\rE\n\r\nF\r\r\nG", "a:X\r\n",
		"C\r\nD\r\nE\r\n\r\nF\r\n\r\nG\r\n");
	assert_canon("A: X\r B: Y\rB: Z\r\rC", "a:X B: Y\r\nb:Z\r\n", "C\r\n");
}

static void
folds_become_one_space_and_blanks_at_the_ends_go(void **state)
{
	(void)state;
	assert_canon("A:\r\n  \r\n\tx\r\n \r\n y  \t z \r\n \r\n\r\n", "a:x y z\r\n", "");
	assert_canon("A:\r\nB:\r\n \r\n\r\n", "a:\r\nb:\r\n", "");
	assert_canon("A \t:1\r\nb\t: 2\r\n\r\n", "a:1\r\nb:2\r\n", "");
}

static void
fields_come_from_the_top_down_and_others_are_left_out(void **state)
{
	(void)state;
	assert_canon("X: 1\r\n A: no\r\na: 1\r\nSuBjEcT: s: t\r\nA: 2\r\nab: 3\r\n: 4\r\n\r\n",
		"a:1\r\nsubject:s: t\r\na:2\r\n", "");
}

static void
what_is_no_field_is_left_out(void **state)
{
	(void)state;
	assert_canon(" A: 1\r\nA\r\n : 2\r\nA b: 3\r\nno field at all\r\n"
		     "b: 4\r\n\r\nA: 5\r\n",
		"b:4\r\n", "A: 5\r\n");
	assert_canon("\r\nA: 5\r\n", "", "A: 5\r\n");
	assert_canon("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1\r\nA: 2\r\n",
		"a:2\r\n", "");
}

static void
nul_and_8_bit_octets_are_octets(void **state)
{
	static const char text[] = "A: \xff\r\n\r\n\0\xfe \r\n";
	struct result r = canon(slice_of(text, sizeof text - 1), 3);

	(void)state;
	assert_slice(buf_slice(&r.header), "a:\xff\r\n");
	assert_slice(buf_slice(&r.body), "\0\xfe\r\n");
	result_fini(&r);
}

/* At each end of the room that canonical octets are gathered in. */
static void
long_lines_and_many_empty_ones_come_out_whole(void **state)
{
	struct buf in, want;

	(void)state;
	buf_init(&in, 1 << 20);
	buf_init(&want, 1 << 20);
	buf_put_str(&in, "A: 1\r\n\r\n");
	for (unsigned i = 0; i < 3 * DKIM_CANON_ROOM; i++) {
		buf_put_str(&in, i % 2 ? "x" : "yz\t ");
		buf_put_str(&want, i % 2 ? "x" : "yz ");
	}
	for (unsigned i = 0; i < DKIM_CANON_ROOM; i++) {
		buf_put_str(&in, "\r\n");
		buf_put_str(&want, "\r\n");
	}
	buf_put_str(&in, "w\r\n");
	buf_put_str(&want, "w\r\n");
	for (size_t step = 1; step < in.n; step = step * 3 + 1) {
		struct result r = canon(buf_slice(&in), step);

		assert_true(slice_eq(buf_slice(&r.body), buf_slice(&want)));
		result_fini(&r);
	}
	buf_fini(&in);
	buf_fini(&want);
}

static enum err
canon_n(unsigned fields, size_t octets)
{
	struct buf in;
	struct result r;

	buf_init(&in, 4 << 20);
	for (unsigned i = 0; i < fields; i++) {
		buf_put_str(&in, "A:");
		memset(buf_room(&in, octets), 'x', octets);
		buf_grow(&in, octets);
		buf_put_str(&in, "\r\n");
	}
	r = canon(buf_slice(&in), 1000);
	assert_true(r.fields <= DKIM_CANON_FIELDS_MAX);
	result_fini(&r);
	buf_fini(&in);
	return r.e;
}

static void
more_fields_and_octets_than_are_kept_are_told(void **state)
{
	(void)state;
	assert_int_equal(canon_n(DKIM_CANON_FIELDS_MAX, 1), ERR_OK);
	assert_int_equal(canon_n(DKIM_CANON_FIELDS_MAX + 1, 1), ERR_LIMIT);
	assert_int_equal(canon_n(2, DKIM_CANON_KEPT_MAX / 2), ERR_OK);
	assert_int_equal(canon_n(2, DKIM_CANON_KEPT_MAX / 2 + 1), ERR_LIMIT);
}

static enum err
refuse(void *arg, struct slice octets)
{
	(void)arg;
	(void)octets;
	return ERR_IO;
}

static void
an_error_of_the_sink_is_told(void **state)
{
	struct dkim_canon *c = must_alloc(sizeof *c);

	(void)state;
	dkim_canon_init(c, names, 3, (struct text_sink){refuse, NULL});
	dkim_canon_feed(c, SLICE_LIT("A: x\r\n\r\nbody\r\n"));
	assert_int_equal(dkim_canon_finish(c), ERR_IO);
	dkim_canon_fini(c);
	free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc_6376_3_4_5_comes_out),
		cmocka_unit_test(an_empty_body_stays_empty),
		cmocka_unit_test(a_last_line_without_its_end_gets_one),
		cmocka_unit_test(bare_crs_and_lfs_are_line_ends),
		cmocka_unit_test(folds_become_one_space_and_blanks_at_the_ends_go),
		cmocka_unit_test(fields_come_from_the_top_down_and_others_are_left_out),
		cmocka_unit_test(what_is_no_field_is_left_out),
		cmocka_unit_test(nul_and_8_bit_octets_are_octets),
		cmocka_unit_test(long_lines_and_many_empty_ones_come_out_whole),
		cmocka_unit_test(more_fields_and_octets_than_are_kept_are_told),
		cmocka_unit_test(an_error_of_the_sink_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
