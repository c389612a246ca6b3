/* loop: the event loop of a process (libevent 2). Timers and fds; every start
 * has a cancel that never calls back; a callback's handle is dead when it
 * runs (one-shot timers) . */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;
struct loop_timer;
struct loop_fd;
typedef void (*loop_cb)(void *arg);

struct loop *loop_new(void);
void loop_free(struct loop *l);
/* Runs until loop_stop, which ends one run. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
struct event_base *loop_base(struct loop *l);
/* One shot, after ms (0 = next turn). */
struct loop_timer *loop_after(struct loop *l, uint32_t ms, loop_cb cb, void *arg);
/* NULL is fine. */
void loop_cancel(struct loop_timer *t);
/* Persistent readiness callbacks; either may be NULL. fd stays the caller's. */
struct loop_fd *loop_watch(
	struct loop *l, int fd, loop_cb readable, loop_cb writable, void *arg);
/* Which of the two are wanted now (both at the start if given). */
void loop_want(struct loop_fd *w, bool read, bool write);
void loop_unwatch(struct loop_fd *w);
/* Called once each turn after all ready fds and timers were served (the store's turn). */
void loop_on_idle_turn(struct loop *l, loop_cb cb, void *arg);
void loop_on_signal(struct loop *l, int signo, loop_cb cb, void *arg);

#endif
