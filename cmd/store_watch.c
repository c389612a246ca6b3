#include "cmd/store_watch.h"

#include <stdlib.h>
#include <string.h>

#include "core/ipc.pb-c.h"

enum { WATCH_IDS = 8192 };

static int
by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorted copy without doubles. */
static uint64_t *
distinct(const uint64_t *id, size_t *n, struct arena *a)
{
	uint64_t *out = arena_alloc(a, (*n + 1) * sizeof *out);
	size_t kept = 0;

	if (*n)
		memcpy(out, id, *n * sizeof *id);
	qsort(out, *n, sizeof *out, by_id);
	for (size_t i = 0; i < *n; i++)
		if (kept == 0 || out[kept - 1] != out[i])
			out[kept++] = out[i];
	*n = kept;
	return out;
}

static void
tell_role(struct ipc *ipc, enum role role, const Ipc__Watch *w)
{
	for (uint32_t i = 0; i < IPC_INSTANCE_MAX; i++) {
		struct ipc_peer *to = ipc_peer(ipc, role, i);

		if (to)
			ipc_tell(to, IPC_WATCH, &w->base, -1);
	}
}

/* Each hears what concerns it; smtpd would wake in vain for every mail. */
static void
tell(struct ipc *ipc, const Ipc__Watch *w)
{
	if (w->directory || w->n_account_gone) {
		Ipc__Watch less = *w;

		less.n_mailbox = 0;
		tell_role(ipc, ROLE_SMTPD, &less);
	}
	if (w->n_mailbox || w->directory || w->n_account_gone)
		tell_role(ipc, ROLE_IMAPD, w);
	if (w->queue || w->directory)
		tell_role(ipc, ROLE_COURIER, w);
}

void
store_watch_tell(struct ipc *ipc, uint64_t applied, const struct apply_touched *t)
{
	Ipc__Watch w = IPC__WATCH__INIT;
	size_t mailboxes = t->mailbox_n, gone = t->account_gone_n;
	struct arena a;
	uint64_t *mailbox, *account;

	arena_init(&a, 0);
	mailbox = distinct(t->mailbox, &mailboxes, &a);
	account = distinct(t->account_gone, &gone, &a);
	w.applied = applied;
	w.queue = t->queue;
	w.directory = t->directory;
	/* Long lists go in pieces that fit a frame. */
	do {
		w.mailbox = mailbox;
		w.n_mailbox = mailboxes < WATCH_IDS ? mailboxes : WATCH_IDS;
		w.account_gone = account;
		w.n_account_gone = gone < WATCH_IDS / 4 ? gone : WATCH_IDS / 4;
		tell(ipc, &w);
		mailbox += w.n_mailbox;
		mailboxes -= w.n_mailbox;
		account += w.n_account_gone;
		gone -= w.n_account_gone;
		w.queue = w.directory = false;
	} while (mailboxes || gone);
	arena_reset(&a);
}
