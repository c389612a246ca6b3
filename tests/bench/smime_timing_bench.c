/* Does the time that a private key takes tell what it was used on (tests/timing.h)? Right
 * ciphertexts of S/MIME and all kinds of wrong ones. Exit code 1: it does. With a second
 * argument a naive way is measured instead: can the bench see one? */
#include "tests/rsa_spoil.h"
#include "tests/timing.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "crypto/cms_der.h"
#include "crypto/private_key.h"
#include "crypto/tls.h"

enum { MODULUS = RSA_SPOIL_MODULUS, CEK = 32, EACH = 1000 };

static EVP_PKEY *pkey;
static struct private_key *own;

/* --- what is measured ------------------------------------------------------------------ */

static void
make_valid(uint8_t *em)
{
	rand_bytes(em, MODULUS);
	for (size_t i = 2; i < MODULUS - CEK - 1; i++)
		em[i] = em[i] ? em[i] : 1;
	em[0] = 0;
	em[1] = 2;
	em[MODULUS - CEK - 1] = 0;
}

static void
a_longer_key(uint8_t *em)
{
	em[MODULUS - CEK - 2] = 0;
}

static void
a_shorter_key(uint8_t *em)
{
	em[MODULUS - CEK - 1] = 0x55;
	em[MODULUS - 17] = 0;
}

static void
zeros(uint8_t *em)
{
	memset(em, 0, MODULUS);
	em[MODULUS - 1] = 2;
}

static const struct kind {
	const char *name;
	void (*spoil)(uint8_t *em);
} kinds[] = {
	{"right", rsa_spoil_nothing},
	{"right, again", rsa_spoil_nothing},
	{"no leading zero", rsa_spoil_no_leading_zero},
	{"type 1, a signature's", rsa_spoil_a_signature},
	{"type 0", rsa_spoil_no_type},
	{"no padding", rsa_spoil_no_padding},
	{"a padding of 7 octets", rsa_spoil_short_padding},
	{"a zero in the middle", rsa_spoil_zero_in_the_middle},
	{"a longer content key", a_longer_key},
	{"a shorter content key", a_shorter_key},
	{"no separator", rsa_spoil_no_separator},
	{"almost all zeros", zeros},
	{"random octets", rsa_spoil_anything},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static struct buf recipient_info[KINDS][EACH];

static void
encrypt_raw(const uint8_t *em, uint8_t *number)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	size_t n = MODULUS;

	must(ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
		EVP_PKEY_encrypt(ctx, number, &n, em, MODULUS) == 1);
	EVP_PKEY_CTX_free(ctx);
}

static void
make(const struct kind *k, struct buf *out)
{
	uint8_t em[MODULUS], number[MODULUS];

	make_valid(em);
	k->spoil(em);
	encrypt_raw(em, number);
	buf_init(out, 1000);
	buf_put_slice(out, SLICE_LIT("\x02\x01\x02\x80\x03ski\x30\x0d\x06\x09\x2a\x86\x48\x86"
				     "\xf7\x0d\x01\x01\x01\x05\x00"));
	cms_der_put(out, CMS_DER_OCTET_STRING, slice_of(number, MODULUS));
	cms_der_wrap(out, 0, CMS_DER_SEQUENCE);
}

static void
make_all(void)
{
	PKCS8_PRIV_KEY_INFO *info;
	uint8_t *der = NULL;
	int n;

	tls_init();
	pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)(MODULUS * 8));
	info = EVP_PKEY2PKCS8(pkey);
	n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	must(n > 0 && private_key_parse(slice_of(der, (size_t)n), &own) == ERR_OK);
	for (size_t k = 0; k < KINDS; k++) {
		for (size_t i = 0; i < EACH; i++)
			make(&kinds[k], &recipient_info[k][i]);
	}
}

/* --- measuring ------------------------------------------------------------------------- */

static uint8_t place[1000];
static struct slice in;

/* What the bench has to be able to see: who makes up a key only if it has to be. */
static void
run_naive(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	uint8_t out[MODULUS], cek[CEK];
	size_t n = sizeof out;

	must(ctx && EVP_PKEY_decrypt_init(ctx) == 1);
	if (EVP_PKEY_decrypt(ctx, out, &n, in.p + in.n - MODULUS, MODULUS) != 1 || n != CEK)
		rand_bytes(cek, CEK);
	else
		memcpy(cek, out, CEK);
	EVP_PKEY_CTX_free(ctx);
}

static void
run(void)
{
	uint8_t cek[CEK];

	private_key_unwrap(own, SLICE_EMPTY, in, CEK, cek);
}

static void
prepare(size_t kind)
{
	const struct buf *b = &recipient_info[kind][rand_below(EACH)];

	in = slice_of(memcpy(place, b->p, b->n), b->n);
}

static const char *
name(size_t kind)
{
	return kinds[kind].name;
}

int
main(int argc, char **argv)
{
	struct timing t = {.what = "RSA 2048",
		.kinds = KINDS,
		.each = argc > 1 ? (size_t)atol(argv[1]) : 4000,
		.name = name,
		.prepare = prepare,
		.run = argc > 2 ? run_naive : run};

	make_all();
	return timing_play(&t);
}
