/* link_conn: one TLS connection between nodes: large reads, and two queues to
 * send from, of which the urgent one goes first. Non-blocking, one loop. */
#ifndef CMD_LINK_CONN_H
#define CMD_LINK_CONN_H

#include "core/loop.h"
#include "core/slice.h"
#include "crypto/peer_tls.h"

enum {
	LINK_CONN_READ = 256 << 10,    /* octets of a socket at a time, after link_conn_widen */
	LINK_CONN_QUEUE_MAX = 16 << 20 /* octets that wait to be sent */
};

struct link_conn;
struct link_conn_events {
	/* The handshake is done. */
	void (*on_secure)(void *arg);
	/* Take from the front, by returning how many octets were consumed; 0: bring more.
	 * Called again while something is consumed and something left. */
	size_t (*on_input)(void *arg, struct slice in);
	/* All that was queued has been handed to the kernel. May be NULL. */
	void (*on_sent)(void *arg);
	/* It failed or ended; why is for a log line and lives until the return. Nothing comes
	 * after it. */
	void (*on_end)(void *arg, const char *why);
};

/* Takes fd, a TCP socket; its options are set here. No callback comes before the return.
 * in_max: octets of input not consumed; more end the connection. */
struct link_conn *link_conn_accept(
	struct loop *loop, struct peer_tls *tls, int fd, size_t in_max);
/* The same of a socket whose connect is under way. */
struct link_conn *link_conn_connect(
	struct loop *loop, struct peer_tls *tls, int fd, size_t in_max);
/* Who hears of it from now on. */
void link_conn_hand(struct link_conn *c, const struct link_conn_events *ev, void *arg);
/* Closes; never calls back. May be called within a callback. NULL is fine. */
void link_conn_free(struct link_conn *c);

/* After on_secure. From now on it reads in large pieces, and holds so much input. */
void link_conn_widen(struct link_conn *c, size_t in_max);
bool link_conn_is_connecting(const struct link_conn *c);
const struct tls_stream *link_conn_tls(const struct link_conn *c);
/* head and octets, as one, are copied and wait for their turn. ERR_LIMIT: too much waits. */
enum err link_conn_send(struct link_conn *c, bool bulk, struct slice head, struct slice octets);
/* Nothing is read while paused. */
void link_conn_pause(struct link_conn *c, bool paused);
/* When something was read last, by clock_ms. */
uint64_t link_conn_heard_ms(const struct link_conn *c);

#endif
