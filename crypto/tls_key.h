/* tls_key: the private half of TLS, for the process that holds it: signs
 * handshakes (RFC 8446 section 4.4.3, RFC 8422 section 5.4), and nothing that
 * doesn't look like one. Pure but for random numbers. */
#ifndef CRYPTO_TLS_KEY_H
#define CRYPTO_TLS_KEY_H

#include "crypto/tls.h"

struct tls_key;
/* A PEM private key without a password. ERR_SYNTAX: not that. ERR_UNSUPPORTED: neither RSA of
 * 2,048 to 4,096 bits nor P-256 or P-384. */
enum err tls_key_parse(struct slice pem, struct tls_key **out);
/* NULL is fine. */
void tls_key_free(struct tls_key *key);
/* Who wants it signed: a server of ours proves to its clients who it is, a client of ours to
 * its server. Neither can sign for the other. */
enum tls_key_side { TLS_KEY_SERVER, TLS_KEY_CLIENT };
/* Appends the signature. ERR_DENIED: scheme and key don't belong together, or the message is no
 * handshake of that side: neither TLS 1.3's CertificateVerify (spaces, context, a hash) nor, of
 * a server, TLS 1.2's ServerKeyExchange (randoms, X25519 or P-256 point). What a client signs
 * with TLS 1.2 can't be told from other octets. */
enum err tls_key_sign(const struct tls_key *key, enum tls_key_side side, uint32_t scheme,
	struct slice message, struct buf *signature);
/* Equal to tls_cert_key_id of the certificates that it belongs to. */
uint32_t tls_key_id(const struct tls_key *key);
/* Is it the private half of the first certificate in chain_pem? */
bool tls_key_matches(const struct tls_key *key, struct slice chain_pem);

#endif
