#include "cmd/store_verify.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "store/apply_cluster.h"
#include "store/verify.h"

enum {
	ROWS_A_STEP = 4096,
	LOOK_MS = 200,
	WAIT_MS = 50000,     /* for a node's report */
	WAIT_DOWN_MS = 5000, /* for that of one that isn't connected */
	DIGEST = 32,
	WORDS_MAX = 100
};

/* Somebody waits for a comparison. One at a time. */
struct asking {
	struct ipc_ticket ticket;
	uint64_t index; /* of the mark; 0: it isn't in the log yet */
	uint64_t began_ms;
};
struct store_verify {
	struct proc *p;
	struct engine *engine;
	struct verify *run;
	uint64_t index; /* of the newest mark, to be summed or being summed; 0: none */
	uint8_t digest[DIGEST];
	struct asking *asking;
};

struct store_verify *
store_verify_new(struct proc *p, struct engine *e)
{
	struct store_verify *v = must_zalloc(sizeof *v);

	v->p = p;
	v->engine = e;
	return v;
}

/* --- this node's part --- */

void
store_verify_mark(struct store_verify *v, uint64_t index, const uint8_t digest[32])
{
	/* The sum that runs would come too late for this one. */
	verify_end(v->run);
	v->run = NULL;
	v->index = index;
	memcpy(v->digest, digest, DIGEST);
}

bool
store_verify_is_running(const struct store_verify *v)
{
	return v->run != NULL;
}

static void
report(struct store_verify *v, bool damaged)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DigestReport r = COMMANDS__DIGEST_REPORT__INIT;
	struct engine_proposal p = {.fd = -1};
	struct arena a;
	enum err e;

	if (damaged)
		log_error(
			"verify: the rows of this node's database aren't what its log made of "
			"them: run `hairpin store check`, look after the disk, and let this "
			"node join anew");
	arena_init(&a, 0);
	r.index = v->index;
	r.digest = codec_bytes(slice_of(v->digest, DIGEST));
	r.damaged = damaged;
	c.body_case = COMMANDS__COMMAND__BODY_DIGEST_REPORT;
	c.digest_report = &r;
	p.command = codec_pack(&c, &a);
	e = engine_propose(v->engine, &p);
	arena_reset(&a);
	if (e)
		log_warn("verify: %s", err_text(e));
}

enum err
store_verify_step(struct store_verify *v, bool may_begin, bool *more)
{
	bool done;
	enum err e = ERR_OK;

	*more = false;
	if (!v->index || (!v->run && !may_begin))
		return ERR_OK;
	if (!v->run)
		e = verify_begin(engine_db(v->engine), &v->run);
	if (!e)
		e = verify_step(v->run, ROWS_A_STEP, &done);
	*more = !e;
	if (e || !done)
		return e;
	report(v, !verify_is_equal(v->run));
	verify_end(v->run);
	v->run = NULL;
	v->index = 0;
	return ERR_OK;
}

/* --- comparing --- */

struct found {
	const struct members_node *node;
	bool is_here; /* it reported */
	bool is_damaged;
	uint8_t digest[DIGEST];
	unsigned alike; /* how many report the same digest, itself included */
};

static enum err
read_report(struct db_txn *txn, uint64_t index, struct found *f)
{
	char name[APPLY_CLUSTER_REPORT_NAME];
	Commands__DigestReport *r;
	struct slice row;
	struct arena a;
	enum err e = db_get(
		txn, DB_SETTING, apply_cluster_report_name(f->node->id, name), &row);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	arena_init(&a, 0);
	r = codec_unpack(&commands__digest_report__descriptor, row, &a);
	if (r && r->index == index && r->digest.len == DIGEST) {
		f->is_here = true;
		f->is_damaged = r->damaged;
		memcpy(f->digest, r->digest.data, DIGEST);
	}
	arena_reset(&a);
	return ERR_OK;
}

/* Every data node. */
static enum err
read_reports(struct store_verify *v, struct found list[RAFT_NODES_MAX], size_t *n)
{
	const struct members *m = engine_members(v->engine);
	struct db_txn *txn;
	enum err e = db_begin(engine_db(v->engine), false, &txn);

	*n = 0;
	if (e)
		return e;
	for (uint32_t i = 0; i < m->n && !e; i++) {
		if (!members_is_data(&m->node[i]))
			continue;
		list[*n] = (struct found){.node = &m->node[i]};
		e = read_report(txn, v->asking->index, &list[(*n)++]);
	}
	db_abort(txn);
	return e;
}

static bool
is_waited_for(struct store_verify *v, const struct found *f)
{
	const struct members *m = engine_members(v->engine);
	uint64_t waited_ms = clock_ms() - v->asking->began_ms;
	struct engine_status s;

	if (f->is_here || waited_ms > WAIT_MS)
		return false;
	engine_status(v->engine, &s);
	return f->node->id == s.node || s.peer[f->node - m->node].is_up ||
	       waited_ms < WAIT_DOWN_MS;
}

/* The digest that most report is the right one; if none is, nobody knows. */
static unsigned
count_alike(struct found *list, size_t n)
{
	unsigned most = 0, groups = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n && list[i].is_here; k++)
			list[i].alike += list[k].is_here &&
					 !memcmp(list[i].digest, list[k].digest, DIGEST);
	for (size_t i = 0; i < n; i++)
		if (list[i].alike > most)
			most = list[i].alike;
	for (size_t i = 0; i < n; i++)
		groups += list[i].is_here && list[i].alike == most;
	return groups == most ? most : most + 1;
}

static const char *
verdict(const struct found *f, unsigned most)
{
	return !f->is_here	 ? "no answer"
	       : f->is_damaged	 ? "damaged"
	       : f->alike < most ? "differs"
				 : "equal";
}

static void
answer(struct store_verify *v, enum err e, json_t *out)
{
	Ipc__Json json = IPC__JSON__INIT;
	char *text = out ? json_dumps(out, JSON_COMPACT) : NULL;

	json.text = text ? text : "";
	ipc_answer(v->p->ipc, v->asking->ticket, e, &json.base);
	free(text);
	json_decref(out);
	free(v->asking);
	v->asking = NULL;
}

static json_t *
row_of(const struct found *f, const char *word)
{
	char digest[2 * DIGEST + 1] = "";

	for (size_t i = 0; f->is_here && i < DIGEST; i++)
		snprintf(digest + 2 * i, 3, "%02x", f->digest[i]);
	return json_pack("{s:I,s:s,s:s,s:s}", "node", (json_int_t)f->node->id, "name",
		f->node->name, "state", word, "digest", digest);
}

static void
compare(struct store_verify *v, struct found *list, size_t n)
{
	unsigned most = count_alike(list, n);
	json_t *rows = json_array();
	bool equal = true;

	for (size_t i = 0; i < n; i++) {
		const char *word = verdict(&list[i], most);

		equal = equal && !strcmp(word, "equal");
		if (list[i].is_here && strcmp(word, "equal") != 0)
			log_error("verify: node %u (%s), as of log entry %" PRIu64 ": %s",
				list[i].node->id, list[i].node->name, v->asking->index, word);
		json_array_append_new(rows, row_of(&list[i], word));
	}
	if (equal)
		log_info("verify: %zu node%s equal as of log entry %" PRIu64, n,
			n == 1 ? " is" : "s are", v->asking->index);
	answer(v, ERR_OK,
		json_pack("{s:I,s:b,s:o}", "index", (json_int_t)v->asking->index, "equal",
			equal, "rows", rows));
}

static void
look(void *arg)
{
	struct found list[RAFT_NODES_MAX];
	struct store_verify *v = arg;
	bool waits = false;
	size_t n;
	enum err e = read_reports(v, list, &n);

	for (size_t i = 0; i < n && !e; i++)
		waits = waits || is_waited_for(v, &list[i]);
	if (e)
		answer(v, e, NULL);
	else if (waits)
		loop_after(v->p->loop, LOOK_MS, look, v);
	else
		compare(v, list, n);
}

static void
on_marked(void *arg, enum err e, uint64_t index, const Commands__Result *result)
{
	struct store_verify *v = arg;

	if (!e && result->code)
		e = ERR_UNSUPPORTED;
	v->asking->index = index;
	if (e)
		answer(v, e, NULL);
	else
		loop_after(v->p->loop, LOOK_MS, look, v);
}

void
store_verify_ask(struct store_verify *v, struct ipc_ticket ticket)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DigestMark mark = COMMANDS__DIGEST_MARK__INIT;
	struct engine_proposal p = {.fd = -1, .done = on_marked, .arg = v};
	Ipc__Json none = IPC__JSON__INIT;
	struct arena a;
	enum err e;

	if (v->asking) {
		ipc_answer(v->p->ipc, ticket, ERR_BUSY, &none.base);
		return;
	}
	v->asking = must_zalloc(sizeof *v->asking);
	*v->asking = (struct asking){.ticket = ticket, .began_ms = clock_ms()};
	arena_init(&a, 0);
	c.body_case = COMMANDS__COMMAND__BODY_DIGEST_MARK;
	c.digest_mark = &mark;
	p.command = codec_pack(&c, &a);
	e = engine_propose(v->engine, &p);
	arena_reset(&a);
	if (e)
		answer(v, e, NULL);
}
