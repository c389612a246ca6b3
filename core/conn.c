#include "core/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loop.h"
#include "core/must.h"

enum { READ_ROOM = 65536, CLOSE_WAIT_MS = 5000 };

enum conn_phase { PLAIN, FLUSHING_FOR_TLS, HANDSHAKE, SECURE, ENDED };

struct conn {
	struct loop *loop;
	int fd;
	struct conn_events ev;
	void *arg;
	struct conn_limits lim;
	struct loop_fd *watch;
	struct loop_timer *idle, *stuck;
	struct buf in, out;
	size_t out_sent; /* octets of out already gone */
	const struct conn_stream *stream;
	void *tls;
	enum conn_phase phase;
	bool paused, finishing, in_callback, dead, was_high;
	bool kicked; /* look at what lies in `in` (or in the TLS layer) at the next turn */
};

static void on_readable(void *arg);
static void on_writable(void *arg);
static void serve(struct conn *c);

static size_t
pending(const struct conn *c)
{
	return c->out.n - c->out_sent;
}

size_t
conn_pending(const struct conn *c)
{
	return pending(c);
}

static void
update(struct conn *c)
{
	bool read, write;

	if (c->phase == ENDED)
		return;
	/* Who finishes or starts TLS with nothing left to send has a turn of its own to come:
	 * nobody reads from that client any more, so nothing else would wake us. */
	write = c->kicked || c->finishing || c->phase == FLUSHING_FOR_TLS ||
		(pending(c) > 0 && c->phase != HANDSHAKE);
	read = c->phase == HANDSHAKE ||
	       (!c->paused && !c->finishing && c->phase != FLUSHING_FOR_TLS &&
		       pending(c) <= c->lim.out_high);
	loop_want(c->watch, read, write);
}

/* Frees now, or, inside a callback of ours, when that has returned. */
static void
destroy(struct conn *c)
{
	if (c->phase != ENDED) {
		loop_unwatch(c->watch);
		loop_cancel(c->idle);
		loop_cancel(c->stuck);
		if (c->tls)
			c->stream->close(c->tls);
		close(c->fd);
		buf_fini_secret(&c->in);
		buf_fini_secret(&c->out);
		c->phase = ENDED;
	}
	if (!c->in_callback)
		free(c);
	else
		c->dead = true;
}

void
conn_free(struct conn *c)
{
	if (c)
		destroy(c);
}

/* Callbacks may free the conn: false when it did. */
static bool
leave(struct conn *c, bool outer)
{
	c->in_callback = outer;
	if (!c->dead)
		return true;
	if (!outer)
		free(c);
	return false;
}

static bool
end(struct conn *c, enum err e)
{
	bool outer = c->in_callback;

	c->in_callback = true;
	loop_want(c->watch, false, false);
	c->ev.on_end(c->arg, e);
	return leave(c, outer) && false;
}

static void
on_idle(void *arg)
{
	struct conn *c = arg;

	c->idle = NULL;
	end(c, ERR_TIMEOUT);
}

static void
on_stuck(void *arg)
{
	struct conn *c = arg;

	c->stuck = NULL;
	end(c, ERR_TIMEOUT);
}

static void
touch_idle(struct conn *c)
{
	loop_cancel(c->idle);
	c->idle = c->lim.idle_ms ? loop_after(c->loop, c->lim.idle_ms, on_idle, c) : NULL;
}

static void
touch_stuck(struct conn *c)
{
	loop_cancel(c->stuck);
	c->stuck = pending(c) && c->lim.write_ms
			   ? loop_after(c->loop, c->lim.write_ms, on_stuck, c)
			   : NULL;
}

struct conn *
conn_new(struct loop *l, int fd, const struct conn_events *ev, void *arg,
	const struct conn_limits *lim)
{
	struct conn *c = must_zalloc(sizeof *c);

	c->loop = l;
	c->fd = fd;
	c->ev = *ev;
	c->arg = arg;
	c->lim = *lim;
	buf_init(&c->in, lim->in_max);
	buf_init(&c->out, lim->out_max);
	c->watch = loop_watch(l, fd, on_readable, on_writable, c);
	touch_idle(c);
	update(c);
	return c;
}

void
conn_set_idle_ms(struct conn *c, uint32_t idle_ms)
{
	c->lim.idle_ms = idle_ms;
	touch_idle(c);
}

int
conn_fd(const struct conn *c)
{
	return c->fd;
}

bool
conn_is_secure(const struct conn *c)
{
	return c->phase == SECURE;
}

void *
conn_tls(struct conn *c)
{
	return c->tls;
}

/* One read: ERR_OK with n octets, ERR_MORE, ERR_END, ERR_IO. */
static enum err
read_some(struct conn *c, void *p, size_t room, size_t *n)
{
	enum conn_want want;
	ssize_t got;

	if (c->phase == SECURE)
		return c->stream->read(c->tls, p, room, n, &want);
	got = recv(c->fd, p, room, 0);
	if (got > 0) {
		*n = (size_t)got;
		return ERR_OK;
	}
	if (got == 0)
		return ERR_END;
	return errno == EAGAIN || errno == EINTR ? ERR_MORE : ERR_IO;
}

static enum err
write_some(struct conn *c, size_t *n)
{
	const uint8_t *p = c->out.p + c->out_sent;
	enum conn_want want;
	ssize_t sent;

	if (c->phase == SECURE)
		return c->stream->write(c->tls, p, pending(c), n, &want);
	sent = send(c->fd, p, pending(c), MSG_NOSIGNAL);
	if (sent >= 0) {
		*n = (size_t)sent;
		return ERR_OK;
	}
	return errno == EAGAIN || errno == EINTR ? ERR_MORE : ERR_IO;
}

/* Sends what it can. False: the conn ended. */
static bool
flush(struct conn *c)
{
	enum err e = ERR_OK;
	size_t n;

	while (pending(c) && c->phase != HANDSHAKE && !(e = write_some(c, &n)))
		c->out_sent += n;
	if (pending(c) == 0 && c->out.room) {
		c->out_sent = 0;
		buf_fini(&c->out);
	} else if (c->out_sent > READ_ROOM) {
		buf_drop(&c->out, c->out_sent);
		c->out_sent = 0;
	}
	if (e && e != ERR_MORE)
		return end(c, e);
	touch_stuck(c);
	return true;
}

static void
after_flush(struct conn *c)
{
	bool outer;

	if (pending(c) == 0 && c->phase == FLUSHING_FOR_TLS) {
		/* RFC 3207 4.2, RFC 9051 11.1: what came in the clear before the handshake is
		 * forgotten. Only now: conn_start_tls's caller still looks at it. */
		buf_fini_secret(&c->in);
		c->phase = HANDSHAKE;
		serve(c);
		return;
	}
	/* Within a handshake nothing can be said. */
	if (c->finishing && (pending(c) == 0 || c->phase == HANDSHAKE)) {
		end(c, ERR_END);
		return;
	}
	if (c->was_high && pending(c) <= c->lim.out_high / 2) {
		c->was_high = false;
		outer = c->in_callback;
		c->in_callback = true;
		if (c->ev.on_drained)
			c->ev.on_drained(c->arg);
		if (!leave(c, outer))
			return;
	}
	update(c);
}

static void
on_writable(void *arg)
{
	struct conn *c = arg;

	if (c->kicked) {
		c->kicked = false;
		serve(c);
	} else if (flush(c)) {
		after_flush(c);
	}
}

/* Answers that don't come of input go at once: the socket mostly takes them. Errors wait for
 * on_writable to tell them. */
static void
try_now(struct conn *c)
{
	size_t n;

	while (pending(c) && !write_some(c, &n))
		c->out_sent += n;
	if (pending(c) == 0) {
		c->out_sent = 0;
		buf_fini(&c->out);
	}
}

enum err
conn_write(struct conn *c, struct slice s)
{
	bool was_empty = pending(c) == 0;

	if (c->phase == ENDED)
		return ERR_END;
	if (c->out_sent && c->out.n + s.n > c->out.cap) {
		buf_drop(&c->out, c->out_sent);
		c->out_sent = 0;
	}
	if (!buf_put_slice(&c->out, s))
		return ERR_LIMIT;
	if (!c->in_callback && was_empty && (c->phase == PLAIN || c->phase == SECURE))
		try_now(c);
	if (pending(c) > c->lim.out_high)
		c->was_high = true;
	/* Within a callback the caller flushes, all of its replies together. */
	if (c->in_callback)
		return ERR_OK;
	if (!c->stuck)
		touch_stuck(c);
	update(c);
	return ERR_OK;
}

void
conn_finish(struct conn *c)
{
	c->finishing = true;
	if (!c->lim.write_ms || c->lim.write_ms > CLOSE_WAIT_MS)
		c->lim.write_ms = CLOSE_WAIT_MS;
	/* The end comes from the loop, never from within this call. */
	loop_cancel(c->idle);
	c->idle = NULL;
	update(c);
}

void
conn_acknowledge(struct conn *c)
{
	int on = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void
conn_pause(struct conn *c, bool paused)
{
	c->paused = paused;
	update(c);
	/* Input that lies here already brings no readiness of the socket: ask for the next
	 * turn. */
	if (!paused && (c->in.n || c->phase == SECURE) && !c->finishing) {
		c->kicked = true;
		loop_want(c->watch, true, true);
	}
}

/* Gives the input to its owner. False: the conn is gone. */
static bool
consume(struct conn *c)
{
	bool outer = c->in_callback;
	size_t used = 1;

	c->in_callback = true;
	while (!c->dead && c->in.n && used && !c->paused && !c->finishing &&
		(c->phase == PLAIN || c->phase == SECURE)) {
		used = c->ev.on_input(c->arg, buf_slice(&c->in));
		if (!c->dead && c->phase != ENDED && used)
			buf_drop(&c->in, used < c->in.n ? used : c->in.n);
	}
	if (!leave(c, outer))
		return false;
	if (c->in.n == 0)
		buf_fini_secret(&c->in);
	return true;
}

static void
handshake(struct conn *c)
{
	bool outer = c->in_callback;
	enum conn_want want = CONN_WANT_READ;
	enum err e = c->stream->handshake(c->tls, &want);

	if (e == ERR_MORE) {
		loop_want(c->watch, want == CONN_WANT_READ, want == CONN_WANT_WRITE);
		return;
	}
	if (!e)
		c->phase = SECURE;
	c->in_callback = true;
	c->ev.on_secure(c->arg, e);
	if (!leave(c, outer))
		return;
	if (e) {
		end(c, e);
		return;
	}
	touch_idle(c);
	serve(c);
}

static void
take_input(struct conn *c)
{
	size_t room, n;
	uint8_t *to;
	enum err e = ERR_OK;

	while (!c->paused && !c->finishing && (c->phase == PLAIN || c->phase == SECURE)) {
		room = c->in.cap - c->in.n;
		if (room == 0) {
			end(c, ERR_TOO_BIG);
			return;
		}
		room = room < READ_ROOM ? room : READ_ROOM;
		to = buf_room(&c->in, room);
		e = read_some(c, to, room, &n);
		if (e)
			break;
		buf_grow(&c->in, n);
		touch_idle(c);
		if (!consume(c) || c->phase == ENDED)
			return;
		/* A socket that gave less than there was room for is empty: no need to ask. */
		if (pending(c) > c->lim.out_high || (n < room && c->phase == PLAIN))
			break;
	}
	if (c->in.n == 0)
		buf_fini(&c->in);
	/* Who has ended its writing may still read what waits for it. */
	if (e == ERR_END && pending(c)) {
		conn_finish(c);
		e = ERR_OK;
	}
	if (e && e != ERR_MORE)
		end(c, e);
	else if (flush(c))
		after_flush(c);
}

static void
serve(struct conn *c)
{
	if (c->phase == HANDSHAKE) {
		handshake(c);
		return;
	}
	if (c->in.n && !consume(c))
		return;
	if (c->phase != ENDED)
		take_input(c);
}

static void
on_readable(void *arg)
{
	serve(arg);
}

void
conn_start_tls(struct conn *c, const struct conn_stream *stream, void *s)
{
	c->stream = stream;
	c->tls = s;
	c->phase = FLUSHING_FOR_TLS;
	update(c);
}
