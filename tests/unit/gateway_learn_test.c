#include "crypto/gateway_learn.h"

#include "core/codec.h"
#include "crypto/pgp_armor.h"
#include "crypto/pgp_packet.h"
#include "crypto/pgp_sig_make.h"
#include "tests/pgp_person.h"
#include "tests/test.h"

enum { NOW = PGP_PERSON_NOW + 100, MAX = 1 << 21 };

static struct arena arena;
static struct pgp_person ann;
static struct buf cert; /* hers */

/* A question about one mail of ann's, and what is answered. */
struct asked {
	struct gateway_answer out;
	struct gateway_work work;
	struct gateway engine;
	struct gateway_keys keys;
	Gateway__Question q;
	Gateway__Party sender;
	Gateway__Certificate known, *known_list[1];
	ProtobufCBinaryData other;
	Gateway__Verdict verdict, *verdict_list[1];
	struct gateway_learn learn;
	uint8_t sha256[32];
};

static int
set_up(void **state)
{
	(void)state;
	pgp_person_init(&ann, PGP_MAKE_CURVE25519);
	buf_init(&cert, MAX);
	return pgp_make_public(ann.cert, &cert) != ERR_OK;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_fini(&cert);
	pgp_person_fini(&ann);
	arena_reset(&arena);
	return 0;
}

static struct asked *
asked(void)
{
	struct asked *x = arena_zalloc(&arena, sizeof *x);

	gateway__question__init(&x->q);
	gateway__party__init(&x->sender);
	gateway__certificate__init(&x->known);
	gateway__verdict__init(&x->verdict);
	x->q.now_sec = NOW;
	x->q.sender = &x->sender;
	x->known_list[0] = &x->known;
	x->verdict_list[0] = &x->verdict;
	x->engine = (struct gateway){.q = &x->q, .keys = &x->keys, .arena = &arena};
	gateway_answer_begin(&x->work, &x->engine, &x->out);
	return x;
}

static size_t
learned_from(struct asked *x, struct slice mail, const char *from)
{
	const struct gateway_judge_from judged = {.address = slice_str(from)};
	struct text t = text_of(&mail);
	struct gateway_head head;

	assert_int_equal(gateway_head_read(&t, &arena, &head), ERR_OK);
	gateway_learn_begin(&x->learn, &x->work, &judged);
	assert_int_equal(gateway_learn_mail(&x->learn, &head, &t), ERR_OK);
	return x->out.answer.n_harvest;
}

static size_t
learned(struct asked *x, struct slice mail)
{
	return learned_from(x, mail, "ann@example.org");
}

static void
put_armored(struct buf *out, struct slice octets, enum pgp_armor_kind kind)
{
	struct pgp_armor a;

	pgp_armor_init(&a, kind, true, text_into(out));
	assert_int_equal(pgp_armor_feed(&a, octets), ERR_OK);
	assert_int_equal(pgp_armor_finish(&a), ERR_OK);
}

/* A mail with so many parts that have the certificate, or what else is given. */
static struct slice
mail_with(const char *head, size_t parts, struct slice octets, enum pgp_armor_kind kind)
{
	struct slice s;
	struct buf out;

	buf_init(&out, MAX);
	buf_put_str(&out, head);
	buf_put_str(&out, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (size_t i = 0; i < parts; i++) {
		buf_put_str(&out, "--b\r\nContent-Type: application/pgp-keys\r\n\r\n");
		put_armored(&out, octets, kind);
		buf_put_str(&out, "\r\n");
	}
	buf_put_str(&out, "--b--\r\n");
	assert_false(out.overflow);
	s = arena_dup(&arena, buf_slice(&out));
	buf_fini(&out);
	return s;
}

/* With a part of that type. */
static struct slice
typed(const char *type)
{
	struct slice s;
	struct buf out;

	buf_init(&out, MAX);
	buf_put_str(
		&out, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: ");
	buf_put_str(&out, type);
	buf_put_str(&out, "\r\n\r\n");
	put_armored(&out, buf_slice(&cert), PGP_ARMOR_PUBLIC_KEY);
	buf_put_str(&out, "\r\n--b--\r\n");
	s = arena_dup(&arena, buf_slice(&out));
	buf_fini(&out);
	return s;
}

static struct slice
mail(const char *head)
{
	return mail_with(head, 1, buf_slice(&cert), PGP_ARMOR_PUBLIC_KEY);
}

static struct slice
revoked(void)
{
	const struct pgp_make_revocation q = {
		.reason = PGP_SIG_COMPROMISED, .created_sec = PGP_PERSON_NOW + 1};
	struct pgp_make_passwords none = {0};
	struct pgp_cert *parsed;
	struct slice rest, s;
	struct buf out, public;

	buf_init(&out, MAX);
	buf_init(&public, MAX);
	assert_int_equal(pgp_make_revoked(ann.cert, &none, &q, &out), ERR_OK);
	rest = buf_slice(&out);
	assert_int_equal(pgp_cert_parse(&rest, &parsed), ERR_OK);
	assert_int_equal(pgp_make_public(parsed, &public), ERR_OK);
	s = arena_dup(&arena, buf_slice(&public));
	pgp_cert_free(parsed);
	buf_fini_secret(&out);
	buf_fini(&public);
	return s;
}

static void
an_attached_key_of_the_sender_is_learned(void **state)
{
	struct asked *x = asked();

	(void)state;
	assert_int_equal(learned(x, mail("")), 1);
	assert_true(slice_eq(codec_slice(x->out.answer.harvest[0]->der), buf_slice(&cert)));
	assert_slice(codec_slice(x->out.answer.harvest[0]->address), "ann@example.org");
	assert_int_equal(x->out.answer.harvest[0]->trust, GATEWAY__TRUST__HARVESTED);
	assert_int_equal(x->learn.signers.ring.n, 1);
	/* However its type is written. */
	assert_int_equal(learned(asked(), typed("APPLICATION/PGP-Keys")), 1);
	assert_int_equal(learned(asked(), typed("application/octet-stream")), 0);
	/* Deeper inside, too. */
	assert_int_equal(
		learned(asked(),
			mail("Content-Type: multipart/mixed; boundary=w\r\n\r\n--w\r\n")),
		1);
}

/* Her key and user id without a signature, then all of it, revoked. */
static struct slice
half_and_revoked(void)
{
	struct buf out;
	struct slice s;

	buf_init(&out, MAX);
	pgp_packet_put(&out, PGP_TAG_PUBLIC_KEY, ann.cert->key[0].public.body);
	pgp_packet_put(&out, PGP_TAG_USER_ID, ann.cert->user[0].text);
	buf_put_slice(&out, revoked());
	s = arena_dup(&arena, buf_slice(&out));
	buf_fini(&out);
	return s;
}

static void
what_is_nobodys_word_is_not_learned(void **state)
{
	static const char *const heads[] = {"List-Id: <a.b>\r\n", "List-Post: <a.b>\r\n",
		"Content-Type: multipart/report; boundary=b\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		assert_int_equal(learned(asked(), mail(heads[i])), 0);
	assert_int_equal(learned_from(asked(), mail(""), "bob@example.org"), 0);
	/* A private key that somebody sent by mistake. */
	assert_int_equal(learned(asked(), mail_with("", 1, buf_slice(&ann.cert->octets),
						  PGP_ARMOR_PRIVATE_KEY)),
		0);
	assert_int_equal(learned(asked(), mail_with("", 1, buf_slice(&ann.cert->octets),
						  PGP_ARMOR_PUBLIC_KEY)),
		0);
	assert_int_equal(
		learned(asked(), mail_with("", 1, SLICE_LIT("junk"), PGP_ARMOR_PUBLIC_KEY)), 0);
	/* One that nothing can be encrypted to, of nobody known. */
	assert_int_equal(
		learned(asked(), mail_with("", 1, revoked(), PGP_ARMOR_PUBLIC_KEY)), 0);
	/* In two copies, neither: this mail alone knows the first. */
	assert_int_equal(
		learned(asked(), mail_with("", 1, half_and_revoked(), PGP_ARMOR_PUBLIC_KEY)),
		0);
}

static void
know(struct asked *x, struct slice octets, Gateway__Trust trust)
{
	x->known.der = codec_bytes(octets);
	x->known.trust = trust;
	x->sender.certificate = x->known_list;
	x->sender.n_certificate = 1;
}

/* With more bindings of her user id than are kept. */
static struct slice
large(void)
{
	uint8_t flags[] = {3, PGP_SIG_KEY_FLAGS, PGP_SIG_MAY_SIGN, 0};
	struct pgp_sig_make_setup setup = {.key = &ann.cert->key[0].public,
		.type = PGP_SIG_CERT_POSITIVE,
		.hash = PGP_SHA256,
		.created_sec = PGP_PERSON_NOW + 1,
		.subpackets = slice_of(flags, sizeof flags)};
	struct pgp_cert_user *user = &ann.cert->user[0];
	struct buf out, body;
	struct slice s;

	buf_init(&out, MAX);
	buf_init(&body, 1024);
	pgp_packet_put(&out, PGP_TAG_PUBLIC_KEY, ann.cert->key[0].public.body);
	pgp_packet_put(&out, PGP_TAG_USER_ID, user->text);
	for (; out.n < 20000; flags[3]++) {
		struct pgp_sig_make m;

		buf_clear(&body);
		assert_int_equal(pgp_sig_make_begin(&m, &setup), ERR_OK);
		pgp_sig_hash_key(&m.hash, &ann.cert->key[0].public);
		pgp_sig_hash_user(&m.hash, PGP_TAG_USER_ID, user->text);
		assert_int_equal(pgp_sig_make_finish(&m, &ann.private, &body), ERR_OK);
		pgp_packet_put(&out, PGP_TAG_SIGNATURE, buf_slice(&body));
		pgp_sig_make_fini(&m);
	}
	pgp_packet_put(&out, PGP_TAG_PUBLIC_SUBKEY, ann.cert->key[1].public.body);
	for (size_t i = 0; i < ann.cert->key[1].sigs.n; i++)
		pgp_packet_put(&out, PGP_TAG_SIGNATURE,
			ann.cert->sig[ann.cert->key[1].sigs.from + i].body);
	s = arena_dup(&arena, buf_slice(&out));
	buf_fini(&out);
	buf_fini(&body);
	return s;
}

static void
a_large_one_is_learned_once(void **state)
{
	struct slice m = mail_with("", 1, large(), PGP_ARMOR_PUBLIC_KEY);
	struct asked *x = asked();
	struct slice kept;

	(void)state;
	assert_int_equal(learned(x, m), 1);
	kept = codec_slice(x->out.answer.harvest[0]->der);
	assert_in_range(kept.n, buf_slice(&cert).n + 1, 16384);
	x = asked();
	know(x, kept, GATEWAY__TRUST__HARVESTED);
	assert_int_equal(learned(x, m), 0);
}

static void
what_is_known_is_no_news_and_a_revocation_is(void **state)
{
	struct asked *x = asked();
	struct slice gone = revoked();

	(void)state;
	know(x, buf_slice(&cert), GATEWAY__TRUST__MANUAL);
	assert_int_equal(learned(x, mail("")), 0);
	assert_int_equal(x->learn.signers.ring.n, 1);
	/* It takes the known one's place and trust: what she signs is worth nothing now. */
	x = asked();
	know(x, buf_slice(&cert), GATEWAY__TRUST__MANUAL);
	assert_int_equal(learned(x, mail_with("", 1, gone, PGP_ARMOR_PUBLIC_KEY)), 1);
	assert_int_equal(x->learn.signers.ring.n, 1);
	assert_int_equal(x->learn.signers.one[0].trust, GATEWAY__TRUST__MANUAL);
	assert_int_equal(pgp_valid_key(x->learn.signers.cert[0], 0, PGP_USE_SIGN, NOW),
		PGP_PROBLEM_REVOKED);
	/* And an old copy changes nothing, in use or not. */
	x = asked();
	know(x, gone, GATEWAY__TRUST__MANUAL);
	assert_int_equal(learned(x, mail("")), 0);
	x = asked();
	x->other = codec_bytes(gone);
	x->sender.other = &x->other;
	x->sender.n_other = 1;
	assert_int_equal(learned(x, mail("")), 0);
	assert_int_equal(x->learn.signers.ring.n, 0);
}

static void
what_is_not_in_use_says_why_and_vouches_for_nothing(void **state)
{
	struct asked *x = asked();
	ProtobufCBinaryData others[] = {codec_bytes(buf_slice(&cert)), codec_bytes(revoked())};
	struct gateway_pgp_ring *r;

	(void)state;
	x->sender.other = others;
	x->sender.n_other = 2;
	assert_int_equal(learned(x, SLICE_LIT("From: ann@example.org\r\n\r\nhello\r\n")), 0);
	r = gateway_learn_signers(&x->learn);
	assert_ptr_equal(gateway_learn_signers(&x->learn), r);
	assert_int_equal(r->ring.n, 1);
	assert_int_equal(r->one[0].trust, GATEWAY__TRUST__TRUST_NONE);
	assert_int_equal(pgp_valid_key(r->cert[0], 0, PGP_USE_SIGN, NOW), PGP_PROBLEM_REVOKED);
	/* Beside one that is in use it isn't asked. */
	x = asked();
	know(x, buf_slice(&cert), GATEWAY__TRUST__MANUAL);
	x->sender.other = others;
	x->sender.n_other = 2;
	assert_int_equal(learned(x, SLICE_LIT("From: ann@example.org\r\n\r\nhello\r\n")), 0);
	r = gateway_learn_signers(&x->learn);
	assert_int_equal(r->ring.n, 1);
	assert_int_equal(r->one[0].trust, GATEWAY__TRUST__MANUAL);
}

static void
no_copy_of_a_blocked_one_is_learned(void **state)
{
	struct asked *x = asked();

	(void)state;
	x->other = codec_bytes(buf_slice(&cert));
	x->sender.other = &x->other;
	x->sender.n_other = 1;
	assert_int_equal(learned(x, mail_with("", 1, revoked(), PGP_ARMOR_PUBLIC_KEY)), 1);
	x->out.answer.n_harvest = 0;
	gateway_answer_hash(buf_slice(&cert), x->sha256);
	x->verdict.sha256 = (ProtobufCBinaryData){sizeof x->sha256, x->sha256};
	x->verdict.blocked = true;
	x->q.verdict = x->verdict_list;
	x->q.n_verdict = 1;
	assert_int_equal(learned(x, mail_with("", 1, revoked(), PGP_ARMOR_PUBLIC_KEY)), 0);
}

/* Of bob; and one that has her name without a signature. */
static void
make_others(struct slice *bobs, struct slice *false_ones)
{
	const struct slice bob = SLICE_LIT("bob@example.org");
	struct pgp_make_setup setup = {.kind = PGP_MAKE_CURVE25519,
		.created_sec = PGP_PERSON_NOW,
		.user_id = &bob,
		.n_user_ids = 1};
	struct pgp_cert *parsed;
	struct buf out;
	struct slice rest;

	buf_init(&out, MAX);
	assert_int_equal(pgp_make_key(&setup, &out), ERR_OK);
	rest = buf_slice(&out);
	assert_int_equal(pgp_cert_parse(&rest, &parsed), ERR_OK);
	buf_clear(&out);
	assert_int_equal(pgp_make_public(parsed, &out), ERR_OK);
	*bobs = arena_dup(&arena, buf_slice(&out));
	buf_clear(&out);
	pgp_packet_put(&out, PGP_TAG_PUBLIC_KEY, parsed->key[0].public.body);
	pgp_packet_put(&out, PGP_TAG_USER_ID, SLICE_LIT("<ann@example.org>"));
	*false_ones = arena_dup(&arena, buf_slice(&out));
	pgp_cert_free(parsed);
	buf_fini_secret(&out);
}

static struct slice
many_and_hers(size_t n, struct slice one)
{
	struct buf out;
	struct slice s;

	buf_init(&out, MAX);
	while (n--)
		buf_put_slice(&out, one);
	buf_put_slice(&out, buf_slice(&cert));
	s = mail_with("", 1, buf_slice(&out), PGP_ARMOR_PUBLIC_KEY);
	buf_fini(&out);
	return s;
}

/* Each limit from both sides: the last one that is looked at is hers. */
static void
more_than_so_much_is_not_looked_through(void **state)
{
	struct slice whole = mail(""),
		     body = slice_from(whole, slice_find_slice(whole, SLICE_LIT("--b")));
	struct slice bobs, false_ones;
	struct buf out;

	(void)state;
	make_others(&bobs, &false_ones);
	for (size_t over = 0; over < 2; over++) {
		buf_init(&out, MAX);
		buf_put_slice(&out, slice_cut(whole, 0, whole.n - body.n));
		while (out.n + 2 + body.n < GATEWAY_LEARN_TEXT_MAX + over)
			buf_put_u8(&out, 'x');
		buf_put_str(&out, "\r\n");
		buf_put_slice(&out, body);
		assert_int_equal(out.n, GATEWAY_LEARN_TEXT_MAX + over);
		assert_int_equal(learned(asked(), buf_slice(&out)), 1 - over);
		buf_fini(&out);
	}
	/* Bob's are none of hers, up to so many; that which says it is hers counts. */
	for (size_t n = GATEWAY_LEARN_PACKED_MAX - 1; n <= GATEWAY_LEARN_PACKED_MAX; n++)
		assert_int_equal(learned(asked(), many_and_hers(n, bobs)),
			n < GATEWAY_LEARN_PACKED_MAX ? 1 : 0);
	for (size_t n = GATEWAY_LEARN_COPIES_MAX - 1; n <= GATEWAY_LEARN_COPIES_MAX; n++)
		assert_int_equal(learned(asked(), many_and_hers(n, false_ones)),
			n < GATEWAY_LEARN_COPIES_MAX ? 1 : 0);
	for (size_t n = GATEWAY_LEARN_PARTS_MAX - 1; n <= GATEWAY_LEARN_PARTS_MAX; n++) {
		buf_init(&out, MAX);
		buf_put_str(&out, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
		for (size_t i = 0; i < n; i++)
			buf_put_str(&out,
				"--b\r\nContent-Type: application/pgp-keys\r\n\r\njunk\r\n");
		buf_put_str(&out, "--b\r\nContent-Type: application/pgp-keys\r\n\r\n");
		put_armored(&out, buf_slice(&cert), PGP_ARMOR_PUBLIC_KEY);
		buf_put_str(&out, "--b--\r\n");
		assert_int_equal(
			learned(asked(), buf_slice(&out)), n < GATEWAY_LEARN_PARTS_MAX ? 1 : 0);
		buf_fini(&out);
	}
}

static void
of_keys_of_others_so_many_can_have_signed(void **state)
{
	struct slice bobs, false_ones;

	(void)state;
	make_others(&bobs, &false_ones);
	for (size_t n = GATEWAY_LEARN_STRANGERS_MAX; n < GATEWAY_LEARN_STRANGERS_MAX + 2; n++) {
		struct asked *x = asked();

		assert_int_equal(learned(x, many_and_hers(n, bobs)), 1);
		/* And hers. */
		assert_int_equal(x->learn.signers.ring.n, GATEWAY_LEARN_STRANGERS_MAX + 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_attached_key_of_the_sender_is_learned),
		cmocka_unit_test(what_is_nobodys_word_is_not_learned),
		cmocka_unit_test(what_is_known_is_no_news_and_a_revocation_is),
		cmocka_unit_test(a_large_one_is_learned_once),
		cmocka_unit_test(what_is_not_in_use_says_why_and_vouches_for_nothing),
		cmocka_unit_test(no_copy_of_a_blocked_one_is_learned),
		cmocka_unit_test(of_keys_of_others_so_many_can_have_signed),
		cmocka_unit_test(more_than_so_much_is_not_looked_through),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
