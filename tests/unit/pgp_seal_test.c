#include "crypto/pgp_seal.h"

#include "crypto/pgp_open.h"
#include "tests/pgp_person.h"
#include "tests/pgp_read.h"
#include "tests/test.h"

enum { MAX = 1 << 20, NOW = PGP_PERSON_NOW };

/* In the order of enum pgp_make_kind. */
static struct pgp_person people[PGP_MAKE_KINDS];
static struct pgp_cert *certs[PGP_MAKE_KINDS];
static struct pgp_seal_plan plan;

static int
begin(void **state)
{
	(void)state;
	for (size_t i = 0; i < PGP_MAKE_KINDS; i++) {
		pgp_person_init(&people[i], (enum pgp_make_kind)i);
		certs[i] = people[i].cert;
	}
	return 0;
}

static int
end(void **state)
{
	(void)state;
	for (size_t i = 0; i < PGP_MAKE_KINDS; i++)
		pgp_person_fini(&people[i]);
	return 0;
}

static void
seal(const struct pgp_seal_setup *how, struct slice text, struct buf *out)
{
	struct pgp_seal_setup setup = *how;
	struct pgp_seal *s;

	buf_clear(out);
	setup.to = text_into(out);
	s = pgp_seal_new(&setup);
	assert_non_null(s);
	assert_int_equal(pgp_seal_feed(s, text), ERR_OK);
	assert_int_equal(pgp_seal_finish(s), ERR_OK);
	pgp_seal_free(s);
}

static enum err
open_as(const struct pgp_person *p, struct slice message, struct pgp_opened *facts)
{
	struct buf out;
	struct pgp_open_setup setup = {
		.keys = &p->ring, .private = &p->private, .judge = {&p->ring, NOW}};
	enum err e;

	buf_init(&out, MAX);
	setup.to = text_into(&out);
	e = pgp_read_message(&setup, message, message.n, facts);
	if (e == ERR_OK)
		assert_slice(buf_slice(&out), "hallo");
	buf_fini(&out);
	return e;
}

static void
what_one_of_them_cannot_read_is_not_written(void **state)
{
	struct pgp_seal_setup setup = {.plan = &plan, .format = 'b'};
	struct pgp_opened facts;
	struct buf message;

	(void)state;
	buf_init(&message, MAX);
	/* Each set of people, by the bits of a number; with AEAD allowed, and without. */
	for (unsigned set = 1; set < 2u << PGP_MAKE_KINDS; set++) {
		struct pgp_cert *to[PGP_MAKE_KINDS];
		bool may_seipd2 = set >> PGP_MAKE_KINDS;
		bool is_v6 = (set & ((1u << PGP_MAKE_KINDS) - 1)) == 1u << PGP_MAKE_V6;
		size_t n = 0;

		for (size_t i = 0; i < PGP_MAKE_KINDS; i++)
			if (set >> i & 1)
				to[n++] = certs[i];
		if (n == 0)
			continue;
		assert_int_equal(pgp_seal_choose(to, n, NOW, may_seipd2, &plan), ERR_OK);
		assert_int_equal(plan.seipd, is_v6 && may_seipd2 ? 2 : 1);
		assert_int_equal(plan.aead, plan.seipd == 2 ? PGP_OCB : 0);
		assert_int_equal(plan.cipher, PGP_AES256);
		assert_int_equal(plan.n, n);
		seal(&setup, SLICE_LIT("hallo"), &message);
		for (size_t i = 0; i < PGP_MAKE_KINDS; i++) {
			enum err e = open_as(&people[i], buf_slice(&message), &facts);

			assert_int_equal(e, set >> i & 1 ? ERR_OK : ERR_NOT_FOUND);
			assert_int_equal(facts.recipients, n);
		}
	}
	buf_fini(&message);
}

static void
who_has_no_key_for_it_is_refused(void **state)
{
	struct pgp_make_setup setup = {
		.kind = PGP_MAKE_CURVE25519, .created_sec = NOW, .is_for_signing = true};
	struct slice id = SLICE_LIT("Eve <eve@example.org>"), rest;
	struct pgp_cert *both[2] = {certs[0]};
	struct buf out;

	(void)state;
	setup.user_id = &id;
	setup.n_user_ids = 1;
	buf_init(&out, PGP_MAKE_MAX);
	assert_int_equal(pgp_make_key(&setup, &out), ERR_OK);
	rest = buf_slice(&out);
	assert_int_equal(pgp_cert_parse(&rest, &both[1]), ERR_OK);
	assert_int_equal(pgp_seal_choose(both, 1, NOW, true, &plan), ERR_OK);
	assert_int_equal(pgp_seal_choose(both, 2, NOW, true, &plan), ERR_NOT_FOUND);
	/* Nor is there one before it was made. */
	assert_int_equal(pgp_seal_choose(both, 1, NOW - 1, true, &plan), ERR_NOT_FOUND);
	pgp_cert_free(both[1]);
	buf_fini(&out);
}

static void
recipients_are_taken_up_to_their_limit(void **state)
{
	static struct pgp_cert *many[PGP_RECIPIENTS_MAX + 1];
	struct pgp_seal_setup setup = {.plan = &plan, .format = 'b'};
	struct pgp_opened facts;
	struct buf message;

	(void)state;
	buf_init(&message, 4 * MAX);
	for (size_t i = 0; i <= PGP_RECIPIENTS_MAX; i++)
		many[i] = certs[PGP_MAKE_CURVE25519];
	assert_int_equal(
		pgp_seal_choose(many, PGP_RECIPIENTS_MAX + 1, NOW, true, &plan), ERR_LIMIT);
	many[PGP_RECIPIENTS_MAX - 1] = certs[PGP_MAKE_P256];
	assert_int_equal(pgp_seal_choose(many, PGP_RECIPIENTS_MAX, NOW, true, &plan), ERR_OK);
	seal(&setup, SLICE_LIT("hallo"), &message);
	assert_int_equal(open_as(&people[PGP_MAKE_P256], buf_slice(&message), &facts), ERR_OK);
	assert_int_equal(facts.recipients, PGP_RECIPIENTS_MAX);
	buf_fini(&message);
}

static enum err
put_full(void *arg, struct slice octets)
{
	size_t *left = arg;

	if (*left < octets.n)
		return ERR_FULL;
	*left -= octets.n;
	return ERR_OK;
}

static void
a_full_sink_is_said_wherever_it_is_full(void **state)
{
	struct pgp_signer signer = {&certs[0]->key[0].public, &people[0].private, 0};
	size_t n = 0;
	enum err e, fed;

	(void)state;
	assert_int_equal(pgp_seal_choose(certs, 1, NOW, true, &plan), ERR_OK);
	do {
		size_t left = n;
		struct pgp_seal_setup setup = {.sign = {&signer, 1, false, NOW},
			.plan = &plan,
			.format = 'b',
			.to = {put_full, &left}};
		struct pgp_seal *s = pgp_seal_new(&setup);

		assert_non_null(s);
		e = pgp_seal_feed(s, SLICE_LIT("hallo"));
		fed = e;
		e = pgp_seal_finish(s);
		/* The first error stays. */
		assert_true(fed == ERR_OK || e == fed);
		assert_true(e == ERR_OK || e == ERR_FULL);
		pgp_seal_free(s);
	} while (e != ERR_OK && n++ < 1000);
	assert_in_range(n, 200, 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_of_them_cannot_read_is_not_written),
		cmocka_unit_test(who_has_no_key_for_it_is_refused),
		cmocka_unit_test(recipients_are_taken_up_to_their_limit),
		cmocka_unit_test(a_full_sink_is_said_wherever_it_is_full),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
