#include "store/engine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/codec.h"
#include "store/raft_log.h"
#include "store/schema.h"

enum { TRIM_A_TURN = 2048, SWEEP_LIMIT = 500 };

/* A proposal that waits, or one whose result waits for the commit. */
struct waiting {
	struct waiting *next;
	struct slice command, body; /* owned, in one allocation behind */
	int fd;
	uint64_t fd_size, fd_at, upload;
	uint32_t chunks;
	bool (*may)(int body_case);
	engine_done done;
	void *arg;
	enum err e;
	uint64_t index;
	Commands__Result *result;
};

struct list {
	struct waiting *first, **end;
};

struct engine {
	struct engine_options opt;
	struct db *db;
	struct raft raft;
	struct raft_log log;
	struct arena arena; /* of a turn */
	struct apply_touched touched;
	struct list queue;
	bool has_key, full;
	uint64_t commits, entries, payload_bytes;
};

static void
list_init(struct list *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void
list_put(struct list *l, struct waiting *w)
{
	w->next = NULL;
	*l->end = w;
	l->end = &w->next;
}

static struct waiting *
list_take(struct list *l)
{
	struct waiting *w = l->first;

	if (w && !(l->first = w->next))
		l->end = &l->first;
	return w;
}

static void
free_waiting(struct waiting *w)
{
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

/* --- opening --- */

static enum err
load(struct engine *e)
{
	struct db_txn *txn;
	enum err err = db_begin(e->db, true, &txn);

	if (err)
		return err;
	err = raft_log_load(&e->log, txn);
	if (err) {
		db_abort(txn);
		return err;
	}
	raft_init(&e->raft, e->log.node, e->log.hard, e->log.last, e->log.last_term,
		e->log.applied);
	return db_commit(txn);
}

enum err
engine_open(const struct engine_options *opt, struct engine **out)
{
	struct db_options how = {.map_bytes = opt->map_bytes, .create = opt->create};
	struct engine *e = must_zalloc(sizeof *e);
	enum err err;

	e->opt = *opt;
	list_init(&e->queue);
	arena_init(&e->arena, 65536);
	err = db_open(&e->db, opt->dir, &how);
	if (!err)
		err = load(e);
	if (err) {
		engine_close(e);
		return err;
	}
	*out = e;
	return ERR_OK;
}

void
engine_close(struct engine *e)
{
	struct waiting *w;

	if (!e)
		return;
	while ((w = list_take(&e->queue)))
		free_waiting(w);
	arena_reset(&e->arena);
	raft_log_fini(&e->log);
	db_close(e->db);
	free(e);
}

enum err
engine_wrapped_key(struct engine *e, struct buf *wrapped)
{
	struct slice found;
	struct db_txn *txn;
	enum err err = db_begin(e->db, false, &txn);

	if (err)
		return err;
	err = raft_log_get_key(txn, &found);
	if (!err && !buf_put_slice(wrapped, found))
		err = ERR_TOO_BIG;
	db_abort(txn);
	return err;
}

enum err
engine_set_key(struct engine *e, const struct seal_key *key, struct slice new_wrapped)
{
	struct db_txn *txn;
	enum err err = ERR_OK;

	if (new_wrapped.n) {
		err = db_begin(e->db, true, &txn);
		if (err)
			return err;
		err = raft_log_put_key(txn, new_wrapped);
		if (err) {
			db_abort(txn);
			return err;
		}
		err = db_commit(txn);
	}
	e->log.key = *key;
	e->has_key = !err;
	return err;
}

bool
engine_is_ready(const struct engine *e)
{
	return e->has_key;
}

struct db *
engine_db(struct engine *e)
{
	return e->db;
}

uint64_t
engine_applied(const struct engine *e)
{
	return e->log.applied;
}

/* --- proposing --- */

enum err
engine_propose(struct engine *e, const struct engine_proposal *p)
{
	struct waiting *w;
	struct stat st;
	uint8_t *copy;

	/* A spool file comes from a less privileged process: a regular file, at least as long
	 * as announced. */
	if (p->fd >= 0 &&
		(fstat(p->fd, &st) || !S_ISREG(st.st_mode) || p->fd_size == 0 ||
			p->fd_size > ENGINE_BODY_MAX || (uint64_t)st.st_size < p->fd_size)) {
		close(p->fd);
		return ERR_SYNTAX;
	}
	if (p->command.n > ENGINE_COMMAND_MAX || p->body.n > SCHEMA_ENTRY_BODY_MAX) {
		if (p->fd >= 0)
			close(p->fd);
		return ERR_TOO_BIG;
	}
	w = must_zalloc(sizeof *w + p->command.n + p->body.n);
	copy = (uint8_t *)(w + 1);
	if (p->command.n)
		memcpy(copy, p->command.p, p->command.n);
	if (p->body.n)
		memcpy(copy + p->command.n, p->body.p, p->body.n);
	w->command = slice_of(copy, p->command.n);
	w->body = slice_of(copy + p->command.n, p->body.n);
	w->fd = p->fd;
	w->fd_size = p->fd >= 0 ? p->fd_size : 0;
	w->may = p->may;
	w->done = p->done;
	w->arg = p->arg;
	list_put(&e->queue, w);
	return ERR_OK;
}

/* The body that a command brings, or NULL. */
static Commands__Body **
body_of(Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ENQUEUE:
		return &c->enqueue->body;
	case COMMANDS__COMMAND__BODY_APPEND:
		return &c->append->body;
	case COMMANDS__COMMAND__BODY_STEP:
		return c->step->bounce ? &c->step->bounce->body : NULL;
	default:
		return NULL;
	}
}

/* What makes the database grow is refused while the disk is full; the rest goes on. */
static bool
grows(const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ENQUEUE:
	case COMMANDS__COMMAND__BODY_APPEND:
	case COMMANDS__COMMAND__BODY_CHUNK:
	case COMMANDS__COMMAND__BODY_COPY:
		return true;
	default:
		return false;
	}
}

/* --- the turn --- */

struct turn {
	struct engine *e;
	struct db_txn *txn;
	struct list done;
	uint64_t bytes, bulk, started_ms;
	uint32_t entries;
};

/* Appends one entry and applies it in the same transaction: alone we are the majority. */
static enum err
enter(struct turn *t, Commands__Command *c, struct slice body, Commands__Result *result)
{
	struct engine *e = t->e;
	struct raft_event ev = {.type = RAFT_PROPOSED, .n = 1};
	struct raft_update update;
	struct apply a = {.txn = t->txn, .arena = &e->arena, .touched = &e->touched};
	uint64_t now_sec = clock_wall_sec();
	enum err err = raft_step(&e->raft, &ev, &update);

	if (err)
		return err;
	/* Times never run backwards, whatever the clock does. */
	e->log.time_sec = now_sec > e->log.time_sec ? now_sec : e->log.time_sec;
	c->time_sec = e->log.time_sec;
	c->node = e->log.node;
	c->boot = e->opt.boot;
	err = raft_log_append(
		&e->log, t->txn, RAFT_LOG_COMMAND, codec_pack(c, &e->arena), body);
	if (err)
		return err;
	a.index = update.append_first;
	a.body_sealed_size = body.n;
	a.time_sec = c->time_sec;
	a.node = c->node;
	a.boot = c->boot;
	a.result = result;
	err = apply_command(&a, c);
	e->log.applied = a.index;
	t->entries++;
	t->bytes += body.n + 512;
	e->entries++;
	e->payload_bytes += body.n;
	return err;
}

static enum err
read_whole(int fd, uint64_t at, uint8_t *p, size_t n)
{
	ssize_t got;

	for (size_t done = 0; done < n; done += (size_t)got) {
		got = pread(fd, p + done, n - done, (off_t)(at + done));
		if (got <= 0)
			return ERR_IO;
	}
	return ERR_OK;
}

/* The next chunk of a large body. ERR_MORE: not all is in yet. A file that is cut short refuses
 * the proposal. */
static enum err
enter_chunks(struct turn *t, struct waiting *w)
{
	uint8_t *p;
	enum err err = ERR_OK;

	if (!w->upload)
		w->upload = rand_u64() >> 8 | 1;
	while (w->fd_at < w->fd_size && t->bulk < ENGINE_TURN_BULK) {
		Commands__Command c = COMMANDS__COMMAND__INIT;
		Commands__Chunk chunk = COMMANDS__CHUNK__INIT;
		Commands__Result result;
		uint64_t left = w->fd_size - w->fd_at;
		size_t n = left < SCHEMA_ENTRY_BODY_MAX ? (size_t)left : SCHEMA_ENTRY_BODY_MAX;

		p = must_alloc(n);
		w->e = read_whole(w->fd, w->fd_at, p, n);
		c.body_case = COMMANDS__COMMAND__BODY_CHUNK;
		c.chunk = &chunk;
		chunk.upload = w->upload;
		chunk.n = w->chunks++;
		if (!w->e)
			err = enter(t, &c, slice_of(p, n), &result);
		free(p);
		if (err || w->e)
			return err;
		w->fd_at += n;
		t->bulk += n;
	}
	return w->fd_at < w->fd_size ? ERR_MORE : ERR_OK;
}

/* One proposal into the transaction. ERR_MORE: it goes on next turn. Other errs are the
 * database's. */
static enum err
enter_waiting(struct turn *t, struct waiting *w)
{
	struct engine *e = t->e;
	Commands__Command *c = codec_unpack(
		&commands__command__descriptor, w->command, &e->arena);
	Commands__Body **body = c ? body_of(c) : NULL;
	enum err err = ERR_OK;

	if (!c || ((w->fd >= 0 || w->body.n) && (!body || !*body))) {
		w->e = ERR_SYNTAX;
		return ERR_OK;
	}
	if (w->may && !w->may((int)c->body_case)) {
		w->e = ERR_DENIED;
		return ERR_OK;
	}
	if (e->full && grows(c)) {
		w->e = ERR_FULL;
		return ERR_OK;
	}
	if (w->fd >= 0)
		err = enter_chunks(t, w);
	if (err || w->e)
		return err;
	if (body && *body)
		(*body)->upload = w->upload;
	w->result = arena_alloc(&e->arena, sizeof *w->result);
	err = enter(t, c, w->body, w->result);
	w->index = e->log.applied;
	return err;
}

static bool
has_room(const struct turn *t)
{
	return t->bytes < ENGINE_TURN_BYTES && t->entries < ENGINE_TURN_ENTRIES &&
	       clock_ms() - t->started_ms < ENGINE_TURN_APPLY_MS;
}

/* The first turn of a life: a new term with its no-op, and BOOT, which ends what the last life
 * left open. */
static enum err
begin_term(struct turn *t)
{
	struct engine *e = t->e;
	struct raft_event tick = {.type = RAFT_TICK, .now_ms = t->started_ms};
	struct raft_update update;
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Boot boot = COMMANDS__BOOT__INIT;
	Commands__Result result;
	enum err err = raft_step(&e->raft, &tick, &update);

	if (err || !update.append_n)
		return err;
	e->log.hard = update.hard;
	err = raft_log_append(&e->log, t->txn, RAFT_LOG_NOOP, SLICE_EMPTY, SLICE_EMPTY);
	e->log.applied = e->log.last;
	c.body_case = COMMANDS__COMMAND__BODY_BOOT_NODE;
	c.boot_node = &boot;
	return err ? err : enter(t, &c, SLICE_EMPTY, &result);
}

static enum err
fill(struct turn *t)
{
	struct engine *e = t->e;
	struct list later;
	struct waiting *w;
	enum err err = begin_term(t);

	list_init(&later);
	while (!err && has_room(t) && (w = list_take(&e->queue))) {
		err = enter_waiting(t, w);
		if (err == ERR_MORE) {
			/* A large body waits; small mails pass it. */
			list_put(&later, w);
			err = ERR_OK;
		} else {
			list_put(&t->done, w);
		}
	}
	while ((w = list_take(&e->queue)))
		list_put(&later, w);
	e->queue.first = later.first;
	e->queue.end = later.first ? later.end : &e->queue.first;
	return err;
}

static enum err
commit(struct turn *t)
{
	struct engine *e = t->e;
	struct raft_event durable = {.type = RAFT_PERSISTED};
	struct raft_update update;
	uint64_t keep = e->log.applied > e->opt.log_keep_rows
				? e->log.applied - e->opt.log_keep_rows
				: 0;
	enum err err = raft_log_trim(&e->log, t->txn, keep, TRIM_A_TURN);

	if (!err)
		err = raft_log_save(&e->log, t->txn);
	if (err) {
		db_abort(t->txn);
		return err;
	}
	err = db_commit(t->txn);
	if (err)
		return err;
	e->commits++;
	durable.index = e->log.last;
	durable.term = e->log.hard.term;
	return raft_step(&e->raft, &durable, &update);
}

static void
answer(struct turn *t)
{
	struct waiting *w;

	while ((w = list_take(&t->done))) {
		if (w->done)
			w->done(w->arg, w->e, w->index, w->e ? NULL : w->result);
		free_waiting(w);
	}
}

enum err
engine_turn(struct engine *e, bool *more)
{
	struct turn t = {.e = e, .started_ms = clock_ms()};
	enum err err;

	*more = false;
	list_init(&t.done);
	if (!e->has_key)
		return ERR_OK;
	if (!e->queue.first && e->raft.role == RAFT_LEADER)
		return ERR_OK;
	err = db_reserve(e->db, ENGINE_RESERVE_BYTES);
	if (err && err != ERR_FULL)
		return err;
	if (e->full != (err == ERR_FULL))
		log_warn(err ? "disk full: new mail is refused until there is space"
			     : "there is space again: new mail is taken");
	e->full = err == ERR_FULL;
	err = db_begin(e->db, true, &t.txn);
	if (err)
		return err;
	e->touched = (struct apply_touched){0};
	err = fill(&t);
	if (err)
		db_abort(t.txn);
	else
		err = commit(&t);
	if (!err) {
		if (e->opt.on_commit)
			e->opt.on_commit(e->opt.arg, e->log.applied, &e->touched);
		answer(&t);
	}
	*more = e->queue.first != NULL;
	arena_reset(&e->arena);
	return err;
}

/* --- housekeeping --- */

static enum err
has_sweep(struct engine *e, bool *has)
{
	struct slice k, v;
	struct db_txn *txn;
	enum err err = db_begin(e->db, false, &txn);

	if (err)
		return err;
	err = db_first_from(txn, DB_SWEEP, SLICE_EMPTY, &k, &v);
	*has = !err;
	if (err == ERR_NOT_FOUND) {
		err = db_first_from(txn, DB_REPEAT_DUE, SLICE_EMPTY, &k, &v);
		*has = !err && schema_get_u64(k.p) < clock_wall_sec();
	}
	db_abort(txn);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err
engine_tend(struct engine *e)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Sweep sweep = COMMANDS__SWEEP__INIT;
	struct engine_proposal p = {.fd = -1};
	struct arena a;
	bool has = false;
	enum err err = e->has_key && e->raft.role == RAFT_LEADER ? has_sweep(e, &has) : ERR_OK;

	if (err || !has)
		return err;
	arena_init(&a, 0);
	sweep.limit = SWEEP_LIMIT;
	c.body_case = COMMANDS__COMMAND__BODY_SWEEP;
	c.sweep = &sweep;
	p.command = codec_pack(&c, &a);
	err = engine_propose(e, &p);
	arena_reset(&a);
	return err;
}

struct now {
	struct arena *a;
	enum err e;
	bool done;
	Commands__Result *result;
};

static void
on_now(void *arg, enum err e, uint64_t index, const Commands__Result *result)
{
	struct now *now = arg;

	(void)index;
	now->done = true;
	now->e = e;
	if (!e)
		now->result = codec_unpack(
			&commands__result__descriptor, codec_pack(result, now->a), now->a);
}

enum err
engine_propose_now(struct engine *e, const Commands__Command *c, struct slice body,
	struct arena *a, Commands__Result **result)
{
	struct now now = {.a = a};
	struct engine_proposal p = {.command = codec_pack(c, a),
		.body = body,
		.fd = -1,
		.done = on_now,
		.arg = &now};
	bool more;
	enum err err = engine_propose(e, &p);

	while (!err && !now.done)
		err = e->has_key ? engine_turn(e, &more) : ERR_UNAVAILABLE;
	if (!err)
		err = now.e;
	if (!err)
		*result = now.result;
	return err;
}

void
engine_stats(struct engine *e, struct engine_stats *s)
{
	*s = (struct engine_stats){e->commits, e->entries, e->payload_bytes, e->log.applied,
		e->log.first, db_used_bytes(e->db), e->full};
}

/* Everything but the newest entry leaves the log, then garbage goes, then the file is copied
 * without its free pages. */
static enum err
drop_prefix(struct engine *e)
{
	struct db_txn *txn;
	struct slice k, v;
	uint64_t first, left;
	enum err err = ERR_OK;

	do {
		err = db_begin(e->db, true, &txn);
		if (err)
			return err;
		first = e->log.first;
		err = raft_log_trim(&e->log, txn, e->log.applied + 1, TRIM_A_TURN);
		if (!err)
			err = db_first_from(txn, DB_GARBAGE, SLICE_EMPTY, &k, &v);
		left = err ? UINT64_MAX : schema_get_u64(k.p);
		err = err == ERR_NOT_FOUND ? ERR_OK : err;
		if (!err)
			err = raft_log_save(&e->log, txn);
		if (err) {
			db_abort(txn);
			return err;
		}
		err = db_commit(txn);
	} while (!err && (first != e->log.first || left < e->log.first));
	return err;
}

static enum err
sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return rc ? ERR_IO : ERR_OK;
}

enum err
engine_compact(struct engine *e)
{
	struct db_options how = {.map_bytes = e->opt.map_bytes};
	char dir[600], from[700], to[700];
	enum err err = drop_prefix(e);

	snprintf(dir, sizeof dir, "%s/compact", e->opt.dir);
	snprintf(from, sizeof from, "%s/data.mdb", dir);
	snprintf(to, sizeof to, "%s/data.mdb", e->opt.dir);
	if (err)
		return err;
	unlink(from);
	if (mkdir(dir, 0700) && access(dir, W_OK))
		return ERR_IO;
	err = db_copy(e->db, dir);
	if (!err)
		err = sync_path(from);
	if (err) {
		unlink(from);
		rmdir(dir);
		return err;
	}
	/* From here on the new file is the database; both hold the same committed state. */
	if (e->opt.on_swap)
		err = e->opt.on_swap(e->opt.arg, NULL);
	db_close(e->db);
	e->db = NULL;
	if (err || rename(from, to) || sync_path(e->opt.dir))
		return ERR_IO;
	rmdir(dir);
	err = db_open(&e->db, e->opt.dir, &how);
	if (!err && e->opt.on_swap)
		err = e->opt.on_swap(e->opt.arg, e->db);
	return err;
}
