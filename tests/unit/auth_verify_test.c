#include "tests/test.h"

#include "core/clock.h"
#include "core/must.h"
#include "crypto/auth_verify.h"

enum { ANN = 100, BOB = 200 };

static struct auth_verify_settings settings = {
	.verifier_key = {{1}},
	.permit_key = {{2}},
	.cost = {{64, 1}, true, PWHASH_ITERATIONS_MIN},
	.throttle = {true, 3, 600},
};
static struct auth_verify *a;
static struct buf ann, bob;

static int
set_up(void **state)
{
	(void)state;
	must(auth_verify_new(&settings, &a) == ERR_OK);
	buf_init(&ann, VERIFIER_SEALED_MAX);
	buf_init(&bob, VERIFIER_SEALED_MAX);
	must(auth_verify_hash(a, ANN, SLICE_LIT("pencil"), &ann) == ERR_OK);
	must(auth_verify_hash(a, BOB, SLICE_LIT("rubber"), &bob) == ERR_OK);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	auth_verify_free(a);
	buf_fini(&ann);
	buf_fini(&bob);
	return 0;
}

static struct auth_verify_question
question(uint64_t account, struct slice verifier, struct slice password)
{
	return (struct auth_verify_question){.asker = 1,
		.session = 7,
		.mechanism = SASL_PLAIN,
		.user = SLICE_LIT("ann@example.org"),
		.account = account,
		.verifier = verifier,
		.message = password,
		.client_address = SLICE_LIT("\x7f\0\0\1"),
		.now_sec = 1000,
		.now_ms = 5000};
}

static enum sasl_outcome
outcome(const struct auth_verify_question *q)
{
	struct auth_verify_answer out;
	struct slice permit = {out.permit, PERMIT_SIZE};

	auth_verify_step(a, q, &out);
	assert_int_equal(out.has_permit, out.outcome == SASL_OUTCOME_ACCEPTED);
	if (out.has_permit)
		assert_int_equal(permit_check(&settings.permit_key, PERMIT_LOGIN, q->account,
					 q->now_sec, permit),
			ERR_OK);
	auth_verify_answer_fini(&out);
	return out.outcome;
}

static void
the_right_password_gets_a_permit(void **state)
{
	struct auth_verify_question q = question(ANN, buf_slice(&ann), SLICE_LIT("pencil"));

	(void)state;
	assert_int_equal(outcome(&q), SASL_OUTCOME_ACCEPTED);
	q.mechanism = SASL_LOGIN;
	assert_int_equal(outcome(&q), SASL_OUTCOME_ACCEPTED);
	q.message = SLICE_LIT("pencil ");
	assert_int_equal(outcome(&q), SASL_OUTCOME_REFUSED);
	q.message = SLICE_LIT("\xff");
	assert_int_equal(outcome(&q), SASL_OUTCOME_REFUSED);
	q.mechanism = 9;
	assert_int_equal(outcome(&q), SASL_OUTCOME_REFUSED);
}

static void
a_verifier_is_good_for_its_account_only(void **state)
{
	struct auth_verify_question q = question(BOB, buf_slice(&ann), SLICE_LIT("pencil"));
	struct auth_verify_answer out;

	(void)state;
	auth_verify_step(a, &q, &out);
	assert_int_equal(out.outcome, SASL_OUTCOME_REFUSED);
	assert_true(out.is_damaged);
	auth_verify_answer_fini(&out);
	q.account = 0;
	assert_int_equal(outcome(&q), SASL_OUTCOME_REFUSED);
	q.account = ANN;
	q.verifier = SLICE_EMPTY;
	assert_int_equal(outcome(&q), SASL_OUTCOME_REFUSED);
}

static void
a_password_is_the_same_in_every_spelling(void **state)
{
	struct auth_verify_question q;
	struct buf v;

	(void)state;
	buf_init(&v, VERIFIER_SEALED_MAX);
	assert_int_equal(auth_verify_hash(a, ANN, SLICE_LIT("a\xcc\x88"), &v), ERR_OK);
	q = question(ANN, buf_slice(&v), SLICE_LIT("\xc3\xa4"));
	assert_int_equal(outcome(&q), SASL_OUTCOME_ACCEPTED);
	buf_clear(&v);
	assert_int_equal(auth_verify_hash(a, ANN, SLICE_LIT("a\nb"), &v), ERR_SYNTAX);
	assert_int_equal(auth_verify_hash(a, ANN, SLICE_EMPTY, &v), ERR_SYNTAX);
	buf_fini(&v);
}

static uint64_t
microseconds_of(const struct auth_verify_question *q, enum sasl_outcome want)
{
	uint64_t begun_us = clock_us();

	assert_int_equal(outcome(q), want);
	return clock_us() - begun_us;
}

static void
a_cached_success_costs_nothing_until_time_or_a_new_password_ends_it(void **state)
{
	struct auth_verify_settings other = settings;
	struct auth_verify *costly;
	struct auth_verify_question q;
	uint64_t first_us;
	struct buf old, newer;

	(void)state;
	other.cost.argon2 = (struct pwhash_cost){32 * 1024, 2};
	must(auth_verify_new(&other, &costly) == ERR_OK);
	buf_init(&old, VERIFIER_SEALED_MAX);
	buf_init(&newer, VERIFIER_SEALED_MAX);
	assert_int_equal(auth_verify_hash(costly, ANN, SLICE_LIT("pencil"), &old), ERR_OK);
	assert_int_equal(auth_verify_hash(costly, ANN, SLICE_LIT("ruler"), &newer), ERR_OK);
	auth_verify_free(costly);
	q = question(ANN, buf_slice(&old), SLICE_LIT("pencil"));
	first_us = microseconds_of(&q, SASL_OUTCOME_ACCEPTED);
	assert_true(microseconds_of(&q, SASL_OUTCOME_ACCEPTED) * 4 < first_us);
	q.message = SLICE_LIT("rubber");
	assert_true(microseconds_of(&q, SASL_OUTCOME_REFUSED) * 4 > first_us);
	q.message = SLICE_LIT("pencil");
	q.now_ms += AUTH_VERIFY_CACHE_MS;
	assert_true(microseconds_of(&q, SASL_OUTCOME_ACCEPTED) * 4 > first_us);
	assert_true(microseconds_of(&q, SASL_OUTCOME_ACCEPTED) * 4 < first_us);
	q.verifier = buf_slice(&newer);
	assert_int_equal(outcome(&q), SASL_OUTCOME_REFUSED);
	buf_fini(&old);
	buf_fini(&newer);
}

static void
too_many_failures_are_throttled_even_with_the_right_password(void **state)
{
	struct auth_verify_question q = question(ANN, buf_slice(&ann), SLICE_LIT("wrong"));

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(&q), SASL_OUTCOME_REFUSED);
	q.message = SLICE_LIT("pencil");
	assert_int_equal(outcome(&q), SASL_OUTCOME_THROTTLED);
	q.now_sec += 600;
	assert_int_equal(outcome(&q), SASL_OUTCOME_ACCEPTED);
}

/* ---- SCRAM: a client of our own ---- */

struct client {
	struct buf message, first;
	struct slice nonce, salt64;
	uint64_t iterations;
	enum sasl_outcome outcome;
	uint32_t delay_ms;
	struct buf server_final;
};

static void
client_first(struct client *c, struct auth_verify_question *q)
{
	struct auth_verify_answer out;
	struct slice s;
	size_t at;

	*c = (struct client){0};
	buf_init(&c->first, 1000);
	buf_init(&c->message, 5000);
	buf_init(&c->server_final, 1000);
	q->mechanism = SASL_SCRAM_SHA_256;
	q->step = 0;
	q->message = SLICE_LIT("n,,n=ann@example.org,r=abc");
	auth_verify_step(a, q, &out);
	c->outcome = out.outcome;
	buf_put_slice(&c->first, buf_slice(&out.message));
	auth_verify_answer_fini(&out);
	if (c->outcome != SASL_OUTCOME_CONTINUE)
		return;
	s = buf_slice(&c->first);
	at = slice_find(s, ',');
	c->nonce = slice_cut(s, 2, at);
	s = slice_from(s, at + 3);
	at = slice_find(s, ',');
	c->salt64 = slice_cut(s, 0, at);
	assert_true(slice_u64(slice_from(s, at + 3), UINT32_MAX, &c->iterations));
}

static void
client_final(struct client *c, struct auth_verify_question *q, struct slice password)
{
	struct slice label = SLICE_LIT("Client Key"), all, part;
	uint8_t key[32], stored[32], proof[32];
	struct auth_verify_answer out;
	struct buf salt, auth;

	buf_init(&salt, 100);
	buf_init(&auth, 5000);
	assert_int_equal(seal_b64_open(c->salt64, &salt), ERR_OK);
	pwhash_pbkdf2(password, buf_slice(&salt), (uint32_t)c->iterations, key);
	part = slice_of(key, 32);
	pwhash_hmac_sha256(part, &label, 1, key);
	pwhash_sha256(&part, 1, stored);
	buf_printf(&c->message, "c=biws,r=%.*s", SLICE_FMT(c->nonce));
	buf_printf(&auth, "n=ann@example.org,r=abc,%.*s,%.*s", SLICE_FMT(buf_slice(&c->first)),
		SLICE_FMT(buf_slice(&c->message)));
	all = buf_slice(&auth);
	pwhash_hmac_sha256(slice_of(stored, 32), &all, 1, proof);
	for (int i = 0; i < 32; i++)
		proof[i] ^= key[i];
	buf_put_str(&c->message, ",p=");
	seal_b64(slice_of(proof, 32), &c->message);
	q->step = 1;
	q->message = buf_slice(&c->message);
	auth_verify_step(a, q, &out);
	c->outcome = out.outcome;
	c->delay_ms = out.delay_ms;
	buf_put_slice(&c->server_final, buf_slice(&out.message));
	assert_int_equal(out.has_permit, out.outcome == SASL_OUTCOME_ACCEPTED);
	auth_verify_answer_fini(&out);
	buf_fini(&salt);
	buf_fini(&auth);
}

static void
client_end(struct client *c)
{
	buf_fini(&c->first);
	buf_fini(&c->message);
	buf_fini(&c->server_final);
}

static void
scram_lets_the_right_password_in_once(void **state)
{
	struct auth_verify_question q = question(ANN, buf_slice(&ann), SLICE_EMPTY);
	struct auth_verify_answer again;
	struct client c;

	(void)state;
	client_first(&c, &q);
	assert_int_equal(c.outcome, SASL_OUTCOME_CONTINUE);
	client_final(&c, &q, SLICE_LIT("pencil"));
	assert_int_equal(c.outcome, SASL_OUTCOME_ACCEPTED);
	assert_true(slice_starts(buf_slice(&c.server_final), SLICE_LIT("v=")));
	auth_verify_step(a, &q, &again);
	assert_int_equal(again.outcome, SASL_OUTCOME_REFUSED);
	auth_verify_answer_fini(&again);
	client_end(&c);
	client_first(&c, &q);
	client_final(&c, &q, SLICE_LIT("rubber"));
	assert_int_equal(c.outcome, SASL_OUTCOME_REFUSED);
	assert_int_equal(c.server_final.n, 0);
	client_end(&c);
}

static void
a_scram_exchange_ends_with_its_time_and_belongs_to_its_session(void **state)
{
	struct auth_verify_question q = question(ANN, buf_slice(&ann), SLICE_EMPTY);
	struct client c;

	(void)state;
	client_first(&c, &q);
	q.now_ms += AUTH_VERIFY_EXCHANGE_MS + 1;
	client_final(&c, &q, SLICE_LIT("pencil"));
	assert_int_equal(c.outcome, SASL_OUTCOME_REFUSED);
	client_end(&c);
	client_first(&c, &q);
	q.session++;
	client_final(&c, &q, SLICE_LIT("pencil"));
	assert_int_equal(c.outcome, SASL_OUTCOME_REFUSED);
	client_end(&c);
	q.now_sec += 600;
	client_first(&c, &q);
	q.asker++;
	client_final(&c, &q, SLICE_LIT("pencil"));
	assert_int_equal(c.outcome, SASL_OUTCOME_REFUSED);
	client_end(&c);
}

static void
nobody_looks_like_somebody_with_a_wrong_password(void **state)
{
	struct auth_verify_question nobody = question(0, SLICE_EMPTY, SLICE_EMPTY);
	struct auth_verify_question known = question(ANN, buf_slice(&ann), SLICE_EMPTY);
	struct client x, y;
	struct buf salt;

	(void)state;
	nobody.session = 8;
	client_first(&x, &nobody);
	client_first(&y, &known);
	assert_int_equal(x.outcome, y.outcome);
	assert_int_equal(x.first.n, y.first.n);
	assert_int_equal(x.iterations, y.iterations);
	assert_int_equal(x.salt64.n, y.salt64.n);
	buf_init(&salt, 100);
	buf_put_slice(&salt, x.salt64);
	client_final(&x, &nobody, SLICE_LIT("guess"));
	assert_int_equal(x.outcome, SASL_OUTCOME_REFUSED);
	known.client_address = SLICE_LIT("\x7f\0\0\2");
	client_final(&y, &known, SLICE_LIT("guess"));
	assert_int_equal(y.outcome, SASL_OUTCOME_REFUSED);
	assert_int_equal(x.delay_ms, y.delay_ms);
	client_end(&x);
	client_end(&y);
	/* The salt of a name is always the same, after a restart too; that of another name
	 * isn't. */
	auth_verify_free(a);
	must(auth_verify_new(&settings, &a) == ERR_OK);
	client_first(&x, &nobody);
	assert_true(slice_eq(x.salt64, buf_slice(&salt)));
	client_end(&x);
	nobody.user = SLICE_LIT("bob@example.org");
	client_first(&x, &nobody);
	assert_false(slice_eq(x.salt64, buf_slice(&salt)));
	client_end(&x);
	buf_fini(&salt);
}

static void
more_exchanges_than_places_forget_the_oldest_only(void **state)
{
	struct auth_verify_question q = question(ANN, buf_slice(&ann), SLICE_EMPTY);
	struct client first, last, c;

	(void)state;
	client_first(&first, &q);
	q.session = 8;
	q.now_ms++;
	client_first(&last, &q);
	for (uint64_t i = 1; i < AUTH_VERIFY_EXCHANGES; i++) {
		q.session = 1000 + i;
		q.now_ms++;
		client_first(&c, &q);
		client_end(&c);
	}
	q.session = 8;
	client_final(&last, &q, SLICE_LIT("pencil"));
	assert_int_equal(last.outcome, SASL_OUTCOME_ACCEPTED);
	q.session = 7;
	client_final(&first, &q, SLICE_LIT("pencil"));
	assert_int_equal(first.outcome, SASL_OUTCOME_REFUSED);
	client_end(&first);
	client_end(&last);
}

static void
an_account_without_a_scram_record_has_passwords_only(void **state)
{
	struct auth_verify_settings other = settings;
	struct auth_verify *plain_only;
	struct auth_verify_question q;
	struct client c;
	struct buf v;

	(void)state;
	other.cost.scram = false;
	must(auth_verify_new(&other, &plain_only) == ERR_OK);
	buf_init(&v, VERIFIER_SEALED_MAX);
	assert_int_equal(auth_verify_hash(plain_only, ANN, SLICE_LIT("pencil"), &v), ERR_OK);
	auth_verify_free(plain_only);
	q = question(ANN, buf_slice(&v), SLICE_LIT("pencil"));
	assert_int_equal(outcome(&q), SASL_OUTCOME_ACCEPTED);
	client_first(&c, &q);
	assert_int_equal(c.outcome, SASL_OUTCOME_CONTINUE);
	client_final(&c, &q, SLICE_LIT("pencil"));
	assert_int_equal(c.outcome, SASL_OUTCOME_REFUSED);
	client_end(&c);
	buf_fini(&v);
}

static void
a_verifier_opens_unchanged_only(void **state)
{
	struct verifier v;

	(void)state;
	assert_int_equal(
		verifier_open(&settings.verifier_key, ANN, buf_slice(&ann), &v), ERR_OK);
	assert_true(v.has_scram);
	assert_int_equal(
		verifier_open(&settings.permit_key, ANN, buf_slice(&ann), &v), ERR_CRYPTO);
	for (size_t n = 0; n < ann.n; n++)
		assert_int_equal(verifier_open(&settings.verifier_key, ANN,
					 slice_cut(buf_slice(&ann), 0, n), &v),
			ERR_CRYPTO);
	for (size_t i = 0; i < ann.n; i++) {
		ann.p[i] ^= 1;
		assert_int_equal(
			verifier_open(&settings.verifier_key, ANN, buf_slice(&ann), &v),
			ERR_CRYPTO);
		ann.p[i] ^= 1;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(the_right_password_gets_a_permit),
		T(a_verifier_is_good_for_its_account_only),
		T(a_password_is_the_same_in_every_spelling),
		T(a_cached_success_costs_nothing_until_time_or_a_new_password_ends_it),
		T(too_many_failures_are_throttled_even_with_the_right_password),
		T(scram_lets_the_right_password_in_once),
		T(a_scram_exchange_ends_with_its_time_and_belongs_to_its_session),
		T(nobody_looks_like_somebody_with_a_wrong_password),
		T(more_exchanges_than_places_forget_the_oldest_only),
		T(an_account_without_a_scram_record_has_passwords_only),
		T(a_verifier_opens_unchanged_only),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
