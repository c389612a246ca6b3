#include "store/apply_late.h"

#include "store/apply_hop.h"
#include "store/db.h"
#include "store/view_queue.h"

struct hurrying {
	struct apply *a;
	struct slice whom;
	enum err e;
};

static enum err
hurry_all(const struct hurrying *x, uint32_t node)
{
	struct slice prefix = SLICE_LIT(SCHEMA_KEY_HOP), k, v, name;
	uint8_t at[SCHEMA_HOP_MAX + 1];
	struct schema_hop_key from;
	enum err e = ERR_OK;

	memcpy(at, prefix.p, prefix.n);
	/* The octet behind is the next name's first possible one. */
	for (size_t n = prefix.n; !e; n = name.n + 1) {
		e = db_first_from(
			x->a->txn, DB_HOP, schema_hop(&from, node, slice_of(at, n)), &k, &v);
		if (e)
			break;
		name = k.n > 4 ? slice_from(k, 4) : SLICE_EMPTY;
		if (schema_get_u32(k.p) != node || !slice_starts(name, prefix) ||
			name.n > SCHEMA_HOP_MAX)
			break;
		memcpy(at, name.p, name.n);
		at[name.n] = 1;
		name.p = at;
		if (slice_ends(name, x->whom))
			e = apply_hop_hurry(x->a, node, name);
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool
hurry_at_node(void *arg, uint32_t node, const struct schema_owner *owner)
{
	struct slice prefix = SLICE_LIT(SCHEMA_KEY_HOP);
	uint8_t hop[sizeof(SCHEMA_KEY_HOP) + SCHEMA_NAME_MAX];
	struct hurrying *x = arg;

	(void)owner;
	if (!x->whom.n || x->whom.p[0] == '@' || x->whom.p[0] == '.') {
		x->e = hurry_all(x, node);
		return !x->e;
	}
	memcpy(hop, prefix.p, prefix.n);
	memcpy(hop + prefix.n, x->whom.p, x->whom.n);
	x->e = apply_hop_hurry(x->a, node, slice_of(hop, prefix.n + x->whom.n));
	return !x->e;
}

enum err
apply_late_hurry(struct apply *a, struct slice whom)
{
	struct hurrying x = {.a = a, .whom = whom};
	enum err e;

	if (whom.n > SCHEMA_NAME_MAX)
		return ERR_OK;
	e = view_queue_owners(a->txn, hurry_at_node, &x);
	return e ? e : x.e;
}
