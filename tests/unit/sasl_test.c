#include "tests/test.h"

#include "crypto/sasl.h"
#include "crypto/seal.h"

enum { EXPORTER = 1 << TLS_BINDING_EXPORTER, END_POINT = 1 << TLS_BINDING_SERVER_END_POINT };

static struct sasl s;
static struct buf challenge, base64;

static struct slice
b64(struct slice raw)
{
	buf_clear(&base64);
	seal_b64(raw, &base64);
	return buf_slice(&base64);
}

static void
restart(enum sasl_mechanism m, unsigned bindings)
{
	sasl_fini(&s);
	sasl_init(&s, m, bindings);
}

static enum sasl_verdict
begin(enum sasl_mechanism m, unsigned bindings, struct slice raw)
{
	struct slice line = b64(raw);

	restart(m, bindings);
	return sasl_begin(&s, &line, &challenge);
}

static int
set_up(void **state)
{
	(void)state;
	sasl_init(&s, SASL_NONE, 0);
	buf_init(&challenge, 10000);
	buf_init(&base64, 20000);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	sasl_fini(&s);
	buf_fini(&challenge);
	buf_fini(&base64);
	return 0;
}

static void
plain_asks_with_name_and_password(void **state)
{
	(void)state;
	assert_int_equal(begin(SASL_PLAIN, 0, SLICE_LIT("\0ann@example.org\0p w")), SASL_ASK);
	assert_slice(s.question.user, "ann@example.org");
	assert_slice(s.question.message, "p w");
	assert_int_equal(s.question.step, 0);
	assert_int_equal(
		sasl_answer(&s, SASL_OUTCOME_ACCEPTED, SLICE_EMPTY, &challenge), SASL_ACCEPTED);
	assert_int_equal(sasl_step(&s, SLICE_LIT(""), &challenge), SASL_MALFORMED);
}

static void
plain_without_initial_response_gets_an_empty_challenge(void **state)
{
	(void)state;
	restart(SASL_PLAIN, 0);
	assert_int_equal(sasl_begin(&s, NULL, &challenge), SASL_CHALLENGE);
	assert_int_equal(challenge.n, 0);
	assert_int_equal(sasl_step(&s, b64(SLICE_LIT("ann\0ann\0pw")), &challenge), SASL_ASK);
	assert_int_equal(
		sasl_answer(&s, SASL_OUTCOME_REFUSED, SLICE_EMPTY, &challenge), SASL_REFUSED);
}

static void
odd_plain_messages_are_malformed(void **state)
{
	(void)state;
	assert_int_equal(begin(SASL_PLAIN, 0, SLICE_EMPTY), SASL_MALFORMED);
	assert_int_equal(begin(SASL_PLAIN, 0, SLICE_LIT("\0ann")), SASL_MALFORMED);
	assert_int_equal(begin(SASL_PLAIN, 0, SLICE_LIT("\0ann\0")), SASL_MALFORMED);
	assert_int_equal(begin(SASL_PLAIN, 0, SLICE_LIT("\0ann\0p\0w")), SASL_MALFORMED);
	assert_int_equal(begin(SASL_PLAIN, 0, SLICE_LIT("\0\0pw")), SASL_REFUSED);
	assert_int_equal(begin(SASL_PLAIN, 0, SLICE_LIT("\0\xff\0pw")), SASL_REFUSED);
	assert_int_equal(begin(SASL_NONE, 0, SLICE_LIT("\0a\0b")), SASL_MALFORMED);
}

static void
acting_for_somebody_else_is_refused(void **state)
{
	(void)state;
	assert_int_equal(begin(SASL_PLAIN, 0, SLICE_LIT("bob\0ann\0pw")), SASL_REFUSED);
	assert_int_equal(
		begin(SASL_SCRAM_SHA_256, 0, SLICE_LIT("n,a=bob,n=ann,r=x")), SASL_REFUSED);
	assert_int_equal(
		begin(SASL_SCRAM_SHA_256, 0, SLICE_LIT("n,a=ann,n=ann,r=x")), SASL_ASK);
}

static void
login_asks_for_name_then_password(void **state)
{
	(void)state;
	restart(SASL_LOGIN, 0);
	assert_int_equal(sasl_begin(&s, NULL, &challenge), SASL_CHALLENGE);
	assert_slice(buf_slice(&challenge), "VXNlcm5hbWU6");
	assert_int_equal(sasl_step(&s, b64(SLICE_LIT("ann")), &challenge), SASL_CHALLENGE);
	assert_slice(buf_slice(&challenge), "UGFzc3dvcmQ6");
	assert_int_equal(sasl_step(&s, b64(SLICE_LIT("pw")), &challenge), SASL_ASK);
	assert_slice(s.question.user, "ann");
	assert_slice(s.question.message, "pw");
	assert_int_equal(
		sasl_answer(&s, SASL_OUTCOME_ACCEPTED, SLICE_EMPTY, &challenge), SASL_ACCEPTED);
	assert_int_equal(begin(SASL_LOGIN, 0, SLICE_LIT("ann")), SASL_CHALLENGE);
	assert_slice(buf_slice(&challenge), "UGFzc3dvcmQ6");
	assert_int_equal(sasl_step(&s, SLICE_LIT(""), &challenge), SASL_MALFORMED);
}

static void
scram_relays_two_messages_and_ends_with_an_empty_one(void **state)
{
	(void)state;
	assert_int_equal(begin(SASL_SCRAM_SHA_256, 0, SLICE_LIT("n,,n=a=2Cb,r=x")), SASL_ASK);
	assert_slice(s.question.user, "a,b");
	assert_slice(s.question.message, "n,,n=a=2Cb,r=x");
	assert_int_equal(sasl_answer(&s, SASL_OUTCOME_CONTINUE, SLICE_LIT("r=xy,s=AA==,i=4096"),
				 &challenge),
		SASL_CHALLENGE);
	assert_slice(buf_slice(&challenge), "cj14eSxzPUFBPT0saT00MDk2");
	assert_int_equal(
		sasl_step(&s, b64(SLICE_LIT("c=biws,r=xy,p=AA==")), &challenge), SASL_ASK);
	assert_int_equal(s.question.step, 1);
	assert_slice(s.question.user, "a,b");
	assert_slice(s.question.message, "c=biws,r=xy,p=AA==");
	assert_int_equal(
		sasl_answer(&s, SASL_OUTCOME_ACCEPTED, SLICE_LIT("v=AA=="), &challenge),
		SASL_CHALLENGE);
	assert_slice(buf_slice(&challenge), "dj1BQT09");
	assert_int_equal(sasl_step(&s, SLICE_LIT(""), &challenge), SASL_ACCEPTED);
}

static void
scram_is_never_accepted_at_its_first_step(void **state)
{
	(void)state;
	assert_int_equal(begin(SASL_SCRAM_SHA_256, 0, SLICE_LIT("n,,n=ann,r=x")), SASL_ASK);
	assert_int_equal(sasl_answer(&s, SASL_OUTCOME_ACCEPTED, SLICE_LIT("v=x"), &challenge),
		SASL_REFUSED);
	assert_int_equal(begin(SASL_SCRAM_SHA_256, 0, SLICE_LIT("n,,n=ann,r=x")), SASL_ASK);
	assert_int_equal(sasl_answer(&s, SASL_OUTCOME_CONTINUE, SLICE_LIT("r=x"), &challenge),
		SASL_CHALLENGE);
	assert_int_equal(sasl_step(&s, b64(SLICE_LIT("c=")), &challenge), SASL_ASK);
	assert_int_equal(sasl_answer(&s, SASL_OUTCOME_CONTINUE, SLICE_LIT("v=x"), &challenge),
		SASL_REFUSED);
}

static void
channel_binding_is_asked_for_by_its_name(void **state)
{
	struct slice exporter = SLICE_LIT("p=tls-exporter,,n=ann,r=x");
	struct slice end_point = SLICE_LIT("p=tls-server-end-point,,n=ann,r=x");
	struct slice unique = SLICE_LIT("p=tls-unique,,n=ann,r=x");
	struct slice none = SLICE_LIT("n,,n=ann,r=x"), could = SLICE_LIT("y,,n=ann,r=x");
	enum sasl_mechanism plus = SASL_SCRAM_SHA_256_PLUS, m = SASL_SCRAM_SHA_256;

	(void)state;
	assert_int_equal(begin(plus, EXPORTER | END_POINT, exporter), SASL_ASK);
	assert_int_equal(s.question.binding, TLS_BINDING_EXPORTER);
	assert_int_equal(begin(plus, EXPORTER | END_POINT, end_point), SASL_ASK);
	assert_int_equal(s.question.binding, TLS_BINDING_SERVER_END_POINT);
	assert_int_equal(begin(plus, END_POINT, exporter), SASL_REFUSED);
	assert_int_equal(begin(plus, EXPORTER | END_POINT, unique), SASL_REFUSED);
	assert_int_equal(begin(plus, EXPORTER, none), SASL_MALFORMED);
	assert_int_equal(begin(m, EXPORTER, exporter), SASL_MALFORMED);
	assert_int_equal(begin(m, EXPORTER, none), SASL_ASK);
	assert_int_equal(s.question.binding, TLS_BINDING_NONE);
	/* Somebody took -PLUS from the list of what we offer. */
	assert_int_equal(begin(m, EXPORTER, could), SASL_REFUSED);
	assert_int_equal(begin(m, 0, could), SASL_ASK);
}

static void
cancelling_garbage_and_length_end_it(void **state)
{
	static uint8_t big[SASL_LINE_MAX + 4];

	(void)state;
	memset(big, 'A', sizeof big);
	restart(SASL_PLAIN, 0);
	assert_int_equal(sasl_begin(&s, NULL, &challenge), SASL_CHALLENGE);
	assert_int_equal(sasl_step(&s, SLICE_LIT("*"), &challenge), SASL_CANCELLED);
	for (size_t n = sizeof big - 8; n <= sizeof big; n += 4) {
		restart(SASL_LOGIN, 0);
		assert_int_equal(sasl_begin(&s, NULL, &challenge), SASL_CHALLENGE);
		assert_int_not_equal(sasl_step(&s, slice_of(big, n), &challenge), SASL_ASK);
	}
	restart(SASL_PLAIN, 0);
	assert_int_equal(sasl_begin(&s, NULL, &challenge), SASL_CHALLENGE);
	assert_int_equal(sasl_step(&s, SLICE_LIT("?!"), &challenge), SASL_MALFORMED);
}

static void
names_are_found_whatever_their_case(void **state)
{
	(void)state;
	assert_int_equal(sasl_find(SLICE_LIT("plain")), SASL_PLAIN);
	assert_int_equal(sasl_find(SLICE_LIT("Scram-SHA-256-plus")), SASL_SCRAM_SHA_256_PLUS);
	assert_int_equal(sasl_find(SLICE_LIT("CRAM-MD5")), SASL_NONE);
	assert_int_equal(sasl_find(SLICE_EMPTY), SASL_NONE);
	assert_string_equal(sasl_name(SASL_SCRAM_SHA_256), "SCRAM-SHA-256");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_asks_with_name_and_password),
		cmocka_unit_test(plain_without_initial_response_gets_an_empty_challenge),
		cmocka_unit_test(odd_plain_messages_are_malformed),
		cmocka_unit_test(acting_for_somebody_else_is_refused),
		cmocka_unit_test(login_asks_for_name_then_password),
		cmocka_unit_test(scram_relays_two_messages_and_ends_with_an_empty_one),
		cmocka_unit_test(scram_is_never_accepted_at_its_first_step),
		cmocka_unit_test(channel_binding_is_asked_for_by_its_name),
		cmocka_unit_test(cancelling_garbage_and_length_end_it),
		cmocka_unit_test(names_are_found_whatever_their_case),
	};

	seal_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
