#include "cmd/link_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/must.h"

enum {
	TURN_BYTES = 1 << 20, /* then the other connections have their turn */
	BATCH = 32 << 10,     /* an urgent frame waits for at most so much bulk of ours */
	UNSENT = 128 << 10,   /* and for so much of the kernel's */
	USER_TIMEOUT_MS = 3000
};

enum phase { CONNECTING, HANDSHAKE, OPEN, ENDED };

struct piece {
	struct piece *next;
	size_t n;
	uint8_t octets[];
};
struct queue {
	struct piece *first, **end;
};

struct link_conn {
	struct loop *loop;
	int fd;
	struct loop_fd *watch;
	struct loop_timer *again; /* octets wait inside of TLS */
	struct tls_stream *tls;
	struct link_conn_events ev;
	void *arg;
	enum phase phase;
	enum conn_want want; /* of the handshake */
	bool paused, read_wants_write, is_dead;
	unsigned depth; /* of our callbacks that run */
	struct buf in, out;
	size_t out_sent, waiting; /* waiting: octets in both queues */
	struct queue queue[2];	  /* urgent, bulk */
	uint64_t heard_ms;
};

/* --- life --- */

static void
update(struct link_conn *c)
{
	bool output = c->out.n > c->out_sent || c->waiting;

	if (c->phase == CONNECTING)
		loop_want(c->watch, false, true);
	else if (c->phase == HANDSHAKE)
		loop_want(c->watch, c->want == CONN_WANT_READ, c->want == CONN_WANT_WRITE);
	else if (c->phase == OPEN)
		loop_want(c->watch, !c->paused, output || c->read_wants_write);
}

static void
clear_queue(struct queue *q)
{
	struct piece *next;

	for (struct piece *p = q->first; p; p = next) {
		next = p->next;
		free(p);
	}
	q->first = NULL;
	q->end = &q->first;
}

/* What the loop and the kernel know of it goes at once, the memory when no callback of ours
 * runs any more. */
static void
release(struct link_conn *c)
{
	if (c->watch) {
		loop_unwatch(c->watch);
		loop_cancel(c->again);
		tls_close(c->tls);
		close(c->fd);
		c->watch = NULL;
		c->again = NULL;
		c->phase = ENDED;
	}
	if (c->depth)
		return;
	clear_queue(&c->queue[0]);
	clear_queue(&c->queue[1]);
	buf_fini_secret(&c->in);
	buf_fini_secret(&c->out);
	free(c);
}

void
link_conn_free(struct link_conn *c)
{
	if (!c)
		return;
	c->is_dead = true;
	release(c);
}

static void
leave(struct link_conn *c)
{
	c->depth--;
	if (c->is_dead)
		release(c);
	else
		update(c);
}

static void
end(struct link_conn *c, const char *why)
{
	if (c->phase == ENDED)
		return;
	c->phase = ENDED;
	loop_want(c->watch, false, false);
	c->ev.on_end(c->arg, why);
}

/* --- in --- */

static void
give(struct link_conn *c)
{
	size_t used = 1;

	while (used && c->in.n && !c->paused && c->phase == OPEN) {
		used = c->ev.on_input(c->arg, buf_slice(&c->in));
		if (c->is_dead)
			return;
		buf_drop(&c->in, used);
	}
}

static const char *
why_ended(const struct link_conn *c, enum err e)
{
	return e == ERR_END ? "closed by the other side" : tls_why(c->tls);
}

static void on_again(void *arg);

static void
take_input(struct link_conn *c)
{
	size_t room, n, budget = TURN_BYTES;
	enum conn_want want = CONN_WANT_READ;
	enum err e = ERR_OK;

	give(c);
	c->read_wants_write = false;
	while (c->phase == OPEN && !c->paused && !e && budget) {
		room = c->in.cap - c->in.n;
		if (!room) {
			end(c, "more input than it may send at a time");
			return;
		}
		e = tls_read(c->tls, buf_room(&c->in, room), room, &n, &want);
		if (e)
			break;
		buf_grow(&c->in, n);
		budget -= n < budget ? n : budget;
		c->heard_ms = clock_ms();
		give(c);
	}
	if (c->phase != OPEN)
		return;
	if (e == ERR_MORE)
		c->read_wants_write = want == CONN_WANT_WRITE;
	else if (e)
		end(c, why_ended(c, e));
	else if (!c->paused && !c->again)
		c->again = loop_after(c->loop, 0, on_again, c);
}

/* --- out --- */

static void
fill_batch(struct link_conn *c)
{
	struct queue *q;
	struct piece *p;

	buf_clear(&c->out);
	c->out_sent = 0;
	while (c->waiting && c->out.n < BATCH) {
		q = &c->queue[c->queue[0].first == NULL];
		p = q->first;
		q->first = p->next;
		if (!q->first)
			q->end = &q->first;
		c->waiting -= p->n;
		buf_put(&c->out, p->octets, p->n);
		free(p);
	}
}

static void
put_output(struct link_conn *c)
{
	enum conn_want want;
	enum err e = ERR_OK;
	size_t n;

	while (c->phase == OPEN && !e) {
		if (c->out_sent == c->out.n)
			fill_batch(c);
		if (!c->out.n)
			break;
		e = tls_write(
			c->tls, c->out.p + c->out_sent, c->out.n - c->out_sent, &n, &want);
		if (!e)
			c->out_sent += n;
	}
	if (e && e != ERR_MORE)
		end(c, why_ended(c, e));
	else if (!e && c->phase == OPEN && c->ev.on_sent)
		c->ev.on_sent(c->arg);
}

enum err
link_conn_send(struct link_conn *c, bool bulk, struct slice head, struct slice octets)
{
	struct queue *q = &c->queue[bulk];
	struct piece *p;

	if (c->phase == ENDED)
		return ERR_OK;
	if (c->waiting + head.n + octets.n > LINK_CONN_QUEUE_MAX)
		return ERR_LIMIT;
	p = must_alloc(sizeof *p + head.n + octets.n);
	p->next = NULL;
	p->n = head.n + octets.n;
	memcpy(p->octets, head.p, head.n);
	if (octets.n)
		memcpy(p->octets + head.n, octets.p, octets.n);
	*q->end = p;
	q->end = &p->next;
	c->waiting += p->n;
	update(c);
	return ERR_OK;
}

/* --- the loop's --- */

static void
shake(struct link_conn *c)
{
	enum err e = tls_handshake(c->tls, &c->want);

	if (e == ERR_MORE)
		return;
	if (e) {
		end(c, why_ended(c, e));
		return;
	}
	c->phase = OPEN;
	c->heard_ms = clock_ms();
	c->ev.on_secure(c->arg);
	/* More may have come with the handshake's last octets. */
	if (c->phase == OPEN)
		take_input(c);
}

static void
connected(struct link_conn *c)
{
	int code = 0;
	socklen_t n = sizeof code;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &code, &n);
	if (code) {
		end(c, strerror(code));
		return;
	}
	c->phase = HANDSHAKE;
	shake(c);
}

static void
on_readable(void *arg)
{
	struct link_conn *c = arg;

	c->depth++;
	if (c->phase == HANDSHAKE)
		shake(c);
	else if (c->phase == OPEN)
		take_input(c);
	leave(c);
}

static void
on_writable(void *arg)
{
	struct link_conn *c = arg;

	c->depth++;
	if (c->phase == CONNECTING)
		connected(c);
	else if (c->phase == HANDSHAKE)
		shake(c);
	else if (c->phase == OPEN && c->read_wants_write)
		take_input(c);
	if (c->phase == OPEN)
		put_output(c);
	leave(c);
}

static void
on_again(void *arg)
{
	struct link_conn *c = arg;

	c->again = NULL;
	on_readable(c);
}

/* --- the owner's --- */

static void
set_options(int fd)
{
	int on = 1, unsent = UNSENT;
	unsigned timeout = USER_TIMEOUT_MS;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

static struct link_conn *
new_conn(struct loop *loop, struct tls_stream *tls, int fd, size_t in_max)
{
	struct link_conn *c = must_zalloc(sizeof *c);

	set_options(fd);
	c->loop = loop;
	c->fd = fd;
	c->tls = tls;
	c->want = CONN_WANT_READ;
	c->phase = HANDSHAKE;
	c->heard_ms = clock_ms();
	buf_init(&c->in, in_max);
	buf_init(&c->out, LINK_CONN_QUEUE_MAX);
	for (int i = 0; i < 2; i++)
		c->queue[i].end = &c->queue[i].first;
	c->watch = loop_watch(loop, fd, on_readable, on_writable, c);
	return c;
}

struct link_conn *
link_conn_accept(struct loop *loop, struct peer_tls *tls, int fd, size_t in_max)
{
	struct link_conn *c = new_conn(loop, peer_tls_accept(tls, fd), fd, in_max);

	update(c);
	return c;
}

struct link_conn *
link_conn_connect(struct loop *loop, struct peer_tls *tls, int fd, size_t in_max)
{
	struct link_conn *c = new_conn(loop, peer_tls_connect(tls, fd), fd, in_max);

	c->phase = CONNECTING;
	update(c);
	return c;
}

void
link_conn_hand(struct link_conn *c, const struct link_conn_events *ev, void *arg)
{
	c->ev = *ev;
	c->arg = arg;
}

void
link_conn_widen(struct link_conn *c, size_t in_max)
{
	c->in.cap = in_max;
	peer_tls_read_ahead(c->tls, LINK_CONN_READ);
}

bool
link_conn_is_connecting(const struct link_conn *c)
{
	return c->phase == CONNECTING;
}

const struct tls_stream *
link_conn_tls(const struct link_conn *c)
{
	return c->tls;
}

void
link_conn_pause(struct link_conn *c, bool paused)
{
	if (c->phase == ENDED || c->paused == paused)
		return;
	c->paused = paused;
	if (!paused && !c->again)
		c->again = loop_after(c->loop, 0, on_again, c);
	update(c);
}

uint64_t
link_conn_heard_ms(const struct link_conn *c)
{
	return c->heard_ms;
}
