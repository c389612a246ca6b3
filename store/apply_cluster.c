#include "store/apply_cluster.h"

#include <stdio.h>

#include "store/apply_owner.h"
#include "store/apply_row.h"
#include "store/version.h"

enum { DIGEST = 32, UID_GAP_MAX = 1 << 24 };

enum err
apply_cluster_version(struct apply *a, const Commands__ClusterVersion *c)
{
	uint32_t now;
	enum err e = version_cluster(a->txn, &now);

	if (e)
		return e;
	if (c->version <= now)
		return apply_refuse(a, COMMAND_STALE, "the cluster has that version");
	return version_put(a->txn, c->version);
}

struct slice
apply_cluster_report_name(uint32_t node, char name[APPLY_CLUSTER_REPORT_NAME])
{
	snprintf(name, APPLY_CLUSTER_REPORT_NAME, "digest.%u", node);
	return slice_str(name);
}

enum err
apply_cluster_report(struct apply *a, const Commands__DigestReport *c)
{
	char name[APPLY_CLUSTER_REPORT_NAME];

	if (c->digest.len != DIGEST)
		return apply_refuse(a, COMMAND_INVALID, "bad digest");
	return apply_row_put(a, DB_SETTING, apply_cluster_report_name(a->node, name), c);
}

/* A client may have seen UIDs above ours, and MODSEQs (those are log indexes, and the log
 * begins again far above). Who asks for what changed compares the whole mailbox. */
static enum err
lift_mailbox(struct apply *a, const Commands__Restored *c, struct slice row)
{
	Commands__Mailbox *m = codec_unpack(&commands__mailbox__descriptor, row, a->arena);
	uint32_t left;

	if (!m)
		return ERR_CORRUPT;
	left = UINT32_MAX - m->uidnext;
	m->uidnext += c->uid_gap < left ? c->uid_gap : left;
	m->modseq = m->changes_from = a->index;
	m->changes = 0;
	return apply_row_put_mailbox(a, m);
}

static enum err
drop_changes(struct apply *a)
{
	struct slice k, v;
	enum err e;

	do {
		e = db_first_from(a->txn, DB_CHANGE, SLICE_EMPTY, &k, &v);
		if (!e)
			e = db_del(a->txn, DB_CHANGE, arena_dup(a->arena, k));
	} while (!e);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
apply_cluster_restored(struct apply *a, const Commands__Restored *c)
{
	struct schema_key from;
	struct slice k, v;
	uint64_t id = 0;
	enum err e;

	if (c->uid_gap > UID_GAP_MAX)
		return apply_refuse(a, COMMAND_INVALID, "bad gap");
	while (!(e = db_first_from(a->txn, DB_MAILBOX, schema_u64(&from, id), &k, &v))) {
		id = schema_get_u64(k.p) + 1;
		e = lift_mailbox(a, c, v);
		if (e)
			return e;
	}
	if (e == ERR_NOT_FOUND)
		e = drop_changes(a);
	return e ? e : apply_owner_take_all(a);
}
