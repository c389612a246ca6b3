/* pgp_block: OpenPGP's block ciphers on octets that are all there: CFB as passwords protect
 * keys with it (RFC 9580 section 5.5.3), and the three authenticated modes (section 5.13.3 on),
 * EAX by CMAC and CTR since OpenSSL has none. For crypto/ only. Pure. */
#ifndef CRYPTO_PGP_BLOCK_H
#define CRYPTO_PGP_BLOCK_H

#include <openssl/evp.h>

#include "core/slice.h"
#include "crypto/pgp_algorithm.h"

/* key and iv have the cipher's sizes, and the cipher is one that pgp_algorithm_cfb has. out has
 * room for in.n octets, and may be in.p. */
struct pgp_block_cfb {
	uint8_t cipher;
	bool is_encrypt;
	const uint8_t *key, *iv;
};
void pgp_block_cfb(const struct pgp_block_cfb *q, struct slice in, uint8_t *out);

/* One key and one direction, for as many texts as wanted. */
struct pgp_block_mac { /* of EAX */
	uint8_t mac[PGP_ALGORITHM_BLOCK_MAX], held[PGP_ALGORITHM_BLOCK_MAX];
	size_t n; /* held: the last block isn't like the others */
};
struct pgp_block {
	bool is_seal;
	uint8_t aead;
	size_t nonce_size;
	EVP_CIPHER_CTX *ctx; /* of OCB and GCM; EAX: CTR */
	/* EAX alone: */
	EVP_CIPHER_CTX *ecb; /* for CMAC */
	uint8_t double_1[PGP_ALGORITHM_BLOCK_MAX], double_2[PGP_ALGORITHM_BLOCK_MAX];
	uint8_t tag[PGP_ALGORITHM_BLOCK_MAX]; /* as far as it is known at the beginning */
	struct pgp_block_mac cipher;	      /* of the ciphertext */
};
/* pgp_algorithm_has_aead said yes; key has the cipher's size. */
struct pgp_block_how {
	uint8_t cipher, aead;
	bool is_seal; /* else open */
};
void pgp_block_init(struct pgp_block *b, const struct pgp_block_how *how, const uint8_t *key);
/* Wipes. */
void pgp_block_fini(struct pgp_block *b);
struct pgp_block_text {
	const uint8_t *nonce; /* nonce_size octets */
	struct slice aad, in;
};
/* in.n + PGP_ALGORITHM_TAG octets of ciphertext and tag. out may be in.p. */
void pgp_block_seal(struct pgp_block *b, const struct pgp_block_text *t, uint8_t *out);
/* The other way. False: in is too short, or the tag isn't right; out is then of no use. */
bool pgp_block_open(struct pgp_block *b, const struct pgp_block_text *t, uint8_t *out);
/* The same in pieces, which are of no use before the last, false as above: of whole blocks,
 * then what is left with the tag behind it. t->in isn't read. */
void pgp_block_open_begin(struct pgp_block *b, const struct pgp_block_text *t);
void pgp_block_open_some(struct pgp_block *b, struct slice in, uint8_t *out);
bool pgp_block_open_end(struct pgp_block *b, struct slice in, uint8_t *out);

#endif
