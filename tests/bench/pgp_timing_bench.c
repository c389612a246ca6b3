/* Does the time that OpenPGP's private keys and its symmetric encryption take tell what was
 * wrong (tests/timing.h)? Session keys under RSA with right paddings and wrong ones
 * (Bleichenbacher), under Curve25519 and P-256 with faults of the wrap, messages that were
 * changed here and there. Exit code 1: it does. With a second argument naive ways are measured
 * instead: can the bench see one? */
#include "tests/pgp_read.h"
#include "tests/rsa_spoil.h"
#include "tests/timing.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_packet.h"
#include "crypto/pgp_secret_inner.h"
#include "crypto/pgp_symmetric.h"
#include "crypto/tls.h"

enum {
	EACH = 500,
	MODULUS = RSA_SPOIL_MODULUS,
	KEY = 32,
	SUM = 2,
	TEXT = 262144,
	PREFIX = 18,
	MDC = 20,
	PIECE = 16384
};

static bool is_naive;
static struct pgp_secret secret;
/* What is measured: one of them, in the same place each time. */
static uint8_t place[2 * TEXT];
static struct slice octets;

static void
take(const struct buf *b)
{
	octets = slice_of(memcpy(place, b->p, b->n), b->n);
}

static void
run_unwrap(void)
{
	struct pgp_session session;

	must(pgp_secret_unwrap(&secret, 3, octets, &session) == ERR_OK);
}

/* --- RSA --------------------------------------------------------------------------------- */

static void
put_sum(uint8_t *end, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += end[(ptrdiff_t)i - (ptrdiff_t)(n + SUM)];
	end[-2] = (uint8_t)(sum >> 8);
	end[-1] = (uint8_t)sum;
}

static void
make_valid(uint8_t *em, uint8_t cipher)
{
	size_t n = pgp_algorithm_key_size(cipher), text = MODULUS - SUM - n - 1;

	rand_bytes(em, MODULUS);
	for (size_t i = 2; i < text; i++)
		em[i] = em[i] ? em[i] : 1;
	em[0] = 0;
	em[1] = 2;
	em[text - 1] = 0;
	em[text] = cipher;
	put_sum(em + MODULUS, n);
}

enum { AT_CIPHER = MODULUS - SUM - KEY - 1 };

static void
wrong_sum(uint8_t *em)
{
	em[MODULUS - 1] ^= 1;
}

static void
sum_far_off(uint8_t *em)
{
	em[MODULUS - 2] ^= 0x80;
}

static void
no_cipher(uint8_t *em)
{
	em[AT_CIPHER] = 0;
}

static void
unknown_cipher(uint8_t *em)
{
	em[AT_CIPHER] = 99;
}

static void
cipher_of_another_size(uint8_t *em)
{
	em[AT_CIPHER] = PGP_AES128;
}

static void
shorter_session_key(uint8_t *em)
{
	make_valid(em, PGP_AES128);
}

static void
a_3des_key(uint8_t *em)
{
	make_valid(em, PGP_3DES);
}

static void
zeros(uint8_t *em)
{
	memset(em, 0, MODULUS);
	em[MODULUS - 1] = (uint8_t)(2 + rand_below(200));
}

static const struct rsa_kind {
	const char *name;
	void (*spoil)(uint8_t *em);
} rsa_kinds[] = {
	{"right", rsa_spoil_nothing},
	{"right, again", rsa_spoil_nothing},
	{"right, AES-128", shorter_session_key},
	{"right, 3DES", a_3des_key},
	{"no leading zero", rsa_spoil_no_leading_zero},
	{"type 1, a signature's", rsa_spoil_a_signature},
	{"type 0", rsa_spoil_no_type},
	{"no padding", rsa_spoil_no_padding},
	{"a padding of 7 octets", rsa_spoil_short_padding},
	{"a zero in the middle", rsa_spoil_zero_in_the_middle},
	{"no separator", rsa_spoil_no_separator},
	{"a wrong sum", wrong_sum},
	{"a sum far off", sum_far_off},
	{"cipher 0", no_cipher},
	{"cipher 99", unknown_cipher},
	{"a cipher of another size", cipher_of_another_size},
	{"almost all zeros", zeros},
	{"random octets", rsa_spoil_anything},
};
enum { RSA_KINDS = sizeof rsa_kinds / sizeof rsa_kinds[0] };

static struct buf rsa_fields[RSA_KINDS][EACH];

static const char *
rsa_name(size_t kind)
{
	return rsa_kinds[kind].name;
}

static void
rsa_prepare(size_t kind)
{
	take(&rsa_fields[kind][rand_below(EACH)]);
}

static void
encrypt_raw(const uint8_t *em, uint8_t *number)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, secret.key->use.pkey, NULL);
	size_t n = MODULUS;

	must(ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
		EVP_PKEY_encrypt(ctx, number, &n, em, MODULUS) == 1);
	EVP_PKEY_CTX_free(ctx);
}

static bool
is_right(const uint8_t *text, size_t n)
{
	uint8_t sum[KEY + SUM];

	if (n != 1 + KEY + SUM || pgp_algorithm_key_size(text[0]) != KEY)
		return false;
	memcpy(sum, text + 1, KEY);
	put_sum(sum + KEY + SUM, KEY);
	return memcmp(sum + KEY, text + 1 + KEY, SUM) == 0;
}

/* What the bench has to be able to see: who makes up a key only if it has to be. */
static void
run_rsa_naive(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, secret.key->use.pkey, NULL);
	uint8_t out[MODULUS];
	struct pgp_session session;
	size_t n = sizeof out;

	must(ctx && EVP_PKEY_decrypt_init(ctx) == 1);
	if (EVP_PKEY_decrypt(ctx, out, &n, octets.p + 2, octets.n - 2) != 1 ||
		!is_right(out, n))
		pgp_symmetric_session(PGP_AES256, &session);
	EVP_PKEY_CTX_free(ctx);
}

static void
make_rsa(const struct rsa_kind *kind, struct buf *fields)
{
	uint8_t em[MODULUS], number[MODULUS] = {0};

	/* A first octet of the number that isn't 0 makes it as long as all others. */
	while (number[0] == 0) {
		make_valid(em, PGP_AES256);
		kind->spoil(em);
		encrypt_raw(em, number);
	}
	buf_init(fields, MODULUS + 2);
	must(pgp_public_put_mpi(fields, slice_of(number, MODULUS)));
}

static bool
play_rsa(size_t each)
{
	struct pgp_secret_kind kind = {.version = 4, .algorithm = PGP_RSA, .bits = MODULUS * 8};
	struct timing t = {.what = "RSA 2048",
		.kinds = RSA_KINDS,
		.each = each,
		.name = rsa_name,
		.prepare = rsa_prepare,
		.run = is_naive ? run_rsa_naive : run_unwrap};
	bool is_seen;

	must(pgp_secret_generate(&kind, &secret) == ERR_OK);
	for (size_t k = 0; k < RSA_KINDS; k++)
		for (size_t i = 0; i < EACH; i++)
			make_rsa(&rsa_kinds[k], &rsa_fields[k][i]);
	is_seen = timing_play(&t);
	pgp_secret_fini(&secret);
	return is_seen;
}

/* --- Curve25519, P-256 ------------------------------------------------------------------- */

enum { WRAPPED = 48, PADDED = 40 };

/* What stands under the wrap, and what becomes of it. */
static void
right_text(uint8_t *text)
{
	text[0] = PGP_AES256;
	rand_bytes(text + 1, KEY);
	put_sum(text + 1 + KEY + SUM, KEY);
	memset(text + 1 + KEY + SUM, PADDED - 1 - KEY - SUM, PADDED - 1 - KEY - SUM);
}

static void
wrong_inner_sum(uint8_t *text, uint8_t *wrapped)
{
	(void)wrapped;
	text[1 + KEY] ^= 1;
}

static void
wrong_inner_padding(uint8_t *text, uint8_t *wrapped)
{
	(void)wrapped;
	text[PADDED - 2] ^= 1;
}

static void
wrong_inner_cipher(uint8_t *text, uint8_t *wrapped)
{
	(void)wrapped;
	text[0] = 0;
}

static void
first_octet(uint8_t *text, uint8_t *wrapped)
{
	(void)text;
	if (wrapped)
		wrapped[0] ^= 1;
}

static void
last_octet(uint8_t *text, uint8_t *wrapped)
{
	(void)text;
	if (wrapped)
		wrapped[WRAPPED - 1] ^= 1;
}

static void
random_wrap(uint8_t *text, uint8_t *wrapped)
{
	(void)text;
	if (wrapped)
		rand_bytes(wrapped, WRAPPED);
}

static void
as_it_is(uint8_t *text, uint8_t *wrapped)
{
	(void)text;
	(void)wrapped;
}

/* spoil: before the wrap, where wrapped is NULL, and after it. Who gets through the wrap made
 * it, and knows what it has in it: he sees nothing that he doesn't know. */
static const struct ecdh_kind {
	const char *name;
	void (*spoil)(uint8_t *text, uint8_t *wrapped);
	bool may_differ;
} ecdh_kinds[] = {
	{"random octets in the wrap's place", random_wrap, false},
	{"the same, again", random_wrap, false},
	{"the wrap's first octet changed", first_octet, false},
	{"the wrap's last octet changed", last_octet, false},
	{"right", as_it_is, true},
	{"right, with a wrong sum", wrong_inner_sum, true},
	{"right, with a wrong padding", wrong_inner_padding, true},
	{"right, with cipher 0", wrong_inner_cipher, true},
};
enum { ECDH_KINDS = sizeof ecdh_kinds / sizeof ecdh_kinds[0] };

static struct buf ecdh_fields[ECDH_KINDS][EACH];

static const char *
ecdh_name(size_t kind)
{
	return ecdh_kinds[kind].name;
}

static bool
ecdh_may_differ(size_t kind)
{
	return ecdh_kinds[kind].may_differ;
}

static void
ecdh_prepare(size_t kind)
{
	take(&ecdh_fields[kind][rand_below(EACH)]);
}

static void
make_ecdh(const struct ecdh_kind *kind, struct buf *fields)
{
	EVP_PKEY *ephemeral = pgp_curve_generate(secret.public.key->curve), *peer;
	uint8_t point[1 + PGP_CURVE_POINT_MAX] = {0x40}, agreed[PGP_CURVE_SECRET_MAX];
	uint8_t kek[PGP_PUBLIC_KEK_MAX], text[PADDED], wrapped[WRAPPED], n_wrapped = WRAPPED;
	size_t n = pgp_curve_point(ephemeral, point + 1), n_agreed;
	bool is_prefixed = secret.public.key->curve->form == PGP_CURVE_PREFIXED;

	must(pgp_public_pkey(&secret.public, &peer) == ERR_OK);
	n_agreed = pgp_curve_agree(ephemeral, peer, agreed);
	must(n && n_agreed);
	right_text(text);
	kind->spoil(text, NULL);
	must(pgp_public_run_wrap(
		slice_of(kek, pgp_public_kek(&secret.public, slice_of(point + 1, n),
				      slice_of(agreed, n_agreed), kek)),
		true, slice_of(text, PADDED), wrapped));
	kind->spoil(text, wrapped);
	buf_init(fields, 1000);
	must(pgp_public_put_mpi(
		     fields, is_prefixed ? slice_of(point, 1 + n) : slice_of(point + 1, n)) &&
		buf_put(fields, &n_wrapped, 1) && buf_put(fields, wrapped, WRAPPED));
	EVP_PKEY_free(ephemeral);
}

static bool
play_ecdh(const char *curve, size_t each)
{
	struct pgp_secret_kind kind = {.version = 4, .algorithm = PGP_ECDH, .curve = curve};
	struct timing t = {.what = curve,
		.kinds = ECDH_KINDS,
		.each = each,
		.name = ecdh_name,
		.may_differ = ecdh_may_differ,
		.prepare = ecdh_prepare,
		.run = run_unwrap};
	bool is_seen;

	must(pgp_secret_generate(&kind, &secret) == ERR_OK);
	for (size_t k = 0; k < ECDH_KINDS; k++)
		for (size_t i = 0; i < EACH; i++)
			make_ecdh(&ecdh_kinds[k], &ecdh_fields[k][i]);
	is_seen = timing_play(&t);
	for (size_t k = 0; k < ECDH_KINDS; k++)
		for (size_t i = 0; i < EACH; i++)
			buf_fini(&ecdh_fields[k][i]);
	pgp_secret_fini(&secret);
	return is_seen;
}

/* --- a changed message ------------------------------------------------------------------- */

/* Which octet of the encrypted ones is changed: from the front, or from the end. */
static const struct message_kind {
	const char *name;
	ptrdiff_t at;
	bool has_other_key;
} message_kinds[] = {
	{"an octet of the text changed", PREFIX + 12, false},
	{"the same, again", PREFIX + 12, false},
	{"the repeated octets", PREFIX - 2, false},
	{"the MDC packet's header", -MDC - 2, false},
	{"the hash's first octet", -MDC, false},
	{"the hash's last octet", -1, false},
	{"in the middle", TEXT / 2, false},
	{"the packet's tag", PREFIX, false},
	{"another session key", PREFIX + 12, true},
};
enum { MESSAGE_KINDS = sizeof message_kinds / sizeof message_kinds[0] };

static struct pgp_session sessions[2];
static const struct pgp_session *session_used;
static struct buf encrypted;

static const char *
message_name(size_t kind)
{
	return message_kinds[kind].name;
}

/* encrypted: the body of a SEIPD packet, whose first octet is its version. */
static void
message_prepare(size_t kind)
{
	const struct message_kind *k = &message_kinds[kind];
	size_t at = k->at < 0 ? encrypted.n - (size_t)-k->at : 1 + (size_t)k->at;

	take(&encrypted);
	place[at] ^= 0x14;
	session_used = &sessions[k->has_other_key];
}

static enum err
swallow(void *arg, struct slice text)
{
	static uint8_t last[TEXT];

	(void)arg;
	memcpy(last, text.p, text.n < TEXT ? text.n : TEXT);
	return ERR_OK;
}

static bool
opens(void)
{
	static struct buf packet;
	static struct pgp_opened facts;
	struct pgp_open_setup setup = {
		.session = session_used, .n_sessions = 1, .to = {swallow, NULL}};
	enum err e;

	if (!packet.cap)
		buf_init(&packet, 3 * TEXT);
	buf_clear(&packet);
	must(pgp_packet_put(&packet, PGP_TAG_SEIPD, octets));
	/* In pieces, as whoever reads a mail does. */
	e = pgp_read_message(&setup, buf_slice(&packet), PIECE, &facts);
	must(e == ERR_OK || e == ERR_CRYPTO);
	return e == ERR_OK;
}

static void
run_open(void)
{
	must(!opens());
}

/* Who looks at the repeated octets first. */
static void
run_open_naive(void)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t iv[16] = {0}, front[PREFIX];
	int n;

	must(ctx &&
		EVP_DecryptInit_ex2(ctx, EVP_aes_256_cfb128(), session_used->key, iv, NULL) ==
			1 &&
		EVP_DecryptUpdate(ctx, front, &n, octets.p + 1, PREFIX) == 1);
	EVP_CIPHER_CTX_free(ctx);
	if (memcmp(front + PREFIX - 4, front + PREFIX - 2, 2) == 0)
		run_open();
}

static void
make_message(void)
{
	static uint8_t literal[TEXT] = {'b'};
	struct buf packet;
	struct pgp_symmetric *s;

	for (size_t i = 0; i < 2; i++)
		pgp_symmetric_session(PGP_AES256, &sessions[i]);
	buf_init(&packet, 2 * TEXT);
	buf_init(&encrypted, 2 * TEXT);
	must(pgp_packet_put(&packet, PGP_TAG_LITERAL, slice_of(literal, TEXT)));
	s = pgp_symmetric_encrypt(0, &sessions[0], text_into(&encrypted));
	must(pgp_symmetric_feed(s, buf_slice(&packet)) == ERR_OK &&
		pgp_symmetric_finish(s) == ERR_OK);
	pgp_symmetric_free(s);
	buf_fini(&packet);
	session_used = &sessions[0];
	take(&encrypted);
	must(opens());
}

static bool
play_message(size_t each)
{
	struct timing t = {.what = "a message of 256 KiB, SEIPD version 1",
		.kinds = MESSAGE_KINDS,
		.each = each,
		.name = message_name,
		.prepare = message_prepare,
		.run = is_naive ? run_open_naive : run_open};

	make_message();
	return timing_play(&t);
}

int
main(int argc, char **argv)
{
	size_t each = argc > 1 ? (size_t)atol(argv[1]) : 4000;
	bool is_seen;

	is_naive = argc > 2;
	tls_init();
	is_seen = play_rsa(each);
	is_seen |= play_ecdh("Curve25519", each);
	is_seen |= play_ecdh("P-256", each);
	is_seen |= play_message(each);
	return is_seen;
}
