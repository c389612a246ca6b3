#include "crypto/smime_seal.h"

#include "crypto/smime_open.h"
#include "tests/heap.h"
#include "tests/smime_world.h"

enum { RSA_KEY, P256, P384, P521, MONTGOMERY, KEYS };

static struct smime_world_key keys[KEYS + 1];
static Gateway__Certificate *all[KEYS];
static const char text[] = "Content-Type: text/plain\r\n\r\nA secret of some length.\r\n";

static int
make_keys(void **state)
{
	(void)state;
	smime_world_begin();
	smime_world_make(&keys[RSA_KEY], EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), 1);
	smime_world_make(&keys[P256], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), 2);
	smime_world_make(&keys[P384], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), 3);
	smime_world_make(&keys[P521], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"), 4);
	smime_world_make(&keys[MONTGOMERY], EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), 5);
	for (size_t i = 0; i < KEYS; i++)
		all[i] = &keys[i].to;
	return 0;
}

static int
forget_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		smime_world_forget(&keys[i]);
	return 0;
}

#define AUTO GATEWAY__SETTINGS__CIPHER__AUTO
#define CBC128 GATEWAY__SETTINGS__CIPHER__AES128_CBC
#define CBC256 GATEWAY__SETTINGS__CIPHER__AES256_CBC
#define GCM128 GATEWAY__SETTINGS__CIPHER__AES128_GCM
#define GCM256 GATEWAY__SETTINGS__CIPHER__AES256_GCM

static void
seal(size_t n, Gateway__Settings__Cipher cipher, struct slice plain, size_t at_once,
	struct buf *ber)
{
	struct smime_seal *s;

	buf_clear(ber);
	s = smime_seal_new(all, n, cipher, text_into(ber));
	assert_non_null(s);
	for (size_t at = 0; at < plain.n; at += at_once)
		assert_int_equal(
			smime_seal_feed(s, slice_cut(plain, at, at + at_once)), ERR_OK);
	assert_int_equal(smime_seal_finish(s), ERR_OK);
	smime_seal_free(s);
}

static enum err
open_as(size_t which, struct slice ber, struct buf *plain, struct smime_opened *facts)
{
	Gateway__Key *ours[] = {&keys[which].key};
	struct gateway_keys keyd = smime_world_keys(keys);
	struct smime_open_setup setup = {ours, 1, &keyd, text_into(plain)};
	struct smime_open *o = smime_open_new(&setup);
	enum err e;

	buf_clear(plain);
	smime_open_feed(o, ber);
	e = smime_open_finish(o, facts);
	smime_open_free(o);
	return e;
}

static bool
openssl_opens(size_t which, struct slice ber, struct slice plain)
{
	BIO *in = BIO_new_mem_buf(ber.p, (int)ber.n), *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = d2i_CMS_bio(in, NULL);
	char *p;
	long n;
	bool ok;

	assert_non_null(cms);
	ok = CMS_decrypt(cms, keys[which].pkey, keys[which].x509, NULL, out,
		     CMS_BINARY | CMS_DEBUG_DECRYPT) == 1;
	n = BIO_get_mem_data(out, &p);
	ok = ok && slice_eq(slice_of(p, (size_t)n), plain);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	BIO_free(out);
	return ok;
}

static void
what_is_sealed_is_opened_by_each_recipient_and_by_openssl(void **state)
{
	static const Gateway__Settings__Cipher ciphers[] = {CBC128, CBC256, GCM128, GCM256};
	static const char *const names[] = {
		"AES-128-CBC", "AES-256-CBC", "AES-128-GCM", "AES-256-GCM"};
	static const char *const hows[] = {
		"RSA", "ECDH P-256", "ECDH P-384", "ECDH P-521", "X25519"};
	struct smime_opened facts;
	struct buf ber, plain;

	(void)state;
	buf_init(&ber, 100000);
	buf_init(&plain, 100000);
	for (size_t i = 0; i < 4; i++) {
		seal(KEYS, ciphers[i], slice_str(text), SIZE_MAX / 2, &ber);
		assert_int_equal(smime_look(buf_slice(&ber)),
			i < 2 ? SMIME_ENVELOPED : SMIME_AUTH_ENVELOPED);
		for (size_t k = 0; k < KEYS; k++) {
			assert_int_equal(open_as(k, buf_slice(&ber), &plain, &facts), ERR_OK);
			assert_true(slice_eq(buf_slice(&plain), slice_str(text)));
			assert_string_equal(facts.algorithm, names[i]);
			assert_string_equal(facts.recipient, hows[k]);
			assert_int_equal(facts.recipients, KEYS);
			assert_int_equal(facts.is_authenticated, i >= 2);
			/* It has no key agreement with X25519. */
			if (k != MONTGOMERY)
				assert_true(openssl_opens(k, buf_slice(&ber), slice_str(text)));
		}
	}
	buf_fini(&ber);
	buf_fini(&plain);
}

static void
texts_of_all_sizes_come_out_as_they_went_in(void **state)
{
	static uint8_t many[40000];
	struct smime_opened facts;
	struct buf ber, plain;

	(void)state;
	for (size_t i = 0; i < sizeof many; i++)
		many[i] = (uint8_t)(i * 31 + i / 256);
	buf_init(&ber, 100000);
	buf_init(&plain, 100000);
	for (size_t n = 0; n < sizeof many; n += n < 40 || (n > 16350 && n < 16400) ? 1
						 : n < 16000			    ? 1777
										    : 200) {
		struct slice in = slice_of(many, n);

		seal(1, n % 2 ? CBC128 : GCM256, in, n < 100 ? 1 : 1000 + n % 7, &ber);
		assert_int_equal(open_as(RSA_KEY, buf_slice(&ber), &plain, &facts), ERR_OK);
		assert_true(slice_eq(buf_slice(&plain), in));
		if (n % 5 == 0)
			assert_true(openssl_opens(RSA_KEY, buf_slice(&ber), in));
	}
	buf_fini(&ber);
	buf_fini(&plain);
}

/* --- capabilities ---------------------------------------------------------------------- */

#define CAP_AES(n) "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01" n
#define CAP_HKDF "\x30\x0d\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x1f"
#define CAP_3DES "\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x07"
#define CAP_RC2 "\x30\x0e\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x02\x02\x02\x00\x80"
#define CAP_OAEP "\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07"
#define CAP_OAEP_SHA1 "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x00"
#define NONE SLICE_EMPTY

static void
announce(size_t which, struct slice capabilities)
{
	keys[which].to.capabilities = (ProtobufCBinaryData){
		capabilities.n, (uint8_t *)(uintptr_t)capabilities.p};
}

static void
the_best_cipher_that_all_announced_is_taken(void **state)
{
	static const struct {
		struct slice one, two;
		Gateway__Settings__Cipher cipher;
	} rows[] = {
		{NONE, NONE, CBC256},
		{SLICE_LIT("\x30\x0d" CAP_AES("\x2e")), SLICE_LIT("\x30\x0d" CAP_AES("\x2e")),
			GCM256},
		{SLICE_LIT("\x30\x0d" CAP_AES("\x2e")), NONE, CBC256},
		{SLICE_LIT("\x30\x1a" CAP_AES("\x2e") CAP_AES("\x06")),
			SLICE_LIT("\x30\x0d" CAP_AES("\x06")), GCM128},
		{SLICE_LIT("\x30\x1a" CAP_AES("\x06") CAP_AES("\x2e")),
			SLICE_LIT("\x30\x1a" CAP_AES("\x06") CAP_AES("\x2e")), GCM256},
		{SLICE_LIT("\x30\x0d" CAP_AES("\x02")), NONE, CBC128},
		{SLICE_LIT("\x30\x1a" CAP_AES("\x02") CAP_AES("\x2a")), NONE, CBC256},
		{SLICE_LIT("\x30\x1c" CAP_3DES CAP_RC2), NONE, CBC256},
		/* It is none, or isn't whole. */
		{SLICE_LIT("\x30\x0d\x30\x0b\x06"), NONE, CBC256},
		{SLICE_LIT("\x30\x02\x05\x00"), NONE, CBC256},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		announce(0, rows[i].one);
		announce(1, rows[i].two);
		assert_int_equal(smime_seal_cipher(all, 2, AUTO), rows[i].cipher);
		assert_int_equal(smime_seal_cipher(all, 2, GCM128), GCM128);
	}
	announce(0, NONE);
	announce(1, NONE);
	assert_int_equal(smime_seal_cipher(all, 0, AUTO), CBC256);
}

static void
oaep_is_for_those_who_announced_it(void **state)
{
	static const struct {
		struct slice capabilities, has;
		const char *how;
	} rows[] = {
		{NONE, SLICE_LIT("\x01\x01\x01\x05\x00"), "RSA"},
		{SLICE_LIT("\x30\x0d" CAP_OAEP), SLICE_LIT("\x01\x01\x07\x30\x2f"), "RSA-OAEP"},
		{SLICE_LIT("\x30\x0f" CAP_OAEP_SHA1), SLICE_LIT("\x01\x01\x07\x30\x00"),
			"RSA-OAEP"},
		{SLICE_LIT("\x30\x1c" CAP_OAEP_SHA1 CAP_OAEP),
			SLICE_LIT("\x01\x01\x07\x30\x2f"), "RSA-OAEP"},
	};
	struct smime_opened facts;
	struct buf ber, plain;

	(void)state;
	buf_init(&ber, 100000);
	buf_init(&plain, 100000);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		announce(RSA_KEY, rows[i].capabilities);
		seal(1, CBC128, slice_str(text), 100, &ber);
		assert_true(slice_find_slice(buf_slice(&ber), rows[i].has) < ber.n);
		assert_int_equal(open_as(RSA_KEY, buf_slice(&ber), &plain, &facts), ERR_OK);
		assert_string_equal(facts.recipient, rows[i].how);
		assert_true(openssl_opens(RSA_KEY, buf_slice(&ber), slice_str(text)));
	}
	announce(RSA_KEY, NONE);
	buf_fini(&ber);
	buf_fini(&plain);
}

static void
the_key_is_bound_to_its_cipher_for_those_who_all_announced_it(void **state)
{
	static const struct slice hkdf = SLICE_LIT(
		"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x1f");
	struct smime_opened facts;
	struct buf ber, plain;

	(void)state;
	buf_init(&ber, 100000);
	buf_init(&plain, 100000);
	announce(0, SLICE_LIT("\x30\x1c" CAP_HKDF CAP_AES("\x2e")));
	seal(2, GCM256, slice_str(text), 100, &ber);
	assert_int_equal(slice_find_slice(buf_slice(&ber), hkdf), ber.n);
	announce(1, SLICE_LIT("\x30\x0f" CAP_HKDF));
	for (size_t i = 0; i < 2; i++) {
		seal(2, i ? CBC256 : GCM256, slice_str(text), 100, &ber);
		assert_true(slice_find_slice(buf_slice(&ber), hkdf) < ber.n);
		assert_int_equal(open_as(i, buf_slice(&ber), &plain, &facts), ERR_OK);
		assert_true(slice_eq(buf_slice(&plain), slice_str(text)));
	}
	announce(0, NONE);
	announce(1, NONE);
	buf_fini(&ber);
	buf_fini(&plain);
}

/* --- who can't be ---------------------------------------------------------------------- */

static enum err
check_key(EVP_PKEY *pkey)
{
	Gateway__Certificate to, *with[] = {all[0], &to};
	EVP_PKEY *issuer = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *x = smime_world_certificate(pkey, issuer, 7);
	struct smime_seal *s;
	struct buf out;
	enum err e;

	gateway__certificate__init(&to);
	to.der.len = (size_t)i2d_X509(x, &to.der.data);
	e = smime_seal_check(&to);
	buf_init(&out, 1000);
	s = smime_seal_new(with, 2, CBC128, text_into(&out));
	assert_int_equal(s != NULL, e == ERR_OK);
	assert_int_equal(out.n, 0);
	smime_seal_free(s);
	OPENSSL_free(to.der.data);
	X509_free(x);
	EVP_PKEY_free(issuer);
	EVP_PKEY_free(pkey);
	return e;
}

static void
keys_that_are_not_for_encryption_are_refused(void **state)
{
	Gateway__Certificate to, *one[] = {&to};
	struct text_sink none = {0};
	uint8_t octets[] = "no certificate";

	(void)state;
	assert_int_equal(check_key(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024)), ERR_OK);
	assert_int_equal(
		check_key(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1016)), ERR_UNSUPPORTED);
	assert_int_equal(check_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")), ERR_UNSUPPORTED);
	assert_int_equal(check_key(EVP_PKEY_Q_keygen(NULL, NULL, "X448")), ERR_UNSUPPORTED);
	assert_int_equal(
		check_key(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1")), ERR_UNSUPPORTED);
	for (size_t i = 0; i < KEYS; i++) {
		assert_int_equal(smime_seal_check(all[i]), ERR_OK);
		for (size_t n = 0; n < all[i]->der.len; n += 7) {
			to = *all[i];
			to.der.len = n;
			assert_int_equal(smime_seal_check(&to), ERR_SYNTAX);
		}
	}
	to.der = (ProtobufCBinaryData){sizeof octets, octets};
	assert_int_equal(smime_seal_check(&to), ERR_SYNTAX);
	assert_null(smime_seal_new(one, 1, CBC128, none));
	assert_null(smime_seal_new(one, 0, CBC128, none));
	assert_null(smime_seal_new(all, 1, (Gateway__Settings__Cipher)77, none));
	smime_seal_free(NULL);
}

static void
recipients_are_taken_up_to_their_limit(void **state)
{
	static Gateway__Certificate *many[SMIME_RECIPIENTS_MAX + 1];
	struct smime_opened facts;
	struct smime_seal *s;
	struct buf ber, plain;

	(void)state;
	for (size_t i = 0; i <= SMIME_RECIPIENTS_MAX; i++)
		many[i] = all[RSA_KEY];
	buf_init(&ber, 1 << 20);
	buf_init(&plain, 1000);
	s = smime_seal_new(many, SMIME_RECIPIENTS_MAX, CBC128, text_into(&ber));
	assert_non_null(s);
	smime_seal_feed(s, slice_str(text));
	assert_int_equal(smime_seal_finish(s), ERR_OK);
	smime_seal_free(s);
	assert_int_equal(open_as(RSA_KEY, buf_slice(&ber), &plain, &facts), ERR_OK);
	assert_int_equal(facts.recipients, SMIME_RECIPIENTS_MAX);
	assert_null(smime_seal_new(many, SMIME_RECIPIENTS_MAX + 1, CBC128, text_into(&ber)));
	buf_fini(&ber);
	buf_fini(&plain);
}

/* --- sinks, memory --------------------------------------------------------------------- */

static enum err
full(void *arg, struct slice octets)
{
	size_t *left = arg;

	if (octets.n > *left)
		return ERR_FULL;
	*left -= octets.n;
	return ERR_OK;
}

static void
a_full_sink_is_said_wherever_it_is_full(void **state)
{
	size_t n = 0;
	enum err e;

	(void)state;
	do {
		size_t left = n;
		struct smime_seal *s = smime_seal_new(
			all, 1, GCM128, (struct text_sink){full, &left});

		smime_seal_feed(s, slice_str(text));
		e = smime_seal_finish(s);
		assert_true(e == ERR_FULL || e == ERR_OK);
		smime_seal_free(s);
	} while (e && n++ < 1000);
	assert_in_range(n, 300, 500);
}

enum { LARGE = 50 << 20, AT_ONCE = 65504, HEAP_MAX = 4 << 20 };

struct pipe {
	struct smime_open *open;
	uint64_t plain;
	size_t most;
};

static enum err
into_open(void *arg, struct slice octets)
{
	struct pipe *p = arg;
	size_t now = heap_octets();

	p->most = now > p->most ? now : p->most;
	return smime_open_feed(p->open, octets);
}

static enum err
into_nothing(void *arg, struct slice octets)
{
	struct pipe *p = arg;

	p->plain += octets.n;
	return ERR_OK;
}

static void
fifty_megabytes_are_sealed_and_opened_in_less_than_four(void **state)
{
	static uint8_t chunk[AT_ONCE];
	Gateway__Key *ours[] = {&keys[P256].key};
	struct gateway_keys keyd = smime_world_keys(keys);
	struct smime_opened facts;

	(void)state;
	memset(chunk, 'x', sizeof chunk);
	for (int i = 0; i < 2; i++) {
		size_t before = heap_octets();
		struct pipe p = {.most = 0};
		struct smime_open_setup setup = {ours, 1, &keyd, {into_nothing, &p}};
		struct smime_seal *s = smime_seal_new(
			all, KEYS, i ? GCM256 : CBC256, (struct text_sink){into_open, &p});

		p.open = smime_open_new(&setup);
		for (size_t n = 0; n < LARGE; n += AT_ONCE)
			assert_int_equal(
				smime_seal_feed(s, slice_of(chunk, sizeof chunk)), ERR_OK);
		assert_int_equal(smime_seal_finish(s), ERR_OK);
		assert_int_equal(smime_open_finish(p.open, &facts), ERR_OK);
		assert_true(p.plain >= LARGE);
		/* Both machines at once. */
		assert_in_range(p.most - before, 1, HEAP_MAX - 1);
		print_message("%s: %zu octets of heap\n", facts.algorithm, p.most - before);
		smime_seal_free(s);
		smime_open_free(p.open);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_is_opened_by_each_recipient_and_by_openssl),
		cmocka_unit_test(texts_of_all_sizes_come_out_as_they_went_in),
		cmocka_unit_test(the_best_cipher_that_all_announced_is_taken),
		cmocka_unit_test(oaep_is_for_those_who_announced_it),
		cmocka_unit_test(the_key_is_bound_to_its_cipher_for_those_who_all_announced_it),
		cmocka_unit_test(keys_that_are_not_for_encryption_are_refused),
		cmocka_unit_test(recipients_are_taken_up_to_their_limit),
		cmocka_unit_test(a_full_sink_is_said_wherever_it_is_full),
		cmocka_unit_test(fifty_megabytes_are_sealed_and_opened_in_less_than_four),
	};

	return cmocka_run_group_tests(tests, make_keys, forget_keys);
}
