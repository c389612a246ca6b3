/* pgp_symmetric_inner: what pgp_symmetric's files share. */
#ifndef CRYPTO_PGP_SYMMETRIC_INNER_H
#define CRYPTO_PGP_SYMMETRIC_INNER_H

#include <openssl/evp.h>

#include "crypto/pgp_block.h"
#include "crypto/pgp_symmetric.h"

/* RFC 9580 section 5.13.1, at one go a piece, for both directions. */
enum {
	PGP_SYMMETRIC_PIECE = 16384,
	PGP_SYMMETRIC_MDC = 22 /* the packet at its end, header and all */
};
struct pgp_symmetric_cfb {
	struct text_sink to;
	EVP_CIPHER_CTX *cipher; /* CBC, to encrypt; ECB, to decrypt */
	EVP_MD_CTX *hash;
	size_t block;
	size_t skip; /* octets of the prefix that are still to come */
	size_t n_in, n_made;
	/* What wasn't encrypted or decrypted yet; to decrypt, behind the block before it. */
	uint8_t in[PGP_ALGORITHM_BLOCK_MAX + PGP_SYMMETRIC_PIECE];
	/* To encrypt, one block more than in. */
	uint8_t stream[PGP_ALGORITHM_BLOCK_MAX + PGP_SYMMETRIC_PIECE];
	/* What was made of in; to decrypt, behind the last PGP_SYMMETRIC_MDC octets of the
	 * text before it. */
	uint8_t made[PGP_SYMMETRIC_MDC + PGP_SYMMETRIC_PIECE];
};
/* cipher: one of ours, with a key of its size. */
struct pgp_symmetric_cfb *pgp_symmetric_cfb_new(
	bool is_encrypt, uint8_t cipher, const uint8_t *key, struct text_sink to);
void pgp_symmetric_cfb_free(struct pgp_symmetric_cfb *c);
enum err pgp_symmetric_cfb_encrypt(struct pgp_symmetric_cfb *c, struct slice text);
enum err pgp_symmetric_cfb_encrypt_end(struct pgp_symmetric_cfb *c);
enum err pgp_symmetric_cfb_decrypt(struct pgp_symmetric_cfb *c, struct slice octets);
enum err pgp_symmetric_cfb_decrypt_end(struct pgp_symmetric_cfb *c);

/* RFC 9580 section 5.13.2, and GnuPG's packet 20. */
struct pgp_symmetric_chunks;
/* head: all of it, n octets, as pgp_symmetric_peek read it. key: of any length. */
struct pgp_symmetric_chunks *pgp_symmetric_chunks_new(
	bool is_encrypt, uint8_t tag, struct slice head, struct slice key, struct text_sink to);
void pgp_symmetric_chunks_free(struct pgp_symmetric_chunks *c);
enum err pgp_symmetric_chunks_encrypt(struct pgp_symmetric_chunks *c, struct slice text);
enum err pgp_symmetric_chunks_encrypt_end(struct pgp_symmetric_chunks *c);
enum err pgp_symmetric_chunks_decrypt(struct pgp_symmetric_chunks *c, struct slice octets);
enum err pgp_symmetric_chunks_decrypt_end(struct pgp_symmetric_chunks *c);

#endif
