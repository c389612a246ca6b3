/* courier_key: the queue key of the day. One is made each day before mail needs it; the secret
 * of a day goes when its last item has left, so that nothing can open that day's traffic any
 * more. */
#include "cmd/courier.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "store/db.h"
#include "store/schema.h"
#include "store/view_directory.h"
#include "store/view_queue.h"

enum { DAY_SEC = 86400 };

static void
on_logged(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier *c = arg;

	(void)answer;
	c->key_asked = false;
	if (e)
		log_warn("queue key: %s", err_text(e));
}

static void
on_pair(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier *c = arg;
	const Ipc__KeydPair *pair = (const Ipc__KeydPair *)answer;
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;

	if (e) {
		on_logged(c, e, NULL);
		return;
	}
	key.day = clock_wall_sec() / DAY_SEC;
	key.public_key = pair->public_key;
	key.wrapped_secret = pair->wrapped_secret;
	cmd.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	cmd.queue_key = &key;
	courier_propose(c, &cmd, SLICE_EMPTY, on_logged, c);
}

struct oldest {
	uint64_t day; /* of the items in the queue */
};

static bool
on_item(void *arg, const Commands__Item *item)
{
	struct oldest *o = arg;

	if (item->envelope->queue_day < o->day)
		o->day = item->envelope->queue_day;
	return true;
}

/* Days before the oldest item's, and before yesterday (a session may still hold yesterday's
 * public key). */
static void
destroy_old(struct courier *c, struct db_txn *txn, uint64_t today)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;
	struct oldest oldest = {today - 1};
	struct schema_key from;
	struct slice k, v;
	struct arena a;
	enum err e;

	e = db_first_from(txn, DB_VAULT, schema_u8_u64(&from, VAULT_QUEUE, 0), &k, &v);
	if (e || k.n != 9 || k.p[0] != VAULT_QUEUE || schema_get_u64(k.p + 1) >= oldest.day)
		return;
	key.day = schema_get_u64(k.p + 1);
	arena_init(&a, 0);
	e = view_queue_items(txn, 0, &a, on_item, &oldest);
	arena_reset(&a);
	if (e || key.day >= oldest.day || !view_is_valid(c->view))
		return;
	key.destroy = true;
	cmd.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	cmd.queue_key = &key;
	c->key_asked = true;
	courier_propose(c, &cmd, SLICE_EMPTY, on_logged, c);
}

void
courier_key_tend(struct courier *c)
{
	uint64_t today = clock_wall_sec() / DAY_SEC, day = 0;
	Ipc__KeydNewPair q = IPC__KEYD_NEW_PAIR__INIT;
	uint8_t public_key[32];
	struct db_txn *txn;

	if (c->key_asked || view_begin(c->view, &txn))
		return;
	if (view_directory_queue_key(txn, &day, public_key))
		day = 0;
	c->queue_day = day;
	if (day >= today) {
		destroy_old(c, txn, today);
	} else {
		q.kind = 2;
		q.id = today;
		c->key_asked = true;
		ipc_ask(c->p->ipc, IPC_KEYD_NEW_PAIR, &q.base, -1,
			(struct ipc_wait){COURIER_ASK_MS, on_pair, c});
	}
	view_end(c->view);
}
