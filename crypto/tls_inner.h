/* tls_inner: contexts and streams of OpenSSL's, for crypto/ only. */
#ifndef CRYPTO_TLS_INNER_H
#define CRYPTO_TLS_INNER_H

#include <openssl/ssl.h>

#include "crypto/tls.h"

/* A context with what our servers and clients have in common; see tls.h. Never NULL; tls_init
 * came before. */
SSL_CTX *tls_context_new(const SSL_METHOD *method);
/* Own certificate and key; what was there before goes. Errors as tls_server_new. */
enum err tls_context_identify(SSL_CTX *ctx, const struct tls_identity *id);
/* Neither accepts nor connects yet. The context may be freed before the stream. */
struct tls_stream *tls_stream_new(SSL_CTX *ctx, int fd);
/* Lives as long as the stream. */
SSL *tls_stream_ssl(const struct tls_stream *s);

#endif
