/* peer_ca: the cluster's certificate authority (RFC 5280, RFC 8410). Its Ed25519
 * key follows from the master key, so every process with that can sign, and
 * nothing is stored; its certificate is the same octet by octet each time.
 * Certificates have no end (RFC 5280 section 4.1.2.5): whose are good says the
 * list of the members, which is asked at each connection. No host names either:
 * a node is known by its public key. Pure but for random numbers. */
#ifndef CRYPTO_PEER_CA_H
#define CRYPTO_PEER_CA_H

#include "core/buf.h"
#include "core/err.h"
#include "crypto/seal.h"

enum { PEER_CA_HASH = 32, PEER_CA_PEM_MAX = 4096 };

struct peer_ca;
/* Copies nothing of master but what follows from it. Never NULL. */
struct peer_ca *peer_ca_new(const struct seal_key *master);
/* NULL is fine. */
void peer_ca_free(struct peer_ca *ca);
/* Appends its certificate as PEM. ERR_LIMIT: pem is full. */
enum err peer_ca_certificate(const struct peer_ca *ca, struct buf *pem);
/* SHA-256 of that certificate's DER form. */
void peer_ca_hash(const struct peer_ca *ca, uint8_t hash[PEER_CA_HASH]);
/* Appends a node's certificate for its public key (SPKI, DER). ERR_SYNTAX: not an Ed25519 key.
 * ERR_LIMIT: pem is full. */
enum err peer_ca_issue(const struct peer_ca *ca, struct slice spki, struct buf *pem);

/* A node's own key: appends the private half as PEM (a secret), the public one as DER (SPKI).
 * ERR_LIMIT: one of them is full. */
enum err peer_ca_new_key(struct buf *key_pem, struct buf *spki);
/* SHA-256 of the first certificate's public key (SPKI, DER), by which members know a node.
 * ERR_SYNTAX: no certificate. */
enum err peer_ca_key_hash(struct slice cert_pem, uint8_t hash[PEER_CA_HASH]);

#endif
