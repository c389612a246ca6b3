#include "tests/gateway_people.h"

static struct gateway_people w;
static struct gateway_people_person *ann, *bob, *carl, *dora;

#define IN GATEWAY__QUESTION__WAY__IN
#define OUT GATEWAY__QUESTION__WAY__OUT
#define PASS GATEWAY__GROUP__ACTION__PASS
#define BOUNCE GATEWAY__GROUP__ACTION__BOUNCE

static const char mail[] = "From: Ann <ann@example.org>\r\nTo: bob@partner.example\r\n"
			   "Cc: carl@partner.example, dora@partner.example\r\n"
			   "Subject: hello\r\n\r\nsecret\r\n";

static bool
has(struct slice s, const char *part)
{
	return slice_find_slice(s, slice_str(part)) < s.n;
}

static int
begin(void **state)
{
	(void)state;
	gateway_people_init(&w);
	ann = gateway_people_add_pgp(&w, "ann@example.org", "openpgp");
	bob = gateway_people_add_pgp(&w, "bob@partner.example", "openpgp");
	carl = gateway_people_add_pgp(&w, "carl@partner.example", "openpgp6");
	dora = gateway_people_add(&w, "dora@partner.example", true);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	gateway_people_fini(&w);
	return 0;
}

/* From Ann to some others; what must be encrypted is signed. */
static void
ann_to(struct gateway_people_person *p)
{
	gateway_people_begin(&w, OUT);
	gateway_people_sender(&w, ann);
	gateway_people_to(&w, p->address, p);
	w.settings.mode = GATEWAY__SETTINGS__MODE__MUST;
	w.settings.sign = GATEWAY__SETTINGS__SIGN__SIGN_ALWAYS;
}

static struct slice
made_of(struct slice text, uint32_t recipient)
{
	const Gateway__Group *g;

	assert_int_equal(gateway_people_ask(&w, text), ERR_OK);
	g = gateway_people_group(&w, recipient);
	assert_int_equal(g->action, PASS);
	return gateway_people_body(&w, g);
}

static struct slice
sent(uint32_t recipient)
{
	return made_of(slice_str(mail), recipient);
}

/* By p, who knows Ann's certificate, trusted so. */
static const Gateway__Group *
received_by(struct gateway_people_person *p, struct slice m, Gateway__Trust trust)
{
	gateway_people_begin(&w, IN);
	w.q.sender->n_certificate = 1;
	w.q.sender->certificate = ann->certificates;
	ann->certificate.trust = trust;
	gateway_people_to(&w, p->address, p);
	assert_int_equal(gateway_people_ask(&w, m), ERR_OK);
	return gateway_people_group(&w, 0);
}

static void
what_leaves_is_opened_and_judged_by_its_keys_trust(void **state)
{
	static const struct {
		Gateway__Trust trust;
		const char *mark;
	} rows[] = {
		{GATEWAY__TRUST__MANUAL, "x-openpgp=pass"},
		{GATEWAY__TRUST__VERIFIED, "x-openpgp=policy"},
		{GATEWAY__TRUST__HARVESTED, "x-openpgp=policy"},
	};
	struct gateway_people_person *const to[] = {bob, carl};

	(void)state;
	for (size_t i = 0; i < sizeof to / sizeof *to; i++)
		for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
			const Gateway__Group *g;
			struct slice out;

			ann_to(to[i]);
			out = sent(0);
			assert_true(has(out, "Content-Type: multipart/encrypted;"));
			assert_false(has(out, "secret"));
			g = received_by(to[i], out, rows[k].trust);
			assert_true(has(codec_slice(g->head), rows[k].mark));
			assert_true(has(gateway_people_body(&w, g), "\r\n\r\nsecret\r\n"));
			assert_true(w.answer.answer.was_decrypted);
		}
}

static void
recipients_of_both_kinds_get_texts_of_their_own(void **state)
{
	const Gateway__Group *smime, *pgp;

	(void)state;
	ann_to(bob);
	gateway_people_to(&w, dora->address, dora);
	gateway_people_to(&w, carl->address, carl);
	sent(0);
	pgp = gateway_people_group(&w, 0);
	smime = gateway_people_group(&w, 1);
	assert_ptr_not_equal(pgp, smime);
	assert_ptr_equal(pgp, gateway_people_group(&w, 2));
	assert_true(has(gateway_people_body(&w, pgp), "multipart/encrypted"));
	assert_true(has(gateway_people_body(&w, smime), "application/pkcs7-mime"));
}

/* It goes, encrypted, without one; what keyd can't say now is asked again. */
static void
a_signature_that_cannot_be_made_is_no_bounce(void **state)
{
	static const enum err refusals[] = {ERR_DENIED, ERR_CRYPTO, ERR_UNSUPPORTED};

	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		const Gateway__Group *g;
		struct slice out;

		ann_to(bob);
		w.key_fault = refusals[i];
		out = sent(0);
		assert_int_equal(w.answer.bodies, 1);
		assert_true(has(out, "multipart/encrypted"));
		assert_true(gateway_people_has_fact(&w, "not signed: the key doesn't sign"));
		assert_false(gateway_people_has_fact(&w, "signed: OpenPGP"));
		g = received_by(bob, out, GATEWAY__TRUST__MANUAL);
		assert_true(has(codec_slice(g->head), "x-openpgp=none"));
		/* And what is only signed goes plain, as S/MIME's does. */
		ann_to(bob);
		w.q.recipient[0]->n_certificate = 0;
		w.settings.mode = GATEWAY__SETTINGS__MODE__NEVER;
		w.key_fault = refusals[i];
		assert_int_equal(sent(0).n, 0);
	}
	ann_to(bob);
	w.key_fault = ERR_UNAVAILABLE;
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_UNAVAILABLE);
}

static struct slice
joined(const char *head, struct slice body, const char *end)
{
	struct slice s;
	struct buf out;

	buf_init(&out, 1 << 20);
	buf_put_str(&out, head);
	buf_put_slice(&out, body);
	buf_put_str(&out, end);
	s = arena_dup(&w.arena, buf_slice(&out));
	buf_fini(&out);
	return s;
}

#define HEAD "From: Ann <ann@example.org>\r\nTo: bob@partner.example\r\n"
#define PGP_MIME                                                                               \
	HEAD "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; "     \
	     "boundary=b\r\n\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\n"        \
	     "Version: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n"
#define FALSE_ARMOR "-----BEGIN PGP MESSAGE-----\r\n\r\nsecret\r\n-----END PGP MESSAGE-----\r\n"

/* The armored message in what was made. */
static struct slice
armor_of(struct slice made)
{
	size_t at = slice_find_slice(made, SLICE_LIT("-----BEGIN PGP MESSAGE-----"));
	struct slice s = slice_from(made, at), end = SLICE_LIT("-----END PGP MESSAGE-----\r\n");

	return slice_cut(s, 0, slice_find_slice(s, end) + end.n);
}

static void
what_is_encrypted_already_is_left_as_it_is(void **state)
{
	struct slice armor, cut;

	(void)state;
	ann_to(bob);
	armor = arena_dup(&w.arena, armor_of(sent(0)));
	cut = slice_cut(armor, 0, armor.n / 2);
	const struct {
		struct slice text;
		bool is_encrypted;
	} rows[] = {
		{joined(HEAD "\r\n", armor, ""), true},
		{joined(HEAD "\r\n\r\n", armor, "\r\n"), true},
		{joined(PGP_MIME, armor, "--b--\r\n"), true},
		/* Somebody would read what stands around it. */
		{joined(HEAD "\r\nsecret\r\n", armor, ""), false},
		{joined(HEAD "\r\n", armor, "secret\r\n"), false},
		{joined(HEAD "\r\n", armor, FALSE_ARMOR), false},
		{joined(HEAD "\r\n" FALSE_ARMOR, armor, ""), false},
		{joined(PGP_MIME "secret\r\n", armor, "--b--\r\n"), false},
		{joined(HEAD "\r\n", cut, "\r\n-----END PGP MESSAGE-----\r\n"), false},
		{joined(PGP_MIME, SLICE_LIT(FALSE_ARMOR), "--b--\r\n"), false},
		{joined(HEAD "\r\n", SLICE_LIT(FALSE_ARMOR), ""), false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice made;

		ann_to(bob);
		made = made_of(rows[i].text, 0);
		if (rows[i].is_encrypted ? made.n != 0 : !has(made, "multipart/encrypted"))
			fail_msg("row %zu", i);
		assert_int_equal(
			gateway_people_has_fact(&w, "encrypted already"), rows[i].is_encrypted);
	}
}

static void
what_is_over_or_somebody_elses_opens_nothing(void **state)
{
	const Gateway__Group *g;
	struct slice out;

	(void)state;
	ann_to(bob);
	out = sent(0);
	g = received_by(carl, out, GATEWAY__TRUST__MANUAL);
	assert_int_equal(g->body, 0);
	assert_true(gateway_people_has_fact(&w, "encrypted to nobody whose key is here"));
	/* The signer's key ended meanwhile: her mail is opened, and isn't hers any more. */
	gateway_people_begin(&w, IN);
	w.q.now_sec += 200 * 86400;
	w.q.sender->n_certificate = 1;
	w.q.sender->certificate = ann->certificates;
	ann->certificate.trust = GATEWAY__TRUST__MANUAL;
	gateway_people_to(&w, bob->address, bob);
	assert_int_equal(gateway_people_ask(&w, out), ERR_OK);
	g = gateway_people_group(&w, 0);
	assert_true(has(codec_slice(g->head), "x-openpgp=fail"));
	/* And nothing is encrypted to one that has ended. */
	ann_to(bob);
	w.q.now_sec += 200 * 86400;
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	assert_int_not_equal(gateway_people_group(&w, 0)->action, PASS);
}

static void
keyd_is_asked_again_and_a_full_room_is_no_verdict(void **state)
{
	static const enum err faults[] = {ERR_UNAVAILABLE, ERR_DENIED};
	struct slice out;

	(void)state;
	ann_to(bob);
	out = sent(0);
	for (size_t i = 0; i < 2; i++) {
		gateway_people_begin(&w, IN);
		gateway_people_to(&w, bob->address, bob);
		w.key_fault = faults[i];
		assert_int_equal(gateway_people_ask(&w, out), i ? ERR_OK : ERR_UNAVAILABLE);
	}
	for (unsigned calls = 0;; calls++) {
		enum err e;

		gateway_people_begin(&w, IN);
		gateway_people_to(&w, bob->address, bob);
		w.room_calls_left = calls;
		e = gateway_people_ask(&w, out);
		if (!e) {
			assert_in_range(calls, 2, 10);
			break;
		}
		assert_int_equal(e, ERR_FULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_leaves_is_opened_and_judged_by_its_keys_trust),
		cmocka_unit_test(recipients_of_both_kinds_get_texts_of_their_own),
		cmocka_unit_test(a_signature_that_cannot_be_made_is_no_bounce),
		cmocka_unit_test(what_is_encrypted_already_is_left_as_it_is),
		cmocka_unit_test(what_is_over_or_somebody_elses_opens_nothing),
		cmocka_unit_test(keyd_is_asked_again_and_a_full_room_is_no_verdict),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
