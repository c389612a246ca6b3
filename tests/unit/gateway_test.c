#include "tests/gateway_people.h"

static struct gateway_people w;
static struct gateway_people_person *ann, *bob, *carl, *lone;

#define IN GATEWAY__QUESTION__WAY__IN
#define OUT GATEWAY__QUESTION__WAY__OUT
#define PASS GATEWAY__GROUP__ACTION__PASS
#define BOUNCE GATEWAY__GROUP__ACTION__BOUNCE
#define WAIT GATEWAY__GROUP__ACTION__WAIT

static const char mail[] = "From: Ann <ann@example.org>\r\nTo: bob@partner.example\r\n"
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
	ann = gateway_people_add(&w, "ann@example.org", true);
	bob = gateway_people_add(&w, "bob@partner.example", true);
	carl = gateway_people_add(&w, "carl@partner.example", true);
	lone = gateway_people_add(&w, "ann@example.org", false);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	gateway_people_fini(&w);
	return 0;
}

/* A question of Ann to Bob that must be encrypted, and is signed. */
static void
ann_to_bob(void)
{
	gateway_people_begin(&w, OUT);
	gateway_people_sender(&w, ann);
	gateway_people_to(&w, bob->address, bob);
	w.settings.mode = GATEWAY__SETTINGS__MODE__MUST;
	w.settings.sign = GATEWAY__SETTINGS__SIGN__SIGN_ALWAYS;
}

/* What the engine makes of Ann's mail, as it comes to Bob. */
static struct slice
sent(void)
{
	const Gateway__Group *g;

	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	g = gateway_people_group(&w, 0);
	assert_int_equal(g->action, PASS);
	return gateway_people_body(&w, g);
}

static void
received_by(struct gateway_people_person *p, struct slice m)
{
	gateway_people_begin(&w, IN);
	gateway_people_to(&w, p->address, p);
	assert_int_equal(gateway_people_ask(&w, m), ERR_OK);
}

static void
what_leaves_is_opened_and_believed_on_the_other_side(void **state)
{
	const Gateway__Harvest *h;
	const Gateway__Group *g;
	struct slice out, in;

	(void)state;
	ann_to_bob();
	w.settings.opaque = true;
	out = sent();
	assert_false(has(out, "secret"));
	assert_true(slice_starts(out, SLICE_LIT("From: Ann <ann@example.org>\r\n")));
	received_by(bob, out);
	g = gateway_people_group(&w, 0);
	in = gateway_people_body(&w, g);
	assert_slice(in, "From: Ann <ann@example.org>\r\nTo: bob@partner.example\r\n"
			 "Subject: hello\r\nMIME-Version: 1.0\r\n"
			 "Content-Type: text/plain\r\n\r\nsecret\r\n");
	assert_true(has(codec_slice(g->head), "smime=pass"));
	assert_true(w.answer.answer.was_decrypted);
	assert_int_equal(w.answer.answer.n_harvest, 1);
	h = w.answer.answer.harvest[0];
	assert_slice(codec_slice(h->address), "ann@example.org");
	assert_true(slice_eq(codec_slice(h->der), codec_slice(ann->der)));
	assert_int_equal(h->trust, GATEWAY__TRUST__VERIFIED);
	assert_int_equal(h->signed_sec, GATEWAY_PEOPLE_NOW);
	assert_true(h->capabilities.len > 0);
}

static void
a_certificate_of_no_authority_is_learned_and_not_believed(void **state)
{
	(void)state;
	ann_to_bob();
	gateway_people_sender(&w, lone);
	received_by(bob, sent());
	assert_true(has(codec_slice(gateway_people_group(&w, 0)->head), "smime=policy"));
	assert_int_equal(w.answer.answer.n_harvest, 1);
	assert_int_equal(w.answer.answer.harvest[0]->trust, GATEWAY__TRUST__HARVESTED);
}

static void
what_must_be_encrypted_asks_for_trust_and_what_may_be_takes_any(void **state)
{
	static const struct {
		Gateway__Trust has, min;
		bool passes;
	} rows[] = {
		{GATEWAY__TRUST__HARVESTED, GATEWAY__TRUST__TRUST_NONE, true},
		{GATEWAY__TRUST__HARVESTED, GATEWAY__TRUST__HARVESTED, true},
		{GATEWAY__TRUST__HARVESTED, GATEWAY__TRUST__DISCOVERED, false},
		{GATEWAY__TRUST__DISCOVERED, GATEWAY__TRUST__VERIFIED, false},
		{GATEWAY__TRUST__VERIFIED, GATEWAY__TRUST__VERIFIED, true},
		{GATEWAY__TRUST__VERIFIED, GATEWAY__TRUST__MANUAL, false},
		{GATEWAY__TRUST__MANUAL, GATEWAY__TRUST__MANUAL, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int must = 0; must < 2; must++) {
			const Gateway__Group *g;

			ann_to_bob();
			w.q.recipient[0]->certificate[0]->trust = rows[i].has;
			w.settings.trust_min = rows[i].min;
			if (!must)
				w.settings.mode = GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE;
			assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
			g = gateway_people_group(&w, 0);
			if (!must || rows[i].passes) {
				assert_int_equal(g->action, PASS);
				assert_false(has(gateway_people_body(&w, g), "secret"));
				continue;
			}
			assert_int_equal(g->action, BOUNCE);
			assert_true(has(slice_str(g->words), ", and trust_min is "));
			assert_true(has(slice_str(g->words), "hairpin cert approve"));
		}
	bob->certificate.trust = GATEWAY__TRUST__VERIFIED;
}

static void
a_blocked_certificate_is_neither_learned_nor_encrypted_to(void **state)
{
	Gateway__Verdict verdict = GATEWAY__VERDICT__INIT, *list[] = {&verdict};
	uint8_t hash[32];
	struct slice out;

	(void)state;
	ann_to_bob();
	out = sent();
	EVP_Digest(ann->der.data, ann->der.len, hash, NULL, EVP_sha256(), NULL);
	verdict.sha256 = codec_bytes(slice_of(hash, sizeof hash));
	verdict.blocked = true;
	gateway_people_begin(&w, IN);
	gateway_people_to(&w, bob->address, bob);
	w.q.verdict = list;
	w.q.n_verdict = 1;
	assert_int_equal(gateway_people_ask(&w, out), ERR_OK);
	assert_true(has(codec_slice(gateway_people_group(&w, 0)->head), "smime=policy"));
	assert_int_equal(w.answer.answer.n_harvest, 0);

	ann_to_bob();
	EVP_Digest(bob->der.data, bob->der.len, hash, NULL, EVP_sha256(), NULL);
	w.q.verdict = list;
	w.q.n_verdict = 1;
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	assert_int_equal(gateway_people_group(&w, 0)->action, BOUNCE);
	assert_true(gateway_people_has_fact(&w, "blocked"));
}

static void
what_was_revoked_proves_nothing_and_a_bounce_says_so(void **state)
{
	Gateway__Revoked revoked = GATEWAY__REVOKED__INIT, *list[] = {&revoked};
	uint8_t hash[32];
	struct slice out;

	(void)state;
	ann_to_bob();
	out = sent();
	EVP_Digest(ann->der.data, ann->der.len, hash, NULL, EVP_sha256(), NULL);
	revoked.sha256 = codec_bytes(slice_of(hash, sizeof hash));
	revoked.words = "revoked since then, says who";
	gateway_people_begin(&w, IN);
	gateway_people_to(&w, bob->address, bob);
	w.q.revoked = list;
	w.q.n_revoked = 1;
	assert_int_equal(gateway_people_ask(&w, out), ERR_OK);
	assert_true(has(codec_slice(gateway_people_group(&w, 0)->head), "smime=fail"));
	assert_true(gateway_people_has_fact(
		&w, "the certificate is revoked: revoked since then, says who"));
	assert_int_equal(w.answer.answer.n_harvest, 0);

	ann_to_bob();
	w.q.recipient[0]->n_certificate = 0;
	w.q.recipient[0]->missing = "certificate 1: revoked since then, says who";
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	assert_int_equal(gateway_people_group(&w, 0)->action, BOUNCE);
	assert_true(has(slice_str(gateway_people_group(&w, 0)->words),
		"of what is known for bob@partner.example: certificate 1: revoked since then"));
	ann_to_bob();
	w.settings.mode = GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE;
	w.q.recipient[0]->n_certificate = 0;
	w.q.recipient[0]->missing = "certificate 1: revoked since then, says who";
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	assert_int_equal(gateway_people_group(&w, 0)->action, PASS);
	assert_true(gateway_people_has_fact(&w, "certificate 1: revoked since then"));
}

static void
an_expired_certificate_is_not_encrypted_to(void **state)
{
	(void)state;
	ann_to_bob();
	w.q.now_sec = 4102444800u + 86400; /* 2100 */
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	assert_int_equal(gateway_people_group(&w, 0)->action, BOUNCE);
	assert_true(has(slice_str(gateway_people_group(&w, 0)->words), "bob@partner.example"));
}

/* Carl saw a ciphertext to Bob, put an entry for himself beside Bob's, and sends it to both.
 * Of 256 content keys one gives a padding that looks good. */
static void
an_entry_for_oneself_opens_nothing(void **state)
{
	static const char to_two[] = "From: ann@example.org\r\nTo: bob@partner.example, "
				     "carl@partner.example\r\n\r\nsecret\r\n";
	const Gateway__Group *g;
	struct slice out;
	unsigned tries = 0;

	(void)state;
	ann_to_bob();
	gateway_people_to(&w, "carl@partner.example", carl);
	w.settings.cipher = GATEWAY__SETTINGS__CIPHER__AES256_CBC;
	assert_int_equal(gateway_people_ask(&w, slice_str(to_two)), ERR_OK);
	out = gateway_people_body(&w, gateway_people_group(&w, 1));
	do {
		gateway_people_begin(&w, IN);
		gateway_people_to(&w, carl->address, carl);
		w.false_for = carl->key.id;
		w.false_cek[0] = (uint8_t)tries;
		w.false_cek[1] = (uint8_t)(tries >> 8);
		assert_int_equal(gateway_people_ask(&w, out), ERR_OK);
	} while (!w.answer.answer.was_decrypted && ++tries < 10000);
	assert_true(w.answer.answer.was_decrypted);
	assert_false(has(gateway_people_body(&w, gateway_people_group(&w, 0)), "secret"));
	gateway_people_begin(&w, IN);
	gateway_people_to(&w, bob->address, bob);
	gateway_people_to(&w, carl->address, carl);
	w.false_for = carl->key.id;
	assert_int_equal(gateway_people_ask(&w, out), ERR_OK);
	assert_true(w.answer.answer.was_decrypted);
	assert_true(gateway_people_group(&w, 0)->body > 0);
	g = gateway_people_group(&w, 1);
	assert_false(has(gateway_people_body(&w, g), "secret"));
	/* Nor does it keep Bob from his mail where Carl comes first. */
	gateway_people_begin(&w, IN);
	gateway_people_to(&w, carl->address, carl);
	gateway_people_to(&w, bob->address, bob);
	w.false_for = carl->key.id;
	assert_int_equal(gateway_people_ask(&w, out), ERR_OK);
	assert_int_equal(w.answer.answer.n_group, 2);
	assert_true(has(codec_slice(gateway_people_group(&w, 1)->head), "smime=pass"));
	w.false_for = 0;
	assert_int_equal(gateway_people_ask(&w, out), ERR_OK);
	assert_int_equal(w.answer.answer.n_group, 1);
}

/* --- nothing leaves plain --- */

static void
a_fault_of_keyd_is_an_error_and_no_mail(void **state)
{
	struct slice out;

	(void)state;
	ann_to_bob();
	out = sent();
	ann_to_bob();
	w.key_fault = ERR_UNAVAILABLE;
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_UNAVAILABLE);
	gateway_people_begin(&w, IN);
	gateway_people_to(&w, bob->address, bob);
	w.key_fault = ERR_UNAVAILABLE;
	assert_int_equal(gateway_people_ask(&w, out), ERR_UNAVAILABLE);
}

/* The room fails at each of its calls in turn. */
static void
a_full_room_is_an_error_at_every_step(void **state)
{
	struct slice out;
	unsigned calls = 0;
	enum err e;

	(void)state;
	ann_to_bob();
	out = sent();
	do {
		ann_to_bob();
		w.room_calls_left = calls++;
		e = gateway_people_ask(&w, slice_str(mail));
		assert_true(e == ERR_OK || e == ERR_FULL);
	} while (e);
	assert_in_range(calls, 5, 20);
	calls = 0;
	do {
		gateway_people_begin(&w, IN);
		gateway_people_to(&w, bob->address, bob);
		w.room_calls_left = calls++;
		e = gateway_people_ask(&w, out);
		assert_true(e == ERR_OK || e == ERR_FULL);
	} while (e);
	assert_in_range(calls, 3, 20);
}

static void
must_without_a_certificate_waits_or_bounces_in_words(void **state)
{
	const Gateway__Group *g;

	(void)state;
	gateway_people_begin(&w, OUT);
	gateway_people_to(&w, "Bob@PARTNER.example", NULL);
	w.settings.mode = GATEWAY__SETTINGS__MODE__MUST;
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	g = gateway_people_group(&w, 0);
	assert_int_equal(g->action, BOUNCE);
	assert_string_equal(g->status, "5.7.5");
	assert_true(has(slice_str(g->words), "Bob@PARTNER.example"));
	assert_true(has(slice_str(g->words), "hairpin cert add"));
	w.settings.keep_sec = 3600;
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	g = gateway_people_group(&w, 0);
	assert_int_equal(g->action, WAIT);
	assert_int_equal(g->keep_sec, 3600);
	assert_slice(codec_slice(g->wait_for), "bob@partner.example");
	assert_int_equal(g->body, 0);
	assert_int_equal(w.answer.bodies, 0);
}

/* --- who shares what --- */

static void
equal_treatment_is_one_group_and_bcc_another(void **state)
{
	static const char to_two[] = "From: ann@example.org\r\nTo: bob@partner.example, "
				     "CARL@partner.example\r\n\r\nsecret\r\n";

	(void)state;
	ann_to_bob();
	gateway_people_to(&w, "carl@partner.example", carl);
	gateway_people_to(&w, "hidden@partner.example", carl);
	gateway_people_to(&w, "hidden2@partner.example", carl);
	assert_int_equal(gateway_people_ask(&w, slice_str(to_two)), ERR_OK);
	assert_int_equal(w.answer.answer.n_group, 3);
	assert_int_equal(w.answer.bodies, 3);
	assert_ptr_equal(gateway_people_group(&w, 0), gateway_people_group(&w, 1));
	assert_ptr_not_equal(gateway_people_group(&w, 2), gateway_people_group(&w, 3));
}

static void
each_gets_the_best_cipher_that_he_announced(void **state)
{
	/* SMIMECapabilities: AES-256-GCM (2.16.840.1.101.3.4.1.46). */
	static const uint8_t gcm[] = {0x30, 0x0d, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
		0x01, 0x65, 0x03, 0x04, 0x01, 0x2e};
	static const char to_two[] = "From: ann@example.org\r\nTo: bob@partner.example, "
				     "carl@partner.example\r\n\r\nsecret\r\n";

	(void)state;
	ann_to_bob();
	gateway_people_to(&w, "carl@partner.example", carl);
	carl->certificate.capabilities = codec_bytes(slice_of(gcm, sizeof gcm));
	assert_int_equal(gateway_people_ask(&w, slice_str(to_two)), ERR_OK);
	assert_int_equal(w.answer.answer.n_group, 2);
	assert_true(
		has(gateway_people_body(&w, gateway_people_group(&w, 0)), "=enveloped-data"));
	assert_true(has(
		gateway_people_body(&w, gateway_people_group(&w, 1)), "=authEnveloped-data"));
	carl->certificate.capabilities = codec_bytes(SLICE_EMPTY);
}

static void
modes_differ_by_recipient(void **state)
{
	Gateway__Settings never = GATEWAY__SETTINGS__INIT;
	const Gateway__Group *g;

	(void)state;
	ann_to_bob();
	w.settings.sign = GATEWAY__SETTINGS__SIGN__SIGN_NEVER;
	gateway_people_to(&w, "carl@partner.example", carl)->settings = &never;
	gateway_people_to(&w, "dora@partner.example", NULL);
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	assert_int_equal(w.answer.answer.n_group, 3);
	g = gateway_people_group(&w, 1);
	assert_int_equal(g->action, PASS);
	assert_int_equal(g->body, 0);
	assert_int_equal(gateway_people_group(&w, 0)->action, PASS);
	assert_int_equal(gateway_people_group(&w, 0)->body, 1);
	assert_int_equal(gateway_people_group(&w, 2)->action, BOUNCE);
}

/* --- limits --- */

static void
there_are_so_many_recipients_and_no_more(void **state)
{
	(void)state;
	gateway_people_begin(&w, OUT);
	for (int i = 0; i < GATEWAY_RECIPIENTS_MAX; i++)
		gateway_people_to(&w, "bcc@partner.example", bob);
	w.settings.mode = GATEWAY__SETTINGS__MODE__MUST;
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	assert_int_equal(w.answer.bodies, GATEWAY_RECIPIENTS_MAX);
	gateway_people_to(&w, "bcc@partner.example", bob);
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_LIMIT);
}

static void
too_large_a_header_bounces_either_way(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, GATEWAY_HEADER_MAX + 100);
	buf_put_str(&b, "X: ");
	while (b.n < GATEWAY_HEADER_MAX - 3)
		buf_put_u8(&b, 'x');
	buf_put_str(&b, "\r\n\r\nbody");
	for (int way = IN; way <= OUT; way++) {
		gateway_people_begin(&w, (Gateway__Question__Way)way);
		gateway_people_to(&w, bob->address, bob);
		assert_int_equal(gateway_people_ask(&w, buf_slice(&b)), ERR_OK);
		assert_int_equal(gateway_people_group(&w, 0)->action, BOUNCE);
		assert_string_equal(gateway_people_group(&w, 0)->status, "5.3.4");
		assert_int_equal(gateway_people_ask(&w, slice_from(buf_slice(&b), 1)), ERR_OK);
		assert_int_equal(gateway_people_group(&w, 0)->action, PASS);
	}
	buf_fini(&b);
}

/* --- what needs nothing --- */

enum { HEADER_READ = 8192, LONG = 1 << 20 };

static enum err
read_header_only(void *arg, uint64_t at, uint8_t *p, size_t n)
{
	(void)arg;
	if (at + n > HEADER_READ)
		return ERR_CORRUPT;
	for (size_t i = 0; i < n; i++)
		p[i] = at + i < sizeof mail - 1 ? (uint8_t)mail[at + i] : 'x';
	return ERR_OK;
}

static void
a_mail_that_needs_nothing_is_not_read_beyond_its_header(void **state)
{
	struct text t = {LONG, read_header_only, NULL};

	(void)state;
	for (int way = IN; way <= OUT; way++) {
		gateway_people_begin(&w, (Gateway__Question__Way)way);
		gateway_people_to(&w, bob->address, bob);
		assert_int_equal(gateway_people_ask_text(&w, &t), ERR_OK);
		assert_int_equal(gateway_people_group(&w, 0)->action, PASS);
		assert_int_equal(gateway_people_group(&w, 0)->body, 0);
	}
	ann_to_bob();
	assert_int_equal(gateway_people_ask_text(&w, &t), ERR_CORRUPT);
}

static void
the_head_stays_on_top_of_an_incoming_mail(void **state)
{
	struct slice head = SLICE_LIT("Return-Path: <ann@example.org>\r\nReceived: x\r\n");

	(void)state;
	gateway_people_begin(&w, IN);
	gateway_people_to(&w, bob->address, bob);
	w.q.head = codec_bytes(head);
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	assert_slice(codec_slice(gateway_people_group(&w, 0)->head),
		"Return-Path: <ann@example.org>\r\n"
		"Authentication-Results: gate.example.org;\r\n\tsmime=none\r\n"
		"Received: x\r\n");
	gateway_people_begin(&w, OUT);
	gateway_people_to(&w, bob->address, NULL);
	w.q.head = codec_bytes(head);
	assert_int_equal(gateway_people_ask(&w, slice_str(mail)), ERR_OK);
	assert_true(slice_eq(codec_slice(gateway_people_group(&w, 0)->head), head));
}

static void
recipients_differ_by_their_tags(void **state)
{
	Gateway__Settings tagged = GATEWAY__SETTINGS__INIT;
	struct slice out;

	(void)state;
	tagged.tag_subject = true;
	ann_to_bob();
	out = sent();
	gateway_people_begin(&w, IN);
	gateway_people_to(&w, bob->address, bob);
	gateway_people_to(&w, "bob2@partner.example", bob)->settings = &tagged;
	gateway_people_to(&w, "other@partner.example", carl);
	assert_int_equal(gateway_people_ask(&w, out), ERR_OK);
	assert_int_equal(w.answer.answer.n_group, 3);
	assert_true(has(
		gateway_people_body(&w, gateway_people_group(&w, 0)), "Subject: hello\r\n"));
	assert_true(has(gateway_people_body(&w, gateway_people_group(&w, 1)),
		"Subject: hello [decrypted] [signed by ann@example.org]\r\n"));
	assert_int_equal(gateway_people_group(&w, 2)->body, 0);
	assert_true(gateway_people_has_fact(&w, "nobody whose key is here"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_leaves_is_opened_and_believed_on_the_other_side),
		cmocka_unit_test(a_certificate_of_no_authority_is_learned_and_not_believed),
		cmocka_unit_test(
			what_must_be_encrypted_asks_for_trust_and_what_may_be_takes_any),
		cmocka_unit_test(a_blocked_certificate_is_neither_learned_nor_encrypted_to),
		cmocka_unit_test(what_was_revoked_proves_nothing_and_a_bounce_says_so),
		cmocka_unit_test(an_expired_certificate_is_not_encrypted_to),
		cmocka_unit_test(an_entry_for_oneself_opens_nothing),
		cmocka_unit_test(a_fault_of_keyd_is_an_error_and_no_mail),
		cmocka_unit_test(a_full_room_is_an_error_at_every_step),
		cmocka_unit_test(must_without_a_certificate_waits_or_bounces_in_words),
		cmocka_unit_test(equal_treatment_is_one_group_and_bcc_another),
		cmocka_unit_test(each_gets_the_best_cipher_that_he_announced),
		cmocka_unit_test(modes_differ_by_recipient),
		cmocka_unit_test(there_are_so_many_recipients_and_no_more),
		cmocka_unit_test(too_large_a_header_bounces_either_way),
		cmocka_unit_test(a_mail_that_needs_nothing_is_not_read_beyond_its_header),
		cmocka_unit_test(the_head_stays_on_top_of_an_incoming_mail),
		cmocka_unit_test(recipients_differ_by_their_tags),
	};

	return cmocka_run_group_tests_name("gateway", tests, begin, finish);
}
