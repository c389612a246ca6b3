/* engine_version: the cluster's version: when it rises, and that a program that is too old for
 * it goes no further. */
#include "core/codec.h"
#include "core/log.h"
#include "store/engine_inner.h"
#include "store/version.h"

enum err
engine_version_load(struct engine *e, struct db_txn *txn)
{
	enum err err = version_cluster(txn, &e->version);

	if (err || e->version <= VERSION_COMMANDS)
		return err;
	log_error("the cluster has come to version %u of its commands, this program knows %d: "
		  "put "
		  "the newer hairpin that the other nodes run in its place",
		e->version, VERSION_COMMANDS);
	return ERR_VERSION;
}

/* The newest version that every data node knows; one that never booted knows the first. */
static enum err
known_to_all(struct engine *e, uint32_t *version)
{
	const struct members *m = &e->log.members;
	struct db_txn *txn;
	uint32_t theirs;
	enum err err = db_begin(e->db, false, &txn);

	if (err)
		return err;
	*version = VERSION_COMMANDS;
	for (uint32_t i = 0; i < m->n && !err; i++) {
		if (!members_is_data(&m->node[i]))
			continue;
		err = version_node(txn, m->node[i].id, &theirs);
		if (!err && theirs < *version)
			*version = theirs;
	}
	db_abort(txn);
	return err;
}

static void
on_raised(void *arg, enum err err, uint64_t index, const Commands__Result *result)
{
	struct engine *e = arg;

	e->version_pending = false;
	if (!err && !result->code)
		log_info("every node knows version %u of the commands: it is used from log "
			 "entry "
			 "%llu on",
			e->version, (unsigned long long)index);
}

enum err
engine_version_tend(struct engine *e)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__ClusterVersion raised = COMMANDS__CLUSTER_VERSION__INIT;
	struct engine_proposal p = {.fd = -1, .done = on_raised, .arg = e};
	struct arena a;
	uint32_t version;
	enum err err;

	if (e->version >= VERSION_COMMANDS || e->version_pending)
		return ERR_OK;
	err = known_to_all(e, &version);
	if (err || version <= e->version)
		return err;
	arena_init(&a, 0);
	raised.version = version;
	c.body_case = COMMANDS__COMMAND__BODY_CLUSTER_VERSION;
	c.cluster_version = &raised;
	p.command = codec_pack(&c, &a);
	err = engine_propose(e, &p);
	arena_reset(&a);
	e->version_pending = !err;
	return err == ERR_BUSY ? ERR_OK : err;
}
