#include "core/loop.h"

#include <event2/event.h>
#include <stdlib.h>

#include "core/must.h"

struct loop_timer {
	struct event *ev;
	loop_cb cb;
	void *arg;
};

struct loop_fd {
	struct event *read_ev, *write_ev;
	loop_cb readable, writable;
	void *arg;
	bool read_on, write_on;
};

struct loop {
	struct event_base *base;
	loop_cb turn;
	void *turn_arg;
	bool stopped;
};

struct loop *
loop_new(void)
{
	struct loop *l = must_zalloc(sizeof *l);
	struct event_config *how = event_config_new();

	must(how != NULL);
	/* What is wanted of an fd changes several times in a turn: tell the kernel once. */
	event_config_set_flag(how, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	l->base = event_base_new_with_config(how);
	event_config_free(how);
	must(l->base != NULL);
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	event_base_free(l->base);
	free(l);
}

struct event_base *
loop_base(struct loop *l)
{
	return l->base;
}

void
loop_run(struct loop *l)
{
	while (!l->stopped) {
		must(event_base_loop(l->base, EVLOOP_ONCE) >= 0);
		if (l->turn)
			l->turn(l->turn_arg);
	}
	l->stopped = false;
}

void
loop_stop(struct loop *l)
{
	l->stopped = true;
	event_base_loopbreak(l->base);
}

void
loop_on_idle_turn(struct loop *l, loop_cb cb, void *arg)
{
	l->turn = cb;
	l->turn_arg = arg;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	loop_cb cb = t->cb;
	void *cb_arg = t->arg;

	(void)fd;
	(void)what;
	loop_cancel(t);
	cb(cb_arg);
}

struct loop_timer *
loop_after(struct loop *l, uint32_t ms, loop_cb cb, void *arg)
{
	struct loop_timer *t = must_alloc(sizeof *t);
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	*t = (struct loop_timer){evtimer_new(l->base, on_timer, t), cb, arg};
	must(t->ev != NULL && evtimer_add(t->ev, &tv) == 0);
	return t;
}

void
loop_cancel(struct loop_timer *t)
{
	if (!t)
		return;
	event_free(t->ev);
	free(t);
}

static void
on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *w = arg;

	(void)fd;
	if (what & EV_READ)
		w->readable(w->arg);
	else if (what & EV_WRITE)
		w->writable(w->arg);
}

struct loop_fd *
loop_watch(struct loop *l, int fd, loop_cb readable, loop_cb writable, void *arg)
{
	struct loop_fd *w = must_zalloc(sizeof *w);

	w->readable = readable;
	w->writable = writable;
	w->arg = arg;
	if (readable)
		w->read_ev = event_new(l->base, fd, EV_READ | EV_PERSIST, on_fd, w);
	if (writable)
		w->write_ev = event_new(l->base, fd, EV_WRITE | EV_PERSIST, on_fd, w);
	loop_want(w, readable != NULL, writable != NULL);
	return w;
}

static void
want(struct event *ev, bool *on, bool wanted)
{
	if (!ev || *on == wanted)
		return;
	must((wanted ? event_add(ev, NULL) : event_del(ev)) == 0);
	*on = wanted;
}

void
loop_want(struct loop_fd *w, bool read, bool write)
{
	want(w->read_ev, &w->read_on, read);
	want(w->write_ev, &w->write_on, write);
}

void
loop_unwatch(struct loop_fd *w)
{
	if (!w)
		return;
	if (w->read_ev)
		event_free(w->read_ev);
	if (w->write_ev)
		event_free(w->write_ev);
	free(w);
}

struct watched_signal {
	loop_cb cb;
	void *arg;
};

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct watched_signal *s = arg;

	(void)signo;
	(void)what;
	s->cb(s->arg);
}

/* Signals are watched for the life of the process: nothing is given back. */
void
loop_on_signal(struct loop *l, int signo, loop_cb cb, void *arg)
{
	struct watched_signal *s = must_alloc(sizeof *s);
	struct event *ev;

	*s = (struct watched_signal){cb, arg};
	ev = evsignal_new(l->base, signo, on_signal, s);
	must(ev != NULL && evsignal_add(ev, NULL) == 0);
}
