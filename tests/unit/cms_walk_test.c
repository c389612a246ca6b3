#include "crypto/cms_walk.h"

#include <stdlib.h>

#include "crypto/cms_der.h"
#include "tests/test.h"

/* What a walk has handed over. */
struct seen {
	struct buf elements, content;
	size_t n;
	enum err answer;
};

static enum err
on_element(void *arg, enum cms_walk_place place, struct slice der)
{
	struct seen *s = arg;

	s->n++;
	buf_put_u8(&s->elements, place == CMS_WALK_MAIN ? 'M' : 'H');
	buf_put_slice(&s->elements, der);
	return s->answer;
}

static enum err
on_content(void *arg, struct slice octets)
{
	struct seen *s = arg;

	assert_int_not_equal(octets.n, 0);
	buf_put_slice(&s->content, octets);
	return s->answer;
}

static struct cms_walk *
start(struct seen *s)
{
	struct cms_walk_to to = {on_element, on_content, s};

	memset(s, 0, sizeof *s);
	buf_init(&s->elements, 8 << 20);
	buf_init(&s->content, 8 << 20);
	return cms_walk_new(&to);
}

static enum err
end(struct cms_walk *w, struct seen *s)
{
	enum err e = cms_walk_finish(w);

	cms_walk_free(w);
	buf_fini(&s->elements);
	buf_fini(&s->content);
	return e;
}

/* The walk's end, whatever it saw. */
static enum err
walk(struct slice ber)
{
	struct seen s;
	struct cms_walk *w = start(&s);

	cms_walk_feed(w, ber);
	return end(w, &s);
}

#define OID_ENVELOPED "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
#define OID_SIGNED "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define OID_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define OID_COMPRESSED "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09"
#define END "\0\0"

/* EnvelopedData: version, an empty set, EncryptedContentInfo { data, {}, "abcdef" } in pieces,
 * one of them in pieces itself. */
#define ENVELOPED                                                                              \
	"\x30\x80" OID_ENVELOPED "\xa0\x80\x30\x80\x02\x01\x02\x31\x80\x30\x80\x02\x01\x05"    \
	"\x30\x81\x00" END END "\x30\x80" OID_DATA "\x30\x00\xa0\x80\x04\x02"                  \
	"ab"                                                                                   \
	"\x24\x80\x04\x01"                                                                     \
	"c\x04\x00\x24\x03\x04\x01"                                                            \
	"d" END "\x04\x82\x00\x02"                                                             \
	"ef" END END END END END

static void
an_indefinite_structure_comes_as_der_and_its_content_in_order(void **state)
{
	struct slice whole = SLICE_LIT(ENVELOPED);
	struct seen s;
	struct cms_walk *w = start(&s);

	(void)state;
	assert_int_equal(cms_walk_feed(w, whole), ERR_OK);
	assert_int_equal(cms_walk_kind(w), SMIME_ENVELOPED);
	assert_true(cms_walk_has_content(w));
	assert_slice(buf_slice(&s.content), "abcdef");
	assert_slice(buf_slice(&s.elements), "M\x02\x01\x02"
					     "M\x31\x07\x30\x05\x02\x01\x05\x30\x00"
					     "H" OID_DATA "H\x30\x00");
	assert_int_equal(end(w, &s), ERR_OK);
}

static void
octet_by_octet_it_is_the_same(void **state)
{
	struct slice whole = SLICE_LIT(ENVELOPED);
	struct seen s;
	struct cms_walk *w = start(&s);

	(void)state;
	for (size_t i = 0; i < whole.n; i++) {
		assert_int_equal(cms_walk_finish(w), ERR_SYNTAX);
		assert_int_equal(cms_walk_feed(w, slice_cut(whole, i, i + 1)), ERR_OK);
	}
	assert_slice(buf_slice(&s.content), "abcdef");
	assert_int_equal(s.n, 4);
	assert_int_equal(end(w, &s), ERR_OK);
}

static void
cut_off_anywhere_it_is_not_whole(void **state)
{
	struct slice whole = SLICE_LIT(ENVELOPED);

	(void)state;
	for (size_t n = 0; n < whole.n; n++)
		assert_int_equal(walk(slice_cut(whole, 0, n)), ERR_SYNTAX);
	assert_int_equal(walk(whole), ERR_OK);
	assert_int_equal(walk(SLICE_LIT(ENVELOPED "\n\nanything")), ERR_OK);
}

static void
a_signature_has_its_content_in_an_octet_string_of_its_own(void **state)
{
	struct seen s;
	struct cms_walk *w = start(&s);

	(void)state;
	cms_walk_feed(w, SLICE_LIT("\x30\x2e" OID_SIGNED "\xa0\x21\x30\x1f\x02\x01\x01\x31\x00"
				   "\x30\x14" OID_DATA "\xa0\x07\x04\x05hello"
				   "\xa0\x00\x31\x00"));
	assert_int_equal(cms_walk_kind(w), SMIME_SIGNED);
	assert_slice(buf_slice(&s.content), "hello");
	assert_slice(buf_slice(&s.elements),
		"M\x02\x01\x01M\x31\x00H" OID_DATA "M\xa0\x00M\x31\x00");
	assert_int_equal(end(w, &s), ERR_OK);
}

static void
a_detached_signature_has_none(void **state)
{
	struct seen s;
	struct cms_walk *w = start(&s);

	(void)state;
	cms_walk_feed(w, SLICE_LIT("\x30\x23" OID_SIGNED "\xa0\x16\x30\x14\x02\x01\x01\x31\x00"
				   "\x30\x0b" OID_DATA "\x31\x00"));
	assert_false(cms_walk_has_content(w));
	assert_int_equal(s.content.n, 0);
	assert_int_equal(end(w, &s), ERR_OK);
}

static void
compressed_data_has_its_algorithm_before_the_holder(void **state)
{
	struct seen s;
	struct cms_walk *w = start(&s);

	(void)state;
	cms_walk_feed(w, SLICE_LIT("\x30\x80" OID_COMPRESSED "\xa0\x80\x30\x80\x02\x01\x00\x30"
				   "\x02\x06\x00\x30\x80" OID_DATA
				   "\xa0\x80\x24\x80\x04\x01z" END END END END END END));
	assert_slice(buf_slice(&s.content), "z");
	assert_slice(buf_slice(&s.elements), "M\x02\x01\x00M\x30\x02\x06\x00H" OID_DATA);
	assert_int_equal(end(w, &s), ERR_OK);
}

#define FRONT "\x30\x80" OID_ENVELOPED "\xa0\x80\x30\x80"

static void
what_is_no_ber_is_refused(void **state)
{
	static const struct slice bad[] = {
		/* not what a ContentInfo begins with */
		SLICE_LIT("\x31\x80"),
		SLICE_LIT("\x30\x80\x02\x01\x00"),
		SLICE_LIT("\x30\x80" OID_ENVELOPED "\xa1\x80"),
		SLICE_LIT("\x30\x80" OID_ENVELOPED "\xa0\x80\x31\x00"),
		SLICE_LIT("\x30\x80" OID_ENVELOPED END),
		SLICE_LIT("\x30\x80" OID_ENVELOPED "\xa0\x80" END),
		/* a child that is longer than its parent, definite or not */
		SLICE_LIT("\x30\x05\x06\x09"),
		SLICE_LIT(FRONT "\x31\x03\x30\x80\x02\x01\x05" END),
		/* an end where nothing is open, or half of one */
		SLICE_LIT(FRONT "\x31\x04\x00\x00"),
		SLICE_LIT(FRONT "\x00\x01"),
		/* an indefinite primitive; a tag, a length of too many octets */
		SLICE_LIT(FRONT "\x02\x80"),
		SLICE_LIT(FRONT "\x1f\x81\x01\x00"),
		SLICE_LIT(FRONT "\x02\xff"),
		SLICE_LIT(FRONT "\x02\x89\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01"),
		SLICE_LIT(FRONT "\x02\x88\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		/* no holder; two contents; a content that isn't octets; one behind it */
		SLICE_LIT(FRONT "\x02\x01\x02" END END END),
		SLICE_LIT(FRONT "\x30\x80\x80\x01x\x80\x01y"),
		SLICE_LIT(FRONT "\x30\x80\xa0\x80\x02\x01\x01"),
		SLICE_LIT(FRONT "\x30\x80\x80\x01x\x30\x00"),
		/* the way of an encrypted content in a signature, and the other way round */
		SLICE_LIT("\x30\x80" OID_SIGNED "\xa0\x80\x30\x80\x30\x80\xa0\x80\x30\x00"),
		SLICE_LIT("\x30\x80" OID_SIGNED "\xa0\x80\x30\x80\x30\x80\xa0\x80\x04\x00\x04"
			  "\x00"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct seen s;
		struct cms_walk *w = start(&s);

		if (cms_walk_feed(w, bad[i]) != ERR_SYNTAX)
			fail_msg("it took the %zu. of them", i);
		end(w, &s);
	}
	assert_int_equal(walk(SLICE_LIT("\x30\x80" OID_DATA "\xa0\x80")), ERR_UNSUPPORTED);
}

static void
refusals_come_with_the_octet_that_is_wrong(void **state)
{
	struct slice wrong = SLICE_LIT(FRONT "\x31\x03\x30\x80\x02");
	struct seen s;
	struct cms_walk *w = start(&s);

	(void)state;
	assert_int_equal(cms_walk_feed(w, slice_cut(wrong, 0, wrong.n - 1)), ERR_OK);
	assert_int_equal(cms_walk_feed(w, SLICE_LIT("\x02")), ERR_OK);
	assert_int_equal(cms_walk_feed(w, SLICE_LIT("\x01")), ERR_SYNTAX);
	assert_int_equal(cms_walk_feed(w, SLICE_LIT("\x05")), ERR_SYNTAX);
	assert_int_equal(end(w, &s), ERR_SYNTAX);
}

static void
depth_is_allowed_up_to_its_limit(void **state)
{
	/* The ContentInfo, the [0] and EnvelopedData are three. */
	enum { DEEP = SMIME_DEPTH_MAX - 3 };
	struct buf b;

	(void)state;
	for (int more = 0; more < 2; more++) {
		buf_init(&b, 1000);
		buf_put_slice(&b, SLICE_LIT(FRONT));
		for (int i = 0; i < DEEP + more; i++)
			buf_put_slice(&b, SLICE_LIT("\x31\x80"));
		for (int i = 0; i < DEEP + more; i++)
			buf_put_slice(&b, SLICE_LIT(END));
		buf_put_slice(&b, SLICE_LIT("\x30\x00" END END END));
		assert_int_equal(walk(buf_slice(&b)), more ? ERR_LIMIT : ERR_OK);
		buf_fini(&b);
	}
}

/* EnvelopedData of that many octets that aren't content, in elements of at most max. */
static enum err
walk_structure(size_t n, size_t max)
{
	static const uint8_t zeros[SMIME_STRUCTURE_MAX];
	struct slice front = SLICE_LIT(FRONT), back = SLICE_LIT("\x30\x00" END END END);
	struct seen s;
	struct cms_walk *w = start(&s);
	struct buf b;

	buf_init(&b, SMIME_STRUCTURE_MAX + 100);
	buf_put_slice(&b, front);
	for (size_t left = n - front.n - back.n; left;) {
		size_t one = left <= max ? left : left - max < 6 ? max - 6 : max;

		/* Three octets of length, whatever it is. */
		buf_put_slice(&b, SLICE_LIT("\x85\x83"));
		buf_put_u8(&b, (uint8_t)((one - 5) >> 16));
		buf_put_u8(&b, (uint8_t)((one - 5) >> 8));
		buf_put_u8(&b, (uint8_t)(one - 5));
		buf_put(&b, zeros, one - 5);
		left -= one;
	}
	buf_put_slice(&b, back);
	assert_int_equal(b.n, n);
	cms_walk_feed(w, buf_slice(&b));
	buf_fini(&b);
	return end(w, &s);
}

static void
structure_is_allowed_up_to_its_limit(void **state)
{
	(void)state;
	assert_int_equal(walk_structure(SMIME_STRUCTURE_MAX, SMIME_STRUCTURE_MAX), ERR_OK);
	assert_int_equal(walk_structure(SMIME_STRUCTURE_MAX, 10000), ERR_OK);
	assert_int_equal(
		walk_structure(SMIME_STRUCTURE_MAX + 1, SMIME_STRUCTURE_MAX), ERR_LIMIT);
	assert_int_equal(walk_structure(SMIME_STRUCTURE_MAX + 1, 10000), ERR_LIMIT);
}

static void
pieces_do_not_count_as_structure(void **state)
{
	struct seen s;
	struct cms_walk *w = start(&s);

	(void)state;
	cms_walk_feed(w, SLICE_LIT(FRONT "\x30\x80\xa0\x80"));
	for (size_t i = 0; i < SMIME_STRUCTURE_MAX; i++)
		assert_int_equal(cms_walk_feed(w, SLICE_LIT("\x04\x01x")), ERR_OK);
	cms_walk_feed(w, SLICE_LIT(END END END END END));
	assert_int_equal(s.content.n, SMIME_STRUCTURE_MAX);
	assert_int_equal(end(w, &s), ERR_OK);
}

static void
what_a_callback_says_ends_the_walk(void **state)
{
	struct seen s;
	struct cms_walk *w = start(&s);

	(void)state;
	s.answer = ERR_FULL;
	assert_int_equal(cms_walk_feed(w, SLICE_LIT(ENVELOPED)), ERR_FULL);
	assert_int_equal(s.n, 1);
	assert_int_equal(end(w, &s), ERR_FULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_indefinite_structure_comes_as_der_and_its_content_in_order),
		cmocka_unit_test(octet_by_octet_it_is_the_same),
		cmocka_unit_test(cut_off_anywhere_it_is_not_whole),
		cmocka_unit_test(a_signature_has_its_content_in_an_octet_string_of_its_own),
		cmocka_unit_test(a_detached_signature_has_none),
		cmocka_unit_test(compressed_data_has_its_algorithm_before_the_holder),
		cmocka_unit_test(what_is_no_ber_is_refused),
		cmocka_unit_test(refusals_come_with_the_octet_that_is_wrong),
		cmocka_unit_test(depth_is_allowed_up_to_its_limit),
		cmocka_unit_test(structure_is_allowed_up_to_its_limit),
		cmocka_unit_test(pieces_do_not_count_as_structure),
		cmocka_unit_test(what_a_callback_says_ends_the_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
