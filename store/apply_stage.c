#include "store/apply_stage.h"

#include "store/apply_mailbox.h"
#include "store/apply_message.h"
#include "store/apply_row.h"

enum err
apply_stage_open(struct apply *a, const Commands__StageOpen *c)
{
	uint8_t name[9] = {0}, until[8];
	struct schema_key k;
	Commands__Account *r;
	Commands__Mailbox *m;
	enum err e = apply_row_account(a, c->account, &r);

	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such account")
			       : e;
	schema_set_u64(name + 1, a->index);
	schema_set_u64(until, a->time_sec + APPLY_STAGE_SEC);
	e = apply_mailbox_make(a, c->account, r, slice_of(name, sizeof name), &m);
	if (!e)
		e = db_put(a->txn, DB_SWEEP, schema_u8_u64(&k, 's', m->id),
			slice_of(until, sizeof until));
	if (e)
		return e;
	a->result->id = m->id;
	return apply_row_put_account(a, c->account, r);
}

/* ERR_NOT_FOUND: no stage. */
static enum err
find(struct apply *a, uint64_t stage, Commands__Mailbox **m)
{
	struct schema_key k;
	struct slice until;
	enum err e = db_get(a->txn, DB_SWEEP, schema_u8_u64(&k, 's', stage), &until);

	return e ? e : apply_row_mailbox(a, stage, m);
}

static enum err
drop(struct apply *a, const Commands__Mailbox *m)
{
	Commands__Account *r;
	enum err e = apply_row_account(a, m->account, &r);

	if (!e)
		e = apply_mailbox_drop(a, r, m);
	return e ? e : apply_row_put_account(a, m->account, r);
}

enum err
apply_stage_close(struct apply *a, const Commands__StageClose *c)
{
	Commands__Copy move = COMMANDS__COPY__INIT;
	Commands__Uids all = COMMANDS__UIDS__INIT;
	uint32_t first = 1, last = UINT32_MAX;
	Commands__Mailbox *m;
	enum err e = find(a, c->stage, &m);

	if (e == ERR_NOT_FOUND)
		return apply_refuse(a, COMMAND_NOT_FOUND, "it took too long");
	if (!e && c->to) {
		all.n_first = all.n_last = 1;
		all.first = &first;
		all.last = &last;
		move.mailbox = c->stage;
		move.to = c->to;
		move.uids = &all;
		move.move = true;
		e = apply_message_copy(a, &move);
		if (e || a->result->code != COMMAND_DONE)
			return e;
		e = apply_row_mailbox(a, c->stage, &m);
	}
	return e ? e : drop(a, m);
}

enum err
apply_stage_expire(struct apply *a, uint64_t stage, struct slice until, bool *is_over)
{
	Commands__Mailbox *m;
	enum err e;

	if (until.n != 8)
		return ERR_CORRUPT;
	*is_over = schema_get_u64(until.p) < a->time_sec;
	if (!*is_over)
		return ERR_OK;
	e = find(a, stage, &m);
	if (e)
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	return drop(a, m);
}
