/* peer_tls: TLS 1.3 between the nodes of a cluster (RFC 8446), and nothing older.
 * Both sides show a certificate of the cluster's own authority (peer_ca); which
 * node that is, and whether it still belongs here, its caller asks by the hash of
 * its public key. A client may show none: then it is a stranger, who wants to
 * join. No session tickets, no early data, an ALPN name of our own, Ed25519 and
 * X25519 only. The node's key is in this process. */
#ifndef CRYPTO_PEER_TLS_H
#define CRYPTO_PEER_TLS_H

#include "crypto/peer_ca.h"
#include "crypto/tls.h"

struct peer_tls;
struct peer_tls_settings {
	struct slice key_pem, cert_pem; /* the node's */
	struct slice authority_pem;	/* the cluster's */
};
/* Copies what it needs. ERR_SYNTAX: one isn't what its name says. ERR_CRYPTO: they don't
 * belong together. */
enum err peer_tls_new(const struct peer_tls_settings *settings, struct peer_tls **out);
/* One that only connects, without a certificate, to nodes whose certificate comes with that of
 * the authority of this hash (peer_ca_hash) and is signed by it. */
struct peer_tls *peer_tls_new_stranger(const uint8_t authority[PEER_CA_HASH]);
/* Streams that were begun with it stay good, but for a stranger's. NULL is fine. */
void peer_tls_free(struct peer_tls *t);

/* fd: non-blocking, outlives the stream. Handshake, read, write, close: tls.h; whether the
 * other side takes our certificate is known when it has said something. Never NULL. */
struct tls_stream *peer_tls_accept(struct peer_tls *t, int fd);
struct tls_stream *peer_tls_connect(struct peer_tls *t, int fd);

/* After the handshake: the hash of the other side's public key (SPKI, DER). ERR_NOT_FOUND: it
 * is a stranger. */
enum err peer_tls_key_hash(const struct tls_stream *s, uint8_t hash[PEER_CA_HASH]);
/* From now on this stream reads its socket in pieces of so many octets. */
void peer_tls_read_ahead(struct tls_stream *s, size_t octets);

#endif
