/* tls_caller: which clients of a TLS server are known by their certificate: some by its hash or
 * by that of its public key (SHA-256, as Postfix's relay_clientcerts has them), some because an
 * authority signed it. Pure. */
#ifndef CRYPTO_TLS_CALLER_H
#define CRYPTO_TLS_CALLER_H

#include "crypto/tls.h"

enum { TLS_CALLER_PIN = 32, TLS_CALLER_WHO_MAX = 400 };

/* 64 hexadecimal digits, with colons between the octets or without. */
bool tls_caller_parse_pin(struct slice text, uint8_t pin[TLS_CALLER_PIN]);

struct tls_caller;
/* Copies. ca_pem: authorities, each of whose certificates will do, whatever it is for and whose
 * ever it is; may be empty. ERR_SYNTAX: it isn't certificates. */
enum err tls_caller_new(const uint8_t (*pin)[TLS_CALLER_PIN], size_t pins, struct slice ca_pem,
	struct tls_caller **out);
/* NULL is fine. */
void tls_caller_free(struct tls_caller *c);
/* s comes of tls_accept at a server that asks_caller; the handshake is over. A pinned
 * certificate counts whatever its dates are. Appends to who, for the log, whose it is, its
 * hash, and why it isn't good; printable, at most TLS_CALLER_WHO_MAX octets. */
bool tls_caller_is_known(
	const struct tls_caller *c, const struct tls_stream *s, struct buf *who);

#endif
