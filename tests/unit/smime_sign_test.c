#include "crypto/smime_sign.h"

#include "tests/signed.h"

#define ANN "email:ann@example.org"
static const struct slice text = SLICE_LIT("Content-Type: text/plain\r\n\r\nHello.\r\n");

static struct pki root;
static Gateway__Question q;
static ProtobufCBinaryData anchor;

static int
set_up(void **state)
{
	(void)state;
	pki_authority(&root, "root", NULL);
	gateway__question__init(&q);
	q.now_sec = PKI_NOW;
	anchor = codec_bytes(root.der);
	q.anchor = &anchor;
	q.n_anchor = 1;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pki_free(&root);
	return 0;
}

static enum err
sign(struct pki *by, struct smime_sign_setup how, size_t step, struct buf *out)
{
	struct gateway_keys keys = pki_keys(by);
	struct slice rest = text;
	struct smime_sign *s;
	enum err e;

	how.key = &by->of_gateway;
	how.keys = &keys;
	how.now_sec = PKI_NOW;
	how.to = text_into(out);
	s = smime_sign_new(&how);
	assert_non_null(s);
	for (; rest.n; rest = slice_from(rest, step))
		assert_int_equal(smime_sign_feed(s, slice_cut(rest, 0, step)), ERR_OK);
	e = smime_sign_finish(s);
	assert_int_equal(smime_sign_finish(s), e);
	smime_sign_free(s);
	assert_int_equal(ERR_peek_error(), 0);
	return e;
}

/* Signed by us, verified by us; the e2e test asks others. */
static void
play(const char *key, bool is_pss, const char *micalg)
{
	struct smime_sign_setup how = {.is_pss = is_pss};
	struct gateway_keys keys;
	struct signed_seen s;
	struct pki by;
	struct buf out;

	buf_init(&out, SIGNED_MAX);
	pki_make(&by, &(struct pki_how){.by = &root, .key = key, .san = ANN});
	for (int i = 0; i < 4; i++) {
		how.is_opaque = i & 1;
		buf_clear(&out);
		assert_int_equal(sign(&by, how, i & 2 ? 1 : 1000, &out), ERR_OK);
		signed_look(&s, &q, buf_slice(&out), how.is_opaque ? NULL : &text, SIGNED_MAX);
		assert_int_equal(s.error, ERR_OK);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.signer->problem, SMIME_PROBLEM_NONE);
		assert_int_equal(s.signer->signed_sec, PKI_NOW);
		assert_true(slice_eq(s.signer->certificate, by.der));
		assert_true(s.signer->capabilities.n > 20);
		assert_true(!how.is_opaque || slice_eq(buf_slice(&s.text), text));
		signed_forget(&s);
	}
	keys = pki_keys(&by);
	how = (struct smime_sign_setup){
		.key = &by.of_gateway, .keys = &keys, .now_sec = PKI_NOW};
	assert_string_equal(smime_sign_micalg(&how), micalg);
	pki_free(&by);
	buf_fini(&out);
}

static void
each_kind_of_key_signs(void **state)
{
	(void)state;
	play("RSA 2048", false, "sha-256");
	play("RSA 2048", true, "sha-256");
	play("RSA-PSS 2048", false, "sha-256");
	play("P-256", false, "sha-256");
	play("P-384", false, "sha-384");
	play("P-521", false, "sha-512");
	play("ED25519", false, "sha-512");
}

static void
a_long_opaque_text_comes_in_pieces(void **state)
{
	struct smime_sign_setup how = {.is_opaque = true, .now_sec = PKI_NOW};
	uint8_t *p = must_zalloc(100000);
	struct gateway_keys keys;
	struct smime_sign *sign_it;
	struct signed_seen s;
	struct pki by;
	struct buf out;

	(void)state;
	pki_make(&by, &(struct pki_how){.by = &root, .san = ANN});
	keys = pki_keys(&by);
	buf_init(&out, SIGNED_MAX);
	how.key = &by.of_gateway;
	how.keys = &keys;
	how.to = text_into(&out);
	sign_it = smime_sign_new(&how);
	for (size_t n = 0; n < 100000; n += 10000) {
		smime_sign_feed(sign_it, slice_of(p + n, 10000));
		/* It doesn't wait for the end. */
		assert_true(out.n + 16384 > n + 10000);
	}
	assert_int_equal(smime_sign_finish(sign_it), ERR_OK);
	smime_sign_free(sign_it);
	signed_look(&s, &q, buf_slice(&out), NULL, 777);
	assert_int_equal(s.signer->problem, SMIME_PROBLEM_NONE);
	assert_true(slice_eq(buf_slice(&s.text), slice_of(p, 100000)));
	signed_forget(&s);
	pki_free(&by);
	buf_fini(&out);
	free(p);
}

/* The micalg of a key with such a certificate at such a time, or NULL. */
static const char *
micalg(struct pki_how how, uint64_t now_sec)
{
	struct smime_sign_setup setup = {.now_sec = now_sec};
	const char *name;
	struct pki by;

	how.by = &root;
	pki_make(&by, &how);
	setup.key = &by.of_gateway;
	name = smime_sign_micalg(&setup);
	assert_null(smime_sign_new(&setup));
	pki_free(&by);
	return name;
}

static void
what_may_not_sign_does_not(void **state)
{
	struct smime_sign_setup setup = {.now_sec = PKI_NOW};
	Gateway__Key none;

	(void)state;
	assert_null(micalg((struct pki_how){.usage = "keyAgreement"}, PKI_NOW));
	assert_null(micalg((struct pki_how){.extended = "serverAuth"}, PKI_NOW));
	assert_null(micalg((struct pki_how){.from_days = -9, .to_days = -1}, PKI_NOW));
	assert_null(micalg((struct pki_how){.from_days = 1, .to_days = 2}, PKI_NOW));
	assert_null(micalg((struct pki_how){.key = "X25519"}, PKI_NOW));
	gateway__key__init(&none);
	setup.key = &none;
	assert_null(smime_sign_micalg(&setup));
	assert_null(smime_sign_new(&setup));
}

static enum err
unavailable(void *arg, const Gateway__Key *key, const struct gateway_keys_sign *ask,
	struct buf *signature)
{
	(void)key;
	(void)ask;
	(void)signature;
	return *(enum err *)arg;
}

static void
a_key_that_fails_signs_nothing(void **state)
{
	static const enum err from[] = {ERR_UNAVAILABLE, ERR_DENIED, ERR_UNSUPPORTED},
			      to[] = {ERR_UNAVAILABLE, ERR_CRYPTO, ERR_CRYPTO};
	struct smime_sign_setup how = {.now_sec = PKI_NOW};
	struct gateway_keys keys = {.sign = unavailable};
	struct pki by;
	struct buf out;

	(void)state;
	pki_make(&by, &(struct pki_how){.by = &root, .san = ANN});
	buf_init(&out, SIGNED_MAX);
	for (size_t i = 0; i < 3; i++) {
		enum err answer = from[i];
		struct smime_sign *s;

		keys.arg = &answer;
		how.key = &by.of_gateway;
		how.keys = &keys;
		how.to = text_into(&out);
		s = smime_sign_new(&how);
		assert_int_equal(smime_sign_feed(s, text), ERR_OK);
		assert_int_equal(smime_sign_finish(s), to[i]);
		assert_int_equal(out.n, 0);
		smime_sign_free(s);
	}
	pki_free(&by);
	buf_fini(&out);
}

static void
a_full_room_is_told(void **state)
{
	struct smime_sign_setup how = {0};
	struct pki by;
	struct buf out;

	(void)state;
	pki_make(&by, &(struct pki_how){.by = &root, .san = ANN});
	buf_init(&out, 100);
	assert_int_equal(sign(&by, how, 1000, &out), ERR_TOO_BIG);
	pki_free(&by);
	buf_fini(&out);
}

/* RFC 5652 section 11.3 */
static void
the_time_has_a_century_from_2050_on(void **state)
{
	struct smime_sign_setup how = {.now_sec = 2524608000, .is_opaque = false};
	struct gateway_keys keys;
	struct smime_sign *s;
	struct pki by;
	struct buf out;

	(void)state;
	pki_make(&by, &(struct pki_how){.by = &root, .san = ANN, .to_days = 10000});
	keys = pki_keys(&by);
	for (int i = 0; i < 2; i++) {
		buf_init(&out, SIGNED_MAX);
		how.key = &by.of_gateway;
		how.keys = &keys;
		how.to = text_into(&out);
		s = smime_sign_new(&how);
		assert_int_equal(smime_sign_finish(s), ERR_OK);
		smime_sign_free(s);
		assert_true(slice_find_slice(
				    buf_slice(&out), i ? SLICE_LIT("\x17\x0d"
								   "491231235959Z")
						       : SLICE_LIT("\x18\x0f"
								   "20500101000000Z")) < out.n);
		buf_fini(&out);
		how.now_sec--;
	}
	pki_free(&by);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_key_signs),
		cmocka_unit_test(a_long_opaque_text_comes_in_pieces),
		cmocka_unit_test(what_may_not_sign_does_not),
		cmocka_unit_test(a_key_that_fails_signs_nothing),
		cmocka_unit_test(a_full_room_is_told),
		cmocka_unit_test(the_time_has_a_century_from_2050_on),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
