#include "store/apply_sweep.h"

#include "store/apply_message.h"
#include "store/apply_opened.h"
#include "store/apply_queue.h"
#include "store/apply_row.h"
#include "store/apply_stage.h"
#include "store/apply_status.h"
#include "store/apply_sts.h"
#include "store/apply_trace.h"

/* The next message of a mailbox that is gone. ERR_NOT_FOUND: none left. */
static enum err
sweep_message(struct apply *a, uint64_t mailbox)
{
	struct schema_key from;
	struct schema_message m;
	struct slice k, v;
	enum err e = db_first_from(
		a->txn, DB_MESSAGE, schema_u64_u32(&from, mailbox, 0), &k, &v);

	if (!e && (k.n != 12 || schema_get_u64(k.p) != mailbox))
		e = ERR_NOT_FOUND;
	if (e)
		return e;
	if (!schema_message_read(v, &m))
		return ERR_CORRUPT;
	return apply_message_drop(a, mailbox, schema_get_u32(k.p + 8), &m);
}

/* The next of its changes (tombstones). */
static enum err
sweep_change(struct apply *a, uint64_t mailbox)
{
	struct schema_key from;
	struct slice k, v;
	enum err e = db_first_from(a->txn, DB_CHANGE, schema_u64(&from, mailbox), &k, &v);

	if (!e && (k.n != 20 || schema_get_u64(k.p) != mailbox))
		e = ERR_NOT_FOUND;
	return e ? e : db_del(a->txn, DB_CHANGE, arena_dup(a->arena, k));
}

/* One row of a mailbox that is gone, or its mark when that was the last. */
static enum err
sweep_mailbox(struct apply *a, uint64_t mailbox)
{
	struct schema_key own;
	enum err e = sweep_message(a, mailbox);

	if (e == ERR_NOT_FOUND)
		e = sweep_change(a, mailbox);
	if (e == ERR_NOT_FOUND)
		e = db_del(a->txn, DB_SWEEP, schema_u8_u64(&own, 'm', mailbox));
	return e;
}

enum err
apply_sweep(struct apply *a, const Commands__Sweep *c)
{
	uint32_t left = c->limit < APPLY_SWEEP_MAX ? c->limit : APPLY_SWEEP_MAX;
	struct slice k, v;
	bool is_over;
	enum err e = apply_queue_expire_repeats(a, left);

	if (!e)
		e = apply_sts_expire(a, left);
	if (!e)
		e = apply_opened_expire(a, left);
	if (!e)
		e = apply_status_expire(a, left);
	if (!e)
		e = apply_trace_trim(a, APPLY_TRACE_ROWS_MAX, left);
	for (; left && !e; left--) {
		e = db_first_from(a->txn, DB_SWEEP, SLICE_EMPTY, &k, &v);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		if (k.n != 9)
			return ERR_CORRUPT;
		if (k.p[0] == 'm') {
			e = sweep_mailbox(a, schema_get_u64(k.p + 1));
			continue;
		}
		/* Mailboxes come first, then stages in the order of their age. */
		e = apply_stage_expire(a, schema_get_u64(k.p + 1), v, &is_over);
		if (!e && !is_over)
			return ERR_OK;
	}
	return e;
}
