/* tls: TLS 1.2 and 1.3 over non-blocking sockets (RFC 8446, RFC 5246, RFC 8996),
 * for core/conn. The private key is elsewhere: each handshake's signature is
 * asked of a callback, which gets the whole octets to be signed, so that the
 * process with the key can see that they are a handshake's (crypto/tls_key).
 * A server takes only AEAD cipher suites with X25519 or P-256; no renegotiation,
 * no compression, no early data, no openssl.cnf. Clients: crypto/tls_client. */
#ifndef CRYPTO_TLS_H
#define CRYPTO_TLS_H

#include "core/buf.h"
#include "core/conn.h"
#include "core/err.h"

enum { TLS_TICKET_SECRET = 80, TLS_MESSAGE_MAX = 2048, TLS_SIGNATURE_MAX = 1024 };

/* What is to be signed: scheme is the IANA SignatureScheme (RFC 8446 section 4.2.3; for
 * TLS 1.2's ECDSA it says the hash, whatever the curve); message is the unhashed octets. */
struct tls_sign_request {
	uint32_t key; /* the settings' key */
	uint32_t scheme;
	struct slice message; /* borrowed; at most TLS_MESSAGE_MAX */
};
/* Appends the signature as TLS wants it. Called in the middle of a handshake; must not touch
 * the stream. */
typedef enum err (*tls_sign)(
	void *arg, const struct tls_sign_request *request, struct buf *signature);

/* Before anything else of OpenSSL, in each process that uses it; safe to call again. */
void tls_init(void);

/* A certificate, whose private key is elsewhere: see tls_server_settings. */
struct tls_identity {
	struct slice chain_pem;
	uint32_t key;
	tls_sign sign;
	void *sign_arg;
};

struct tls_server;
struct tls_server_settings {
	struct slice chain_pem; /* own certificate first */
	uint32_t key;		/* handed to sign */
	tls_sign sign;
	void *sign_arg;
	struct slice ticket_secret; /* TLS_TICKET_SECRET octets, alike in all processes; empty:
				       no tickets */
	struct slice alpn;	    /* one protocol name, or empty: ALPN is ignored */
	bool asks_caller; /* for a certificate; any is taken, and none (crypto/tls_caller) */
};
/* Copies what it needs but sign_arg. ERR_SYNTAX: no certificate in chain_pem. ERR_UNSUPPORTED:
 * its key is neither RSA of 2,048 bits or more nor P-256 or P-384. ERR_CONFIG: ticket_secret
 * has another length. */
enum err tls_server_new(const struct tls_server_settings *settings, struct tls_server **out);
/* Streams that were begun with it stay good. NULL is fine. */
void tls_server_free(struct tls_server *server);

struct tls_stream;
/* fd stays the caller's; it is non-blocking and outlives the stream. Never NULL. */
struct tls_stream *tls_accept(struct tls_server *server, int fd);
/* ERR_OK: done. ERR_MORE: wait for *want, call again. ERR_END: the peer closed. ERR_CRYPTO: the
 * handshake failed (tls_why). ERR_IO: the socket failed. */
enum err tls_handshake(struct tls_stream *s, enum conn_want *want);
/* *n octets came (never 0 with ERR_OK when room > 0). Call until ERR_MORE: octets may wait
 * inside. A peer that closes without saying so is ERR_END too: the mail protocols have their
 * own ends. */
enum err tls_read(struct tls_stream *s, void *p, size_t room, size_t *n, enum conn_want *want);
/* *n octets were taken; after ERR_MORE call again with the same octets first, and perhaps more
 * of them. */
enum err tls_write(
	struct tls_stream *s, const void *p, size_t len, size_t *n, enum conn_want *want);
/* Says close_notify if the socket takes it, frees. NULL is fine. */
void tls_close(struct tls_stream *s);
/* The four above; its `s` is a struct tls_stream. */
extern const struct conn_stream tls_conn_stream;

/* After the handshake. */
/* "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"; at most 128 octets. */
void tls_describe(const struct tls_stream *s, struct buf *out);
bool tls_is_resumed(const struct tls_stream *s);
/* Why handshake or connection failed, for a log line: the certificate's fault, OpenSSL's
 * words, or the socket's error; static or lives as long as s. */
const char *tls_why(const struct tls_stream *s);

enum tls_binding { TLS_BINDING_NONE, TLS_BINDING_EXPORTER, TLS_BINDING_SERVER_END_POINT };
/* Appends the channel binding: RFC 9266 (32 octets; with TLS 1.2 only when it has the extended
 * master secret) or RFC 5929 section 4 (hash of the server's certificate). ERR_UNSUPPORTED:
 * this connection has none. */
enum err tls_channel_binding(
	const struct tls_stream *s, enum tls_binding kind, struct buf *out);

/* The library that does all this, and its version: static, printable. */
const char *tls_library(void);

#endif
