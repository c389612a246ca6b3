/* How fast mails of 16 KiB are sealed and opened, and signed and verified too, on one core,
 * beside the operation with the private or public key that can't be spared, as `openssl speed`
 * measures it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/rsa.h>

#include "core/must.h"
#include "crypto/smime_open.h"
#include "crypto/smime_seal.h"
#include "crypto/smime_sign.h"
#include "crypto/smime_verify.h"
#include "tests/smime_world.h"

enum { MAIL = 16384, TIME_US = 500000 };

static struct smime_world_key keys[3];
static const char *const names[] = {"RSA 2048", "P-256"};
static uint8_t mail[MAIL];

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds of processor time that one takes, of many. */
static double
time_of(void (*run)(void *arg), void *arg)
{
	double from, now;
	size_t n = 0;

	run(arg);
	from = cpu_us();
	do {
		run(arg);
		n++;
		now = cpu_us();
	} while (now - from < TIME_US);
	return (now - from) / (double)n;
}

/* --- the keys alone -------------------------------------------------------------------- */

struct alone {
	EVP_PKEY *pkey, *peer;
	uint8_t in[512];
	size_t n;
};

static void
encrypt_key(void *arg)
{
	struct alone *a = arg;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, a->pkey, NULL);

	a->n = sizeof a->in;
	must(EVP_PKEY_encrypt_init(ctx) == 1 &&
		EVP_PKEY_encrypt(ctx, a->in, &a->n, mail, 32) == 1);
	EVP_PKEY_CTX_free(ctx);
}

static void
decrypt_key(void *arg)
{
	struct alone *a = arg;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, a->pkey, NULL);
	uint8_t out[512];
	size_t n = sizeof out;

	must(EVP_PKEY_decrypt_init(ctx) == 1 &&
		EVP_PKEY_decrypt(ctx, out, &n, a->in, a->n) == 1);
	EVP_PKEY_CTX_free(ctx);
}

static void
derive(void *arg)
{
	struct alone *a = arg;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, a->pkey, NULL);
	uint8_t out[64];
	size_t n = sizeof out;

	must(EVP_PKEY_derive_init(ctx) == 1 &&
		EVP_PKEY_derive_set_peer_ex(ctx, a->peer, 0) == 1 &&
		EVP_PKEY_derive(ctx, out, &n) == 1);
	EVP_PKEY_CTX_free(ctx);
}

static void
generate_and_derive(void *arg)
{
	struct alone *a = arg,
		     own = {EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), a->pkey, {0}, 0};

	derive(&own);
	EVP_PKEY_free(own.pkey);
}

/* --- mails ----------------------------------------------------------------------------- */

struct job {
	size_t which;
	Gateway__Settings__Cipher cipher;
	struct buf sealed, plain;
};

static void
seal(void *arg)
{
	struct job *j = arg;
	Gateway__Certificate *to[] = {&keys[j->which].to};
	struct smime_seal *s;

	buf_clear(&j->sealed);
	s = smime_seal_new(to, 1, j->cipher, text_into(&j->sealed));
	must(s && !smime_seal_feed(s, slice_of(mail, MAIL)) && !smime_seal_finish(s));
	smime_seal_free(s);
}

static void
open_one(void *arg)
{
	struct job *j = arg;
	Gateway__Key *ours[] = {&keys[j->which].key};
	struct gateway_keys keyd = smime_world_keys(keys);
	struct smime_open_setup setup = {ours, 1, &keyd, text_into(&j->plain)};
	struct smime_open *o = smime_open_new(&setup);
	struct smime_opened facts;

	buf_clear(&j->plain);
	smime_open_feed(o, buf_slice(&j->sealed));
	must(smime_open_finish(o, &facts) == ERR_OK && j->plain.n == MAIL);
	smime_open_free(o);
}

/* --- signed mails ---------------------------------------------------------------------- */

static void
sign_key(void *arg)
{
	struct alone *a = arg;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t out[512];
	size_t n = sizeof out;

	must(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, a->pkey) == 1 &&
		EVP_DigestSign(ctx, out, &n, mail, 100) == 1);
	EVP_MD_CTX_free(ctx);
}

static enum err
into_seal(void *arg, struct slice octets)
{
	return smime_seal_feed(arg, octets);
}

/* An opaque signature inside an encryption. */
static void
sign_and_seal(void *arg)
{
	struct job *j = arg;
	Gateway__Certificate *to[] = {&keys[j->which].to};
	struct gateway_keys keyd = smime_world_keys(keys);
	struct smime_sign_setup setup = {.key = &keys[j->which].key,
		.keys = &keyd,
		.now_sec = 1800000000,
		.is_opaque = true};
	struct smime_seal *seal;
	struct smime_sign *s;

	buf_clear(&j->sealed);
	seal = smime_seal_new(to, 1, j->cipher, text_into(&j->sealed));
	setup.to = (struct text_sink){into_seal, seal};
	s = smime_sign_new(&setup);
	must(s && !smime_sign_feed(s, slice_of(mail, MAIL)) && !smime_sign_finish(s) &&
		!smime_seal_finish(seal));
	smime_sign_free(s);
	smime_seal_free(seal);
}

static enum err
into_verify(void *arg, struct slice octets)
{
	return smime_verify_feed(arg, octets);
}

static void
open_and_verify(void *arg)
{
	struct job *j = arg;
	Gateway__Question q;
	struct smime_verify_setup how = {.trust = {&q, 1024}, .to = text_into(&j->plain)};
	Gateway__Key *ours[] = {&keys[j->which].key};
	struct gateway_keys keyd = smime_world_keys(keys);
	struct smime_verify *v;
	struct smime_opened facts;
	struct smime_signer *signers;
	struct smime_open *o;
	struct arena a;
	size_t n;

	gateway__question__init(&q);
	q.now_sec = 1800000000;
	q.n_anchor = 1;
	q.anchor = &keys[j->which].certificate;
	arena_init(&a, 0);
	buf_clear(&j->plain);
	v = smime_verify_new(&how);
	o = smime_open_new(&(struct smime_open_setup){ours, 1, &keyd, {into_verify, v}});
	smime_open_feed(o, buf_slice(&j->sealed));
	must(smime_open_finish(o, &facts) == ERR_OK &&
		smime_verify_finish(v, &a, &signers, &n) == ERR_OK && n == 1 &&
		signers[0].problem == SMIME_PROBLEM_NONE && j->plain.n == MAIL);
	smime_open_free(o);
	smime_verify_free(v);
	arena_reset(&a);
}

static void
show_signed(size_t which, double sign_us, double private_us)
{
	struct job j = {which, GATEWAY__SETTINGS__CIPHER__AES256_GCM, {0}, {0}};
	double out_us, in_us;

	buf_init(&j.sealed, 4 * MAIL);
	buf_init(&j.plain, 2 * MAIL);
	out_us = time_of(sign_and_seal, &j);
	in_us = time_of(open_and_verify, &j);
	printf("| %s, signed, AES-256-GCM | %.0f us | %.0f us | %.2f | %.0f us | %.0f us | "
	       "%.2f |\n",
		names[which], sign_us, out_us, out_us / sign_us, private_us, in_us,
		in_us / private_us);
	buf_fini(&j.sealed);
	buf_fini(&j.plain);
}

static void
show(size_t which, double public_us, double private_us)
{
	static const Gateway__Settings__Cipher ciphers[] = {
		GATEWAY__SETTINGS__CIPHER__AES256_CBC, GATEWAY__SETTINGS__CIPHER__AES256_GCM};

	for (size_t i = 0; i < 2; i++) {
		struct job j = {which, ciphers[i], {0}, {0}};
		double seal_us, open_us;

		buf_init(&j.sealed, 2 * MAIL);
		buf_init(&j.plain, 2 * MAIL);
		seal_us = time_of(seal, &j);
		open_us = time_of(open_one, &j);
		printf("| %s, AES-256-%s | %.0f us | %.0f us | %.2f | %.0f us | %.0f us | %.2f "
		       "|\n",
			names[which], i ? "GCM" : "CBC", public_us, seal_us,
			seal_us / public_us, private_us, open_us, open_us / private_us);
		buf_fini(&j.sealed);
		buf_fini(&j.plain);
	}
}

int
main(void)
{
	struct alone a = {0};

	smime_world_begin();
	smime_world_make(&keys[0], EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), 1);
	smime_world_make(&keys[1], EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), 2);
	printf("| key, cipher | public key | seal | ratio | private key | open | ratio |\n");
	printf("|---|---|---|---|---|---|---|\n");
	a.pkey = keys[0].pkey;
	encrypt_key(&a);
	show(0, time_of(encrypt_key, &a), time_of(decrypt_key, &a));
	show_signed(0, time_of(sign_key, &a), time_of(decrypt_key, &a));
	a.pkey = keys[1].pkey;
	a.peer = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	show(1, time_of(generate_and_derive, &a), time_of(derive, &a));
	show_signed(1, time_of(sign_key, &a), time_of(derive, &a));
	EVP_PKEY_free(a.peer);
	smime_world_forget(&keys[0]);
	smime_world_forget(&keys[1]);
	return 0;
}
