/* tls_cert: makes self-signed certificates (RFC 5280), and says what one holds. */
#ifndef CRYPTO_TLS_CERT_H
#define CRYPTO_TLS_CERT_H

#include "core/buf.h"
#include "core/err.h"

enum { TLS_CERT_NAMES_MAX = 32, TLS_CERT_DAYS = 3652 };

/* A new P-256 key and a certificate for names (host names as A-labels, each at most 253 octets;
 * the first becomes the common name when it has at most 64), good from an hour before now_sec
 * for TLS_CERT_DAYS. Appends PEM to both. ERR_CONFIG: no name, too many, or one that is none.
 * key_pem holds a secret. */
enum err tls_cert_new(const struct slice *names, size_t n, int64_t now_sec, struct buf *key_pem,
	struct buf *cert_pem);

struct tls_cert_facts {
	int64_t not_before_sec, not_after_sec;
	bool is_self_signed;
	uint8_t sha256[32]; /* of the DER form */
};
/* Of the first certificate. ERR_SYNTAX: none. */
enum err tls_cert_read(struct slice chain_pem, struct tls_cert_facts *out);
/* Names the public key of the first certificate, so that a process with several private keys
 * can tell which is meant. ERR_SYNTAX: none. */
enum err tls_cert_key_id(struct slice chain_pem, uint32_t *id);
/* Is the first certificate good for this host name (RFC 6125)? name has no NUL. */
bool tls_cert_is_for(struct slice chain_pem, struct slice name);

#endif
