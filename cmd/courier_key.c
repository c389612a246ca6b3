/* courier_key: the keys that mail in the queue is sealed to. One is made each day before mail
 * needs it, and one at once when an account was deleted (its mail may be in a copy of the
 * queue). Shortly after, the older ones are closed; a closed key goes when its last item has
 * left. For a retired one (by such a deletion) that isn't waited for: what is sealed to it is
 * sealed to the newest. All of this stands in the database: a new life goes on where the last
 * one was. */
#include "cmd/courier.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/permit.h"
#include "store/command.h"
#include "store/view_directory.h"
#include "store/view_queue.h"

/* GRACE_SEC: a mail that is just being taken in may be sealed to the key before. */
enum {
	DAY_SEC = 86400,
	GRACE_SEC = 2,
	IDLE_MS = 60000,
	NEEDED_MS = 8000, /* an old key still has its items: have they left? */
	START_MS = 1000,
	LEASE_MS = 50, /* mail is refused until there is a key: at the start it counts */
	BUSY_MS = 100,
	ITEMS_A_LOOK = 256
};

struct courier_key {
	struct courier *c;
	struct loop_timer *timer;
	uint32_t asked; /* questions that aren't answered */
	/* The walk through the queue: */
	uint64_t at;	/* the next item */
	uint64_t least; /* key that an item needs, of those seen */
	bool again;	/* an item was sealed anew: what it is sealed to, the next walk sees */
};

/* What a look at the database found. */
struct look {
	struct courier_key *k;
	struct arena arena;
	struct db_txn *txn;
	struct view_queue_key *key; /* oldest first */
	size_t keys;
	struct vault_row newest; /* its secret */
	uint32_t items;
};

static void tend(void *arg);

static void
tend_after(struct courier_key *k, uint32_t ms)
{
	loop_cancel(k->timer);
	k->timer = loop_after(k->c->p->loop, ms, tend, k);
}

/* --- commands --- */

static void
on_logged(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_key *k = arg;

	(void)answer;
	k->asked--;
	if (e)
		log_warn("queue key: %s", err_text(e));
	else
		tend_after(k, 0);
}

static void
propose(struct courier_key *k, Commands__QueueKey *key)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;

	cmd.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	cmd.queue_key = key;
	k->asked++;
	courier_propose(k->c, &cmd, SLICE_EMPTY, on_logged, k);
}

static void
propose_verb(struct courier_key *k, uint64_t id, Commands__QueueKey__Verb verb)
{
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;

	key.id = id;
	key.verb = verb;
	propose(k, &key);
}

struct making {
	struct courier_key *k;
	uint64_t id;
};

static void
on_pair(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct making *m = arg;
	struct courier_key *k = m->k;
	const Ipc__KeydPair *pair = (const Ipc__KeydPair *)answer;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;

	key.id = m->id;
	free(m);
	if (e) {
		on_logged(k, e, NULL);
		return;
	}
	key.public_key = pair->public_key;
	key.wrapped_secret = pair->wrapped_secret;
	propose(k, &key);
	k->asked--;
}

static void
make(struct courier_key *k, uint64_t id)
{
	Ipc__KeydNewPair q = IPC__KEYD_NEW_PAIR__INIT;
	struct making *m = must_alloc(sizeof *m);

	*m = (struct making){k, id};
	q.kind = 2;
	q.id = id;
	k->asked++;
	ipc_ask(k->c->p->ipc, IPC_KEYD_NEW_PAIR, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_pair, m});
}

/* --- sealing anew --- */

struct resealing {
	struct courier_key *k;
	Commands__QueueReseal command;
};

static void
on_resealed(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct resealing *r = arg;
	struct courier_key *k = r->k;
	Commands__Command cmd = COMMANDS__COMMAND__INIT;

	if (e) {
		on_logged(k, e, NULL);
	} else {
		r->command.sealed_key = ((const Ipc__KeydResealed *)answer)->sealed_key;
		cmd.body_case = COMMANDS__COMMAND__BODY_QUEUE_RESEAL;
		cmd.queue_reseal = &r->command;
		courier_propose(k->c, &cmd, SLICE_EMPTY, on_logged, k);
	}
	free(r);
}

static void
reseal(struct look *l, const Commands__Item *item)
{
	struct courier_key *k = l->k;
	Ipc__KeydReseal q = IPC__KEYD_RESEAL__INIT;
	uint8_t permit[PERMIT_SIZE];
	struct resealing *r;
	struct vault_row from;

	/* A key that is lost already needn't be destroyed: the courier puts such mail off. */
	if (view_vault_get(k->c->vault, VAULT_QUEUE, item->envelope->queue_key, &from))
		return;
	k->again = true;
	r = must_alloc(sizeof *r);
	r->k = k;
	commands__queue_reseal__init(&r->command);
	courier_permit(k->c, item->id, permit);
	q.permit = (ProtobufCBinaryData){sizeof permit, permit};
	r->command.item = q.item = item->id;
	r->command.from = q.from = from.id;
	r->command.to = q.to = l->newest.id;
	q.sealed_key = item->envelope->sealed_key;
	q.from_wrapped_secret = (ProtobufCBinaryData){from.n, from.secret};
	q.to_wrapped_secret = (ProtobufCBinaryData){l->newest.n, l->newest.secret};
	k->asked++;
	ipc_ask(k->c->p->ipc, IPC_KEYD_RESEAL, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_resealed, r});
}

/* --- looking --- */

static bool
is_retired(const struct look *l, uint64_t id)
{
	for (size_t i = 0; i + 1 < l->keys; i++)
		if (l->key[i].id == id)
			return (l->key[i].flags & SCHEMA_RETIRED) != 0;
	return false;
}

static bool
on_item(void *arg, const Commands__Item *item)
{
	struct look *l = arg;
	struct courier_key *k = l->k;

	if (l->items++ == ITEMS_A_LOOK)
		return false;
	k->at = item->id + 1;
	if (item->envelope->queue_key < k->least)
		k->least = item->envelope->queue_key;
	if (is_retired(l, item->envelope->queue_key))
		reseal(l, item);
	return true;
}

/* Some items more; at the end of the queue the oldest keys go that no item needs. All of them
 * are closed: whoever needs one was there when the walk began. */
static uint32_t
walk(struct look *l)
{
	struct courier_key *k = l->k;
	size_t i;
	enum err e;

	if (k->at == 0) {
		k->least = UINT64_MAX;
		k->again = false;
	}
	e = view_queue_items(l->txn, k->at, &l->arena, on_item, l);
	if (e || !view_is_valid(k->c->view)) {
		k->at = 0;
		return START_MS;
	}
	if (l->items > ITEMS_A_LOOK)
		return BUSY_MS;
	k->at = 0;
	for (i = 0; i + 1 < l->keys && !k->again && l->key[i].id < k->least; i++)
		propose_verb(k, l->key[i].id, COMMANDS__QUEUE_KEY__VERB__DESTROY);
	if (k->again)
		return BUSY_MS;
	return i + 1 < l->keys ? NEEDED_MS : IDLE_MS;
}

/* The next thing to do; in how many ms to look again. */
static uint32_t
act(struct look *l)
{
	uint64_t now_sec = clock_wall_sec();
	const struct view_queue_key *newest = l->keys ? &l->key[l->keys - 1] : NULL;

	/* Is it the day's, and good for mail to come? After an older vault was restored its
	 * secret may be lost: then nothing may be sealed to it any more. */
	if (!newest || newest->id / DAY_SEC < now_sec / DAY_SEC ||
		newest->flags & SCHEMA_RETIRED ||
		view_vault_get(l->k->c->vault, VAULT_QUEUE, newest->id, &l->newest)) {
		make(l->k, newest && newest->id >= now_sec ? newest->id + 1 : now_sec);
		return START_MS;
	}
	if (l->keys == 1)
		return IDLE_MS;
	/* One that is of the future is as good as new, whatever the clock says. */
	if (newest->id + GRACE_SEC > now_sec && newest->id <= now_sec)
		return START_MS;
	for (size_t i = 0; i + 1 < l->keys; i++) {
		if (l->key[i].flags & SCHEMA_CLOSED)
			continue;
		l->k->at = 0;
		propose_verb(l->k, l->key[i].id, COMMANDS__QUEUE_KEY__VERB__CLOSE);
	}
	return l->k->asked ? START_MS : walk(l);
}

static void
tend(void *arg)
{
	struct courier_key *k = arg;
	struct look l = {.k = k};
	uint32_t ms = START_MS;

	k->timer = NULL;
	arena_init(&l.arena, 0);
	/* Who is cut off, or an arbiter, makes no keys. */
	if (!courier_leases(k->c, 0)) {
		ms = LEASE_MS;
	} else if (!k->asked && courier_open_view(k->c) && !view_begin(k->c->view, &l.txn)) {
		if (!view_queue_keys(l.txn, &l.arena, &l.key, &l.keys) &&
			view_is_valid(k->c->view))
			ms = act(&l);
		view_end(k->c->view);
	}
	arena_reset(&l.arena);
	if (!k->timer)
		tend_after(k, ms);
}

struct courier_key *
courier_key_new(struct courier *c)
{
	struct courier_key *k = must_zalloc(sizeof *k);

	k->c = c;
	tend_after(k, 0);
	return k;
}

void
courier_key_tend(struct courier_key *k)
{
	tend_after(k, 0);
}

bool
courier_key_owes(struct courier *c)
{
	struct view_queue_key *key;
	struct vault_row row;
	struct db_txn *txn;
	struct arena a;
	size_t n = 0;
	bool owes = true;

	arena_init(&a, 0);
	if (courier_open_view(c) && !view_begin(c->view, &txn)) {
		owes = view_queue_keys(txn, &a, &key, &n) || !view_is_valid(c->view);
		for (size_t i = 0; i < n && !owes; i++)
			owes = key[i].flags & SCHEMA_RETIRED &&
			       !view_vault_get(c->vault, VAULT_QUEUE, key[i].id, &row);
		view_end(c->view);
	}
	arena_reset(&a);
	return owes;
}
