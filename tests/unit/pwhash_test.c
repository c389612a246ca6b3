#include "tests/test.h"

#include "crypto/pwhash.h"
#include "crypto/seal.h"

static const struct pwhash_cost cheap = {64, 1};

static void
a_password_matches_its_own_hash_only(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	assert_int_equal(pwhash_new(SLICE_LIT("secret"), &cheap, &text), ERR_OK);
	assert_true(slice_starts(buf_slice(&text), SLICE_LIT("$argon2id$v=19$m=64,t=1,p=1$")));
	assert_int_equal(pwhash_check(buf_slice(&text), SLICE_LIT("secret")), ERR_OK);
	assert_int_equal(pwhash_check(buf_slice(&text), SLICE_LIT("Secret")), ERR_AUTH);
	assert_int_equal(pwhash_check(buf_slice(&text), SLICE_LIT("secret\0")), ERR_AUTH);
	assert_int_equal(pwhash_check(buf_slice(&text), SLICE_EMPTY), ERR_AUTH);
	for (size_t n = 0; n < text.n - 2; n++)
		assert_int_not_equal(
			pwhash_check(slice_cut(buf_slice(&text), 0, n), SLICE_LIT("secret")),
			ERR_OK);
	buf_fini(&text);
}

static void
a_hash_of_another_implementation_is_understood(void **state)
{
	/* A vector of the reference implementation's own tests. */
	struct slice text = SLICE_LIT("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
				      "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");

	(void)state;
	assert_int_equal(pwhash_check(text, SLICE_LIT("password")), ERR_OK);
	assert_int_equal(pwhash_check(text, SLICE_LIT("passwort")), ERR_AUTH);
}

static void
a_hash_of_another_cost_is_outdated(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	assert_int_equal(pwhash_new(SLICE_LIT("x"), &cheap, &text), ERR_OK);
	assert_false(pwhash_is_outdated(buf_slice(&text), &cheap));
	assert_true(pwhash_is_outdated(buf_slice(&text), &(struct pwhash_cost){65, 1}));
	assert_true(pwhash_is_outdated(buf_slice(&text), &(struct pwhash_cost){64, 2}));
	assert_true(pwhash_is_outdated(SLICE_LIT("rubbish"), &cheap));
	buf_fini(&text);
}

static void
bad_costs_texts_and_full_buffers_are_refused(void **state)
{
	struct pwhash_scram record;
	struct buf text;

	(void)state;
	buf_init(&text, 20);
	assert_int_equal(
		pwhash_new(SLICE_LIT("x"), &(struct pwhash_cost){7, 1}, &text), ERR_CONFIG);
	assert_int_equal(
		pwhash_new(SLICE_LIT("x"), &(struct pwhash_cost){64, 0}, &text), ERR_CONFIG);
	assert_int_equal(pwhash_new(SLICE_LIT("x"), &cheap, &text), ERR_LIMIT);
	assert_int_equal(pwhash_check(SLICE_LIT("$argon2id$"), SLICE_LIT("x")), ERR_CORRUPT);
	assert_int_equal(pwhash_check(SLICE_LIT("{PLAIN}x"), SLICE_LIT("x")), ERR_CORRUPT);
	assert_int_equal(pwhash_scram_new(SLICE_LIT("x"), 4095, &record), ERR_CONFIG);
	assert_int_equal(pwhash_scram_new(SLICE_LIT("x"), UINT32_MAX, &record), ERR_CONFIG);
	buf_fini(&text);
}

static void
pbkdf2_agrees_with_rfc_7914(void **state)
{
	uint8_t out[PWHASH_SHA256];

	(void)state;
	pwhash_pbkdf2(SLICE_LIT("passwd"), SLICE_LIT("salt"), 1, out);
	assert_memory_equal(out,
		"\x55\xac\x04\x6e\x56\xe3\x08\x9f\xec\x16\x91\xc2\x25\x44\xb6\x05"
		"\xf9\x41\x85\x21\x6d\xde\x04\x65\xe6\x8b\x9d\x57\xc2\x0d\xac\xbc",
		32);
}

/* RFC 7677 section 3. */
static void
a_scram_record_gives_the_server_signature_of_rfc_7677(void **state)
{
	struct pwhash_scram record = {.iterations = 4096};
	struct slice auth = SLICE_LIT("n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%"
				      "hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				      "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,"
				      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
	uint8_t signature[32];
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(seal_b64_open(SLICE_LIT("W22ZaJ0SNY7soEsUEjb6gQ=="), &b), ERR_OK);
	assert_int_equal(b.n, sizeof record.salt);
	memcpy(record.salt, b.p, b.n);
	pwhash_scram_fill(SLICE_LIT("pencil"), &record);
	pwhash_hmac_sha256(slice_of(record.server_key, 32), &auth, 1, signature);
	buf_clear(&b);
	seal_b64(slice_of(signature, 32), &b);
	assert_slice(buf_slice(&b), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
	buf_fini(&b);
}

static void
two_scram_records_of_a_password_share_no_salt(void **state)
{
	struct pwhash_scram a, b;

	(void)state;
	assert_int_equal(pwhash_scram_new(SLICE_LIT("x"), 4096, &a), ERR_OK);
	assert_int_equal(pwhash_scram_new(SLICE_LIT("x"), 4096, &b), ERR_OK);
	assert_memory_not_equal(a.salt, b.salt, sizeof a.salt);
	memcpy(b.salt, a.salt, sizeof a.salt);
	pwhash_scram_fill(SLICE_LIT("x"), &b);
	assert_memory_equal(a.stored_key, b.stored_key, 32);
	assert_memory_equal(a.server_key, b.server_key, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_matches_its_own_hash_only),
		cmocka_unit_test(a_hash_of_another_implementation_is_understood),
		cmocka_unit_test(a_hash_of_another_cost_is_outdated),
		cmocka_unit_test(bad_costs_texts_and_full_buffers_are_refused),
		cmocka_unit_test(pbkdf2_agrees_with_rfc_7914),
		cmocka_unit_test(a_scram_record_gives_the_server_signature_of_rfc_7677),
		cmocka_unit_test(two_scram_records_of_a_password_share_no_salt),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
