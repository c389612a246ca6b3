/* keyring: what keyd does with keys. Holds the master key and the epoch keys of
 * this life. Touches no file, socket or clock (times come in).
 *
 * Everything that the database holds of private keys is wrapped under a
 * subkey of the master key, by purpose, bound by AAD to its id. Epochs: one
 * symmetric key for (account, day, this keyd's life); the copy sealed to the
 * account's public key has to be logged before the first wrapped key is. */
#ifndef CRYPTO_KEYRING_H
#define CRYPTO_KEYRING_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "crypto/peer_ca.h"
#include "crypto/permit.h"
#include "crypto/queue_seal.h"
#include "crypto/seal.h"

enum {
	KEYRING_EPOCHS_MAX = 100000, /* then the oldest are forgotten: new epochs begin */
	KEYRING_SECRET_WRAPPED = SEAL_WRAPPED,
	KEYRING_EPOCH_SEALED = 32 + SEAL_BOX_EXTRA,
	KEYRING_PRIVATE_MAX = 8192
};
enum keyring_named { KEYRING_AUTH = 1, KEYRING_REPEAT = 2, KEYRING_GUARD = 3, KEYRING_SRS = 4 };
enum keyring_pair { KEYRING_ACCOUNT = 1, KEYRING_QUEUE = 2 };
struct keyring;

/* master: copied into locked memory. */
struct keyring *keyring_new(const struct seal_key *master);
void keyring_free(struct keyring *k);
/* The master key's file: one line, "hairpin-master-1 " and base64. */
bool keyring_format_master(const struct seal_key *master, struct buf *out);
enum err keyring_parse_master(struct slice text, struct seal_key *master);

/* A key that auth, smtpd or courier holds as its own. */
void keyring_named(const struct keyring *k, enum keyring_named which, struct seal_key *out);
/* The cluster's certificate authority; the caller's to free. */
struct peer_ca *keyring_peer_ca(const struct keyring *k);
/* Opens the wrapped log key, or, wrapped being empty, makes one and wraps it to new_wrapped. */
enum err keyring_log_key(const struct keyring *k, struct slice wrapped, struct seal_key *out,
	uint8_t new_wrapped[SEAL_WRAPPED], bool *is_new);
/* The secret of a join token (peer_join.h): it follows from the master key and what else the
 * token says, so that no node has to remember one. */
void keyring_join_secret(const struct keyring *k, const uint8_t id[16], uint64_t until_sec,
	bool arbiter, uint8_t secret[16]);
/* For a joining data node alone, sealed. */
void keyring_master(const struct keyring *k, struct seal_key *out);
/* A pair whose secret leaves only wrapped. id: account or queue key. */
void keyring_new_pair(const struct keyring *k, enum keyring_pair kind, uint64_t id,
	uint8_t public_key[32], uint8_t wrapped[KEYRING_SECRET_WRAPPED]);
/* The account's secret for the process that serves its session. ERR_CRYPTO. */
enum err keyring_open_secret(const struct keyring *k, enum keyring_pair kind, uint64_t id,
	struct slice wrapped, uint8_t secret[32]);

/* A private key at rest: sealed under 32 random octets of its own, which are wrapped under the
 * master key; both are bound to the key's id. Whoever destroys the wrapped ones destroys it.
 * ERR_TOO_BIG: more than KEYRING_PRIVATE_MAX octets, or none; sealed has room for that and
 * SEAL_AEAD_EXTRA. */
enum err keyring_seal_private(const struct keyring *k, uint64_t id, struct slice pkcs8,
	uint8_t wrapped[KEYRING_SECRET_WRAPPED], struct buf *sealed);
/* PKCS#8, DER, in memory of seal_secret_new, which keyring_private_free wipes and frees.
 * ERR_CRYPTO: of another key, or of another master key. */
struct keyring_private {
	uint8_t *p;
	size_t n;
};
enum err keyring_open_private(const struct keyring *k, uint64_t id, struct slice wrapped,
	struct slice sealed, struct keyring_private *out);
void keyring_private_free(struct keyring_private *private);

/* The data key of a queue item (queue_seal.h). */
struct keyring_sealed {
	struct slice sealed_key, wrapped_secret;
	uint64_t queue_key;
};
enum err keyring_open_sealed(
	struct keyring *k, const struct keyring_sealed *s, struct seal_key *data_key);
/* Seals it to another queue key (to_wrapped, to_id): the old one is to be destroyed. */
enum err keyring_reseal(struct keyring *k, const struct keyring_sealed *s, uint64_t to_id,
	struct slice to_wrapped, uint8_t out[QUEUE_SEAL_SIZE]);
/* Wraps data_key for an account. *is_new: sealed_epoch was filled and must be logged.
 * ERR_CRYPTO: bad public key. */
struct keyring_wrap {
	uint64_t epoch;
	bool is_new;
	uint8_t wrapped[SEAL_WRAPPED], sealed_epoch[KEYRING_EPOCH_SEALED];
};
/* fresh: an epoch that was given for it before never reached the log: begin a new one. */
struct keyring_target {
	uint64_t account;
	const uint8_t *public_key;
	bool fresh;
};
enum err keyring_wrap(struct keyring *k, const struct keyring_target *to, uint64_t now_sec,
	const struct seal_key *data_key, struct keyring_wrap *out);

#endif
