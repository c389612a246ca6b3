#include "cmd/courier_policy.h"

#include "core/codec.h"
#include "store/view_directory.h"
#include "store/view_policy.h"

enum err
courier_policy_level(struct slice name, const Commands__Policy *row, struct arena *a,
	struct policy_level **out)
{
	struct policy_level *level = arena_zalloc(a, sizeof *level);

	level->name = name;
	for (size_t i = 0; i < row->n_setting; i++)
		if (!policy_load(level, slice_str(row->setting[i]->name),
			    slice_str(row->setting[i]->value)))
			return ERR_VERSION;
	*out = level;
	return ERR_OK;
}

/* That of our domains; 0: the address isn't ours. */
static enum err
delimiter_of(
	struct courier *c, struct db_txn *txn, struct slice domain, struct arena *a, char *out)
{
	Commands__Domain *ours;
	enum err e = view_directory_domain(txn, domain, a, &ours);

	*out = '\0';
	if (!e)
		*out = ours->delimiter.len ? (char)ours->delimiter.data[0]
					   : c->p->config.delimiter;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
courier_policy_chain(struct courier *c, struct db_txn *txn, struct slice address,
	struct arena *a, struct policy_chain *chain)
{
	char delimiter = '\0';
	enum err e;

	policy_chain(address, '\0', a, chain);
	/* Of an address the domain comes next. */
	if (chain->n < 2 || !slice_has(chain->name[0], '@'))
		return ERR_OK;
	e = delimiter_of(c, txn, chain->name[1], a, &delimiter);
	if (!e && delimiter)
		policy_chain(address, delimiter, a, chain);
	return e;
}

enum err
courier_policy_side(struct courier *c, struct db_txn *txn, struct slice address,
	struct arena *a, struct policy_side *out)
{
	struct policy_chain *chain = arena_alloc(a, sizeof *chain);
	enum err e = courier_policy_chain(c, txn, address, a, chain);
	struct policy_level *level;
	Commands__Policy *row;

	out->n = 0;
	for (size_t i = 0; i < chain->n && !e; i++) {
		e = view_policy_get(txn, chain->name[i], a, &row);
		if (!e)
			e = courier_policy_level(chain->name[i], row, a, &level);
		if (!e)
			out->level[out->n++] = level;
		if (e == ERR_NOT_FOUND)
			e = ERR_OK;
	}
	return e;
}

enum err
courier_policy_resolve(struct courier *c, struct db_txn *txn,
	const struct courier_policy_pair *of, struct arena *a, Gateway__Settings *out)
{
	struct policy_side *side = arena_alloc(a, 2 * sizeof *side);
	struct policy_decision *d = arena_alloc(a, sizeof *d);
	enum err e = courier_policy_side(c, txn, of->sender, a, &side[0]);

	if (!e)
		e = courier_policy_side(c, txn, of->recipient, a, &side[1]);
	if (e)
		return e;
	policy_decide(&side[0], &side[1], d);
	policy_resolve(d, a, out);
	return ERR_OK;
}
