#include "crypto/private_key.h"

#include <openssl/core_names.h>

#include "crypto/cms_agree.h"
#include "tests/smime_world.h"

enum { RSA_KEY, P256, P384, P521, MONTGOMERY, EDWARDS, KEYS, CEK = 32 };

static struct smime_world_key keys[KEYS + 1];
static const uint8_t cek[CEK] = "the content key of these tests..";

static int
make_keys(void **state)
{
	(void)state;
	smime_world_begin();
	smime_world_make(&keys[RSA_KEY], EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), 1);
	smime_world_make(&keys[P256], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), 2);
	smime_world_make(&keys[P384], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), 3);
	smime_world_make(&keys[P521], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"), 4);
	smime_world_make(&keys[MONTGOMERY], EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), 5);
	smime_world_make(&keys[EDWARDS], EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 6);
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

/* --- parsing --------------------------------------------------------------------------- */

static enum err
parse(EVP_PKEY *pkey, size_t less, size_t more)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	uint8_t der[PRIVATE_KEY_DER_MAX] = {0}, *p = der;
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, &p);
	struct private_key *k = NULL;
	enum err e = private_key_parse(slice_of(der, (size_t)n - less + more), &k);

	PKCS8_PRIV_KEY_INFO_free(info);
	private_key_free(k);
	return e;
}

static void
keys_are_read_whole_or_not_at_all(void **state)
{
	struct private_key *k;

	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		size_t n = (size_t)i2d_PrivateKey(keys[i].pkey, NULL);

		assert_int_equal(parse(keys[i].pkey, 0, 0), ERR_OK);
		assert_int_equal(parse(keys[i].pkey, 0, 1), ERR_SYNTAX);
		for (size_t less = 1; less < n; less++)
			assert_int_equal(parse(keys[i].pkey, less, 0), ERR_SYNTAX);
	}
	assert_int_equal(private_key_parse(SLICE_EMPTY, &k), ERR_SYNTAX);
	assert_int_equal(private_key_parse(SLICE_LIT("-----BEGIN"), &k), ERR_SYNTAX);
}

static void
keys_of_other_kinds_and_sizes_are_unsupported(void **state)
{
	EVP_PKEY *others[] = {
		EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1016),
		EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED448"),
		EVP_PKEY_Q_keygen(NULL, NULL, "X448"),
	};
	EVP_PKEY *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_int_equal(parse(others[i], 0, 0), ERR_UNSUPPORTED);
		EVP_PKEY_free(others[i]);
	}
	assert_int_equal(parse(small, 0, 0), ERR_OK);
	EVP_PKEY_free(small);
}

/* RFC 5915 section 3: the public half is optional. Such a key is the same for all that it is
 * used for. */
static void
an_ec_key_may_come_without_its_public_half(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_dup(keys[P256].pkey);
	PKCS8_PRIV_KEY_INFO *info;
	struct gateway_keys_sign q = {SLICE_LIT("what is signed"), NID_sha256, false};
	struct private_key *k;
	struct buf signature;
	uint8_t *der = NULL;
	int n;

	(void)state;
	EVP_PKEY_set_int_param(pkey, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 0);
	info = EVP_PKEY2PKCS8(pkey);
	n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	assert_true(n > 0 && n < 100);
	assert_int_equal(private_key_parse(slice_of(der, (size_t)n), &k), ERR_OK);
	buf_init(&signature, 1000);
	assert_int_equal(private_key_sign(k, &q, &signature), ERR_OK);
	buf_fini(&signature);
	private_key_free(k);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
}

/* --- RSA ------------------------------------------------------------------------------- */

#define PKCS1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
#define OAEP "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07"

/* KeyTransRecipientInfo. */
static void
put_transport(struct slice algorithm, struct slice key, struct buf *out)
{
	buf_clear(out);
	buf_put_slice(out, SLICE_LIT("\x02\x01\x02\x80\x03ski"));
	cms_der_put(out, CMS_DER_SEQUENCE, algorithm);
	cms_der_put(out, CMS_DER_OCTET_STRING, key);
	cms_der_wrap(out, 0, CMS_DER_SEQUENCE);
}

struct answer {
	enum err e;
	uint8_t cek[CEK];
};

static struct answer
unwrap(struct smime_world_key *k, struct slice recipient_info, size_t n)
{
	struct answer a = {0}, again = {0};
	struct slice x = slice_of(k->certificate.data, k->certificate.len);

	a.e = private_key_unwrap(k->own, x, recipient_info, n, a.cek);
	again.e = private_key_unwrap(k->own, x, recipient_info, n, again.cek);
	/* Whatever came: always the same. */
	assert_memory_equal(&a, &again, sizeof a);
	return a;
}

static void
encrypt_raw(const uint8_t *em, struct buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, keys[RSA_KEY].pkey, NULL);
	size_t n = 256;

	buf_clear(out);
	EVP_PKEY_encrypt_init(ctx);
	EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING);
	assert_int_equal(EVP_PKEY_encrypt(ctx, buf_room(out, n), &n, em, 256), 1);
	buf_grow(out, n);
	EVP_PKEY_CTX_free(ctx);
}

/* 00 02 nonzero... 00 CEK */
static void
make_pkcs1(uint8_t em[256], size_t cek_size)
{
	memset(em, 0x5a, 256);
	em[0] = 0;
	em[1] = 2;
	em[255 - cek_size] = 0;
	memcpy(em + 256 - cek_size, cek, cek_size);
}

static bool
opens(const uint8_t *em, size_t cek_size, struct answer *a)
{
	struct buf number, info;

	buf_init(&number, 1000);
	buf_init(&info, 1000);
	encrypt_raw(em, &number);
	put_transport(SLICE_LIT(PKCS1), buf_slice(&number), &info);
	*a = unwrap(&keys[RSA_KEY], buf_slice(&info), cek_size);
	buf_fini(&number);
	buf_fini(&info);
	assert_int_equal(a->e, ERR_OK);
	return memcmp(a->cek, cek, cek_size) == 0;
}

static void
pkcs1_opens_with_any_size_of_content_key(void **state)
{
	struct answer a;
	uint8_t em[256];

	(void)state;
	for (size_t n = 1; n <= CEK; n++) {
		make_pkcs1(em, n);
		assert_true(opens(em, n, &a));
	}
}

static void
a_wrong_padding_has_a_key_too_that_opens_nothing(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {
		{0, 1},		  /* no leading zero */
		{1, 1},		  /* a signature's padding */
		{1, 0},		  /* none */
		{2, 0},		  /* a padding of no octets */
		{9, 0},		  /* of seven */
		{100, 0},	  /* a longer content key */
		{254 - CEK, 0},	  /* one octet longer */
		{255 - CEK, 1},	  /* no separator */
		{255 - CEK, 255}, /* again */
	};
	struct answer a, last = {0};
	uint8_t em[256];

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		make_pkcs1(em, CEK);
		em[wrong[i].at] = wrong[i].value;
		assert_false(opens(em, CEK, &a));
		/* Nor is it one that could be known. */
		assert_memory_not_equal(a.cek, last.cek, CEK);
		last = a;
	}
	/* The right padding, for a key of another size. */
	make_pkcs1(em, 16);
	assert_false(opens(em, 24, &a));
	make_pkcs1(em, 24);
	assert_false(opens(em, 16, &a));
}

static void
numbers_that_are_no_ciphertext_have_a_key_too(void **state)
{
	uint8_t many[300];
	struct buf info;
	struct answer a;

	(void)state;
	memset(many, 0xff, sizeof many);
	buf_init(&info, 1000);
	for (size_t n = 0; n < sizeof many; n++) {
		put_transport(SLICE_LIT(PKCS1), slice_of(many, n), &info);
		a = unwrap(&keys[RSA_KEY], buf_slice(&info), CEK);
		assert_int_equal(a.e, ERR_OK);
	}
	a = unwrap(&keys[RSA_KEY], SLICE_LIT("no RecipientInfo"), CEK);
	assert_int_equal(a.e, ERR_OK);
	buf_fini(&info);
}

static void
encrypt_oaep(const char *hash, const char *mgf, struct slice label, struct buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, keys[RSA_KEY].pkey, NULL);
	size_t n = 256;

	buf_clear(out);
	EVP_PKEY_encrypt_init(ctx);
	EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING);
	EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL);
	EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, mgf, NULL);
	if (label.n)
		EVP_PKEY_CTX_set0_rsa_oaep_label(
			ctx, OPENSSL_memdup(label.p, label.n), (int)label.n);
	assert_int_equal(EVP_PKEY_encrypt(ctx, buf_room(out, n), &n, cek, CEK), 1);
	buf_grow(out, n);
	EVP_PKEY_CTX_free(ctx);
}

#define SHA2(n) "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" n
#define MGF1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define LABEL "\xa2\x15\x30\x13\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x09\x04\x06label."

static const struct {
	struct slice algorithm;
	const char *hash, *mgf, *label;
} oaep[] = {
	/* Absent parameters, and absent ones in them, are SHA-1. */
	{SLICE_LIT(OAEP), "SHA1", "SHA1", ""},
	{SLICE_LIT(OAEP "\x30\x00"), "SHA1", "SHA1", ""},
	{SLICE_LIT(OAEP "\x30\x0f\xa0\x0d" SHA2("\x01")), "SHA256", "SHA1", ""},
	{SLICE_LIT(OAEP "\x30\x1c\xa1\x1a\x30\x18" MGF1 SHA2("\x01")), "SHA1", "SHA256", ""},
	{SLICE_LIT(OAEP "\x30\x2b\xa0\x0d" SHA2("\x01") "\xa1\x1a\x30\x18" MGF1 SHA2("\x01")),
		"SHA256", "SHA256", ""},
	{SLICE_LIT(OAEP "\x30\x2b\xa0\x0d" SHA2("\x02") "\xa1\x1a\x30\x18" MGF1 SHA2("\x03")),
		"SHA384", "SHA512", ""},
	{SLICE_LIT(OAEP "\x30\x2b\xa0\x0d" SHA2("\x03") "\xa1\x1a\x30\x18" MGF1 SHA2("\x03")),
		"SHA512", "SHA512", ""},
	{SLICE_LIT(OAEP "\x30\x2b\xa0\x0d" SHA2("\x04") "\xa1\x1a\x30\x18" MGF1 SHA2("\x04")),
		"SHA224", "SHA224", ""},
	{SLICE_LIT(OAEP "\x30\x17" LABEL), "SHA1", "SHA1", "label."},
};

static void
oaep_opens_by_its_parameters_and_by_no_others(void **state)
{
	struct buf number, info;
	size_t n = sizeof oaep / sizeof oaep[0];

	(void)state;
	buf_init(&number, 1000);
	buf_init(&info, 1000);
	for (size_t i = 0; i < n; i++) {
		encrypt_oaep(oaep[i].hash, oaep[i].mgf, slice_str(oaep[i].label), &number);
		for (size_t j = 0; j < n; j++) {
			bool is_same = i == j || (i < 2 && j < 2);
			struct answer a;

			put_transport(oaep[j].algorithm, buf_slice(&number), &info);
			a = unwrap(&keys[RSA_KEY], buf_slice(&info), CEK);
			assert_int_equal(a.e, ERR_OK);
			assert_int_equal(memcmp(a.cek, cek, CEK) == 0, is_same);
			a = unwrap(&keys[RSA_KEY], buf_slice(&info), 16);
			assert_memory_not_equal(a.cek, cek + 16, 16);
		}
	}
	buf_fini(&number);
	buf_fini(&info);
}

static void
an_oaep_block_with_any_octet_changed_opens_nothing(void **state)
{
	struct buf number, info;
	uint8_t em[256];
	size_t n = sizeof em;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, keys[RSA_KEY].pkey, NULL);
	struct answer a;

	(void)state;
	buf_init(&number, 1000);
	buf_init(&info, 1000);
	encrypt_oaep("SHA1", "SHA1", SLICE_EMPTY, &number);
	EVP_PKEY_decrypt_init(ctx);
	EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING);
	assert_int_equal(EVP_PKEY_decrypt(ctx, em, &n, number.p, number.n), 1);
	EVP_PKEY_CTX_free(ctx);
	for (size_t i = 0; i < sizeof em; i += i < 24 ? 1 : 29) {
		em[i] ^= 1;
		encrypt_raw(em, &number);
		put_transport(SLICE_LIT(OAEP), buf_slice(&number), &info);
		a = unwrap(&keys[RSA_KEY], buf_slice(&info), CEK);
		assert_int_equal(a.e, ERR_OK);
		assert_memory_not_equal(a.cek, cek, CEK);
		em[i] ^= 1;
	}
	encrypt_raw(em, &number);
	put_transport(SLICE_LIT(OAEP), buf_slice(&number), &info);
	assert_memory_equal(unwrap(&keys[RSA_KEY], buf_slice(&info), CEK).cek, cek, CEK);
	buf_fini(&number);
	buf_fini(&info);
}

static void
other_algorithms_are_unsupported(void **state)
{
	static const struct slice others[] = {
		SLICE_LIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"),    /* PSS */
		SLICE_LIT(OAEP "\x05\x00"),				      /* NULL */
		SLICE_LIT(OAEP "\x30\x0f\xa0\x0d" SHA2("\x09")),	      /* no digest */
		SLICE_LIT(OAEP "\x30\x0f\xa1\x0d\x30\x0b" MGF1),	      /* MGF1 of none */
		SLICE_LIT(OAEP "\x30\x11\xa1\x0f\x30\x0d" MGF1 "\x05\x00"),   /* of NULL */
		SLICE_LIT(OAEP "\x30\x0f\xa2\x0d\x30\x0b\x06\x09\x2a\x86\x48" /* no label */
			       "\x86\xf7\x0d\x01\x01\x09"),
	};
	struct buf info;

	(void)state;
	buf_init(&info, 1000);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		put_transport(others[i], SLICE_LIT("x"), &info);
		assert_int_equal(
			unwrap(&keys[RSA_KEY], buf_slice(&info), CEK).e, ERR_UNSUPPORTED);
	}
	put_transport(SLICE_LIT(PKCS1), SLICE_LIT("x"), &info);
	assert_int_equal(unwrap(&keys[P256], buf_slice(&info), CEK).e, ERR_UNSUPPORTED);
	assert_int_equal(unwrap(&keys[EDWARDS], buf_slice(&info), CEK).e, ERR_UNSUPPORTED);
	/* A password's. */
	assert_int_equal(unwrap(&keys[RSA_KEY], SLICE_LIT("\xa3\x00"), CEK).e, ERR_UNSUPPORTED);
	buf_fini(&info);
}

/* --- key agreement --------------------------------------------------------------------- */

struct agreement {
	struct slice scheme, wrap, ukm, originator; /* originator: instead of our key's */
	size_t cek_size;
};

static EVP_PKEY *
ephemeral(EVP_PKEY *like, struct buf *point)
{
	EVP_PKEY *e = EVP_PKEY_is_a(like, "X25519")
			      ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519")
			      : EVP_PKEY_Q_keygen(NULL, NULL, "EC",
					EVP_PKEY_get_bits(like) == 256	 ? "P-256"
					: EVP_PKEY_get_bits(like) == 384 ? "P-384"
									 : "P-521");
	uint8_t *p;
	size_t n = EVP_PKEY_get1_encoded_public_key(e, &p);

	buf_put(point, p, n);
	OPENSSL_free(p);
	return e;
}

/* KeyAgreeRecipientInfo for that key, by its subject key identifier. */
static void
put_agree(struct smime_world_key *k, const struct agreement *g, struct buf *out)
{
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(k->x509);
	uint8_t kek[CMS_AGREE_KEK_MAX];
	struct cms_agree a;
	struct buf point, wrapped, parameters;
	EVP_PKEY *own;
	size_t at;

	buf_init(&point, 1000);
	buf_init(&wrapped, 200);
	buf_init(&parameters, 200);
	own = ephemeral(k->pkey, &point);
	cms_der_put(&parameters, CMS_DER_OID, g->wrap);
	cms_der_wrap(&parameters, 0, CMS_DER_SEQUENCE);
	assert_int_equal(cms_agree_by(g->scheme, buf_slice(&parameters), &a), ERR_OK);
	a.ukm = g->ukm;
	assert_true(cms_agree_kek(&a, own, k->pkey, kek));
	assert_true(cms_agree_wrap(&a, kek, slice_of(cek, g->cek_size), &wrapped));

	buf_clear(out);
	buf_put_u8(&point, 0);
	memmove(point.p + 1, point.p, point.n - 1);
	point.p[0] = 0;
	cms_der_put(out, CMS_DER_SEQUENCE, SLICE_LIT("\x06\x03\x2b\x65\x6e"));
	cms_der_put(
		out, CMS_DER_BIT_STRING, g->originator.n ? g->originator : buf_slice(&point));
	cms_der_wrap(out, 0, CMS_DER_1);
	cms_der_wrap(out, 0, CMS_DER_0);
	at = out->n;
	if (g->ukm.n) {
		cms_der_put(out, CMS_DER_OCTET_STRING, g->ukm);
		cms_der_wrap(out, at, CMS_DER_1);
	}
	at = out->n;
	cms_der_put(out, CMS_DER_OID, g->scheme);
	buf_put_slice(out, buf_slice(&parameters));
	cms_der_wrap(out, at, CMS_DER_SEQUENCE);
	at = out->n;
	cms_der_put(out, CMS_DER_OCTET_STRING,
		slice_of(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski)));
	cms_der_wrap(out, at, CMS_DER_0);
	cms_der_put(out, CMS_DER_OCTET_STRING, buf_slice(&wrapped));
	cms_der_wrap(out, at, CMS_DER_SEQUENCE);
	cms_der_wrap(out, at, CMS_DER_SEQUENCE);
	buf_clear(&point);
	buf_put_slice(&point, SLICE_LIT("\x02\x01\x03"));
	buf_put_slice(&point, buf_slice(out));
	buf_clear(out);
	cms_der_put(out, CMS_DER_1, buf_slice(&point));
	EVP_PKEY_free(own);
	buf_fini(&point);
	buf_fini(&wrapped);
	buf_fini(&parameters);
}

#define SECG "\x2b\x81\x04\x01"
#define SMIME "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03"
#define AESWRAP "\x60\x86\x48\x01\x65\x03\x04\x01"

static const struct slice schemes[] = {
	SLICE_LIT("\x2b\x81\x05\x10\x86\x48\x3f\x00\x02"),
	SLICE_LIT("\x2b\x81\x05\x10\x86\x48\x3f\x00\x03"),
	SLICE_LIT(SECG "\x0b\x00"),
	SLICE_LIT(SECG "\x0b\x01"),
	SLICE_LIT(SECG "\x0b\x02"),
	SLICE_LIT(SECG "\x0b\x03"),
	SLICE_LIT(SECG "\x0e\x00"),
	SLICE_LIT(SECG "\x0e\x01"),
	SLICE_LIT(SECG "\x0e\x02"),
	SLICE_LIT(SECG "\x0e\x03"),
	SLICE_LIT(SMIME "\x13"),
	SLICE_LIT(SMIME "\x14"),
	SLICE_LIT(SMIME "\x15"),
};
static const struct slice wraps[] = {
	SLICE_LIT(AESWRAP "\x05"), SLICE_LIT(AESWRAP "\x19"), SLICE_LIT(AESWRAP "\x2d")};

static void
agreed_keys_open_on_every_curve_by_every_kdf_and_wrap(void **state)
{
	struct buf info;

	(void)state;
	buf_init(&info, 1000);
	for (size_t k = P256; k <= MONTGOMERY; k++) {
		for (size_t i = 0; i < 13 * 3 * 2; i++) {
			struct agreement g = {schemes[i % 13], wraps[i / 13 % 3],
				i < 39 ? SLICE_EMPTY : SLICE_LIT("ukm"), SLICE_EMPTY,
				i % 2 ? 16 : 32};
			struct answer a;

			put_agree(&keys[k], &g, &info);
			a = unwrap(&keys[k], buf_slice(&info), g.cek_size);
			assert_int_equal(a.e, ERR_OK);
			assert_memory_equal(a.cek, cek, g.cek_size);
		}
	}
	buf_fini(&info);
}

static void
a_wrap_with_3des_is_read(void **state)
{
	struct agreement g = {
		schemes[0], SLICE_LIT(SMIME "\x06"), SLICE_EMPTY, SLICE_EMPTY, 24};
	struct buf info;

	(void)state;
	buf_init(&info, 1000);
	put_agree(&keys[P256], &g, &info);
	assert_memory_equal(unwrap(&keys[P256], buf_slice(&info), 24).cek, cek, 24);
	buf_fini(&info);
}

static void
any_octet_of_an_agreement_changed_opens_nothing(void **state)
{
	struct agreement g = {schemes[3], wraps[0], SLICE_EMPTY, SLICE_EMPTY, 32};
	struct buf info;
	size_t opened = 0;

	(void)state;
	buf_init(&info, 1000);
	put_agree(&keys[P256], &g, &info);
	for (size_t i = 0; i < info.n; i++) {
		struct answer a;

		info.p[i] ^= 0x41;
		a = unwrap(&keys[P256], buf_slice(&info), 32);
		assert_true(a.e == ERR_OK || a.e == ERR_UNSUPPORTED);
		if (a.e == ERR_OK && memcmp(a.cek, cek, 32) == 0)
			opened++;
		info.p[i] ^= 0x41;
	}
	/* The version, and the originator's algorithm: the curve is the recipient's. */
	assert_int_equal(opened, 6);
	assert_memory_not_equal(unwrap(&keys[P256], buf_slice(&info), 16).cek, cek, 16);
	buf_fini(&info);
}

static void
points_that_are_on_no_curve_and_secrets_of_zero_open_nothing(void **state)
{
	static const uint8_t zero[33], off[66] = {0, 4, 1, 2, 3};
	struct agreement g = {schemes[3], wraps[0], SLICE_EMPTY, slice_of(off, sizeof off), 32};
	struct buf info;
	struct answer a;

	(void)state;
	buf_init(&info, 1000);
	put_agree(&keys[P256], &g, &info);
	a = unwrap(&keys[P256], buf_slice(&info), 32);
	assert_int_equal(a.e, ERR_OK);
	assert_memory_not_equal(a.cek, cek, 32);
	g.originator = slice_of(zero, sizeof zero);
	put_agree(&keys[MONTGOMERY], &g, &info);
	a = unwrap(&keys[MONTGOMERY], buf_slice(&info), 32);
	assert_int_equal(a.e, ERR_OK);
	assert_memory_not_equal(a.cek, cek, 32);
	buf_fini(&info);
}

/* --- signing --------------------------------------------------------------------------- */

static enum err
sign_as(size_t which, int digest, bool pss, bool is_hash)
{
	const struct slice text = SLICE_LIT("what is signed");
	struct gateway_keys_sign q = {text, digest, pss};
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned hash_n;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;
	struct buf signature;
	enum err e;

	buf_init(&signature, 1000);
	if (is_hash && digest) {
		EVP_Digest(text.p, text.n, hash, &hash_n, EVP_get_digestbynid(digest), NULL);
		q.message = slice_of(hash, hash_n);
	}
	e = (is_hash ? private_key_sign_hash : private_key_sign)(
		keys[which].own, &q, &signature);
	if (!e) {
		assert_int_equal(EVP_DigestVerifyInit(ctx, &how,
					 digest ? EVP_get_digestbynid(digest) : NULL, NULL,
					 keys[which].pkey),
			1);
		if (pss) {
			EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING);
			EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST);
		}
		assert_int_equal(
			EVP_DigestVerify(ctx, signature.p, signature.n, text.p, text.n), 1);
	}
	EVP_MD_CTX_free(ctx);
	buf_fini(&signature);
	return e;
}

static enum err
sign(size_t which, int digest, bool pss)
{
	return sign_as(which, digest, pss, false);
}

static void
what_was_hashed_elsewhere_is_signed_alike(void **state)
{
	const struct gateway_keys_sign odd = {SLICE_LIT("no hash"), NID_sha256, false};
	struct buf signature;

	(void)state;
	assert_int_equal(sign_as(RSA_KEY, NID_sha256, false, true), ERR_OK);
	assert_int_equal(sign_as(RSA_KEY, NID_sha512, true, true), ERR_OK);
	assert_int_equal(sign_as(P256, NID_sha256, false, true), ERR_OK);
	assert_int_equal(sign_as(EDWARDS, 0, false, true), ERR_UNSUPPORTED);
	buf_init(&signature, 1000);
	assert_int_equal(
		private_key_sign_hash(keys[RSA_KEY].own, &odd, &signature), ERR_CRYPTO);
	assert_int_equal(signature.n, 0);
	buf_fini(&signature);
}

static void
signatures_are_good_with_the_digests_that_go_with_the_key(void **state)
{
	static const int digests[] = {NID_sha256, NID_sha384, NID_sha512};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(sign(RSA_KEY, digests[i], false), ERR_OK);
		assert_int_equal(sign(RSA_KEY, digests[i], true), ERR_OK);
		for (size_t k = P256; k <= P521; k++) {
			assert_int_equal(sign(k, digests[i], false), ERR_OK);
			assert_int_equal(sign(k, digests[i], true), ERR_UNSUPPORTED);
		}
		assert_int_equal(sign(EDWARDS, digests[i], false), ERR_UNSUPPORTED);
		assert_int_equal(sign(MONTGOMERY, digests[i], false), ERR_UNSUPPORTED);
	}
	assert_int_equal(sign(EDWARDS, 0, false), ERR_OK);
	assert_int_equal(sign(EDWARDS, 0, true), ERR_UNSUPPORTED);
	assert_int_equal(sign(MONTGOMERY, 0, false), ERR_UNSUPPORTED);
	assert_int_equal(sign(RSA_KEY, 0, false), ERR_UNSUPPORTED);
	assert_int_equal(sign(RSA_KEY, NID_sha1, false), ERR_UNSUPPORTED);
	assert_int_equal(sign(RSA_KEY, NID_md5, false), ERR_UNSUPPORTED);
}

static void
a_key_for_pss_signs_with_it_alone(void **state)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	struct gateway_keys_sign q = {SLICE_LIT("what is signed"), NID_sha256, true};
	struct smime_world_key k;
	EVP_PKEY *pkey = NULL;
	struct buf signature;
	uint8_t nothing[CEK];

	(void)state;
	EVP_PKEY_keygen_init(ctx);
	EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 1024);
	assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
	EVP_PKEY_CTX_free(ctx);
	smime_world_make(&k, pkey, 9);
	buf_init(&signature, 1000);
	assert_int_equal(private_key_sign(k.own, &q, &signature), ERR_OK);
	q.pss = false;
	assert_int_equal(private_key_sign(k.own, &q, &signature), ERR_UNSUPPORTED);
	assert_int_equal(
		private_key_unwrap(k.own, SLICE_EMPTY, SLICE_LIT("\x30\x00"), CEK, nothing),
		ERR_OK);
	buf_fini(&signature);
	smime_world_forget(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_read_whole_or_not_at_all),
		cmocka_unit_test(keys_of_other_kinds_and_sizes_are_unsupported),
		cmocka_unit_test(an_ec_key_may_come_without_its_public_half),
		cmocka_unit_test(pkcs1_opens_with_any_size_of_content_key),
		cmocka_unit_test(a_wrong_padding_has_a_key_too_that_opens_nothing),
		cmocka_unit_test(numbers_that_are_no_ciphertext_have_a_key_too),
		cmocka_unit_test(oaep_opens_by_its_parameters_and_by_no_others),
		cmocka_unit_test(an_oaep_block_with_any_octet_changed_opens_nothing),
		cmocka_unit_test(other_algorithms_are_unsupported),
		cmocka_unit_test(agreed_keys_open_on_every_curve_by_every_kdf_and_wrap),
		cmocka_unit_test(a_wrap_with_3des_is_read),
		cmocka_unit_test(any_octet_of_an_agreement_changed_opens_nothing),
		cmocka_unit_test(points_that_are_on_no_curve_and_secrets_of_zero_open_nothing),
		cmocka_unit_test(what_was_hashed_elsewhere_is_signed_alike),
		cmocka_unit_test(signatures_are_good_with_the_digests_that_go_with_the_key),
		cmocka_unit_test(a_key_for_pss_signs_with_it_alone),
	};

	return cmocka_run_group_tests(tests, make_keys, forget_keys);
}
