/* conn: one client connection: a non-blocking socket, optionally TLS, with a
 * bounded input buffer, an output queue with a cap, deadlines, and
 * back-pressure (nothing is read while the output is above its high mark or
 * reading is paused). Idle connections hold no buffers. */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include "core/buf.h"
#include "core/err.h"

struct loop;
struct conn;

/* What TLS puts between (crypto/tls fills it). Each returns ERR_OK, ERR_MORE with *want
 * set (wait for the socket), ERR_END (closed by the peer) or another err. */
enum conn_want { CONN_WANT_READ = 1, CONN_WANT_WRITE = 2 };
struct conn_stream {
	enum err (*handshake)(void *s, enum conn_want *want);
	enum err (*read)(void *s, void *p, size_t room, size_t *n, enum conn_want *want);
	enum err (*write)(void *s, const void *p, size_t len, size_t *n, enum conn_want *want);
	void (*close)(void *s); /* sends close_notify if it can, frees */
};

struct conn_events {
	/* New input: bytes are in `in`; take what you want from the front by returning how many
	 * octets were consumed. Called again at once while something was consumed and something
	 * is left. */
	size_t (*on_input)(void *arg, struct slice in);
	/* The output queue has drained below the low mark. */
	void (*on_drained)(void *arg);
	/* The handshake begun with conn_start_tls ended; ERR_OK or why not. */
	void (*on_secure)(void *arg, enum err e);
	/* Peer closed (ERR_END; what was queued has been sent), failed (ERR_IO), a deadline
	 * passed (ERR_TIMEOUT), input buffer full with nothing consumed (ERR_TOO_BIG). Nothing
	 * comes after it; call conn_free. */
	void (*on_end)(void *arg, enum err e);
};

struct conn_limits {
	size_t in_max;		  /* octets of unconsumed input (a line limit) */
	size_t out_high, out_max; /* octets: stop reading above high; above max conn_write fails
				     and the conn ends */
	uint32_t idle_ms;	  /* no input for so long: ERR_TIMEOUT; 0 = never */
	uint32_t write_ms;	  /* output makes no progress for so long */
};

/* Takes fd. No callback comes before the return. */
struct conn *conn_new(struct loop *l, int fd, const struct conn_events *ev, void *arg,
	const struct conn_limits *lim);
/* Never calls back. Closes at once; NULL is fine. */
void conn_free(struct conn *c);
/* Sends what is queued, then closes and calls on_end(ERR_END). */
void conn_finish(struct conn *c);
enum err conn_write(struct conn *c, struct slice s);
/* Octets queued and not yet sent. */
size_t conn_pending(const struct conn *c);
/* Stops and resumes on_input; back-pressure towards the peer. */
/* Acknowledges now what was read: the client may hold back the rest of a command until then
 * (Nagle's algorithm against delayed acknowledgement costs 40 ms). */
void conn_acknowledge(struct conn *c);
void conn_pause(struct conn *c, bool paused);
/* Input not yet consumed is dropped (STARTTLS injection), output is flushed first, then the
 * handshake runs. */
void conn_start_tls(struct conn *c, const struct conn_stream *stream, void *s);
bool conn_is_secure(const struct conn *c);
void *conn_tls(struct conn *c);
void conn_set_idle_ms(struct conn *c, uint32_t idle_ms);
int conn_fd(const struct conn *c);

#endif
