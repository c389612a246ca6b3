#include "store/apply_owner.h"

#include "store/apply_payload.h"
#include "store/apply_proposer.h"
#include "store/apply_row.h"
#include "store/apply_trace.h"
#include "store/view_queue.h"

static enum err
put(struct apply *a, uint32_t node, const struct schema_owner *o)
{
	uint8_t row[SCHEMA_OWNER_SIZE];
	struct schema_key k;

	a->touched->queue = true;
	return db_put(a->txn, DB_OWNER, schema_u32(&k, node), schema_owner_write(o, row));
}

static enum err
give(struct apply *a, uint32_t node, uint64_t old_epoch, uint32_t to, uint64_t boot)
{
	struct schema_owner o = {
		.runs_node = to, .boot = boot, .epoch = old_epoch + 1, .since = a->index};

	return put(a, node, &o);
}

/* One row at a boot. */
static enum err
boot_row(struct apply *a, uint32_t node, const struct schema_owner *o)
{
	struct schema_owner changed = *o;

	if (o->runs_node == a->node && o->boot != a->boot) {
		changed.boot = a->boot;
		changed.epoch++;
		changed.since = a->index;
	} else if (node == a->node && o->runs_node != a->node) {
		changed.wants = a->boot;
	} else {
		return ERR_OK;
	}
	return put(a, node, &changed);
}

enum err
apply_owner_boot(struct apply *a)
{
	struct schema_owner o;
	struct schema_key from;
	struct slice k, v;
	bool has_own = false;
	enum err e;

	for (uint64_t node = 0; node <= UINT32_MAX; node++) {
		e = db_first_from(a->txn, DB_OWNER, schema_u32(&from, (uint32_t)node), &k, &v);
		if (e == ERR_NOT_FOUND)
			break;
		if (!e && (k.n != 4 || !schema_owner_read(v, &o)))
			e = ERR_CORRUPT;
		if (e)
			return e;
		node = schema_get_u32(k.p);
		has_own |= node == a->node;
		e = boot_row(a, (uint32_t)node, &o);
		if (e)
			return e;
	}
	return has_own ? ERR_OK : give(a, a->node, 0, a->node, a->boot);
}

enum err
apply_owner_adopt(struct apply *a, const Commands__Adopt *c)
{
	struct schema_owner o;
	uint64_t boot = 0;
	enum err e = view_queue_owner(a->txn, c->node, &o);

	if (e == ERR_NOT_FOUND)
		return apply_refuse(a, COMMAND_NOT_FOUND, "no such node");
	if (!e)
		e = apply_proposer_boot_of(a, c->by, &boot);
	if (e && e != ERR_NOT_FOUND)
		return e;
	/* The leader counted the silence of who runs them. In another term that node may have
	 * been heard, and answered, again. */
	if (e || o.epoch != c->seen_epoch || boot != c->by_boot || c->term != a->term)
		return apply_refuse(a, COMMAND_STALE, "another one runs them now");
	e = give(a, c->node, o.epoch, c->by, c->by_boot);
	/* What it was taking in when it fell silent isn't waited for. */
	if (!e && o.runs_node == c->node && c->by != c->node)
		e = apply_payload_orphan(a, c->node);
	return e ? e : apply_trace_owner(a, SCHEMA_TRACE_ADOPTED, c->node, c->by);
}

enum err
apply_owner_recall(struct apply *a)
{
	struct schema_owner o;
	enum err e = view_queue_owner(a->txn, a->node, &o);

	if (e == ERR_NOT_FOUND)
		return apply_refuse(a, COMMAND_NOT_FOUND, "no such node");
	return e ? e : boot_row(a, a->node, &o);
}

enum err
apply_owner_yield(struct apply *a, const Commands__Yield *c)
{
	struct schema_owner o;
	bool runs = false;
	enum err e = apply_owner_runs(a, c->node, c->epoch, &runs);

	if (!e && runs)
		e = view_queue_owner(a->txn, c->node, &o);
	if (e)
		return e;
	if (!runs || !o.wants)
		return apply_refuse(a, COMMAND_STALE, "they aren't wanted back");
	e = give(a, c->node, o.epoch, c->node, o.wants);
	return e ? e : apply_trace_owner(a, SCHEMA_TRACE_GIVEN_BACK, c->node, c->node);
}

static enum err
take(struct apply *a, uint32_t node, const struct schema_owner *o)
{
	enum err e = ERR_OK;

	if (o->runs_node != a->node)
		e = give(a, node, o->epoch, a->node, a->boot);
	return e || node == a->node ? e : apply_payload_orphan(a, node);
}

enum err
apply_owner_take_all(struct apply *a)
{
	struct schema_owner o;
	struct schema_key from;
	struct slice k, v;
	enum err e = ERR_OK;

	for (uint64_t node = 0; !e && node <= UINT32_MAX; node++) {
		e = db_first_from(a->txn, DB_OWNER, schema_u32(&from, (uint32_t)node), &k, &v);
		if (!e && (k.n != 4 || !schema_owner_read(v, &o)))
			e = ERR_CORRUPT;
		if (e)
			break;
		node = schema_get_u32(k.p);
		e = take(a, (uint32_t)node, &o);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
apply_owner_runs(struct apply *a, uint32_t node, uint64_t epoch, bool *runs)
{
	struct schema_owner o;
	enum err e = view_queue_owner(a->txn, node, &o);

	*runs = !e && o.runs_node == a->node && o.boot == a->boot && o.epoch == epoch;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
