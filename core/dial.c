#include "core/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/must.h"

struct dial {
	dial_cb cb;
	void *arg;
	int fd, error;
	struct loop_fd *watch;
	struct loop_timer *timer;
};

void
dial_cancel(struct dial *d)
{
	if (!d)
		return;
	loop_cancel(d->timer);
	loop_unwatch(d->watch);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

/* error: 0: it is connected. */
static void
finish(struct dial *d, int error)
{
	dial_cb cb = d->cb;
	void *arg = d->arg;
	int fd = error ? -1 : d->fd;

	if (!error) {
		loop_unwatch(d->watch);
		d->watch = NULL;
		d->fd = -1;
	}
	dial_cancel(d);
	cb(arg, fd, error);
}

static void
on_writable(void *arg)
{
	struct dial *d = arg;
	socklen_t n = sizeof(int);
	int error = 0;

	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &n))
		error = errno;
	finish(d, error);
}

static void
on_timer(void *arg)
{
	struct dial *d = arg;

	d->timer = NULL;
	finish(d, d->error);
}

/* The errno, or 0: it is on its way. */
static int
call(struct dial *d, const struct dial_to *where)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(where->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(where->port)};
	bool is_v4 = where->address.n == 4;
	const struct sockaddr *to = is_v4 ? (const void *)&v4 : (const void *)&v6;

	must(is_v4 || where->address.n == 16);
	memcpy(is_v4 ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr, where->address.p,
		where->address.n);
	d->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		return errno;
	if (connect(d->fd, to, is_v4 ? sizeof v4 : sizeof v6) == 0 || errno == EINPROGRESS)
		return 0;
	return errno;
}

struct dial *
dial_begin(struct loop *l, const struct dial_to *to, dial_cb cb, void *arg)
{
	struct dial *d = must_zalloc(sizeof *d);
	int error = call(d, to);

	d->cb = cb;
	d->arg = arg;
	d->error = error ? error : ETIMEDOUT;
	if (!error)
		d->watch = loop_watch(l, d->fd, NULL, on_writable, d);
	d->timer = loop_after(l, error ? 0 : to->timeout_ms, on_timer, d);
	return d;
}
