#include "crypto/pgp_verify.h"

#include "crypto/pgp_packet.h"
#include "crypto/pgp_sign.h"
#include "tests/pgp_person.h"
#include "tests/test.h"

enum { MAX = 1 << 20, NOW = PGP_PERSON_NOW, PEOPLE = 3 };

_Static_assert((int)PGP_SIGN_MAX <= (int)PGP_DIGESTS_MAX, "what we write can be read");

static struct pgp_person people[PEOPLE];
static struct pgp_cert *certs[PEOPLE];
static struct pgp_cert_ring ring = {certs, PEOPLE};

static int
begin(void **state)
{
	static const enum pgp_make_kind kinds[] = {
		PGP_MAKE_CURVE25519, PGP_MAKE_V6, PGP_MAKE_P256};

	(void)state;
	for (size_t i = 0; i < PEOPLE; i++) {
		pgp_person_init(&people[i], kinds[i]);
		certs[i] = people[i].cert;
	}
	return 0;
}

static int
end(void **state)
{
	(void)state;
	for (size_t i = 0; i < PEOPLE; i++)
		pgp_person_fini(&people[i]);
	return 0;
}

/* By the first n people. */
static void
sign(struct slice text, bool is_text, size_t n, struct buf *out)
{
	struct pgp_signer signer[PEOPLE];
	struct pgp_sign_setup setup = {signer, n, is_text, NOW};
	struct pgp_sign s;

	for (size_t i = 0; i < n; i++)
		signer[i] = (struct pgp_signer){
			&people[i].cert->key[0].public, &people[i].private, 0};
	buf_clear(out);
	assert_int_equal(pgp_sign_begin(&s, &setup), ERR_OK);
	for (; text.n; text = slice_from(text, 3))
		pgp_sign_feed(&s, slice_cut(text, 0, 3));
	assert_int_equal(pgp_sign_finish(&s, out), ERR_OK);
	pgp_sign_fini(&s);
}

static enum err
verify(struct slice signatures, struct slice text, size_t piece, struct pgp_verify *v,
	struct pgp_verdict *verdict)
{
	struct pgp_judge judge = {&ring, NOW};
	enum err e = pgp_verify_begin(v, signatures, &judge);

	for (; e == ERR_OK && text.n; text = slice_from(text, piece))
		pgp_verify_feed(v, slice_cut(text, 0, piece));
	if (e == ERR_OK)
		pgp_verify_finish(v, verdict);
	pgp_verify_fini(v);
	return e;
}

static enum pgp_problem
problem_of(const struct buf *signature, struct slice text, size_t piece)
{
	static struct pgp_verify v;
	static struct pgp_verdict verdict[PGP_SIGNATURES_MAX];

	assert_int_equal(verify(buf_slice(signature), text, piece, &v, verdict), ERR_OK);
	assert_int_equal(v.n, 1);
	return verdict[0].problem;
}

static void
expect_all(struct slice text, bool is_text, size_t piece)
{
	static struct pgp_verify v;
	static struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	struct buf signatures;

	buf_init(&signatures, MAX);
	sign(text, is_text, PEOPLE, &signatures);
	assert_int_equal(verify(buf_slice(&signatures), text, piece, &v, verdict), ERR_OK);
	assert_int_equal(v.n, PEOPLE);
	for (size_t k = 0; k < v.n; k++) {
		assert_int_equal(verdict[k].problem, PGP_PROBLEM_NONE);
		/* The first signer's is the last. */
		assert_ptr_equal(verdict[k].cert, certs[PEOPLE - 1 - k]);
	}
	verify(buf_slice(&signatures), SLICE_LIT("other"), 9, &v, verdict);
	for (size_t k = 0; k < v.n; k++)
		assert_int_equal(verdict[k].problem, PGP_PROBLEM_SIGNATURE);
	buf_fini(&signatures);
}

static void
each_signer_is_judged_with_the_text_alone(void **state)
{
	static const char *const texts[] = {"", "x", "hallo\r\n", "a\nb\r\nc\rd\n\n\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (size_t piece = 1; piece < 10; piece++) {
			expect_all(slice_str(texts[i]), false, piece);
			expect_all(slice_str(texts[i]), true, piece);
		}
}

static void
expect_problem(const struct buf *signature, const char *text, enum pgp_problem want)
{
	for (size_t piece = 1; piece < 12; piece++)
		assert_int_equal(problem_of(signature, slice_str(text), piece), want);
}

static void
line_ends_are_alike_in_a_text_and_nowhere_else(void **state)
{
	static const char *const same[] = {
		"one\n\ntwo\n", "one\r\n\r\ntwo\r\n", "one\n\r\ntwo\n", "one\r\n\ntwo\r\n"};
	static const char *const others[] = {"one\n\ntwo", "one\r\rtwo\r", "one\n\n\ntwo\n",
		"one\r\r\n\ntwo\n", "one \n\ntwo\n"};
	enum { SAME = sizeof same / sizeof *same, OTHERS = sizeof others / sizeof *others };
	struct buf signature;

	(void)state;
	buf_init(&signature, MAX);
	for (size_t i = 0; i < 2 * SAME; i++) {
		bool is_text = i % 2;

		sign(slice_str(same[i / 2]), is_text, 1, &signature);
		for (size_t k = 0; k < SAME; k++)
			expect_problem(&signature, same[k],
				is_text || i / 2 == k ? PGP_PROBLEM_NONE
						      : PGP_PROBLEM_SIGNATURE);
		for (size_t k = 0; k < OTHERS; k++)
			expect_problem(&signature, others[k], PGP_PROBLEM_SIGNATURE);
	}
	buf_fini(&signature);
}

static void
what_is_no_signature_is_refused(void **state)
{
	static struct pgp_verify v;
	static struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	const struct slice wrong[] = {SLICE_EMPTY, SLICE_LIT("x"), SLICE_LIT("\xca\x03PGP"),
		SLICE_LIT("\xcb\x06"
			  "b\x00\x00\x00\x00\x00")};
	struct buf good, both;

	(void)state;
	buf_init(&good, MAX);
	buf_init(&both, MAX);
	sign(SLICE_LIT("hallo"), false, 1, &good);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(
			verify(wrong[i], SLICE_LIT("hallo"), 9, &v, verdict), ERR_SYNTAX);
		buf_clear(&both);
		buf_put_slice(&both, buf_slice(&good));
		buf_put_slice(&both, wrong[i]);
		/* But for nothing, and a marker. */
		assert_int_equal(verify(buf_slice(&both), SLICE_LIT("hallo"), 9, &v, verdict),
			i % 2 ? ERR_SYNTAX : ERR_OK);
	}
	for (size_t n = 0; n < good.n; n++)
		assert_int_equal(verify(slice_cut(buf_slice(&good), 0, n), SLICE_LIT("hallo"),
					 9, &v, verdict),
			ERR_SYNTAX);
	buf_fini(&good);
	buf_fini(&both);
}

/* A signature of that body, alone, before a good one and behind it. */
static void
expect_ignored(struct slice body, const struct buf *good)
{
	static struct pgp_verify v;
	static struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	struct slice text = SLICE_LIT("hallo");
	struct buf all;

	buf_init(&all, MAX);
	assert_true(pgp_packet_put(&all, PGP_TAG_SIGNATURE, body));
	assert_int_equal(verify(buf_slice(&all), text, 9, &v, verdict), ERR_OK);
	assert_int_equal(v.n, 1);
	assert_int_not_equal(verdict[0].problem, PGP_PROBLEM_NONE);
	buf_put_slice(&all, buf_slice(good));
	assert_true(pgp_packet_put(&all, PGP_TAG_SIGNATURE, body));
	assert_int_equal(verify(buf_slice(&all), text, 9, &v, verdict), ERR_OK);
	assert_int_equal(v.n, 3);
	assert_int_not_equal(verdict[0].problem, PGP_PROBLEM_NONE);
	assert_int_equal(verdict[1].problem, PGP_PROBLEM_NONE);
	assert_int_equal(verdict[2].problem, verdict[0].problem);
	buf_fini(&all);
}

static void
what_cannot_be_read_leaves_the_others_be(void **state)
{
	struct pgp_packet_whole p;
	struct slice rest;
	struct buf good;

	(void)state;
	buf_init(&good, MAX);
	for (size_t i = 0; i < PEOPLE; i++) {
		sign(SLICE_LIT("hallo"), false, i + 1, &good);
		/* Of the last one. */
		rest = buf_slice(&good);
		assert_int_equal(pgp_packet_next(&rest, &p), ERR_OK);
		good.n = p.raw.n;
		for (size_t n = 0; n < p.body.n; n++)
			expect_ignored(slice_cut(p.body, 0, n), &good);
	}
	expect_ignored(SLICE_LIT("\x17wxyz"), &good);
	expect_ignored(SLICE_LIT("\x05"), &good);
	buf_fini(&good);
}

/* Which says that the text may be whole. */
static void
what_cannot_be_read_says_nothing_of_the_text(void **state)
{
	static struct pgp_verify v;
	static struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	static const char *const bodies[] = {"\x17wxyz", "\x04", "\x06xyz", "x"};

	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct buf one;

		buf_init(&one, MAX);
		pgp_packet_put(&one, PGP_TAG_SIGNATURE, slice_str(bodies[i]));
		assert_int_equal(
			verify(buf_slice(&one), SLICE_LIT("hallo"), 9, &v, verdict), ERR_OK);
		assert_int_equal(verdict[0].problem, PGP_PROBLEM_ALGORITHM);
		buf_fini(&one);
	}
}

static void
signatures_are_taken_up_to_their_limit(void **state)
{
	static struct pgp_verify v;
	static struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	struct buf one, all;

	(void)state;
	buf_init(&one, MAX);
	buf_init(&all, MAX);
	sign(SLICE_LIT("hallo"), false, 1, &one);
	for (size_t i = 0; i < PGP_SIGNATURES_MAX; i++)
		buf_put_slice(&all, buf_slice(&one));
	assert_int_equal(verify(buf_slice(&all), SLICE_LIT("hallo"), 9, &v, verdict), ERR_OK);
	for (size_t i = 0; i < PGP_SIGNATURES_MAX; i++)
		assert_int_equal(verdict[i].problem, PGP_PROBLEM_NONE);
	buf_put_slice(&all, buf_slice(&one));
	assert_int_equal(
		verify(buf_slice(&all), SLICE_LIT("hallo"), 9, &v, verdict), ERR_LIMIT);
	buf_fini(&one);
	buf_fini(&all);
}

static void
no_change_of_a_signature_makes_it_one_of_another_text(void **state)
{
	static struct pgp_verify v;
	static struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	struct buf signature;

	(void)state;
	buf_init(&signature, MAX);
	sign(SLICE_LIT("hallo"), false, PEOPLE, &signature);
	for (size_t i = 0; i < 8 * signature.n; i++) {
		uint8_t bit = (uint8_t)(1u << i % 8);
		enum err e;

		signature.p[i / 8] ^= bit;
		e = verify(buf_slice(&signature), SLICE_LIT("hallp"), 9, &v, verdict);
		for (size_t k = 0; e == ERR_OK && k < v.n; k++)
			assert_int_not_equal(verdict[k].problem, PGP_PROBLEM_NONE);
		signature.p[i / 8] ^= bit;
	}
	buf_fini(&signature);
}

/* A signature by one key, that there are n of, spoilt; then it as it was. */
static enum pgp_problem
problem_after_tries(size_t n)
{
	static struct pgp_cert *many[PGP_JUDGE_TRIES_MAX];
	static struct pgp_verify v;
	static struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	struct buf one, both;
	enum err e;

	for (size_t i = 0; i < n; i++)
		many[i] = certs[0];
	buf_init(&one, MAX);
	buf_init(&both, MAX);
	sign(SLICE_LIT("hallo"), false, 1, &one);
	buf_put_slice(&both, buf_slice(&one));
	both.p[both.n - 1] ^= 1;
	buf_put_slice(&both, buf_slice(&one));
	ring = (struct pgp_cert_ring){many, n};
	e = verify(buf_slice(&both), SLICE_LIT("hallo"), 9, &v, verdict);
	ring = (struct pgp_cert_ring){certs, PEOPLE};
	assert_int_equal(e, ERR_OK);
	assert_int_equal(v.n, 2);
	assert_int_equal(verdict[0].problem, PGP_PROBLEM_SIGNATURE);
	buf_fini(&one);
	buf_fini(&both);
	return verdict[1].problem;
}

static void
what_fits_key_after_key_is_tried_so_often_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(problem_after_tries(PGP_JUDGE_TRIES_MAX - 1), PGP_PROBLEM_NONE);
	assert_int_equal(problem_after_tries(PGP_JUDGE_TRIES_MAX), PGP_PROBLEM_NO_KEY);
}

/* Signatures of one text by version 6 with so many salts, the last one a good one. */
static enum pgp_problem
problem_after_kinds(size_t n)
{
	static struct pgp_verify v;
	static struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	struct pgp_signer signer = {&people[1].cert->key[0].public, &people[1].private, 0};
	struct pgp_sign_setup setup = {&signer, 1, false, NOW};
	struct pgp_sign s;
	struct buf all;

	buf_init(&all, MAX);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(pgp_sign_begin(&s, &setup), ERR_OK);
		pgp_sign_feed(&s, SLICE_LIT("hallo"));
		assert_int_equal(pgp_sign_finish(&s, &all), ERR_OK);
		pgp_sign_fini(&s);
	}
	assert_int_equal(verify(buf_slice(&all), SLICE_LIT("hallo"), 9, &v, verdict), ERR_OK);
	assert_int_equal(v.n, n);
	buf_fini(&all);
	return verdict[n - 1].problem;
}

static void
a_text_is_hashed_in_so_many_ways_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(problem_after_kinds(PGP_DIGESTS_MAX), PGP_PROBLEM_NONE);
	assert_int_equal(problem_after_kinds(PGP_DIGESTS_MAX + 1), PGP_PROBLEM_ALGORITHM);
}

/* It was encrypted to somebody, and is no more. */
static void
what_was_signed_for_one_reader_is_good_for_nobody_by_itself(void **state)
{
	struct pgp_sig_make_setup setup = {.key = &people[0].cert->key[0].public,
		.type = PGP_SIG_BINARY,
		.hash = PGP_SHA256,
		.created_sec = NOW};
	struct pgp_sig_make m;
	struct buf subpackets, body, packet;

	(void)state;
	buf_init(&subpackets, MAX);
	buf_init(&body, MAX);
	buf_init(&packet, MAX);
	pgp_sig_make_subpacket(&subpackets, PGP_SIG_RECIPIENT, false, SLICE_LIT("\4somebody"));
	for (size_t i = 0; i < 2; i++) {
		setup.subpackets = i ? buf_slice(&subpackets) : SLICE_EMPTY;
		buf_clear(&body);
		buf_clear(&packet);
		assert_int_equal(pgp_sig_make_begin(&m, &setup), ERR_OK);
		pgp_sig_hash_feed(&m.hash, SLICE_LIT("hallo"));
		assert_int_equal(pgp_sig_make_finish(&m, &people[0].private, &body), ERR_OK);
		pgp_sig_make_fini(&m);
		pgp_packet_put(&packet, PGP_TAG_SIGNATURE, buf_slice(&body));
		assert_int_equal(problem_of(&packet, SLICE_LIT("hallo"), 9),
			i ? PGP_PROBLEM_RECIPIENT : PGP_PROBLEM_NONE);
	}
	buf_fini(&subpackets);
	buf_fini(&body);
	buf_fini(&packet);
}

static void
more_signers_than_may_be_are_refused(void **state)
{
	static struct pgp_signer signer[PGP_SIGN_MAX + 1];
	static struct pgp_sign s;
	struct buf out;

	(void)state;
	buf_init(&out, MAX);
	for (size_t i = 0; i <= PGP_SIGN_MAX; i++)
		signer[i] = (struct pgp_signer){
			&people[0].cert->key[0].public, &people[0].private, 0};
	for (size_t n = PGP_SIGN_MAX; n <= PGP_SIGN_MAX + 1; n++) {
		struct pgp_sign_setup setup = {signer, n, false, NOW};

		assert_int_equal(
			pgp_sign_begin(&s, &setup), n == PGP_SIGN_MAX ? ERR_OK : ERR_LIMIT);
		pgp_sign_fini(&s);
	}
	signer[0].hash = PGP_SHA1;
	assert_int_equal(pgp_sign_begin(&s, &(struct pgp_sign_setup){signer, 1, false, NOW}),
		ERR_UNSUPPORTED);
	pgp_sign_fini(&s);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_signer_is_judged_with_the_text_alone),
		cmocka_unit_test(line_ends_are_alike_in_a_text_and_nowhere_else),
		cmocka_unit_test(what_is_no_signature_is_refused),
		cmocka_unit_test(what_cannot_be_read_leaves_the_others_be),
		cmocka_unit_test(what_cannot_be_read_says_nothing_of_the_text),
		cmocka_unit_test(signatures_are_taken_up_to_their_limit),
		cmocka_unit_test(no_change_of_a_signature_makes_it_one_of_another_text),
		cmocka_unit_test(what_fits_key_after_key_is_tried_so_often_and_no_more),
		cmocka_unit_test(a_text_is_hashed_in_so_many_ways_and_no_more),
		cmocka_unit_test(what_was_signed_for_one_reader_is_good_for_nobody_by_itself),
		cmocka_unit_test(more_signers_than_may_be_are_refused),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
