#include "tests/test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "crypto/dkim_key.h"
#include "crypto/seal.h"
#include "crypto/tls_pem.h"

struct halves {
	struct buf pkcs8, spki, record;
};

static void
halves_init(struct halves *h)
{
	buf_init(&h->pkcs8, 8192);
	buf_init(&h->spki, 2000);
	buf_init(&h->record, 2000);
}

static void
halves_fini(struct halves *h)
{
	buf_fini_secret(&h->pkcs8);
	buf_fini(&h->spki);
	buf_fini(&h->record);
}

static EVP_PKEY *
private_of(const struct halves *h)
{
	const uint8_t *p = h->pkcs8.p;

	return d2i_AutoPrivateKey(NULL, &p, (long)h->pkcs8.n);
}

static void
put_pem(EVP_PKEY *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_true(tls_pem_take(bio, out));
}

/* The record's public key and the private key belong together. */
static void
assert_pair(enum dkim_key_kind kind, const char *head)
{
	struct halves h, again;
	struct buf raw, pem;
	EVP_PKEY *private_key, *public_key;
	enum dkim_key_kind got;
	const uint8_t *p;

	halves_init(&h);
	halves_init(&again);
	buf_init(&raw, 2000);
	buf_init(&pem, 8192);
	assert_int_equal(dkim_key_new(kind, &h.pkcs8, &h.spki), ERR_OK);
	assert_int_equal(dkim_key_record(buf_slice(&h.spki), &h.record), ERR_OK);
	assert_true(slice_starts(buf_slice(&h.record), slice_str(head)));
	assert_int_equal(
		seal_b64_open(slice_from(buf_slice(&h.record), strlen(head)), &raw), ERR_OK);
	p = raw.p;
	public_key = kind == DKIM_KEY_RSA ? d2i_PUBKEY(NULL, &p, (long)raw.n)
					  : EVP_PKEY_new_raw_public_key(
						    EVP_PKEY_ED25519, NULL, raw.p, raw.n);
	private_key = private_of(&h);
	assert_non_null(public_key);
	assert_non_null(private_key);
	assert_int_equal(EVP_PKEY_eq(public_key, private_key), 1);
	if (kind == DKIM_KEY_RSA)
		assert_int_equal(EVP_PKEY_get_bits(public_key), 2048);
	put_pem(private_key, &pem);
	assert_int_equal(
		dkim_key_import(buf_slice(&pem), &got, &again.pkcs8, &again.spki), ERR_OK);
	assert_int_equal(got, kind);
	assert_true(slice_eq(buf_slice(&again.pkcs8), buf_slice(&h.pkcs8)));
	assert_true(slice_eq(buf_slice(&again.spki), buf_slice(&h.spki)));
	EVP_PKEY_free(public_key);
	EVP_PKEY_free(private_key);
	buf_fini(&raw);
	buf_fini_secret(&pem);
	halves_fini(&h);
	halves_fini(&again);
}

static void
an_rsa_record_holds_the_keys_public_half(void **state)
{
	(void)state;
	assert_pair(DKIM_KEY_RSA, "v=DKIM1; k=rsa; p=");
}

static void
an_ed25519_record_holds_the_bare_32_octets(void **state)
{
	(void)state;
	assert_pair(DKIM_KEY_ED25519, "v=DKIM1; k=ed25519; p=");
}

static void
a_full_buffer_is_said(void **state)
{
	struct halves h;

	(void)state;
	halves_init(&h);
	h.record.cap = 30;
	assert_int_equal(dkim_key_new(DKIM_KEY_ED25519, &h.pkcs8, &h.spki), ERR_OK);
	assert_int_equal(dkim_key_record(buf_slice(&h.spki), &h.record), ERR_LIMIT);
	h.spki.cap = h.spki.n;
	assert_int_equal(dkim_key_new(DKIM_KEY_ED25519, &h.pkcs8, &h.spki), ERR_LIMIT);
	h.pkcs8.cap = h.pkcs8.n;
	assert_int_equal(dkim_key_new(DKIM_KEY_ED25519, &h.pkcs8, &h.spki), ERR_LIMIT);
	halves_fini(&h);
}

static enum err
import(EVP_PKEY *key)
{
	struct halves h;
	enum dkim_key_kind kind;
	struct dkim_key *in_memory;
	struct buf pem;
	enum err e;

	halves_init(&h);
	buf_init(&pem, 8192);
	put_pem(key, &pem);
	e = dkim_key_import(buf_slice(&pem), &kind, &h.pkcs8, &h.spki);
	assert_int_equal(dkim_key_parse(buf_slice(&pem), &in_memory), e);
	if (!e)
		dkim_key_free(in_memory);
	EVP_PKEY_free(key);
	buf_fini_secret(&pem);
	halves_fini(&h);
	return e;
}

static void
other_keys_and_too_small_ones_are_refused(void **state)
{
	struct halves h;
	enum dkim_key_kind kind;

	(void)state;
	assert_int_equal(import(EVP_EC_gen("P-256")), ERR_UNSUPPORTED);
	assert_int_equal(import(EVP_RSA_gen(1023)), ERR_UNSUPPORTED);
	assert_int_equal(import(EVP_RSA_gen(1024)), ERR_OK);
	halves_init(&h);
	assert_int_equal(
		dkim_key_import(SLICE_LIT("rubbish"), &kind, &h.pkcs8, &h.spki), ERR_SYNTAX);
	assert_int_equal(dkim_key_import(SLICE_EMPTY, &kind, &h.pkcs8, &h.spki), ERR_SYNTAX);
	assert_int_equal(dkim_key_record(SLICE_LIT("rubbish"), &h.record), ERR_SYNTAX);
	assert_int_equal(dkim_key_record(SLICE_EMPTY, &h.record), ERR_SYNTAX);
	assert_int_equal(h.record.n + h.pkcs8.n, 0);
	halves_fini(&h);
}

static void
kinds_have_names_and_digests(void **state)
{
	(void)state;
	assert_string_equal(dkim_key_name(DKIM_KEY_RSA), "RSA");
	assert_string_equal(dkim_key_name(DKIM_KEY_ED25519), "Ed25519");
	assert_int_equal(dkim_key_digest(DKIM_KEY_RSA), NID_sha256);
	assert_int_equal(dkim_key_digest(DKIM_KEY_ED25519), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_rsa_record_holds_the_keys_public_half),
		cmocka_unit_test(an_ed25519_record_holds_the_bare_32_octets),
		cmocka_unit_test(a_full_buffer_is_said),
		cmocka_unit_test(other_keys_and_too_small_ones_are_refused),
		cmocka_unit_test(kinds_have_names_and_digests),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
