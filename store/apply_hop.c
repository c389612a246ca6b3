#include "store/apply_hop.h"

#include "store/apply_owner.h"
#include "store/apply_row.h"
#include "store/apply_trace.h"
#include "store/view_hop.h"

enum { STATUS_MAX = 1000 };

static enum err
put(struct apply *a, uint32_t node, struct slice name, const Commands__Hop *hop)
{
	struct schema_hop_key k;
	enum err e = apply_row_put(a, DB_HOP, schema_hop(&k, node, name), hop);

	a->touched->queue = true;
	return e ? e
		 : db_put(a->txn, DB_HOP_DUE, schema_hop_due(&k, node, hop->next_try_sec, name),
			   SLICE_EMPTY);
}

static enum err
drop_due(struct apply *a, uint32_t node, struct slice name, const Commands__Hop *hop)
{
	struct schema_hop_key k;

	return apply_row_del(a, DB_HOP_DUE, schema_hop_due(&k, node, hop->next_try_sec, name));
}

enum err
apply_hop_add(struct apply *a, const struct schema_relay *r)
{
	Commands__Hop fresh = COMMANDS__HOP__INIT, *hop = &fresh;
	struct schema_hop_key k;
	struct slice key = schema_relay_key(&k, r), v;
	enum err e = db_get(a->txn, DB_RELAY, key, &v);

	if (e != ERR_NOT_FOUND)
		return e;
	e = db_put(a->txn, DB_RELAY, key, SLICE_EMPTY);
	fresh.next_try_sec = r->next_try_sec;
	if (!e)
		e = view_hop_get(a->txn, r->node, r->hop, a->arena, &hop);
	if (!e)
		e = drop_due(a, r->node, r->hop, hop);
	if (e && e != ERR_NOT_FOUND)
		return e;
	hop->waiting++;
	if (!hop->tries && r->next_try_sec < hop->next_try_sec)
		hop->next_try_sec = r->next_try_sec;
	return put(a, r->node, r->hop, hop);
}

enum err
apply_hop_drop(struct apply *a, const struct schema_relay *r)
{
	struct schema_hop_key k;
	Commands__Hop *hop;
	enum err e = db_del(a->txn, DB_RELAY, schema_relay_key(&k, r));

	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	e = view_hop_get(a->txn, r->node, r->hop, a->arena, &hop);
	if (!e)
		e = drop_due(a, r->node, r->hop, hop);
	if (e)
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	if (--hop->waiting == 0) {
		a->touched->queue = true;
		return apply_row_del(a, DB_HOP, schema_hop(&k, r->node, r->hop));
	}
	if (!hop->tries)
		e = view_hop_earliest(a->txn, r->node, r->hop, &hop->next_try_sec);
	return e ? e : put(a, r->node, r->hop, hop);
}

static void
note_failure(const struct apply *a, Commands__Hop *hop, const Commands__HopStep *c)
{
	if (!hop->tries++)
		hop->failed_since_sec = a->time_sec;
	hop->last_try_sec = a->time_sec;
	hop->next_try_sec = c->next_try_sec > a->time_sec ? c->next_try_sec : a->time_sec + 1;
	if (strlen(c->status) <= STATUS_MAX)
		hop->last_status = c->status;
}

enum err
apply_hop_note(struct apply *a, uint32_t node, const Commands__HopStep *c)
{
	struct slice name = codec_slice(c->name);
	Commands__Hop *hop;
	enum err e = schema_is_hop(name) ? view_hop_get(a->txn, node, name, a->arena, &hop)
					 : ERR_NOT_FOUND;

	if (e == ERR_NOT_FOUND || (!e && !c->failed && !hop->tries))
		return ERR_OK;
	if (!e)
		e = drop_due(a, node, name, hop);
	if (e)
		return e;
	if (c->failed) {
		note_failure(a, hop, c);
		e = apply_trace_hop(a, SCHEMA_TRACE_HOP_FAILED, node, name, hop);
	} else {
		hop->tries = 0;
		hop->failed_since_sec = hop->last_try_sec = 0;
		hop->last_status = (char *)(uintptr_t) "";
		e = view_hop_earliest(a->txn, node, name, &hop->next_try_sec);
	}
	return e ? e : put(a, node, name, hop);
}

enum err
apply_hop_step(struct apply *a, const Commands__HopStep *c)
{
	bool runs = false;
	enum err e = apply_owner_runs(a, c->node, c->epoch, &runs);

	if (e)
		return e;
	if (!runs)
		return apply_refuse(a, COMMAND_STALE, "another one runs them now");
	return apply_hop_note(a, c->node, c);
}

enum err
apply_hop_hurry(struct apply *a, uint32_t node, struct slice name)
{
	Commands__Hop *hop;
	enum err e = view_hop_get(a->txn, node, name, a->arena, &hop);

	/* Nothing is known against it: it is due when the first of its recipients is. */
	if (!e && !hop->tries)
		return ERR_OK;
	if (!e)
		e = drop_due(a, node, name, hop);
	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	hop->next_try_sec = a->time_sec;
	return put(a, node, name, hop);
}
