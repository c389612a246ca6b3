#include <openssl/crypto.h>
#include <stdlib.h>

#include "core/big_endian.h"
#include "core/must.h"
#include "crypto/pgp_symmetric_inner.h"

enum {
	TAG = PGP_ALGORITHM_TAG,
	INDEX = 8,
	INFO = 5, /* the packet's tag octet, and the head up to the chunk size */
	HEAD = 4
};

struct pgp_symmetric_chunks {
	struct text_sink to;
	struct pgp_block block;
	bool is_gnupg;
	size_t chunk, piece;   /* piece: that is opened at once */
	size_t done;	       /* octets of this chunk, to open */
	uint64_t index, total; /* chunks and octets of text that were */
	uint8_t nonce[PGP_ALGORITHM_NONCE_MAX];
	uint8_t info[INFO];
	struct buf octets; /* of one chunk or piece, and what may be behind it */
};

/* RFC 9580 section 5.13.2: the key and the front of the nonces come from the session key, the
 * salt and what the head says. */
static void
derive(struct pgp_symmetric_chunks *c, struct slice salt, struct slice key,
	struct pgp_block_how how)
{
	size_t key_size = pgp_algorithm_key_size(how.cipher),
	       nonce_size = pgp_algorithm_nonce_size(how.aead);
	uint8_t made[PGP_SESSION_MAX + PGP_ALGORITHM_NONCE_MAX];
	const struct pgp_algorithm_hkdf q = {
		.key = key, .salt = salt, .info = slice_of(c->info, INFO)};

	pgp_algorithm_hkdf(&q, made, key_size + nonce_size - INDEX);
	memcpy(c->nonce, made + key_size, nonce_size - INDEX);
	pgp_block_init(&c->block, &how, made);
	OPENSSL_cleanse(made, sizeof made);
}

struct pgp_symmetric_chunks *
pgp_symmetric_chunks_new(
	bool is_encrypt, uint8_t tag, struct slice head, struct slice key, struct text_sink to)
{
	const struct pgp_block_how how = {head.p[1], head.p[2], is_encrypt};
	struct pgp_symmetric_chunks *c = must_zalloc(sizeof *c);
	uint8_t padded[PGP_SESSION_MAX] = {0};

	c->to = to;
	c->is_gnupg = tag == PGP_TAG_OCB;
	c->chunk = (size_t)1 << (head.p[3] + 6);
	c->info[0] = 0xc0 | tag;
	memcpy(c->info + 1, head.p, HEAD);
	/* What we write are small ones. */
	c->piece = is_encrypt || c->chunk < PGP_SYMMETRIC_HELD ? c->chunk : PGP_SYMMETRIC_HELD;
	buf_init(&c->octets, c->piece + 2 * TAG);
	if (!c->is_gnupg) {
		derive(c, slice_from(head, HEAD), key, how);
		return c;
	}
	memcpy(padded, key.p, key.n);
	memcpy(c->nonce, head.p + HEAD, head.n - HEAD);
	pgp_block_init(&c->block, &how, padded);
	OPENSSL_cleanse(padded, sizeof padded);
	return c;
}

void
pgp_symmetric_chunks_free(struct pgp_symmetric_chunks *c)
{
	if (!c)
		return;
	pgp_block_fini(&c->block);
	buf_fini_secret(&c->octets);
	OPENSSL_cleanse(c, sizeof *c);
	free(c);
}

/* --- one chunk --------------------------------------------------------------------------- */

struct aad {
	uint8_t octets[INFO + 2 * INDEX];
	size_t n;
};

/* GnuPG has the index in each, both have the number of octets in the last. */
static void
make_aad(const struct pgp_symmetric_chunks *c, bool is_last, struct aad *a)
{
	memcpy(a->octets, c->info, INFO);
	a->n = INFO;
	if (c->is_gnupg) {
		big_endian_put_u64(a->octets + a->n, c->index);
		a->n += INDEX;
	}
	if (is_last) {
		big_endian_put_u64(a->octets + a->n, c->total);
		a->n += INDEX;
	}
}

static void
make_nonce(const struct pgp_symmetric_chunks *c, uint8_t nonce[PGP_ALGORITHM_NONCE_MAX])
{
	uint8_t *last = nonce + c->block.nonce_size - INDEX;

	/* The front of ours is followed by zeros. */
	memcpy(nonce, c->nonce, PGP_ALGORITHM_NONCE_MAX);
	big_endian_put_u64(last, big_endian_get_u64(last) ^ c->index);
}

static void
begin_open(struct pgp_symmetric_chunks *c, bool is_last)
{
	uint8_t nonce[PGP_ALGORITHM_NONCE_MAX];
	struct aad aad;

	make_nonce(c, nonce);
	make_aad(c, is_last, &aad);
	pgp_block_open_begin(&c->block,
		&(struct pgp_block_text){.nonce = nonce, .aad = slice_of(aad.octets, aad.n)});
}

static void
seal_chunk(struct pgp_symmetric_chunks *c, bool is_last, uint8_t *p, size_t n)
{
	uint8_t nonce[PGP_ALGORITHM_NONCE_MAX];
	struct aad aad;

	make_nonce(c, nonce);
	make_aad(c, is_last, &aad);
	pgp_block_seal(&c->block,
		&(struct pgp_block_text){nonce, slice_of(aad.octets, aad.n), slice_of(p, n)},
		p);
	c->index++;
	c->total += n;
}

/* --- streams ----------------------------------------------------------------------------- */

/* Takes as much as there is room for up to n octets. */
static void
fill(struct pgp_symmetric_chunks *c, struct slice *rest, size_t n)
{
	size_t some = n - c->octets.n < rest->n ? n - c->octets.n : rest->n;

	must(buf_put(&c->octets, rest->p, some));
	*rest = slice_from(*rest, some);
}

/* Opens n octets at the front, and gives the text away; is_end: with the chunk's tag. */
static enum err
open_front(struct pgp_symmetric_chunks *c, size_t n, bool is_end)
{
	struct slice front = slice_of(c->octets.p, n);
	size_t text = is_end ? n - TAG : n;
	enum err e;

	if (c->done == 0)
		begin_open(c, false);
	if (!is_end)
		pgp_block_open_some(&c->block, front, c->octets.p);
	else if (!pgp_block_open_end(&c->block, front, c->octets.p))
		return ERR_CRYPTO;
	c->total += text;
	c->done += text;
	if (is_end) {
		c->index++;
		c->done = 0;
	}
	e = text ? c->to.put(c->to.arg, slice_of(c->octets.p, text)) : ERR_OK;
	buf_drop(&c->octets, n);
	return e;
}

enum err
pgp_symmetric_chunks_decrypt(struct pgp_symmetric_chunks *c, struct slice octets)
{
	enum err e = ERR_OK;

	while (octets.n && !e) {
		bool is_end = c->chunk - c->done == c->piece;

		/* With two tags behind it, it isn't the end of the last, shorter one. */
		fill(c, &octets, c->piece + 2 * TAG);
		if (c->octets.n == c->piece + 2 * TAG)
			e = open_front(c, c->piece + (is_end ? TAG : 0), is_end);
	}
	return e;
}

enum err
pgp_symmetric_chunks_decrypt_end(struct pgp_symmetric_chunks *c)
{
	bool has_begun = c->done > 0;
	enum err e = ERR_OK;

	if (has_begun ? c->octets.n < 2 * TAG : c->octets.n != TAG && c->octets.n <= 2 * TAG)
		return ERR_CRYPTO;
	if (c->octets.n > TAG)
		e = open_front(c, c->octets.n - TAG, true);
	if (e)
		return e;
	begin_open(c, true);
	return pgp_block_open_end(&c->block, buf_slice(&c->octets), c->octets.p) ? ERR_OK
										 : ERR_CRYPTO;
}

static enum err
seal_front(struct pgp_symmetric_chunks *c, bool is_last)
{
	size_t n = c->octets.n;
	uint8_t *p = buf_room(&c->octets, TAG);

	must(p != NULL);
	seal_chunk(c, is_last, c->octets.p, n);
	buf_grow(&c->octets, TAG);
	return c->to.put(c->to.arg, buf_slice(&c->octets));
}

enum err
pgp_symmetric_chunks_encrypt(struct pgp_symmetric_chunks *c, struct slice text)
{
	enum err e = ERR_OK;

	while (text.n && !e) {
		fill(c, &text, c->chunk);
		if (c->octets.n < c->chunk)
			continue;
		e = seal_front(c, false);
		buf_clear(&c->octets);
	}
	return e;
}

enum err
pgp_symmetric_chunks_encrypt_end(struct pgp_symmetric_chunks *c)
{
	enum err e = c->octets.n ? seal_front(c, false) : ERR_OK;

	buf_clear(&c->octets);
	return e ? e : seal_front(c, true);
}
