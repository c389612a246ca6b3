#include "crypto/cms_content.h"

#include "tests/test.h"

#define AES "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01"
#define NONCE "\x04\x0c\x5c\x79\x05\x8b\xa2\xf4\x34\x47\x63\x9d\x29\xe2"
#define IV                                                                                     \
	"\x04\x10"                                                                             \
	"0123456789abcdef"

/* RFC 9709 appendix A.1. */
static void
a_key_is_bound_to_its_algorithm_as_in_the_rfcs_example(void **state)
{
	static const uint8_t cek[16] = {0xc7, 0x02, 0xe7, 0xd0, 0xa9, 0xe0, 0x64, 0xb0, 0x9b,
		0xa5, 0x52, 0x45, 0xfb, 0x73, 0x3c, 0xf3};
	struct cms_content c;
	uint8_t key[CMS_CONTENT_KEY_MAX];

	(void)state;
	assert_int_equal(
		cms_content_by(
			SLICE_LIT("\x30\x2a\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x1f"
				  "\x30\x1b" AES "\x06\x30\x0e" NONCE),
			&c),
		ERR_OK);
	assert_string_equal(c.name, "AES-128-GCM");
	assert_int_equal(c.tag_size, 12);
	cms_content_key(&c, cek, key);
	assert_slice(slice_of(key, 16),
		"\x21\x24\xff\xb2\x9f\xac\x4e\x0f\xbb\xc7\xd5\xd8\x74\x92\xbf\xf3");
	/* Without it the key is the key. */
	assert_int_equal(
		cms_content_by(SLICE_LIT("\x30\x1b" AES "\x06\x30\x0e" NONCE), &c), ERR_OK);
	cms_content_key(&c, cek, key);
	assert_memory_equal(key, cek, sizeof cek);
}

static void
tags_of_gcm_are_from_12_to_16_octets_and_12_if_nothing_is_said(void **state)
{
	uint8_t der[] = "\x30\x1e" AES "\x2e\x30\x11" NONCE "\x02\x01\x00";
	struct cms_content c;

	(void)state;
	assert_int_equal(
		cms_content_by(SLICE_LIT("\x30\x1b" AES "\x2e\x30\x0e" NONCE), &c), ERR_OK);
	assert_int_equal(c.tag_size, 12);
	for (unsigned n = 0; n < 256; n++) {
		der[sizeof der - 2] = (uint8_t)n;
		assert_int_equal(cms_content_by(slice_of(der, sizeof der - 1), &c),
			n >= 12 && n <= 16 ? ERR_OK : ERR_UNSUPPORTED);
		assert_true(n < 12 || n > 16 || c.tag_size == n);
	}
	/* 0x0110 isn't 16. */
	assert_int_equal(
		cms_content_by(
			SLICE_LIT("\x30\x1f" AES "\x2e\x30\x12" NONCE "\x02\x02\x01\x10"), &c),
		ERR_UNSUPPORTED);
}

static enum err
gcm_with_nonce_of(size_t n)
{
	static const uint8_t nonce[CMS_CONTENT_NONCE_MAX + 1];
	struct cms_content c;
	struct buf b;
	enum err e;

	buf_init(&b, 200);
	buf_put_slice(&b, SLICE_LIT(AES "\x2e"));
	cms_der_put(&b, CMS_DER_OCTET_STRING, slice_of(nonce, n));
	cms_der_wrap(&b, 11, CMS_DER_SEQUENCE);
	cms_der_wrap(&b, 0, CMS_DER_SEQUENCE);
	e = cms_content_by(buf_slice(&b), &c);
	if (!e)
		EVP_CIPHER_CTX_free(cms_content_start(&c, nonce, false));
	buf_fini(&b);
	return e;
}

static void
nonces_have_a_limit(void **state)
{
	(void)state;
	assert_int_equal(gcm_with_nonce_of(0), ERR_SYNTAX);
	for (size_t n = 1; n <= CMS_CONTENT_NONCE_MAX; n++)
		assert_int_equal(gcm_with_nonce_of(n), ERR_OK);
	assert_int_equal(gcm_with_nonce_of(CMS_CONTENT_NONCE_MAX + 1), ERR_UNSUPPORTED);
}

static void
what_is_not_ours_is_unsupported_and_what_cannot_be_is_malformed(void **state)
{
	struct cms_content c;

	(void)state;
	/* RC2; CEK-HKDF of CEK-HKDF */
	assert_int_equal(
		cms_content_by(
			SLICE_LIT("\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x02"), &c),
		ERR_UNSUPPORTED);
	assert_int_equal(
		cms_content_by(
			SLICE_LIT(
				"\x30\x1c\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x1f"
				"\x30\x0d\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x1f"),
			&c),
		ERR_UNSUPPORTED);
	assert_int_equal(cms_content_by(SLICE_LIT("\x30\x0b" AES "\x2a"), &c), ERR_SYNTAX);
	assert_int_equal(cms_content_by(SLICE_LIT("\x30\x14" AES "\x2a\x04\x08"
						  "01234567"),
				 &c),
		ERR_SYNTAX);
	assert_int_equal(cms_content_by(SLICE_LIT("\x30\x0c" AES "\x2a"), &c), ERR_SYNTAX);
	assert_int_equal(cms_content_by(SLICE_LIT("\x30\x1d" AES "\x2a" IV), &c), ERR_OK);
	assert_string_equal(c.name, "AES-256-CBC");
}

static void
what_we_write_we_read_with_a_tag_of_16(void **state)
{
	static const char *const ciphers[] = {
		"AES-128-CBC", "AES-256-CBC", "AES-128-GCM", "AES-256-GCM"};
	struct cms_content c;
	struct buf b;

	(void)state;
	buf_init(&b, 200);
	for (size_t i = 0; i < 8; i++) {
		buf_clear(&b);
		assert_true(cms_content_choose(ciphers[i / 2], i % 2, &b));
		assert_int_equal(cms_content_by(buf_slice(&b), &c), ERR_OK);
		assert_string_equal(c.cipher, ciphers[i / 2]);
		assert_int_equal(c.derive.n > 0, i % 2);
		assert_int_equal(c.tag_size, i < 4 ? 0 : 16);
	}
	assert_false(cms_content_choose("DES-EDE3-CBC", false, &b));
	assert_false(cms_content_choose("RC2-CBC", false, &b));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_bound_to_its_algorithm_as_in_the_rfcs_example),
		cmocka_unit_test(
			tags_of_gcm_are_from_12_to_16_octets_and_12_if_nothing_is_said),
		cmocka_unit_test(nonces_have_a_limit),
		cmocka_unit_test(
			what_is_not_ours_is_unsupported_and_what_cannot_be_is_malformed),
		cmocka_unit_test(what_we_write_we_read_with_a_tag_of_16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
