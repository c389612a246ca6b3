#include "crypto/pgp_packet.h"

#include <stdlib.h>

#include "tests/test.h"

enum { STORY_MAX = 1 << 20 };

/* What a parser says, as text: "<11 abc>" is a packet of type 11 with body abc. */
struct story {
	struct buf text;
	enum err refuse;
};

static enum err
on_begin(void *arg, uint8_t tag)
{
	struct story *s = arg;

	buf_printf(&s->text, "<%u ", tag);
	return s->refuse;
}

static enum err
on_body(void *arg, struct slice octets)
{
	struct story *s = arg;

	assert_true(octets.n > 0);
	buf_put_slice(&s->text, octets);
	return ERR_OK;
}

static enum err
on_end(void *arg)
{
	struct story *s = arg;

	buf_put_str(&s->text, ">");
	return ERR_OK;
}

static void
begin(struct story *s, struct pgp_packet *p)
{
	struct pgp_packet_to to = {on_begin, on_body, on_end, s};

	s->refuse = ERR_OK;
	buf_init(&s->text, STORY_MAX);
	pgp_packet_init(p, &to);
}

/* In pieces of n octets. */
static enum err
read_in(struct slice all, size_t n, struct story *s)
{
	struct pgp_packet p;
	enum err e = ERR_OK;

	begin(s, &p);
	while (e == ERR_OK && all.n) {
		e = pgp_packet_feed(&p, slice_cut(all, 0, n));
		all = slice_from(all, n);
	}
	return e == ERR_OK ? pgp_packet_finish(&p) : e;
}

static void
expect(struct slice all, enum err want, const char *story)
{
	static const size_t pieces[] = {1, 2, 3, 7, 100000};

	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct story s;

		assert_int_equal(read_in(all, pieces[i], &s), want);
		if (story)
			assert_true(slice_eq(buf_slice(&s.text), slice_str(story)));
		buf_fini(&s.text);
	}
}
#define EXPECT(octets, want, story) expect(SLICE_LIT(octets), want, story)

static void
each_form_of_a_length_is_read(void **state)
{
	(void)state;
	EXPECT("\xcd\x03"
	       "abc",
		ERR_OK, "<13 abc>");
	EXPECT("\xcd\xff\x00\x00\x00\x03"
	       "abc\xca\x03PGP",
		ERR_OK, "<13 abc><10 PGP>");
	EXPECT("\xb4\x03"
	       "abc",
		ERR_OK, "<13 abc>");
	EXPECT("\xb5\x00\x03"
	       "abc",
		ERR_OK, "<13 abc>");
	EXPECT("\xb6\x00\x00\x00\x03"
	       "abc\xca\x00",
		ERR_OK, "<13 abc><10 >");
	EXPECT("\xaf"
	       "abc",
		ERR_OK, "<11 abc>");
	EXPECT("\xaf", ERR_OK, "<11 >");
	EXPECT("", ERR_OK, "");
}

static void
what_is_no_header_is_refused(void **state)
{
	(void)state;
	EXPECT("\x4d\x03"
	       "abc",
		ERR_SYNTAX, "");
	EXPECT("\xc0\x00", ERR_SYNTAX, "");
	EXPECT("\x80\x00", ERR_SYNTAX, "");
	/* Only data comes in parts, or without an end. */
	EXPECT("\xb7"
	       "abc",
		ERR_SYNTAX, "");
	EXPECT("\xcd\xe9", ERR_SYNTAX, "");
	EXPECT("\xcd\x03"
	       "ab",
		ERR_SYNTAX, "<13 ab");
	EXPECT("\xcd", ERR_SYNTAX, "");
}

static void
the_first_part_has_at_least_512_octets(void **state)
{
	struct buf b;
	struct story s;

	(void)state;
	buf_init(&b, STORY_MAX);
	for (unsigned bits = 0; bits < 16; bits++) {
		buf_clear(&b);
		buf_put_u8(&b, 0xcb);
		buf_put_u8(&b, (uint8_t)(224 + bits));
		for (size_t i = 0; i < (size_t)1 << bits; i++)
			buf_put_u8(&b, 'x');
		buf_put_str(&b, "\x02yz");
		assert_int_equal(read_in(buf_slice(&b), 5, &s), bits < 9 ? ERR_SYNTAX : ERR_OK);
		if (bits >= 9)
			assert_true(slice_ends(buf_slice(&s.text), SLICE_LIT("xyz>")));
		buf_fini(&s.text);
	}
	buf_fini(&b);
}

static void
later_parts_may_be_of_any_size_and_the_last_is_none(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, STORY_MAX);
	buf_put_str(&b, "\xcb\xe9");
	for (size_t i = 0; i < 512; i++)
		buf_put_u8(&b, 'x');
	buf_put_str(&b, "\xe0y\xe1zz");
	expect(buf_slice(&b), ERR_SYNTAX, NULL);
	buf_put_u8(&b, 0);
	expect(buf_slice(&b), ERR_OK, NULL);
	for (size_t n = 1; n < b.n; n++)
		expect(slice_cut(buf_slice(&b), 0, n), ERR_SYNTAX, NULL);
	buf_fini(&b);
}

static void
only_data_may_be_large(void **state)
{
	struct buf b, body;
	struct story s;
	const struct {
		uint8_t tag;
		enum err large;
	} rows[] = {{PGP_TAG_USER_ID, ERR_LIMIT}, {PGP_TAG_LITERAL, ERR_OK},
		{PGP_TAG_PADDING, ERR_OK}, {60, ERR_OK}, {39, ERR_LIMIT}};

	(void)state;
	buf_init(&b, STORY_MAX);
	buf_init(&body, STORY_MAX);
	for (size_t i = 0; i <= PGP_PACKET_BODY_MAX; i++)
		buf_put_u8(&body, 'x');
	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		buf_clear(&b);
		pgp_packet_put(&b, rows[i / 2].tag, slice_from(buf_slice(&body), i % 2));
		assert_int_equal(
			read_in(buf_slice(&b), 4096, &s), i % 2 ? ERR_OK : rows[i / 2].large);
		buf_fini(&s.text);
	}
	buf_fini(&body);
	buf_fini(&b);
}

static void
ten_thousand_packets_are_read_and_no_more(void **state)
{
	struct pgp_packet p;
	struct story s;

	(void)state;
	begin(&s, &p);
	for (size_t i = 0; i < PGP_PACKETS_MAX; i++)
		assert_int_equal(pgp_packet_feed(&p, SLICE_LIT("\xca\x03PGP")), ERR_OK);
	assert_int_equal(pgp_packet_feed(&p, SLICE_LIT("\xca\x03PGP")), ERR_LIMIT);
	assert_int_equal(pgp_packet_finish(&p), ERR_LIMIT);
	buf_fini(&s.text);
}

static void
the_first_error_stays(void **state)
{
	struct pgp_packet p;
	struct story s;

	(void)state;
	begin(&s, &p);
	s.refuse = ERR_FULL;
	assert_int_equal(pgp_packet_feed(&p, SLICE_LIT("\xca\x03PGP")), ERR_FULL);
	s.refuse = ERR_OK;
	assert_int_equal(pgp_packet_feed(&p, SLICE_LIT("\xca\x03PGP")), ERR_FULL);
	assert_true(slice_eq(buf_slice(&s.text), SLICE_LIT("<10 ")));
	buf_fini(&s.text);
}

static void
what_is_put_is_taken(void **state)
{
	static const size_t sizes[] = {0, 1, 191, 192, 8383, 8384, 65536};
	struct buf b, body;

	(void)state;
	buf_init(&b, STORY_MAX);
	buf_init(&body, STORY_MAX);
	for (size_t i = 0; i < 65536; i++)
		buf_put_u8(&body, (uint8_t)i);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct slice want = slice_cut(buf_slice(&body), 0, sizes[i]), rest;
		struct pgp_packet_whole p;

		buf_clear(&b);
		assert_true(pgp_packet_put(&b, PGP_TAG_SIGNATURE, want));
		for (size_t n = 0; n < b.n; n += 1 + n / 7) {
			rest = slice_cut(buf_slice(&b), 0, n);
			assert_int_equal(pgp_packet_next(&rest, &p), n ? ERR_SYNTAX : ERR_END);
		}
		buf_put_str(&b, "\xca\x03PGP");
		rest = buf_slice(&b);
		assert_int_equal(pgp_packet_next(&rest, &p), ERR_OK);
		assert_int_equal(p.tag, PGP_TAG_SIGNATURE);
		assert_true(slice_eq(p.body, want));
		assert_int_equal(p.raw.n, b.n - 5);
		assert_int_equal(pgp_packet_next(&rest, &p), ERR_OK);
		assert_int_equal(p.tag, PGP_TAG_MARKER);
		assert_int_equal(pgp_packet_next(&rest, &p), ERR_END);
	}
	buf_fini(&body);
	buf_fini(&b);
}

static void
one_in_parts_is_none_of_memory(void **state)
{
	struct slice rest = SLICE_LIT("\xaf"
				      "abc");
	struct pgp_packet_whole p;

	(void)state;
	assert_int_equal(pgp_packet_next(&rest, &p), ERR_SYNTAX);
}

static void
parts_are_read_again_as_they_were_written(void **state)
{
	static const size_t sizes[] = {0, 1, 8191, 8192, 8193, 20000, 16384};
	static const size_t steps[] = {1, 1000, 8192, 30000};
	struct buf out, in;

	(void)state;
	buf_init(&out, STORY_MAX);
	buf_init(&in, STORY_MAX);
	for (size_t i = 0; i < 20000; i++)
		buf_put_u8(&in, (uint8_t)('a' + i % 26));
	for (size_t i = 0; i < 28; i++) {
		struct slice all = slice_cut(buf_slice(&in), 0, sizes[i / 4]), rest = all;
		struct pgp_packet_parts w;
		struct story s;

		buf_clear(&out);
		pgp_packet_parts_init(&w, PGP_TAG_LITERAL, text_into(&out));
		for (; rest.n; rest = slice_from(rest, steps[i % 4]))
			assert_int_equal(
				pgp_packet_parts_feed(&w, slice_cut(rest, 0, steps[i % 4])),
				ERR_OK);
		assert_int_equal(pgp_packet_parts_finish(&w), ERR_OK);
		assert_int_equal(read_in(buf_slice(&out), 777, &s), ERR_OK);
		assert_int_equal(s.text.n, all.n + 5);
		assert_memory_equal(s.text.p, "<11 ", 4);
		if (all.n)
			assert_memory_equal(s.text.p + 4, all.p, all.n);
		buf_fini(&s.text);
	}
	buf_fini(&in);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_of_a_length_is_read),
		cmocka_unit_test(what_is_no_header_is_refused),
		cmocka_unit_test(the_first_part_has_at_least_512_octets),
		cmocka_unit_test(later_parts_may_be_of_any_size_and_the_last_is_none),
		cmocka_unit_test(only_data_may_be_large),
		cmocka_unit_test(ten_thousand_packets_are_read_and_no_more),
		cmocka_unit_test(the_first_error_stays),
		cmocka_unit_test(what_is_put_is_taken),
		cmocka_unit_test(one_in_parts_is_none_of_memory),
		cmocka_unit_test(parts_are_read_again_as_they_were_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
