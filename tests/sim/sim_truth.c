/* sim_truth: the one history. What a node says is committed is so for ever, for all; a state of
 * its own follows it entry by entry, and every node's state, at every index, must be that
 * one's. What a node trims in the turn in which it came is seen on its way out. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/codec.h"
#include "core/must.h"
#include "store/schema.h"

enum { CHAIN_AT = 49, ROW_FIXED = 81, COMPARED = 8, UNKNOWN = 0 };

static struct {
	char dir[112];
	struct db *db;
	struct arena arena;
	struct buf scratch;
} truth;

/* The rows that went, as the node that trimmed them last had them. */
static struct kept {
	uint32_t by;
	uint8_t type;
	uint64_t term, chain, body_size;
	struct slice command; /* owned; SLICE_EMPTY: it couldn't be read */
} kept[SIM_LOG + 1];

static void
drop_kept(struct kept *k)
{
	free((void *)(uintptr_t)k->command.p);
	*k = (struct kept){0};
}

void
sim_truth_begin(bool is_new)
{
	struct db_options how = {.create = true, .map_bytes = UINT64_C(1) << 32};

	snprintf(truth.dir, sizeof truth.dir, "%s-truth", sim.node[1].dir);
	if (is_new) {
		sim_disk_remove(truth.dir);
		must(mkdir(truth.dir, 0700) == 0);
	}
	must(db_open(&truth.db, truth.dir, &how) == ERR_OK);
	arena_init(&truth.arena, 65536);
	buf_init(&truth.scratch, 8 << 20);
}

void
sim_truth_end(bool removes)
{
	db_close(truth.db);
	truth.db = NULL;
	arena_reset(&truth.arena);
	buf_fini(&truth.scratch);
	for (uint64_t i = 0; i <= SIM_LOG; i++)
		drop_kept(&kept[i]);
	if (removes)
		sim_disk_remove(truth.dir);
}

/* --- what a node has --- */

static enum err
row_of(struct db_txn *txn, uint64_t index, struct slice *row)
{
	struct schema_key k;
	enum err e = db_get(txn, DB_LOG, schema_u64(&k, index), row);

	return !e && row->n < ROW_FIXED ? ERR_CORRUPT : e;
}

/* As n has it. False: n can't read it (yet). */
static bool
read_command(
	const struct sim_node *n, struct db_txn *txn, uint64_t index, struct slice *command)
{
	struct raft_log log = *engine_log(n->e);
	uint64_t term;
	enum err e;

	log.scratch = truth.scratch;
	e = raft_log_read(&log, txn, index, &term, command);
	truth.scratch = log.scratch;
	return !e;
}

static void
keep(const struct sim_node *n, struct db_txn *txn, uint64_t index)
{
	struct kept *k = &kept[index];
	struct slice row, command;
	uint8_t *copy;

	if (row_of(txn, index, &row))
		return;
	/* Another one could read it, and this one may not. */
	if (k->command.p && k->chain == schema_get_u64(row.p + CHAIN_AT)) {
		k->by = n->id;
		return;
	}
	drop_kept(k);
	*k = (struct kept){.by = n->id,
		.type = row.p[8],
		.term = schema_get_u64(row.p),
		.chain = schema_get_u64(row.p + CHAIN_AT),
		.body_size = schema_get_u64(row.p + 9)};
	if (index <= sim.applied || !read_command(n, txn, index, &command))
		return;
	copy = must_alloc(command.n + 1);
	if (command.n)
		memcpy(copy, command.p, command.n);
	k->command = slice_of(copy, command.n);
}

enum err __real_raft_log_trim(
	struct raft_log *log, struct db_txn *txn, uint64_t keep_from, uint32_t max);
enum err __wrap_raft_log_trim(
	struct raft_log *log, struct db_txn *txn, uint64_t keep_from, uint32_t max);

enum err
__wrap_raft_log_trim(struct raft_log *log, struct db_txn *txn, uint64_t keep_from, uint32_t max)
{
	uint64_t i = log->first > sim.node[log->node].last ? log->first
							   : sim.node[log->node].last + 1;

	/* In the turn in which it died it may have got that far, too. */
	if (sim.applied + 1 < i)
		i = sim.applied + 1 > log->first ? sim.applied + 1 : log->first;
	for (; i < keep_from && i <= log->applied && i <= SIM_LOG; i++)
		keep(&sim.node[log->node], txn, i);
	return __real_raft_log_trim(log, txn, keep_from, max);
}

enum err __real_raft_log_truncate(struct raft_log *log, struct db_txn *txn, uint64_t from);
enum err __wrap_raft_log_truncate(struct raft_log *log, struct db_txn *txn, uint64_t from);

/* What comes in its place may be trimmed in the same turn, too. */
enum err
__wrap_raft_log_truncate(struct raft_log *log, struct db_txn *txn, uint64_t from)
{
	if (sim.node[log->node].last >= from)
		sim.node[log->node].last = from - 1;
	return __real_raft_log_truncate(log, txn, from);
}

/* Its term and chain hash. False: n doesn't have it. */
static bool
has_row(const struct sim_node *n, struct db_txn *txn, uint64_t i, uint64_t *term,
	uint64_t *chain)
{
	struct slice row;

	if (!row_of(txn, i, &row)) {
		*term = schema_get_u64(row.p);
		*chain = schema_get_u64(row.p + CHAIN_AT);
		return true;
	}
	*term = kept[i].term;
	*chain = kept[i].chain;
	/* What was seen before is known, and kept may be of a turn that came to nothing. */
	return i > n->last && kept[i].by == n->id;
}

/* Its log begins anew behind a database that was streamed, or where an arbiter was told. */
static void
begin_anew(struct sim_node *n, uint64_t last, struct slice tail)
{
	memset(n->term_of, 0, sizeof n->term_of);
	memset(n->chain, 0, sizeof n->chain);
	n->term_of[last] = schema_get_u64(tail.p + 8);
	n->chain[last] = schema_get_u64(tail.p + 16);
}

/* Down from its end as far as it is new: equal hashes have equal histories. */
static void
mirror(struct sim_node *n, struct db_txn *txn)
{
	struct slice tail;
	uint64_t last, term, chain;

	must(!db_get(txn, DB_META, slice_str("tail"), &tail) && tail.n >= 24);
	last = schema_get_u64(tail.p);
	if (last > SIM_LOG)
		sim_fail("the log of n%u is longer than a story may be", n->id);
	if (last && !has_row(n, txn, last, &term, &chain) &&
		(last > n->last || n->chain[last] != schema_get_u64(tail.p + 16)))
		begin_anew(n, last, tail);
	for (uint64_t i = last; i > 0 && has_row(n, txn, i, &term, &chain); i--) {
		if (i <= n->last && n->chain[i] == chain)
			break;
		n->chain[i] = chain;
		n->term_of[i] = term;
	}
	n->last = last;
}

void
sim_truth_autopsy(struct sim_node *n)
{
	struct db_options how = {.read_only = true, .map_bytes = UINT64_C(1) << 32};
	struct db *db;
	struct db_txn *txn;

	enum err e = db_open(&db, n->dir, &how);

	if (e)
		sim_fail("the database of n%u can't be opened: %s", n->id, err_text(e));
	must(!db_begin(db, false, &txn));
	mirror(n, txn);
	db_abort(txn);
	db_close(db);
}

static void
check_matching(const struct sim_node *a, const struct sim_node *b)
{
	uint64_t at = a->last < b->last ? a->last : b->last;

	for (uint64_t i = at; i > 0 && i + COMPARED > at; i--) {
		if (a->term_of[i] != b->term_of[i] || a->chain[i] == UNKNOWN ||
			b->chain[i] == UNKNOWN)
			continue;
		if (a->chain[i] != b->chain[i])
			sim_fail("the logs of n%u and n%u differ at %llu, in one term", a->id,
				b->id, (unsigned long long)i);
		return;
	}
}

/* --- commitment --- */

static bool
has_truth(const struct sim_node *n, uint64_t i)
{
	return n->exists && n->last >= i &&
	       (n->chain[i] == UNKNOWN ||
		       (n->term_of[i] == sim.term_of[i] && n->chain[i] == sim.chain[i]));
}

/* By the members that the one who says it knows. A disk that is off still has it. */
static void
check_durable(const struct sim_node *n)
{
	uint32_t have = 0, votes = 0;

	if (n->role != RAFT_LEADER || n->members.index > sim.committed)
		return;
	for (uint32_t i = 0; i < n->members.n; i++) {
		const struct members_node *m = &n->members.node[i];

		if (m->kind == RAFT_LEARNER)
			continue;
		votes++;
		have += m->id <= SIM_NODES && has_truth(&sim.node[m->id], sim.committed);
	}
	if (have < votes / 2 + 1)
		sim_fail("n%u says %llu is committed, and %u of %u have it", n->id,
			(unsigned long long)sim.committed, have, votes);
}

static void
check_committed(struct sim_node *n, uint64_t commit)
{
	uint64_t from = sim.committed;

	if (commit < n->commit)
		sim_fail("n%u takes back what it said was committed", n->id);
	if (commit > n->last)
		sim_fail("n%u says more is committed than it has", n->id);
	for (uint64_t i = n->commit > COMPARED ? n->commit - COMPARED : 1; i <= commit; i++) {
		if (i > sim.committed) {
			if (n->chain[i] == UNKNOWN)
				sim_fail("n%u says %llu is committed, and has no such entry",
					n->id, (unsigned long long)i);
			sim.committed = i;
			sim.term_of[i] = n->term_of[i];
			sim.chain[i] = n->chain[i];
		}
		if (!has_truth(n, i))
			sim_fail("n%u has another entry %llu than was committed", n->id,
				(unsigned long long)i);
	}
	n->commit = commit;
	if (sim.committed > from)
		check_durable(n);
}

/* --- what follows from it --- */

static void
note_result(uint64_t index, const Commands__Command *c, const Commands__Result *r)
{
	uint32_t n = sim_client_op_of(c);
	struct sim_op *op = &sim.op[n];

	if (!n || op->at)
		return;
	op->at = index;
	op->was_adopted = sim.adopted_at[op->node] > op->asked_at;
	op->true_code = r->code;
	op->true_id = r->id;
	op->true_uid = r->n_uid ? r->uid[0] : 0;
	op->true_result = sim_client_hash(codec_pack(r, &truth.arena));
	if (op->is_told && op->e && op->e != ERR_TIMEOUT)
		sim_fail("op %u is entry %llu, and its client was told %s", n,
			(unsigned long long)index, err_text(op->e));
	if (c->node != op->node)
		sim_fail("op %u came from n%u, and its entry says n%u", n, op->node, c->node);
}

static enum err
apply(struct db_txn *txn, const struct apply *of, struct slice command)
{
	Commands__Command *c = codec_unpack(
		&commands__command__descriptor, command, &truth.arena);
	struct apply_touched touched = {0};
	struct apply_secrets secrets = {0};
	Commands__Result result;
	struct apply a = *of;
	enum err e;

	if (!c)
		return ERR_CORRUPT;
	if (c->time_sec < sim.time_sec)
		sim_fail("at entry %llu time runs backwards", (unsigned long long)a.index);
	a.txn = txn;
	a.arena = &truth.arena;
	a.touched = &touched;
	a.secrets = &secrets;
	a.result = &result;
	sim.time_sec = a.time_sec = c->time_sec;
	a.msec = c->msec;
	a.node = c->node;
	a.boot = c->boot;
	e = apply_command(&a, c);
	if (c->body_case == COMMANDS__COMMAND__BODY_ADOPT && c->adopt->node <= SIM_NODES)
		sim.adopted_at[c->adopt->node] = a.index;
	if (!e)
		note_result(a.index, c, &result);
	return e;
}

/* The next entry, from n's disk, or as it was when it went. False: n can't read it (yet). */
static bool
find_next(struct sim_node *n, struct db_txn *txn, struct kept *found)
{
	uint64_t index = sim.applied + 1;
	struct slice row;

	if (row_of(txn, index, &row)) {
		*found = kept[index];
		return found->by && found->chain == sim.chain[index] &&
		       (found->command.p || found->type == RAFT_LOG_NOOP);
	}
	*found = (struct kept){.type = row.p[8], .body_size = schema_get_u64(row.p + 9)};
	return read_command(n, txn, index, &found->command);
}

static bool
follow(struct sim_node *n, struct db_txn *txn)
{
	uint64_t index = sim.applied + 1;
	struct kept found;
	struct db_txn *own;
	uint8_t digest[32];
	enum err e = ERR_OK;

	if (!find_next(n, txn, &found))
		return false;
	must(!db_begin(truth.db, true, &own));
	if (found.type != RAFT_LOG_NOOP && found.type != RAFT_LOG_CONFIG)
		e = apply(own,
			&(struct apply){.index = index,
				.term = sim.term_of[index],
				.body_sealed_size = found.body_size},
			found.command);
	if (e || db_commit(own))
		sim_fail("entry %llu can't be applied: %s", (unsigned long long)index,
			err_text(e));
	arena_reset(&truth.arena);
	must(!db_begin(truth.db, false, &own) && !db_digest(own, digest));
	db_abort(own);
	sim.digest[index] = schema_get_u64(digest);
	sim.applied = index;
	return true;
}

static void
check_state(struct sim_node *n, struct db_txn *txn, uint64_t applied)
{
	uint8_t digest[32];

	if (applied > n->commit)
		sim_fail("n%u applied what isn't committed", n->id);
	if (applied < n->applied)
		sim_fail("n%u has forgotten what it applied", n->id);
	n->applied = applied;
	if (n->is_arbiter || !applied || applied > sim.applied)
		return;
	must(!db_digest(txn, digest));
	if (schema_get_u64(digest) != sim.digest[applied])
		sim_fail("the state of n%u at %llu isn't that of the others", n->id,
			(unsigned long long)applied);
}

/* --- a node, after its turn --- */

static void
check_leader(const struct sim_node *n)
{
	uint32_t *known = &sim.leader_of[n->term];

	if (n->role != RAFT_LEADER)
		return;
	if (n->term >= SIM_TERMS)
		sim_fail("more terms than a story may have");
	if (*known && *known != n->id)
		sim_fail("n%u and n%u lead in term %llu", *known, n->id,
			(unsigned long long)n->term);
	if (*known)
		return;
	*known = n->id;
	sim.leaders++;
	/* Leader completeness. */
	if (sim.committed && !has_truth(n, sim.committed))
		sim_fail("n%u leads, and lacks %llu, which is committed", n->id,
			(unsigned long long)sim.committed);
}

void
sim_truth_look(struct sim_node *n)
{
	struct engine_status s;
	struct db_txn *txn;
	uint64_t was = n->applied;

	engine_status(n->e, &s);
	if (s.term < n->term)
		sim_fail("n%u goes back to an older term", n->id);
	if (s.role != n->role || s.term != n->term || s.commit != n->commit)
		sim_say("n%u role %d term %llu leader %u last %llu commit %llu", n->id,
			(int)s.role, (unsigned long long)s.term, s.leader,
			(unsigned long long)s.last, (unsigned long long)s.commit);
	n->role = s.role;
	n->term = s.term;
	n->members = *engine_members(n->e);
	must(!db_begin(engine_db(n->e), false, &txn));
	mirror(n, txn);
	check_committed(n, s.commit);
	check_leader(n);
	while (!n->is_arbiter && sim.applied < sim.committed && sim.applied < n->commit &&
		follow(n, txn))
		continue;
	check_state(n, txn, s.applied);
	db_abort(txn);
	if (n->applied != was && n->applied == n->commit && n->applied % 64 == 0)
		sim_say("n%u has applied %llu: %016llx", n->id, (unsigned long long)n->applied,
			(unsigned long long)sim.digest[n->applied]);
	for (uint32_t id = 1; id <= sim.nodes; id++)
		if (sim.node[id].exists && id != n->id)
			check_matching(n, &sim.node[id]);
}
