/* sim_end: what must be true when all is healed. */
#include "tests/sim/sim.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/must.h"
#include "store/check.h"
#include "store/raft_body.h"
#include "store/schema.h"
#include "store/vault.h"
#include "store/view_mailbox.h"

/* --- each database is sound --- */

static void
check_store(struct sim_node *n)
{
	struct check *c;
	bool done = false;
	struct check_with with = {&engine_log(n->e)->keys, vault_file(engine_vault(n->e))};

	must(check_begin(engine_db(n->e), &with, &c) == ERR_OK);
	while (!done)
		must(check_step(c, 1000, &done) == ERR_OK);
	if (check_report(c)->violations)
		sim_fail("the database of n%u: %s", n->id, check_report(c)->text[0]);
	check_end(c);
}

static bool
holds(const char *path, const char *what)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	char *all;
	bool found;

	must(fd >= 0 && fstat(fd, &st) == 0);
	all = must_alloc((size_t)st.st_size + 1);
	must(read(fd, all, (size_t)st.st_size) == st.st_size);
	close(fd);
	found = memmem(all, (size_t)st.st_size, what, strlen(what)) != NULL;
	free(all);
	return found;
}

/* It votes on what it can't read. */
static void
check_arbiter(const struct sim_node *n)
{
	char path[128];

	snprintf(path, sizeof path, "%s/data.mdb", n->dir);
	if (holds(path, SIM_SECRET))
		sim_fail("the arbiter n%u has what clients wrote in the clear", n->id);
	if (engine_log(n->e)->keys.n)
		sim_fail("the arbiter n%u has a key", n->id);
	/* So the search can fail. */
	snprintf(path, sizeof path, "%s/data.mdb", sim.node[1].dir);
	if (sim.op[1].at && !holds(path, SIM_SECRET))
		sim_fail("the search for what clients wrote finds nothing anywhere");
}

/* --- what clients were told --- */

/* A delivery may come too late; a part of a large body may meet a full disk, or be gone because
 * its node fell silent. For the rest nothing stands in its way. */
static bool
may_be_refused(const struct sim_op *op)
{
	if (op->kind == SIM_STEP)
		return op->code == COMMAND_STALE;
	return op->size > SCHEMA_ENTRY_BODY_MAX && op->code == COMMAND_INVALID &&
	       (op->was_adopted || sim.has_ballast);
}

static void
check_told(uint32_t number)
{
	const struct sim_op *op = &sim.op[number];

	if (!op->is_told && !op->is_lost)
		sim_fail("op %u was never told anything", number);
	if (!op->is_told || op->e)
		return;
	if (!op->at)
		sim_fail("op %u was told that it is done, and is nowhere in the log", number);
	if (op->code && !may_be_refused(op))
		sim_fail("op %u was refused with code %u", number, op->code);
	if (op->result != op->true_result)
		sim_fail("op %u was told code %u, id %llu, uid %u; it came to code %u, id "
			 "%llu, uid %u",
			number, op->code, (unsigned long long)op->id, op->uid, op->true_code,
			(unsigned long long)op->true_id, op->true_uid);
}

struct ledger {
	uint32_t n[SIM_OPS + 1], uid[SIM_OPS + 1];
};

static uint32_t
number_of(struct slice index)
{
	struct slice digits = slice_from(index, sizeof SIM_SECRET - 1);
	uint32_t number = 0;

	for (size_t i = 0; i < digits.n; i++)
		number = number * 10 + (uint32_t)(digits.p[i] - '0');
	return number;
}

/* Its octets are those that its client gave. */
static void
check_octets(const struct sim_node *n, struct db_txn *txn, uint32_t number, uint64_t payload)
{
	struct arena a;
	struct buf body;
	Commands__PayloadRow *row;

	arena_init(&a, 0);
	buf_init(&body, SIM_BODY_MAX);
	must(!view_mailbox_payload(txn, payload, &a, &row));
	for (size_t i = 0; i < row->n_index; i++)
		if (raft_body_get(txn, row->index[i], &body))
			sim_fail("n%u lacks octets of the mail of op %u", n->id, number);
	if (body.n != sim.op[number].size)
		sim_fail("n%u has %zu octets of the mail of op %u", n->id, body.n, number);
	for (uint64_t i = 0; i < body.n; i++)
		if (body.p[i] != sim_client_octet(number, i))
			sim_fail("n%u has other octets in the mail of op %u", n->id, number);
	buf_fini(&body);
	arena_reset(&a);
}

static void
count_messages(struct sim_node *n, struct db_txn *txn, struct ledger *l)
{
	struct db_cursor *c;
	struct slice k, v;
	struct schema_message m;

	must(!db_cursor_open(txn, DB_MESSAGE, &c));
	for (enum err e = db_seek(c, SLICE_EMPTY, &k, &v); !e; e = db_next(c, &k, &v)) {
		uint32_t number;

		must(schema_message_read(v, &m));
		number = number_of(m.sealed_index);
		if (number == 0 || number > sim.ops)
			sim_fail("n%u has a message that nobody wrote", n->id);
		if (l->n[number]++)
			sim_fail("n%u has the mail of op %u twice", n->id, number);
		l->uid[number] = schema_get_u32(k.p + 8);
		check_octets(n, txn, number, m.payload);
	}
	db_cursor_close(c);
}

static bool
was_expunged(uint32_t uid)
{
	for (uint32_t i = 1; i <= sim.ops; i++)
		if (sim.op[i].kind == SIM_EXPUNGE && sim.op[i].target == uid && sim.op[i].at)
			return true;
	return false;
}

static void
check_mail(const struct sim_node *n, uint32_t number, const struct ledger *l)
{
	const struct sim_op *op = &sim.op[number];
	bool is_append = op->kind == SIM_APPEND || op->kind == SIM_APPEND_LARGE;

	if (l->n[number] && !op->at)
		sim_fail("n%u has the mail of op %u, which isn't in the log", n->id, number);
	if (!is_append || !op->is_told || op->e || op->code)
		return;
	if (!l->n[number] && !was_expunged(op->uid))
		sim_fail("n%u has lost the mail of op %u, uid %u", n->id, number, op->uid);
	if (l->n[number] && l->uid[number] != op->uid)
		sim_fail("n%u has the mail of op %u as uid %u, not %u", n->id, number,
			l->uid[number], op->uid);
}

static void
check_ledger(struct sim_node *n)
{
	struct ledger *l = must_zalloc(sizeof *l);
	struct db_txn *txn;

	must(!db_begin(engine_db(n->e), false, &txn));
	count_messages(n, txn, l);
	db_abort(txn);
	for (uint32_t i = 1; i <= sim.ops; i++)
		check_mail(n, i, l);
	free(l);
}

void
sim_end_check(void)
{
	if (sim.applied != sim.committed)
		sim_fail("%llu is committed, and %llu could be read",
			(unsigned long long)sim.committed, (unsigned long long)sim.applied);
	for (uint32_t i = 1; i <= sim.ops; i++)
		check_told(i);
	for (uint32_t id = 1; id <= sim.nodes; id++) {
		struct sim_node *n = &sim.node[id];

		if (!n->is_up || !sim_node_is_member(n, NULL))
			continue;
		sim_node_set_clock(n);
		if (n->is_arbiter) {
			check_arbiter(n);
		} else {
			check_store(n);
			check_ledger(n);
		}
	}
}
