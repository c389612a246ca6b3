/* queue_seal: a mail's data key, sealed to the queue key of the day, so that the process that
 * took the mail in can't open it any more. One Diffie-Hellman (X25519) serves many mails: its
 * secret begins a chain of keys, each the one-way hash of the one before. A link seals one data
 * key and is wiped at once: whoever breaks into the sealing process later finds the link of the
 * next mail, never one of a mail that has gone. Pure but for random keys.
 *
 * Sealed (QUEUE_SEAL_SIZE octets): 32 octets ephemeral public key, u32 link, then the data key
 * wrapped (seal_wrap) under that link's key with the first 36 octets as AAD. */
#ifndef CRYPTO_QUEUE_SEAL_H
#define CRYPTO_QUEUE_SEAL_H

#include "crypto/seal.h"

enum {
	QUEUE_SEAL_SIZE = 36 + SEAL_WRAPPED,
	QUEUE_SEAL_LINKS = 128 /* of a chain; an opener takes no more steps */
};

struct queue_seal {
	uint8_t to[32], ephemeral[32]; /* public keys */
	struct seal_key chain;
	uint32_t link; /* the next one; at QUEUE_SEAL_LINKS, and in zeroed memory, a chain
			  begins */
	bool is_begun;
};
/* Zeroed memory is ready. A change of the public key begins a new chain. ERR_CRYPTO: a public
 * key of small order. */
enum err queue_seal(struct queue_seal *s, const uint8_t public_key[32],
	const struct seal_key *key, uint8_t out[QUEUE_SEAL_SIZE]);
void queue_seal_wipe(struct queue_seal *s);

/* The opening side keeps some chains at hand: mails come roughly in their order, from several
 * sealing processes. */
struct queue_seal_opener;
struct queue_seal_opener *queue_seal_opener_new(void);
/* NULL is fine. Wipes. */
void queue_seal_opener_free(struct queue_seal_opener *o);
/* ERR_CRYPTO: not sealed to this pair, or damaged. Another pair than the last call's: the
 * chains are forgotten. */
enum err queue_seal_open(struct queue_seal_opener *o, const struct seal_pair *pair,
	struct slice sealed, struct seal_key *key);

#endif
