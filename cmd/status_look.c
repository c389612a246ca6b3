#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/courier_file.h"
#include "cmd/status_look_inner.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"

/* SLACK_MS: until fetch itself must have said that it took too long. */
enum {
	SLACK_MS = 2000,
	HOUR_SEC = 3600,
	DAY_SEC = 86400,
	ENTRIES = 50 /* of a command: with their texts they fit a frame */
};

void
status_look_close_file(struct status_look *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

uint64_t
status_look_now_sec(const struct status_look *l)
{
	return courier_now_sec(l->how.c);
}

/* --- when to look again --- */

uint64_t
status_look_after_failures(const struct status_look *l, uint32_t tries)
{
	uint64_t wait = tries < 6 ? (uint64_t)HOUR_SEC << tries : DAY_SEC;

	wait = wait < DAY_SEC ? wait : DAY_SEC;
	return status_look_now_sec(l) + wait + rand_below(HOUR_SEC / 2);
}

uint64_t
status_look_after_success(const struct status_look *l, uint64_t next_sec)
{
	uint64_t now = status_look_now_sec(l), left = next_sec > now ? next_sec - now : 0;
	uint32_t wait = left < DAY_SEC ? (uint32_t)left : DAY_SEC;

	wait = wait / 2 + rand_below(wait / 4 + 1);
	return now + (wait > HOUR_SEC ? wait : HOUR_SEC);
}

/* --- to the log --- */

static void tell(struct status_look *l);

static void
on_told(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct status_look *l = arg;
	const Commands__Result *r = e ? NULL : courier_result(answer, &l->turn);

	/* It is looked for again. */
	if (!r || r->code)
		log_warn("revocation: what was found isn't kept: %s",
			r ? r->text : err_text(e ? e : ERR_CORRUPT));
	l->authorities = 0;
	tell(l);
}

/* In commands that fit; then next. */
static void
tell(struct status_look *l)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__StatusPut put = COMMANDS__STATUS_PUT__INIT;
	size_t left = l->entries - l->told;

	if (!left && !l->authorities) {
		l->entries = l->told = 0;
		l->next(l);
		return;
	}
	/* Apart: there may be no room for another authority. */
	put.authority = l->authority;
	put.n_authority = l->authorities;
	put.entry = l->entry + l->told;
	if (!l->authorities)
		put.n_entry = left < ENTRIES ? left : ENTRIES;
	l->told += put.n_entry;
	cmd.body_case = COMMANDS__COMMAND__BODY_STATUS_PUT;
	cmd.status_put = &put;
	courier_propose(l->how.c, &cmd, SLICE_EMPTY, on_told, l);
}

void
status_look_tell_then(struct status_look *l, void (*next)(struct status_look *l))
{
	l->next = next;
	tell(l);
}

Commands__Status *
status_look_add_entry(struct status_look *l, struct slice sha256, uint64_t until_sec)
{
	Commands__StatusEntry *entry = arena_alloc(&l->turn, sizeof *entry);

	commands__status_entry__init(entry);
	entry->sha256 = codec_bytes(sha256);
	entry->status = arena_alloc(&l->turn, sizeof *entry->status);
	commands__status__init(entry->status);
	entry->status->until_sec = until_sec;
	l->entry[l->entries++] = entry;
	return entry->status;
}

void
status_look_add_unknown(
	struct status_look *l, Commands__Status *s, const char *why, uint32_t wait_sec)
{
	(void)l;
	s->state = COMMANDS__STATUS__STATE__UNKNOWN;
	s->why = (char *)(uintptr_t)why;
	s->look_sec = status_look_now_sec(l) + wait_sec + rand_below(HOUR_SEC);
}

/* --- its end --- */

void
status_look_end(struct status_look *l)
{
	struct status_look_how how = l->how;

	status_look_close_file(l);
	arena_reset(&l->turn);
	arena_reset(&l->arena);
	free(l);
	how.done(how.arg);
}

struct slice
status_look_host(const struct status_look *l)
{
	return l->is_asking ? l->url.host : SLICE_EMPTY;
}

/* --- fetching --- */

void
status_look_fetch(struct status_look *l, struct slice ocsp, size_t size_max, ipc_answer_cb cb)
{
	Ipc__Fetch q = IPC__FETCH__INIT;

	l->is_asking = true;
	q.host = arena_str(&l->turn, l->url.host);
	q.path = arena_str(&l->turn, l->url.path);
	q.plain = l->url.plain;
	q.ocsp = codec_bytes(ocsp);
	q.size_max = (uint32_t)size_max;
	q.timeout_ms = STATUS_LOOK_FETCH_MS;
	ipc_ask(l->how.c->p->ipc, IPC_FETCH, &q.base, l->fd,
		(struct ipc_wait){STATUS_LOOK_FETCH_MS + SLACK_MS, cb, l});
}

const char *
status_look_judge(struct status_look *l, enum err e, const Ipc__Fetched *f)
{
	char *why = arena_alloc(&l->turn, APPLY_STATUS_TEXT_MAX + 1);

	l->is_asking = false;
	if (e)
		return err_text(e);
	if (!f->status)
		snprintf(why, APPLY_STATUS_TEXT_MAX + 1, "%s", f->why);
	else if (f->status != 200)
		snprintf(why, APPLY_STATUS_TEXT_MAX + 1, "the web server's status is %u",
			f->status);
	else if (courier_file_seal(l->fd))
		return "no room for it in memory";
	else
		return NULL;
	return why;
}

bool
status_look_may_ask(struct status_look *l)
{
	if (l->how.is_busy && l->how.is_busy(l->how.arg, l->url.host))
		return false;
	status_look_close_file(l);
	return courier_file_new(&l->fd) == ERR_OK;
}

static void
step(void *arg)
{
	status_look_next_cert(arg);
}

/* --- its beginning --- */

struct status_look *
status_look_start(
	const struct status_look_how *how, const struct status_look_cert *list, size_t n)
{
	struct status_look *l = must_zalloc(sizeof *l);

	l->how = *how;
	l->fd = -1;
	arena_init(&l->arena, 16384);
	arena_init(&l->turn, 16384);
	l->certs = n < STATUS_LOOK_CERTS_MAX ? n : STATUS_LOOK_CERTS_MAX;
	l->cert = arena_alloc(&l->arena, (n + 1) * sizeof *l->cert);
	for (size_t i = 0; i < l->certs; i++) {
		l->cert[i].sha256 = arena_dup(&l->arena, list[i].sha256);
		l->cert[i].address = arena_dup(&l->arena, list[i].address);
	}
	loop_after(how->c->p->loop, 0, step, l);
	return l;
}
