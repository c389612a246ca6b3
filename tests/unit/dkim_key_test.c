#include "tests/test.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/dkim_key.h"
#include "crypto/seal.h"
#include "crypto/tls_pem.h"

/* The record's public key and the PEM's private key belong together. */
static void
assert_pair(enum dkim_key_kind kind, const char *head)
{
	struct buf pem, record, raw;
	EVP_PKEY *private_key, *public_key;
	const uint8_t *p;
	BIO *bio;

	buf_init(&pem, 10000);
	buf_init(&record, 2000);
	buf_init(&raw, 2000);
	assert_int_equal(dkim_key_new(kind, &pem, &record), ERR_OK);
	assert_true(slice_starts(buf_slice(&record), slice_str(head)));
	assert_int_equal(
		seal_b64_open(slice_from(buf_slice(&record), strlen(head)), &raw), ERR_OK);
	p = raw.p;
	public_key = kind == DKIM_KEY_RSA ? d2i_PUBKEY(NULL, &p, (long)raw.n)
					  : EVP_PKEY_new_raw_public_key(
						    EVP_PKEY_ED25519, NULL, raw.p, raw.n);
	bio = tls_pem_open(buf_slice(&pem));
	private_key = tls_pem_key(bio);
	assert_non_null(public_key);
	assert_non_null(private_key);
	assert_int_equal(EVP_PKEY_eq(public_key, private_key), 1);
	if (kind == DKIM_KEY_RSA)
		assert_int_equal(EVP_PKEY_get_bits(public_key), 2048);
	buf_clear(&raw);
	assert_int_equal(dkim_key_record(buf_slice(&pem), &raw), ERR_OK);
	assert_true(slice_eq(buf_slice(&raw), buf_slice(&record)));
	BIO_free(bio);
	EVP_PKEY_free(public_key);
	EVP_PKEY_free(private_key);
	buf_fini_secret(&pem);
	buf_fini(&record);
	buf_fini(&raw);
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
	struct buf pem, record;

	(void)state;
	buf_init(&pem, 10000);
	buf_init(&record, 30);
	assert_int_equal(dkim_key_new(DKIM_KEY_ED25519, &pem, &record), ERR_LIMIT);
	buf_fini_secret(&pem);
	buf_fini(&record);
}

static void
other_keys_have_no_record(void **state)
{
	struct buf record;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	(void)state;
	buf_init(&record, 2000);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(bio, &p);
	assert_int_equal(dkim_key_record(slice_of(p, (size_t)n), &record), ERR_UNSUPPORTED);
	assert_int_equal(dkim_key_record(SLICE_LIT("rubbish"), &record), ERR_SYNTAX);
	assert_int_equal(dkim_key_record(SLICE_EMPTY, &record), ERR_SYNTAX);
	assert_int_equal(record.n, 0);
	EVP_PKEY_free(key);
	BIO_free(bio);
	buf_fini(&record);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_rsa_record_holds_the_keys_public_half),
		cmocka_unit_test(an_ed25519_record_holds_the_bare_32_octets),
		cmocka_unit_test(a_full_buffer_is_said),
		cmocka_unit_test(other_keys_have_no_record),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
