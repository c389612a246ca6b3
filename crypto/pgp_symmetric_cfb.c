#include <openssl/crypto.h>
#include <stdlib.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/pgp_symmetric_inner.h"

/* OpenSSL's CFB takes a block after the other by a call each. To decrypt, nothing has to wait:
 * each block of the stream is the encryption of the ciphertext block before it, which is there,
 * so it's ECB over a piece. To encrypt, the block of the stream behind a text block is the
 * encryption of that block XOR its own block of the stream: that is what CBC makes of the text
 * when it begins with the stream's first block. */

enum {
	BLOCK_MAX = PGP_ALGORITHM_BLOCK_MAX,
	PIECE = PGP_SYMMETRIC_PIECE,
	MDC = PGP_SYMMETRIC_MDC
};

static const uint8_t mdc_head[] = {0xd3, 20};

static void
add_hash(struct pgp_symmetric_cfb *c, struct slice text)
{
	must(EVP_DigestUpdate(c->hash, text.p, text.n) == 1);
}

static void
run(struct pgp_symmetric_cfb *c, struct slice in, uint8_t *out)
{
	int n;

	must(EVP_EncryptUpdate(c->cipher, out, &n, in.p, (int)in.n) == 1 && (size_t)n == in.n);
}

static void
xor_octets(uint8_t *to, const uint8_t *a, const uint8_t *b, size_t n)
{
	uint64_t x, y;
	size_t i = 0;

	for (; n - i >= sizeof x; i += sizeof x) {
		memcpy(&x, a + i, sizeof x);
		memcpy(&y, b + i, sizeof y);
		x ^= y;
		memcpy(to + i, &x, sizeof x);
	}
	for (; i < n; i++)
		to[i] = a[i] ^ b[i];
}

static void
init(struct pgp_symmetric_cfb *c, const EVP_CIPHER *how, const uint8_t *key, const uint8_t *iv)
{
	must(EVP_EncryptInit_ex2(c->cipher, how, key, iv, NULL) == 1 &&
		EVP_CIPHER_CTX_set_padding(c->cipher, 0) == 1);
}

struct pgp_symmetric_cfb *
pgp_symmetric_cfb_new(bool is_encrypt, uint8_t cipher, const uint8_t *key, struct text_sink to)
{
	struct pgp_symmetric_cfb *c = must_alloc(sizeof *c);

	c->to = to;
	c->block = pgp_algorithm_block_size(cipher);
	c->skip = c->block + 2;
	c->n_in = c->n_made = 0;
	memset(c->in, 0, BLOCK_MAX);
	c->cipher = EVP_CIPHER_CTX_new();
	c->hash = EVP_MD_CTX_new();
	must(c->cipher && c->hash &&
		EVP_DigestInit_ex2(c->hash, pgp_algorithm_md(PGP_SHA1), NULL) == 1);
	init(c, pgp_algorithm_ecb(cipher), key, NULL);
	if (is_encrypt) {
		run(c, slice_of(c->in, c->block), c->stream);
		init(c, pgp_algorithm_cbc(cipher), key, c->stream);
	}
	return c;
}

void
pgp_symmetric_cfb_free(struct pgp_symmetric_cfb *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->cipher);
	EVP_MD_CTX_free(c->hash);
	OPENSSL_cleanse(c, sizeof *c);
	free(c);
}

/* --- encrypting -------------------------------------------------------------------------- */

/* What is made of the padding of a last part of a block isn't used. */
static enum err
encrypt_piece(struct pgp_symmetric_cfb *c)
{
	size_t n = c->n_in, whole = (n + c->block - 1) / c->block * c->block;

	if (!n)
		return ERR_OK;
	memset(c->in + n, 0, whole - n);
	run(c, slice_of(c->in, whole), c->stream + c->block);
	xor_octets(c->made, c->in, c->stream, n);
	memcpy(c->stream, c->stream + whole, c->block);
	c->n_in = 0;
	return c->to.put(c->to.arg, slice_of(c->made, n));
}

static enum err
add_text(struct pgp_symmetric_cfb *c, struct slice text)
{
	enum err e = ERR_OK;

	while (text.n && !e) {
		size_t n = PIECE - c->n_in < text.n ? PIECE - c->n_in : text.n;

		memcpy(c->in + c->n_in, text.p, n);
		c->n_in += n;
		text = slice_from(text, n);
		if (c->n_in == PIECE)
			e = encrypt_piece(c);
	}
	return e;
}

/* RFC 9580 section 5.13.1: a block of random octets, its last two again. */
static enum err
add_prefix(struct pgp_symmetric_cfb *c)
{
	uint8_t prefix[BLOCK_MAX + 2] = {0};
	struct slice s = slice_of(prefix, c->block + 2);

	if (!c->skip)
		return ERR_OK;
	c->skip = 0;
	rand_bytes(prefix, c->block);
	memcpy(prefix + c->block, prefix + c->block - 2, 2);
	add_hash(c, s);
	return add_text(c, s);
}

enum err
pgp_symmetric_cfb_encrypt(struct pgp_symmetric_cfb *c, struct slice text)
{
	enum err e = add_prefix(c);

	if (e)
		return e;
	add_hash(c, text);
	return add_text(c, text);
}

enum err
pgp_symmetric_cfb_encrypt_end(struct pgp_symmetric_cfb *c)
{
	uint8_t mdc[MDC];
	enum err e = add_prefix(c);

	if (e)
		return e;
	memcpy(mdc, mdc_head, sizeof mdc_head);
	add_hash(c, slice_of(mdc, sizeof mdc_head));
	must(EVP_DigestFinal_ex(c->hash, mdc + sizeof mdc_head, NULL) == 1);
	e = add_text(c, slice_of(mdc, sizeof mdc));
	return e ? e : encrypt_piece(c);
}

/* --- decrypting -------------------------------------------------------------------------- */

/* The first n octets of the text that is there are sure to be text: hashed, and given away but
 * for the prefix. */
static enum err
emit(struct pgp_symmetric_cfb *c, size_t n)
{
	struct slice text = slice_of(c->made, n);
	size_t skip = c->skip < n ? c->skip : n;

	add_hash(c, text);
	c->skip -= skip;
	text = slice_from(text, skip);
	return text.n ? c->to.put(c->to.arg, text) : ERR_OK;
}

static enum err
decrypt_piece(struct pgp_symmetric_cfb *c, size_t n)
{
	/* The stream for a part of a block is made like that for all of it. */
	size_t whole = (n + c->block - 1) / c->block * c->block, ready;
	const uint8_t *cipher = c->in + BLOCK_MAX;
	uint8_t *plain = c->made + c->n_made;
	enum err e = ERR_OK;

	run(c, slice_of(cipher - c->block, whole), c->stream);
	xor_octets(plain, cipher, c->stream, n);
	memmove(c->in, c->in + n, BLOCK_MAX);
	c->n_made += n;
	c->n_in = 0;
	if (c->n_made > MDC) {
		ready = c->n_made - MDC;
		e = emit(c, ready);
		memmove(c->made, c->made + ready, MDC);
		c->n_made = MDC;
	}
	return e;
}

enum err
pgp_symmetric_cfb_decrypt(struct pgp_symmetric_cfb *c, struct slice octets)
{
	enum err e = ERR_OK;

	while (octets.n && !e) {
		size_t n = PIECE - c->n_in < octets.n ? PIECE - c->n_in : octets.n;

		memcpy(c->in + BLOCK_MAX + c->n_in, octets.p, n);
		c->n_in += n;
		octets = slice_from(octets, n);
		if (c->n_in == PIECE)
			e = decrypt_piece(c, PIECE);
	}
	return e;
}

enum err
pgp_symmetric_cfb_decrypt_end(struct pgp_symmetric_cfb *c)
{
	uint8_t want[MDC];
	enum err e = c->n_in ? decrypt_piece(c, c->n_in) : ERR_OK;

	if (e)
		return e;
	memcpy(want, mdc_head, sizeof mdc_head);
	add_hash(c, slice_of(want, sizeof mdc_head));
	must(EVP_DigestFinal_ex(c->hash, want + sizeof mdc_head, NULL) == 1);
	return c->n_made == MDC && c->skip == 0 && CRYPTO_memcmp(want, c->made, MDC) == 0
		       ? ERR_OK
		       : ERR_CRYPTO;
}
