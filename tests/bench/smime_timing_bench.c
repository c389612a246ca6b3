/* Does the time that a private key takes tell what it was used on? Right ciphertexts and all
 * kinds of wrong ones in a random order, thousands of each kind; then Welch's t-test of each
 * kind against the right ones, as dudect does it: of all measurements, and of those below some
 * quantiles, where interruptions don't count; the largest |t| is shown. Beyond 4.5 there is a
 * difference that one would see: exit code 1. The first row measures right ones against right
 * ones: what this machine's noise is. With a second argument a naive way is measured instead:
 * can the bench see one? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/cms_der.h"
#include "crypto/private_key.h"
#include "crypto/tls.h"

enum { MODULUS = 256, CEK = 32, EACH = 1000, QUANTILES = 6 };

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
no_leading_zero(uint8_t *em)
{
	em[0] = 1;
}

static void
a_signature(uint8_t *em)
{
	em[1] = 1;
}

static void
no_type(uint8_t *em)
{
	em[1] = 0;
}

static void
no_padding(uint8_t *em)
{
	em[2] = 0;
}

static void
short_padding(uint8_t *em)
{
	em[9] = 0;
}

static void
zero_in_the_middle(uint8_t *em)
{
	em[MODULUS / 2] = 0;
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
no_separator(uint8_t *em)
{
	for (size_t i = 2; i < MODULUS; i++)
		em[i] |= 1;
}

static void
zeros(uint8_t *em)
{
	memset(em, 0, MODULUS);
	em[MODULUS - 1] = 2;
}

static void
anything(uint8_t *em)
{
	rand_bytes(em, MODULUS);
	em[0] &= 0x3f;
}

static void
nothing(uint8_t *em)
{
	(void)em;
}

static const struct kind {
	const char *name;
	void (*spoil)(uint8_t *em);
} kinds[] = {
	{"right", nothing},
	{"right, again", nothing},
	{"no leading zero", no_leading_zero},
	{"type 1, a signature's", a_signature},
	{"type 0", no_type},
	{"no padding", no_padding},
	{"a padding of 7 octets", short_padding},
	{"a zero in the middle", zero_in_the_middle},
	{"a longer content key", a_longer_key},
	{"a shorter content key", a_shorter_key},
	{"no separator", no_separator},
	{"almost all zeros", zeros},
	{"random octets", anything},
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

static bool is_naive;

/* What the bench has to be able to see: who makes up a key only if it has to be. */
static void
unwrap_naively(struct slice number, uint8_t *cek)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	uint8_t out[MODULUS];
	size_t n = sizeof out;

	must(ctx && EVP_PKEY_decrypt_init(ctx) == 1);
	if (EVP_PKEY_decrypt(ctx, out, &n, number.p, number.n) != 1 || n != CEK)
		rand_bytes(cek, CEK);
	else
		memcpy(cek, out, CEK);
	EVP_PKEY_CTX_free(ctx);
}

static double
once(size_t kind)
{
	static uint8_t place[1000];
	struct buf *b = &recipient_info[kind][rand_below(EACH)];
	/* Always in the same place, and in the cache. */
	struct slice in = slice_of(memcpy(place, b->p, b->n), b->n);
	struct timespec from, to;
	uint8_t cek[CEK];

	clock_gettime(CLOCK_MONOTONIC_RAW, &from);
	if (is_naive)
		unwrap_naively(slice_from(in, in.n - MODULUS), cek);
	else
		private_key_unwrap(own, SLICE_EMPTY, in, CEK, cek);
	clock_gettime(CLOCK_MONOTONIC_RAW, &to);
	return (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
}

/* Each kind once, in any order: what one leaves behind in the caches mustn't always meet the
 * same other one. */
static void
play_round(double *t[KINDS], size_t round)
{
	size_t order[KINDS];

	for (size_t k = 0; k < KINDS; k++) {
		size_t at = rand_below((uint32_t)k + 1);

		order[k] = order[at];
		order[at] = k;
	}
	for (size_t k = 0; k < KINDS; k++)
		t[order[k]][round] = once(order[k]);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of those below the limit. */
struct moments {
	double n, mean, variance;
};

static struct moments
moments_of(const double *t, size_t n, double limit)
{
	struct moments m = {0, 0, 0};

	for (size_t i = 0; i < n; i++) {
		double delta = t[i] - m.mean;

		if (t[i] > limit)
			continue;
		m.n++;
		m.mean += delta / m.n;
		m.variance += delta * (t[i] - m.mean);
	}
	m.variance = m.n > 1 ? m.variance / (m.n - 1) : 0;
	return m;
}

static double
welch(struct moments a, struct moments b)
{
	double error = sqrt(a.variance / a.n + b.variance / b.n);

	return error > 0 ? (a.mean - b.mean) / error : 0;
}

static double
largest_t(const double *a, const double *b, const double *sorted, size_t n)
{
	static const double quantiles[QUANTILES] = {0.25, 0.5, 0.75, 0.9, 0.99, 1};
	double largest = 0;

	for (size_t i = 0; i < QUANTILES; i++) {
		double limit = sorted[(size_t)((double)(n - 1) * quantiles[i])];
		double t = welch(moments_of(a, n, limit), moments_of(b, n, limit));

		largest = fabs(t) > fabs(largest) ? t : largest;
	}
	return largest;
}

int
main(int argc, char **argv)
{
	size_t n = argc > 1 ? (size_t)atol(argv[1]) : 4000;
	double *t[KINDS], *sorted = must_alloc(n * sizeof *sorted);
	bool is_seen = false;

	must(n > 1);
	is_naive = argc > 2;
	make_all();
	for (size_t k = 0; k < KINDS; k++)
		t[k] = must_alloc(n * sizeof *t[k]);
	for (size_t i = 0; i < n; i++)
		play_round(t, i);
	memcpy(sorted, t[0], n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_size);
	printf("RSA %d, %zu decryptions of each kind, median %.1f us\n", MODULUS * 8, n,
		sorted[n / 2] / 1000);
	printf("%-24s %12s %8s\n", "ciphertext", "ns to right", "t");
	for (size_t k = 1; k < KINDS; k++) {
		double most = sorted[(size_t)((double)n * 0.75)];
		double worst = largest_t(t[k], t[0], sorted, n);

		printf("%-24s %+12.0f %+8.2f\n", kinds[k].name,
			moments_of(t[k], n, most).mean - moments_of(t[0], n, most).mean, worst);
		is_seen |= k > 1 && fabs(worst) > 4.5;
	}
	return is_seen;
}
