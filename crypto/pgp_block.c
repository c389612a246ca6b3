#include "crypto/pgp_block.h"

#include <openssl/err.h>

#include "core/must.h"

enum { BLOCK = PGP_ALGORITHM_BLOCK_MAX, TAG = PGP_ALGORITHM_TAG };

void
pgp_block_cfb(const struct pgp_block_cfb *q, struct slice in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	must(ctx && EVP_CipherInit_ex2(ctx, pgp_algorithm_cfb(q->cipher), q->key, q->iv,
			    q->is_encrypt, NULL) == 1);
	if (in.n)
		must(EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.n) == 1 && (size_t)n == in.n);
	EVP_CIPHER_CTX_free(ctx);
}

/* --- EAX --------------------------------------------------------------------------------- */

static void
xor_block(uint8_t *to, const uint8_t *with)
{
	for (size_t i = 0; i < BLOCK; i++)
		to[i] ^= with[i];
}

static void
encrypt_block(struct pgp_block *b, uint8_t *block)
{
	int n;

	must(EVP_EncryptUpdate(b->ecb, block, &n, block, BLOCK) == 1 && n == BLOCK);
}

/* Times x in GF(2^128), as CMAC has it (SP 800-38B section 6.1). */
static void
double_block(const uint8_t *in, uint8_t *out)
{
	uint8_t carry = (uint8_t)(0x87 & (0 - (in[0] >> 7)));

	for (size_t i = 0; i < BLOCK - 1; i++)
		out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
	out[BLOCK - 1] = (uint8_t)((in[BLOCK - 1] << 1) ^ carry);
}

/* OMAC^t (EAX's name for it): CMAC of a block that says t, and the octets. */
static void
mac_begin(struct pgp_block_mac *m, uint8_t t)
{
	*m = (struct pgp_block_mac){.n = BLOCK};
	m->held[BLOCK - 1] = t;
}

static void
mac_feed(struct pgp_block *b, struct pgp_block_mac *m, struct slice octets)
{
	while (octets.n) {
		size_t some;

		if (m->n == BLOCK) {
			xor_block(m->mac, m->held);
			encrypt_block(b, m->mac);
			m->n = 0;
		}
		some = octets.n < BLOCK - m->n ? octets.n : BLOCK - m->n;
		memcpy(m->held + m->n, octets.p, some);
		m->n += some;
		octets = slice_from(octets, some);
	}
}

static void
mac_end(struct pgp_block *b, struct pgp_block_mac *m, uint8_t mac[BLOCK])
{
	if (m->n < BLOCK) {
		memset(m->held + m->n, 0, BLOCK - m->n);
		m->held[m->n] = 0x80;
	}
	xor_block(m->mac, m->held);
	xor_block(m->mac, m->n < BLOCK ? b->double_2 : b->double_1);
	encrypt_block(b, m->mac);
	memcpy(mac, m->mac, BLOCK);
}

static void
omac(struct pgp_block *b, uint8_t t, struct slice octets, uint8_t mac[BLOCK])
{
	struct pgp_block_mac m;

	mac_begin(&m, t);
	mac_feed(b, &m, octets);
	mac_end(b, &m, mac);
}

static void
count(struct pgp_block *b, struct slice in, uint8_t *out)
{
	int n = 0;

	if (in.n)
		must(EVP_EncryptUpdate(b->ctx, out, &n, in.p, (int)in.n) == 1 &&
			(size_t)n == in.n);
}

static void
eax_begin(struct pgp_block *b, const struct pgp_block_text *t)
{
	uint8_t start[BLOCK];

	omac(b, 0, slice_of(t->nonce, b->nonce_size), start);
	omac(b, 1, t->aad, b->tag);
	xor_block(b->tag, start);
	mac_begin(&b->cipher, 2);
	must(EVP_EncryptInit_ex2(b->ctx, NULL, NULL, start, NULL) == 1);
}

static void
eax_tag(struct pgp_block *b, uint8_t tag[BLOCK])
{
	mac_end(b, &b->cipher, tag);
	xor_block(tag, b->tag);
}

static void
eax_seal(struct pgp_block *b, const struct pgp_block_text *t, uint8_t *out)
{
	eax_begin(b, t);
	count(b, t->in, out);
	mac_feed(b, &b->cipher, slice_of(out, t->in.n));
	eax_tag(b, out + t->in.n);
}

static bool
eax_open_end(struct pgp_block *b, struct slice cipher, const uint8_t *tag, uint8_t *out)
{
	uint8_t right[BLOCK];

	mac_feed(b, &b->cipher, cipher);
	eax_tag(b, right);
	if (CRYPTO_memcmp(right, tag, TAG) != 0)
		return false;
	count(b, cipher, out);
	return true;
}

/* --- OCB and GCM ------------------------------------------------------------------------- */

static bool
begin(struct pgp_block *b, const struct pgp_block_text *t)
{
	int n;

	return EVP_CipherInit_ex2(b->ctx, NULL, NULL, t->nonce, b->is_seal, NULL) == 1 &&
	       (!t->aad.n || EVP_CipherUpdate(b->ctx, NULL, &n, t->aad.p, (int)t->aad.n) == 1);
}

static bool
end(struct pgp_block *b, struct slice in, uint8_t *out)
{
	int n = 0, rest = 0;

	if (in.n && EVP_CipherUpdate(b->ctx, out, &n, in.p, (int)in.n) != 1)
		return false;
	return EVP_CipherFinal_ex(b->ctx, out + n, &rest) == 1 && (size_t)(n + rest) == in.n;
}

/* --- both -------------------------------------------------------------------------------- */

static void
init_eax(struct pgp_block *b, uint8_t cipher, const uint8_t *key)
{
	uint8_t zero[BLOCK] = {0};

	b->ecb = EVP_CIPHER_CTX_new();
	must(b->ecb &&
		EVP_EncryptInit_ex2(b->ecb, pgp_algorithm_ecb(cipher), key, NULL, NULL) == 1 &&
		EVP_CIPHER_CTX_set_padding(b->ecb, 0) == 1 &&
		EVP_EncryptInit_ex2(b->ctx, pgp_algorithm_ctr(cipher), key, NULL, NULL) == 1);
	encrypt_block(b, zero);
	double_block(zero, b->double_1);
	double_block(b->double_1, b->double_2);
	OPENSSL_cleanse(zero, sizeof zero);
}

void
pgp_block_init(struct pgp_block *b, const struct pgp_block_how *how, const uint8_t *key)
{
	must(pgp_algorithm_has_aead(how->cipher, how->aead));
	memset(b, 0, sizeof *b);
	b->aead = how->aead;
	b->is_seal = how->is_seal;
	b->nonce_size = pgp_algorithm_nonce_size(how->aead);
	b->ctx = EVP_CIPHER_CTX_new();
	must(b->ctx != NULL);
	if (how->aead == PGP_EAX) {
		init_eax(b, how->cipher, key);
		return;
	}
	/* OpenSSL's OCB wants to know the direction when it is given the key. */
	must(EVP_CipherInit_ex2(b->ctx, pgp_algorithm_aead(how->cipher, how->aead), NULL, NULL,
		     how->is_seal, NULL) == 1 &&
		EVP_CIPHER_CTX_ctrl(
			b->ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)b->nonce_size, NULL) == 1 &&
		EVP_CipherInit_ex2(b->ctx, NULL, key, NULL, how->is_seal, NULL) == 1);
}

void
pgp_block_fini(struct pgp_block *b)
{
	EVP_CIPHER_CTX_free(b->ctx);
	EVP_CIPHER_CTX_free(b->ecb);
	OPENSSL_cleanse(b, sizeof *b);
}

void
pgp_block_seal(struct pgp_block *b, const struct pgp_block_text *t, uint8_t *out)
{
	if (b->aead == PGP_EAX) {
		eax_seal(b, t, out);
		return;
	}
	must(begin(b, t) && end(b, t->in, out) &&
		EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_GET_TAG, TAG, out + t->in.n) == 1);
}

void
pgp_block_open_begin(struct pgp_block *b, const struct pgp_block_text *t)
{
	if (b->aead == PGP_EAX)
		eax_begin(b, t);
	else
		must(begin(b, t));
}

void
pgp_block_open_some(struct pgp_block *b, struct slice in, uint8_t *out)
{
	int n = 0;

	must(in.n % BLOCK == 0);
	if (b->aead == PGP_EAX) {
		mac_feed(b, &b->cipher, in);
		count(b, in, out);
	} else if (in.n) {
		must(EVP_CipherUpdate(b->ctx, out, &n, in.p, (int)in.n) == 1 &&
			(size_t)n == in.n);
	}
}

bool
pgp_block_open_end(struct pgp_block *b, struct slice in, uint8_t *out)
{
	struct slice cipher;
	const uint8_t *tag;
	bool ok;

	if (in.n < TAG)
		return false;
	cipher = slice_cut(in, 0, in.n - TAG);
	tag = in.p + cipher.n;
	if (b->aead == PGP_EAX)
		return eax_open_end(b, cipher, tag, out);
	ok = EVP_CIPHER_CTX_ctrl(b->ctx, EVP_CTRL_AEAD_SET_TAG, TAG, (void *)(uintptr_t)tag) ==
		     1 &&
	     end(b, cipher, out);
	if (!ok)
		ERR_clear_error();
	return ok;
}

bool
pgp_block_open(struct pgp_block *b, const struct pgp_block_text *t, uint8_t *out)
{
	pgp_block_open_begin(b, t);
	return pgp_block_open_end(b, t->in, out);
}
