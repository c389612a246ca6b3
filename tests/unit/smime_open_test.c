#include "crypto/smime_open.h"

#include "crypto/cms_content.h"
#include "tests/smime_world.h"

enum { RSA_KEY, P256, P384, STRANGER, KEYS };

static struct smime_world_key keys[KEYS + 1];
static const char text[] = "Content-Type: text/plain\r\n\r\nA secret of some length.\r\n";

static int
make_keys(void **state)
{
	(void)state;
	smime_world_begin();
	smime_world_make(&keys[RSA_KEY], EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), 1);
	smime_world_make(&keys[P256], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), 2);
	smime_world_make(&keys[P384], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), 3);
	smime_world_make(&keys[STRANGER], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), 4);
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

/* --- opening --------------------------------------------------------------------------- */

/* What a machine is made of here, and what came of it. */
struct play {
	Gateway__Key *key[KEYS];
	size_t n_key;
	struct gateway_keys keyd;
	struct smime_open *open;
	struct buf plain;
	struct smime_opened facts;
};

static void
begin(struct play *p, size_t which)
{
	struct smime_open_setup setup;

	memset(p, 0, sizeof *p);
	p->key[0] = &keys[which].key;
	p->n_key = 1;
	p->keyd = smime_world_keys(keys);
	buf_init(&p->plain, 1 << 20);
	setup = (struct smime_open_setup){p->key, p->n_key, &p->keyd, text_into(&p->plain)};
	p->open = smime_open_new(&setup);
}

static enum err
end(struct play *p)
{
	enum err e = smime_open_finish(p->open, &p->facts);

	smime_open_free(p->open);
	return e;
}

/* p->plain is the caller's to free. */
static enum err
open_with(struct play *p, size_t which, struct slice ber)
{
	begin(p, which);
	smime_open_feed(p->open, ber);
	return end(p);
}

static enum err
open_only(size_t which, struct slice ber)
{
	struct play p;
	enum err e = open_with(&p, which, ber);

	buf_fini(&p.plain);
	return e;
}

/* --- what OpenSSL makes ---------------------------------------------------------------- */

static void
seal_to(const size_t *to, size_t n, const EVP_CIPHER *cipher, unsigned flags, struct buf *out)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf(text, (int)sizeof text - 1), *ber = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms;
	char *p;
	long size;

	for (size_t i = 0; i < n; i++)
		sk_X509_push(certificates, keys[to[i]].x509);
	cms = CMS_encrypt(certificates, in, cipher, flags | CMS_BINARY);
	assert_non_null(cms);
	assert_int_equal(i2d_CMS_bio_stream(ber, cms, in, (int)flags | CMS_BINARY), 1);
	size = BIO_get_mem_data(ber, &p);
	buf_clear(out);
	buf_put(out, p, (size_t)size);
	CMS_ContentInfo_free(cms);
	sk_X509_free(certificates);
	BIO_free(in);
	BIO_free(ber);
}

static void
every_cipher_opens_with_every_key_in_der_and_in_ber(void **state)
{
	const EVP_CIPHER *ciphers[] = {EVP_aes_128_cbc(), EVP_aes_192_cbc(), EVP_aes_256_cbc(),
		EVP_des_ede3_cbc(), EVP_aes_128_gcm(), EVP_aes_192_gcm(), EVP_aes_256_gcm()};
	static const char *const names[] = {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC",
		"3DES-CBC", "AES-128-GCM", "AES-192-GCM", "AES-256-GCM"};
	static const char *const hows[] = {"RSA", "ECDH P-256", "ECDH P-384"};
	struct play p;
	struct buf ber;

	(void)state;
	buf_init(&ber, 10000);
	for (size_t i = 0; i < 7 * 3 * 2 * 2; i++) {
		size_t cipher = i % 7, which = i / 7 % 3;

		seal_to(&which, 1, ciphers[cipher],
			(i / 21 % 2 ? CMS_STREAM : 0) | (i / 42 ? CMS_USE_KEYID : 0), &ber);
		assert_int_equal(open_with(&p, which, buf_slice(&ber)), ERR_OK);
		assert_true(slice_eq(buf_slice(&p.plain), slice_str(text)));
		assert_string_equal(p.facts.algorithm, names[cipher]);
		assert_string_equal(p.facts.recipient, hows[which]);
		assert_int_equal(p.facts.recipients, 1);
		assert_int_equal(p.facts.is_authenticated, cipher >= 4);
		buf_fini(&p.plain);
		assert_int_equal(open_only(STRANGER, buf_slice(&ber)), ERR_NOT_FOUND);
	}
	buf_fini(&ber);
}

static void
octet_by_octet_it_is_the_same(void **state)
{
	const EVP_CIPHER *ciphers[] = {EVP_aes_128_cbc(), EVP_aes_256_gcm()};
	const size_t to[] = {STRANGER, RSA_KEY, P256};
	struct play p;
	struct buf ber;

	(void)state;
	buf_init(&ber, 10000);
	for (size_t i = 0; i < 4; i++) {
		seal_to(to, 3, ciphers[i % 2], i / 2 ? CMS_STREAM : 0, &ber);
		begin(&p, P256);
		for (size_t at = 0; at < ber.n; at++)
			assert_int_equal(
				smime_open_feed(p.open, slice_of(ber.p + at, 1)), ERR_OK);
		assert_int_equal(end(&p), ERR_OK);
		assert_int_equal(p.facts.recipients, 3);
		assert_true(slice_eq(buf_slice(&p.plain), slice_str(text)));
		buf_fini(&p.plain);
	}
	buf_fini(&ber);
}

static void
cut_off_anywhere_it_fails_alike(void **state)
{
	const EVP_CIPHER *ciphers[] = {EVP_aes_128_cbc(), EVP_aes_256_gcm()};
	const size_t to = P256;
	struct buf ber;

	(void)state;
	buf_init(&ber, 10000);
	for (size_t i = 0; i < 4; i++) {
		seal_to(&to, 1, ciphers[i % 2], i / 2 ? CMS_STREAM : 0, &ber);
		for (size_t n = 0; n < ber.n; n++)
			assert_int_equal(open_only(P256, slice_of(ber.p, n)), ERR_CRYPTO);
		assert_int_equal(open_only(P256, buf_slice(&ber)), ERR_OK);
	}
	buf_fini(&ber);
}

static void
with_any_octet_changed_gcm_opens_to_the_same_or_not_at_all(void **state)
{
	const size_t to = RSA_KEY;
	struct play p;
	struct buf ber;
	enum err e;

	(void)state;
	buf_init(&ber, 10000);
	seal_to(&to, 1, EVP_aes_256_gcm(), 0, &ber);
	for (size_t i = 0; i < ber.n * 2; i++) {
		uint8_t flip = i % 2 ? 0x01 : 0x24;

		ber.p[i / 2] ^= flip;
		e = open_with(&p, RSA_KEY, buf_slice(&ber));
		assert_true(e == ERR_CRYPTO || e == ERR_UNSUPPORTED || e == ERR_NOT_FOUND ||
			    (e == ERR_OK && slice_eq(buf_slice(&p.plain), slice_str(text))));
		buf_fini(&p.plain);
		ber.p[i / 2] ^= flip;
	}
	buf_fini(&ber);
}

/* --- what no OpenSSL makes ------------------------------------------------------------- */

/* A layer by hand, to the RSA key. */
struct craft {
	bool is_auth;
	struct slice algorithm, content, attributes, mac;
	size_t copies; /* of the RecipientInfo */
};
static const uint8_t cek[32] = "a content key of 32 octets......";

#define DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"

static void
put_recipient(struct buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, keys[RSA_KEY].pkey, NULL);
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(keys[RSA_KEY].x509);
	uint8_t number[128];
	size_t n = sizeof number, at = out->n;

	EVP_PKEY_encrypt_init(ctx);
	assert_int_equal(EVP_PKEY_encrypt(ctx, number, &n, cek, 16), 1);
	EVP_PKEY_CTX_free(ctx);
	buf_put_slice(out, SLICE_LIT("\x02\x01\x02"));
	cms_der_put(out, 0x80,
		slice_of(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski)));
	cms_der_put(out, CMS_DER_SEQUENCE,
		SLICE_LIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"));
	cms_der_put(out, CMS_DER_OCTET_STRING, slice_of(number, n));
	cms_der_wrap(out, at, CMS_DER_SEQUENCE);
}

static void
make(const struct craft *c, struct buf *out)
{
	size_t body, at, from;
	struct buf one;

	buf_init(&one, 1000);
	put_recipient(&one);
	buf_clear(out);
	cms_der_put(out, CMS_DER_OID,
		c->is_auth ? SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17")
			   : SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"));
	body = out->n;
	buf_put_slice(out, SLICE_LIT("\x02\x01\x02"));
	at = out->n;
	for (size_t i = 0; i < (c->copies ? c->copies : 1); i++)
		buf_put_slice(out, buf_slice(&one));
	buf_fini(&one);
	cms_der_wrap(out, at, CMS_DER_SET);
	from = out->n;
	buf_put_slice(out, SLICE_LIT(DATA));
	buf_put_slice(out, c->algorithm);
	cms_der_put(out, 0x80, c->content);
	cms_der_wrap(out, from, CMS_DER_SEQUENCE);
	if (c->attributes.n)
		cms_der_put(out, CMS_DER_1, c->attributes);
	if (c->mac.n)
		cms_der_put(out, CMS_DER_OCTET_STRING, c->mac);
	cms_der_wrap(out, body, CMS_DER_SEQUENCE);
	cms_der_wrap(out, body, CMS_DER_0);
	cms_der_wrap(out, 0, CMS_DER_SEQUENCE);
}

static enum err
open_craft(const struct craft *c, const char *what)
{
	struct play p;
	struct buf ber;
	enum err e;

	buf_init(&ber, 8 << 20);
	make(c, &ber);
	e = open_with(&p, RSA_KEY, buf_slice(&ber));
	if (!e)
		assert_true(slice_eq(buf_slice(&p.plain), slice_str(what)));
	buf_fini(&p.plain);
	buf_fini(&ber);
	return e;
}

/* AES-128 over text; aad is what has to be hashed. */
static size_t
encrypt(const EVP_CIPHER *cipher, const uint8_t *key, struct slice aad, uint8_t *out,
	uint8_t tag[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0;

	EVP_EncryptInit_ex2(ctx, cipher, key, (const uint8_t *)"0123456789abcdef", NULL);
	if (aad.n)
		EVP_EncryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n);
	EVP_EncryptUpdate(ctx, out, &n, (const uint8_t *)text, (int)sizeof text - 1);
	EVP_EncryptFinal_ex(ctx, out + n, &rest);
	if (tag)
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag);
	EVP_CIPHER_CTX_free(ctx);
	return (size_t)(n + rest);
}

#define AES(n) "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01" n
#define NONCE                                                                                  \
	"\x04\x0c"                                                                             \
	"0123456789ab"
#define CBC                                                                                    \
	SLICE_LIT("\x30\x1d" AES("\x02") "\x04\x10"                                            \
					 "0123456789abcdef")
#define GCM(n) SLICE_LIT("\x30\x1e" AES("\x06") "\x30\x11" NONCE "\x02\x01" n)
#define GCM_12 SLICE_LIT("\x30\x1b" AES("\x06") "\x30\x0e" NONCE)
#define ATTRIBUTES                                                                             \
	"\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03\x31\x0b\x06\x09\x2a\x86\x48\x86" \
	"\xf7\x0d\x01\x07\x01"

static void
attributes_behind_the_text_are_under_the_tag_as_a_set(void **state)
{
	struct craft c = {.is_auth = true, .algorithm = GCM("\x10")};
	uint8_t sealed[100], tag[16];

	(void)state;
	c.content = slice_of(sealed,
		encrypt(EVP_aes_128_gcm(), cek, SLICE_LIT("\x31\x1a" ATTRIBUTES), sealed, tag));
	c.mac = slice_of(tag, 16);
	c.attributes = SLICE_LIT(ATTRIBUTES);
	assert_int_equal(open_craft(&c, text), ERR_OK);
	c.attributes = SLICE_EMPTY;
	assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
	c.attributes = SLICE_LIT("\x30\x00");
	assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
	/* Hashed under the tag that they are sent with. */
	encrypt(EVP_aes_128_gcm(), cek, SLICE_LIT("\xa1\x1a" ATTRIBUTES), sealed, tag);
	c.attributes = SLICE_LIT(ATTRIBUTES);
	assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
	encrypt(EVP_aes_128_gcm(), cek, SLICE_EMPTY, sealed, tag);
	assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
}

static void
a_tag_is_as_long_as_the_parameters_say(void **state)
{
	struct craft c = {.is_auth = true};
	uint8_t sealed[100], tag[17];
	static const struct {
		struct slice algorithm;
		size_t right;
	} rows[] = {{GCM_12, 12}, {GCM("\x0c"), 12}, {GCM("\x0d"), 13}, {GCM("\x0f"), 15},
		{GCM("\x10"), 16}};

	(void)state;
	c.content = slice_of(sealed, encrypt(EVP_aes_128_gcm(), cek, SLICE_EMPTY, sealed, tag));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		c.algorithm = rows[i].algorithm;
		for (size_t n = 0; n <= 17; n++) {
			c.mac = slice_of(tag, n);
			assert_int_equal(
				open_craft(&c, text), n == rows[i].right ? ERR_OK : ERR_CRYPTO);
		}
	}
	/* What a forger would like: a tag that can be guessed. */
	c.mac = slice_of(tag, 4);
	c.algorithm = GCM("\x04");
	assert_int_equal(open_craft(&c, text), ERR_UNSUPPORTED);
	c.mac = slice_of(tag, 11);
	c.algorithm = GCM("\x0b");
	assert_int_equal(open_craft(&c, text), ERR_UNSUPPORTED);
}

static void
gcm_without_a_tag_and_cbc_under_one_are_unsupported(void **state)
{
	struct craft c = {.is_auth = false, .algorithm = GCM("\x10")};
	uint8_t sealed[100], tag[16];

	(void)state;
	c.content = slice_of(sealed, encrypt(EVP_aes_128_gcm(), cek, SLICE_EMPTY, sealed, tag));
	assert_int_equal(open_craft(&c, text), ERR_UNSUPPORTED);
	c.content = slice_of(
		sealed, encrypt(EVP_aes_128_cbc(), cek, SLICE_EMPTY, sealed, NULL));
	c.algorithm = CBC;
	assert_int_equal(open_craft(&c, text), ERR_OK);
	c.is_auth = true;
	c.mac = slice_of(tag, 16);
	assert_int_equal(open_craft(&c, text), ERR_UNSUPPORTED);
}

/* RFC 9709: whoever has a GCM text makes a CBC text of its blocks, for an engine that opens all
 * that comes. */
static void
gcm_relabelled_as_cbc_opens_to_nothing(void **state)
{
	struct craft c = {.is_auth = false, .algorithm = CBC};
	uint8_t sealed[100], tag[16];

	(void)state;
	encrypt(EVP_aes_128_gcm(), cek, SLICE_EMPTY, sealed, tag);
	for (size_t n = 0; n <= 48; n++) {
		c.content = slice_of(sealed, n);
		assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
	}
}

#define HKDF "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x1f"
#define GCM_16 "\x30\x1e" AES("\x06") "\x30\x11" NONCE "\x02\x01\x10"
#define CBC_16                                                                                 \
	"\x30\x1d" AES("\x02") "\x04\x10"                                                      \
			       "0123456789abcdef"

static void
a_bound_key_opens_nothing_under_another_label(void **state)
{
	struct craft c = {.is_auth = true, .algorithm = SLICE_LIT("\x30\x2d" HKDF GCM_16)};
	uint8_t sealed[100], tag[16], key[16];
	struct cms_content content;

	(void)state;
	assert_int_equal(cms_content_by(c.algorithm, &content), ERR_OK);
	cms_content_key(&content, cek, key);
	c.content = slice_of(sealed, encrypt(EVP_aes_128_gcm(), key, SLICE_EMPTY, sealed, tag));
	c.mac = slice_of(tag, 16);
	assert_int_equal(open_craft(&c, text), ERR_OK);
	/* Unbound, and bound to CBC. */
	c.algorithm = GCM("\x10");
	assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
	c.is_auth = false;
	c.mac = SLICE_EMPTY;
	c.content = slice_of(sealed, 48);
	c.algorithm = SLICE_LIT("\x30\x2c" HKDF CBC_16);
	assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
	/* A CBC text that was bound opens by its own label alone. */
	cms_content_by(c.algorithm, &content);
	cms_content_key(&content, cek, key);
	c.content = slice_of(
		sealed, encrypt(EVP_aes_128_cbc(), key, SLICE_EMPTY, sealed, NULL));
	assert_int_equal(open_craft(&c, text), ERR_OK);
	c.algorithm = CBC;
	assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
}

/* EFAIL: text that is known makes room for another one. Nobody can see that, so the facts say
 * that it could have been. */
static void
a_cbc_gadget_opens_but_is_not_called_authentic(void **state)
{
	struct craft c = {.algorithm = CBC};
	uint8_t sealed[100], algorithm[31];
	struct play p;
	struct buf ber;

	(void)state;
	c.content = slice_of(
		sealed, encrypt(EVP_aes_128_cbc(), cek, SLICE_EMPTY, sealed, NULL));
	memcpy(algorithm, CBC.p, sizeof algorithm);
	for (size_t i = 0; i < 16; i++)
		algorithm[15 + i] ^= (uint8_t)("Content-Type: te"[i] ^ "<img src='//e.x/"[i]);
	c.algorithm = slice_of(algorithm, sizeof algorithm);
	buf_init(&ber, 10000);
	make(&c, &ber);
	assert_int_equal(open_with(&p, RSA_KEY, buf_slice(&ber)), ERR_OK);
	assert_memory_equal(p.plain.p, "<img src='//e.x/", 16);
	assert_false(p.facts.is_authenticated);
	buf_fini(&p.plain);
	/* Blocks put between need a padding at the end, or nothing comes of it. */
	c.content = slice_of(sealed, 32);
	assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
	buf_fini(&ber);
}

static void
all_that_can_be_wrong_with_a_padding_or_a_key_shows_at_the_end(void **state)
{
	struct craft c = {.algorithm = CBC};
	uint8_t sealed[100];
	struct play p;
	struct buf ber;

	(void)state;
	buf_init(&ber, 10000);
	for (size_t i = 0; i < 3; i++) {
		c.content = slice_of(
			sealed, encrypt(EVP_aes_128_cbc(), cek, SLICE_EMPTY, sealed, NULL));
		if (i == 0) /* the last block's end: a padding of zero */
			sealed[c.content.n - 17] ^= (uint8_t)(16 - (sizeof text - 1) % 16);
		make(&c, &ber);
		if (i == 1) /* the wrapped key */
			ber.p[120] ^= 1;
		if (i == 2) /* the last octet */
			ber.p[ber.n - 1] ^= 1;
		begin(&p, RSA_KEY);
		assert_int_equal(smime_open_feed(p.open, buf_slice(&ber)), ERR_OK);
		/* Text of a kind came nevertheless. */
		assert_int_not_equal(p.plain.n, 0);
		/* A key that is none has the right padding once in 256 times, as it must. */
		if (end(&p) != ERR_CRYPTO)
			assert_false(i != 1 || slice_eq(buf_slice(&p.plain), slice_str(text)));
		buf_fini(&p.plain);
	}
	buf_fini(&ber);
}

/* --- limits, keyd, sinks --------------------------------------------------------------- */

static void
recipients_are_taken_up_to_their_limit(void **state)
{
	struct craft c = {.algorithm = CBC};
	uint8_t sealed[100];

	(void)state;
	c.content = slice_of(
		sealed, encrypt(EVP_aes_128_cbc(), cek, SLICE_EMPTY, sealed, NULL));
	c.copies = SMIME_RECIPIENTS_MAX;
	assert_int_equal(open_craft(&c, text), ERR_OK);
	c.copies = SMIME_RECIPIENTS_MAX + 1;
	assert_int_equal(open_craft(&c, text), ERR_CRYPTO);
}

struct moody {
	enum err answer[KEYS + 1]; /* by the key's id */
	size_t asked;
};

static enum err
moody_unwrap(void *arg, const Gateway__Key *key, struct slice recipient_info, size_t cek_size,
	uint8_t *out)
{
	struct moody *m = arg;

	m->asked++;
	if (m->answer[key->id])
		return m->answer[key->id];
	return smime_world_unwrap(keys, key, recipient_info, cek_size, out);
}

static enum err
open_moody(struct moody *m, struct slice ber, const Gateway__Key **by)
{
	Gateway__Key *ours[] = {&keys[P384].key, &keys[STRANGER].key, &keys[P256].key};
	struct gateway_keys keyd = {.unwrap = moody_unwrap, .arg = m};
	struct smime_opened facts = {0};
	struct smime_open_setup setup;
	struct smime_open *o;
	struct buf plain;
	enum err e;

	buf_init(&plain, 1000);
	setup = (struct smime_open_setup){ours, 3, &keyd, text_into(&plain)};
	o = smime_open_new(&setup);
	m->asked = 0;
	smime_open_feed(o, ber);
	e = smime_open_finish(o, &facts);
	*by = facts.key;
	smime_open_free(o);
	buf_fini(&plain);
	return e;
}

static void
keys_are_tried_in_their_order_and_only_those_that_are_named(void **state)
{
	const size_t to[] = {RSA_KEY, P256, P384};
	struct moody m = {0};
	const Gateway__Key *by;
	struct buf ber;

	(void)state;
	buf_init(&ber, 10000);
	seal_to(to, 3, EVP_aes_128_cbc(), 0, &ber);
	assert_int_equal(open_moody(&m, buf_slice(&ber), &by), ERR_OK);
	assert_ptr_equal(by, &keys[P384].key);
	assert_int_equal(m.asked, 1);
	m.answer[keys[P384].key.id] = ERR_UNSUPPORTED;
	assert_int_equal(open_moody(&m, buf_slice(&ber), &by), ERR_OK);
	assert_ptr_equal(by, &keys[P256].key);
	assert_int_equal(m.asked, 2);
	m.answer[keys[P256].key.id] = ERR_UNSUPPORTED;
	assert_int_equal(open_moody(&m, buf_slice(&ber), &by), ERR_UNSUPPORTED);
	m.answer[keys[P384].key.id] = ERR_UNAVAILABLE;
	assert_int_equal(open_moody(&m, buf_slice(&ber), &by), ERR_UNAVAILABLE);
	assert_int_equal(m.asked, 1);
	m.answer[keys[P384].key.id] = ERR_DENIED;
	assert_int_equal(open_moody(&m, buf_slice(&ber), &by), ERR_UNAVAILABLE);
	seal_to(to, 1, EVP_aes_128_cbc(), 0, &ber);
	assert_int_equal(open_moody(&m, buf_slice(&ber), &by), ERR_NOT_FOUND);
	assert_int_equal(m.asked, 0);
	buf_fini(&ber);
}

static void
a_certificate_of_the_same_issuer_and_number_is_told_by_its_kind_of_key(void **state)
{
	struct smime_world_key twins[3] = {0};
	struct gateway_keys keyd = smime_world_keys(twins);
	STACK_OF(X509) *certificates = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf(text, (int)sizeof text - 1);
	CMS_ContentInfo *cms;
	uint8_t *der = NULL;
	int n;

	(void)state;
	smime_world_make(&twins[0], EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), 9);
	smime_world_make(&twins[1], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), 9);
	for (size_t i = 0; i < 2; i++)
		sk_X509_push(certificates, twins[i].x509);
	cms = CMS_encrypt(certificates, in, EVP_aes_128_cbc(), CMS_BINARY);
	n = i2d_CMS_ContentInfo(cms, &der);
	for (size_t i = 0; i < 2; i++) {
		Gateway__Key *ours[] = {&twins[i].key};
		struct smime_opened facts;
		struct smime_open *o;
		struct buf plain;

		twins[i].key.id = i + 1;
		buf_init(&plain, 1000);
		o = smime_open_new(
			&(struct smime_open_setup){ours, 1, &keyd, text_into(&plain)});
		smime_open_feed(o, slice_of(der, (size_t)n));
		assert_int_equal(smime_open_finish(o, &facts), ERR_OK);
		assert_true(slice_eq(buf_slice(&plain), slice_str(text)));
		smime_open_free(o);
		buf_fini(&plain);
		smime_world_forget(&twins[i]);
	}
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	sk_X509_free(certificates);
	BIO_free(in);
}

static enum err
full(void *arg, struct slice octets)
{
	(void)octets;
	return *(enum err *)arg;
}

static void
what_the_sink_says_stays(void **state)
{
	static const enum err said[] = {ERR_FULL, ERR_IO, ERR_TOO_BIG};
	const size_t to = P256;
	Gateway__Key *ours[] = {&keys[P256].key};
	struct gateway_keys keyd = smime_world_keys(keys);
	struct smime_opened facts;
	struct buf ber;

	(void)state;
	buf_init(&ber, 10000);
	seal_to(&to, 1, EVP_aes_128_cbc(), 0, &ber);
	for (size_t i = 0; i < 3; i++) {
		enum err e = said[i];
		struct smime_open_setup setup = {ours, 1, &keyd, {full, &e}};
		struct smime_open *o = smime_open_new(&setup);

		assert_int_equal(smime_open_feed(o, buf_slice(&ber)), e);
		assert_int_equal(smime_open_feed(o, SLICE_LIT("x")), e);
		assert_int_equal(smime_open_finish(o, &facts), e);
		smime_open_free(o);
	}
	buf_fini(&ber);
}

static void
other_kinds_are_not_opened(void **state)
{
	(void)state;
	assert_int_equal(open_only(RSA_KEY, SLICE_LIT("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d"
						      "\x01\x07\x02\xa0\x80\x30\x80\x02\x01"
						      "\x01")),
		ERR_UNSUPPORTED);
	assert_int_equal(open_only(RSA_KEY, SLICE_LIT("\x30\x80\x06\x03\x2a\x86\x48\xa0\x80")),
		ERR_UNSUPPORTED);
	assert_int_equal(open_only(RSA_KEY, SLICE_LIT("anything else")), ERR_CRYPTO);
	assert_int_equal(open_only(RSA_KEY, SLICE_EMPTY), ERR_CRYPTO);
	smime_open_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cipher_opens_with_every_key_in_der_and_in_ber),
		cmocka_unit_test(octet_by_octet_it_is_the_same),
		cmocka_unit_test(cut_off_anywhere_it_fails_alike),
		cmocka_unit_test(with_any_octet_changed_gcm_opens_to_the_same_or_not_at_all),
		cmocka_unit_test(attributes_behind_the_text_are_under_the_tag_as_a_set),
		cmocka_unit_test(a_tag_is_as_long_as_the_parameters_say),
		cmocka_unit_test(gcm_without_a_tag_and_cbc_under_one_are_unsupported),
		cmocka_unit_test(gcm_relabelled_as_cbc_opens_to_nothing),
		cmocka_unit_test(a_bound_key_opens_nothing_under_another_label),
		cmocka_unit_test(a_cbc_gadget_opens_but_is_not_called_authentic),
		cmocka_unit_test(
			all_that_can_be_wrong_with_a_padding_or_a_key_shows_at_the_end),
		cmocka_unit_test(recipients_are_taken_up_to_their_limit),
		cmocka_unit_test(keys_are_tried_in_their_order_and_only_those_that_are_named),
		cmocka_unit_test(
			a_certificate_of_the_same_issuer_and_number_is_told_by_its_kind_of_key),
		cmocka_unit_test(what_the_sink_says_stays),
		cmocka_unit_test(other_kinds_are_not_opened),
	};

	return cmocka_run_group_tests(tests, make_keys, forget_keys);
}
