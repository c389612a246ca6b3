/* store: the log, and the only process that writes to database and vault.
 *
 * Owns:     the database's write access and lock file, the vault's file, the log keys (which
 *           keyd unwraps for it).
 * Hears:    smtpd, imapd and courier (PROPOSE: each its own commands and no others), courier
 *           (STORE_ADMIN), link (frames of other nodes, and who asks to be taken in). It tells
 *           them with WATCH what a commit changed.
 * Touches:  the folders db/ and vault/, and the spool files whose fds come with proposals.
 *
 * One turn of the engine follows each turn of the loop: whatever arrived meanwhile goes into
 * one commit. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/proc.h"
#include "cmd/store_cluster.h"
#include "cmd/store_link.h"
#include "cmd/store_may.h"
#include "cmd/store_verify.h"
#include "cmd/store_watch.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/check.h"
#include "store/db_hold.h"
#include "store/engine.h"
#include "store/floor.h"
#include "store/raft_log.h"
#include "store/vault.h"

enum {
	TEND_MS = 1000,
	KEY_MS = 5000,
	STATS_MAX = 1024,
	CHECK_ROWS = 4096,
	CHECK_JSON_MAX = 64 << 10
};

struct store {
	struct proc *p;
	struct engine *engine;
	struct store_link *link;
	struct store_cluster *cluster;
	uint8_t node_key[MEMBERS_KEY];
	uint32_t leader; /* that was told in the log last */
	struct store_verify *verify;
	struct floor *floor;
	struct loop_timer *again; /* the turn that is due though nothing arrives */
	uint64_t again_ms;	  /* when */
	bool asks_key;
	bool is_compacting, is_asked;
	struct ipc_ticket compacting; /* who asked for the compaction that runs, if is_asked */
	uint64_t nightly_hour, nightly_applied; /* of the last nightly one */
	struct check *check;			/* the one that runs, and who asked */
	struct ipc_ticket checking;
	char dir[512], vault[512], spool[512];
};

static struct store the_store;

/* What can't be trusted any more must not go on; a full disk is only waited for. */
static _Noreturn void
fail_stop(const char *where, enum err e)
{
	/* Another node's database is in place, and said so. */
	if (e == ERR_END)
		_exit(PROC_EXIT_ANEW);
	log_error("fatal: %s: %s", where, err_text(e));
	_exit(e == ERR_FULL ? 1 : PROC_EXIT_FAIL_STOP);
}

/* --- proposals --- */

struct asked {
	struct store *s;
	struct ipc_ticket ticket;
};

static void
on_proposed(void *arg, enum err e, uint64_t index, const Commands__Result *result)
{
	struct asked *q = arg;
	Ipc__Proposed answer = IPC__PROPOSED__INIT;
	struct arena a;

	arena_init(&a, 0);
	if (!e) {
		answer.index = index;
		answer.result = codec_bytes(codec_pack(result, &a));
	}
	if (e == ERR_DENIED || e == ERR_SYNTAX)
		log_warn("refused: %s %u proposed what it may not: %s",
			ipc_role_name(q->ticket.role), q->ticket.instance, err_text(e));
	ipc_answer(q->s->p->ipc, q->ticket, e, &answer.base);
	arena_reset(&a);
	free(q);
}

static void
on_propose(void *arg, struct ipc_frame *f)
{
	struct store *s = arg;
	const Ipc__Propose *q = (const Ipc__Propose *)f->msg;
	struct asked *asked = must_alloc(sizeof *asked);
	struct engine_proposal p = {
		.command = codec_slice(q->command),
		.body = codec_slice(q->body),
		.fd = f->fd,
		.fd_size = q->fd_size,
		.may = store_may_of(ipc_peer_role(f->from)),
		.done = on_proposed,
		.arg = asked,
	};
	enum err e = ERR_SYNTAX;

	*asked = (struct asked){s, ipc_ticket(f)};
	/* A body comes in the frame or in a file: the one that is announced. */
	if ((f->fd >= 0) == (q->fd_size > 0) && !(f->fd >= 0 && q->body.len))
		e = engine_propose(s->engine, &p);
	else if (f->fd >= 0)
		close(f->fd);
	if (e)
		on_proposed(asked, e, 0, NULL);
}

/* --- what a commit changed --- */

static void
on_commit(void *arg, uint64_t applied, const struct apply_touched *touched)
{
	struct store *s = arg;

	store_watch_tell(s->p->ipc, applied, touched);
}

static enum err
on_swap(void *arg, struct db *db)
{
	struct store *s = arg;

	if (db)
		return floor_resume(s->floor, db);
	floor_pause(s->floor);
	return ERR_OK;
}

/* --- other nodes --- */

static void
on_send(void *arg, uint32_t node, bool bulk, struct slice frame)
{
	struct store *s = arg;
	enum err e = store_link_send(s->link, node, bulk, frame);

	if (e)
		log_error("a frame for node %u: %s", node, err_text(e));
}

static enum err
on_frame(void *arg, uint32_t node, struct slice frame)
{
	struct store *s = arg;

	return engine_receive(s->engine, node, frame);
}

static void
on_node(void *arg, uint32_t node, bool up)
{
	struct store *s = arg;

	engine_link(s->engine, node, up);
}

static void
on_denied(void *arg)
{
	store_cluster_denied(((struct store *)arg)->cluster);
}

static const char *
node_name(const struct store *s, uint32_t id)
{
	const struct members_node *n = members_find(engine_members(s->engine), id);

	return n ? n->name : "";
}

static void
tell_link(struct store *s)
{
	struct engine_status status;

	engine_status(s->engine, &status);
	store_link_members(s->link, status.node, engine_log(s->engine)->cluster,
		engine_members(s->engine));
}

static void
on_cluster(void *arg)
{
	struct store *s = arg;
	struct floor_page *page = s->p->floor_page;
	struct engine_status status;

	engine_status(s->engine, &status);
	page->leads = status.leader == status.node;
	tell_link(s);
	store_cluster_tend(s->cluster);
	if (status.leader == s->leader || engine_members(s->engine)->n < 2)
		return;
	s->leader = status.leader;
	if (s->leader)
		log_info("cluster: node %u (%s) leads, term %llu", s->leader,
			node_name(s, s->leader), (unsigned long long)status.term);
	else
		log_warn("cluster: no leader is known; what is to be written waits");
}

static void
on_peer(struct proc *p, struct ipc_peer *peer, bool up)
{
	struct store *s = p->state;

	if (s && ipc_peer_role(peer) == ROLE_LINK)
		store_link_process(s->link, up);
}

static void
on_mark(void *arg, uint64_t index, const uint8_t digest[32])
{
	struct store *s = arg;

	store_verify_mark(s->verify, index, digest);
}

/* --- maintenance --- */

static void
answer_json(struct store *s, struct ipc_ticket t, enum err e, const char *text)
{
	Ipc__Json json = IPC__JSON__INIT;

	json.text = (char *)(uintptr_t)text;
	ipc_answer(s->p->ipc, t, e, &json.base);
}

static void
format_stats(struct store *s, char text[STATS_MAX])
{
	struct engine_stats x;

	engine_stats(s->engine, &x);
	snprintf(text, STATS_MAX,
		"{\"commits\":%llu,\"entries\":%llu,\"payload_bytes\":%llu,\"applied\":%llu,"
		"\"log_first\":%llu,\"used_bytes\":%llu,\"waiting_bytes\":%llu,\"full\":%s}",
		(unsigned long long)x.commits, (unsigned long long)x.entries,
		(unsigned long long)x.payload_bytes, (unsigned long long)x.applied,
		(unsigned long long)x.log_first, (unsigned long long)x.used_bytes,
		(unsigned long long)x.waiting_bytes, x.full ? "true" : "false");
}

static void
on_compacted(void *arg, enum err e)
{
	struct store *s = arg;
	char text[STATS_MAX];

	s->is_compacting = false;
	if (e)
		log_warn("compaction: %s", err_text(e));
	else
		log_info("compacted: log and free pages hold nothing of what was deleted");
	format_stats(s, text);
	if (s->is_asked)
		answer_json(s, s->compacting, e, text);
	s->is_asked = false;
}

/* The log moves on to a new key with each compaction: what an old copy of it says stays
 * shut. */
static void
on_next_key(void *arg, enum err e, const ProtobufCMessage *msg)
{
	const Ipc__KeydKey *k = (const Ipc__KeydKey *)msg;
	struct engine_log_key next;
	struct store *s = arg;

	if (!e && (k->key.len != SEAL_KEY || !k->wrapped.len))
		e = ERR_SYNTAX;
	if (!e) {
		memcpy(next.key.b, k->key.data, SEAL_KEY);
		next.wrapped = codec_slice(k->wrapped);
		e = engine_tend_compact(s->engine, &next, on_compacted, s);
		seal_wipe(&next, sizeof next);
		seal_wipe(k->key.data, k->key.len);
	}
	if (e)
		on_compacted(s, e);
}

/* All of them hold the file, as a backup does: one at a time. */
static enum err
start_compaction(struct store *s)
{
	Ipc__KeydLogKey q = IPC__KEYD_LOG_KEY__INIT;

	if (s->check || store_verify_is_running(s->verify) || s->is_compacting ||
		!engine_is_ready(s->engine) || db_hold_is_held(s->dir))
		return ERR_BUSY;
	s->is_compacting = true;
	ipc_ask(s->p->ipc, IPC_KEYD_LOG_KEY, &q.base, -1,
		(struct ipc_wait){KEY_MS, on_next_key, s});
	return ERR_OK;
}

static enum err
answer_compaction(struct store *s, struct ipc_ticket t)
{
	enum err e = start_compaction(s);

	if (!e) {
		s->is_asked = true;
		s->compacting = t;
	}
	return e;
}

/* Each night, in the hour that is set, when something has happened since. */
static void
compact_nightly(struct store *s)
{
	uint64_t hour = clock_wall_sec() / 3600, applied = engine_applied(s->engine);

	if (hour % 24 != s->p->config.compact_hour || hour == s->nightly_hour)
		return;
	if (applied != s->nightly_applied && start_compaction(s))
		return;
	s->nightly_hour = hour;
	s->nightly_applied = applied;
}

/* Names in the texts come from users: nothing of them may end the JSON string. */
static void
put_text(struct buf *b, const char *s)
{
	buf_put_u8(b, '"');
	for (; *s; s++)
		buf_put_u8(
			b, *s < ' ' || *s > '~' || *s == '"' || *s == '\\' ? '?' : (uint8_t)*s);
	buf_put_u8(b, '"');
}

static void
format_check(const struct check_report *r, struct buf *b)
{
	buf_printf(b, "{\"rows\":%llu,\"count\":%llu,\"violations\":[",
		(unsigned long long)r->rows, (unsigned long long)r->violations);
	for (size_t i = 0; i < r->texts; i++) {
		if (i)
			buf_put_u8(b, ',');
		put_text(b, r->text[i]);
	}
	buf_put_str(b, "]}");
	buf_put_u8(b, '\0');
}

static void
end_check(struct store *s, enum err e)
{
	struct buf b;

	buf_init(&b, CHECK_JSON_MAX);
	format_check(check_report(s->check), &b);
	if (check_report(s->check)->violations)
		log_error("check: %llu violations",
			(unsigned long long)check_report(s->check)->violations);
	answer_json(s, s->checking, e, (const char *)b.p);
	buf_fini(&b);
	check_end(s->check);
	s->check = NULL;
}

/* A piece of the check that runs, so that mail goes on meanwhile. */
static bool
step_check(struct store *s)
{
	bool done;
	enum err e;

	if (!s->check)
		return false;
	e = check_step(s->check, CHECK_ROWS, &done);
	if (e || done)
		end_check(s, e);
	return s->check != NULL;
}

static enum err
start_check(struct store *s, struct ipc_ticket t)
{
	struct check_with with;
	enum err e;

	if (s->check || !engine_is_ready(s->engine))
		return ERR_BUSY;
	with.keys = &engine_log(s->engine)->keys;
	with.vault = vault_file(engine_vault(s->engine));
	e = check_begin(engine_db(s->engine), &with, &s->check);
	if (!e)
		s->checking = t;
	return e;
}

static void
on_admin(void *arg, struct ipc_frame *f)
{
	struct store *s = arg;
	const Ipc__StoreAdmin *q = (const Ipc__StoreAdmin *)f->msg;
	struct slice verb = slice_str(q->verb);
	struct ipc_ticket t = ipc_ticket(f);
	char text[STATS_MAX];
	enum err e = ERR_OK;

	if (slice_eq(verb, SLICE_LIT("compact"))) {
		e = answer_compaction(s, t);
	} else if (slice_eq(verb, SLICE_LIT("check"))) {
		e = s->is_compacting ? ERR_BUSY : start_check(s, t);
	} else if (slice_eq(verb, SLICE_LIT("verify"))) {
		store_verify_ask(s->verify, t);
	} else if (slice_eq(verb, SLICE_LIT("stats"))) {
		format_stats(s, text);
		answer_json(s, t, ERR_OK, text);
	} else if (!store_cluster_admin(s->cluster, verb, q->argument, t)) {
		e = ERR_UNSUPPORTED;
	}
	if (e)
		answer_json(s, t, e, "");
}

/* --- the turn --- */

/* The turn itself follows: the loop calls it when all that is ready was served. */
static void
on_again(void *arg)
{
	((struct store *)arg)->again = NULL;
}

static void
publish_lease(struct store *s)
{
	struct floor_page *page = s->p->floor_page;

	page->node = engine_log(s->engine)->node;
	page->boot = engine_boot(s->engine);
	page->lease_until_ms = engine_lease_until_ms(s->engine);
	page->time_sec = engine_log(s->engine)->time_sec;
}

static void ask_key(void *arg);

static void
take_turn(void *arg)
{
	struct store *s = arg;
	uint32_t next_ms;
	bool more, verifies;
	enum err e = engine_turn(s->engine, &more);

	if (e)
		fail_stop("the log", e);
	publish_lease(s);
	e = store_verify_step(s->verify, !s->is_compacting, &verifies);
	if (e)
		fail_stop("verifying", e);
	/* Nothing may arrive by itself: what is left needs a turn of its own. */
	if (step_check(s) || verifies)
		more = true;
	next_ms = more ? 0 : engine_next_ms(s->engine);
	/* Sooner than what was wanted before? */
	if (s->again && s->again_ms > clock_ms() + next_ms) {
		loop_cancel(s->again);
		s->again = NULL;
	}
	if (!s->again && next_ms != UINT32_MAX) {
		s->again = loop_after(s->p->loop, next_ms, on_again, s);
		s->again_ms = clock_ms() + next_ms;
	}
	/* The log moved on to a key that only keyd can open. */
	if (!engine_is_ready(s->engine) && !s->asks_key)
		ask_key(s);
}

static void
tend(void *arg)
{
	struct store *s = arg;
	enum err e = engine_tend(s->engine);

	if (e)
		fail_stop("housekeeping", e);
	db_forget_dead(engine_db(s->engine));
	store_cluster_tend(s->cluster);
	if (engine_is_ready(s->engine))
		compact_nightly(s);
	loop_after(s->p->loop, TEND_MS, tend, s);
}

static void
raise_floor(void *arg)
{
	struct store *s = arg;
	enum err e = floor_tick(s->floor);

	if (e)
		fail_stop("floor", e);
	publish_lease(s);
	loop_after(s->p->loop, FLOOR_TICK_MS, raise_floor, s);
}

static void
ask_key_again(void *arg)
{
	struct store *s = arg;

	s->asks_key = false;
	if (!engine_is_ready(s->engine))
		ask_key(s);
}

static void
on_key(void *arg, enum err e, const ProtobufCMessage *msg)
{
	const Ipc__KeydKey *k = (const Ipc__KeydKey *)msg;
	struct store *s = arg;
	struct seal_key key;

	if (e || k->key.len != SEAL_KEY) {
		log_warn("no log key yet: %s", err_text(e ? e : ERR_SYNTAX));
		loop_after(s->p->loop, TEND_MS, ask_key_again, s);
		return;
	}
	s->asks_key = false;
	memcpy(key.b, k->key.data, SEAL_KEY);
	e = engine_set_key(s->engine, &key, codec_slice(k->wrapped));
	seal_wipe(&key, sizeof key);
	seal_wipe(k->key.data, k->key.len);
	if (e)
		fail_stop("the log key", e);
	if (!engine_is_ready(s->engine)) {
		ask_key(s);
		return;
	}
	log_info("ready: applied %llu", (unsigned long long)engine_applied(s->engine));
}

static void
ask_key(void *arg)
{
	struct store *s = arg;
	Ipc__KeydLogKey q = IPC__KEYD_LOG_KEY__INIT;
	struct buf wrapped;
	enum err e;

	buf_init(&wrapped, SEAL_WRAPPED);
	e = engine_wrapped_key(s->engine, &wrapped);
	if (e && e != ERR_NOT_FOUND && e != ERR_UNAVAILABLE)
		fail_stop("the log key", e);
	s->asks_key = true;
	/* An arbiter never has one; to a new data node it comes with the database. */
	if (e == ERR_UNAVAILABLE) {
		loop_after(s->p->loop, TEND_MS, ask_key_again, s);
		buf_fini(&wrapped);
		return;
	}
	q.wrapped = codec_bytes(buf_slice(&wrapped));
	ipc_ask(s->p->ipc, IPC_KEYD_LOG_KEY, &q.base, -1, (struct ipc_wait){KEY_MS, on_key, s});
	buf_fini(&wrapped);
}

static void
open_database(struct store *s)
{
	struct engine_options opt = {
		.dir = s->dir,
		.vault = s->vault,
		.spool = s->spool,
		.ballast = true,
		.map_bytes = s->p->config.map_bytes,
		.boot = rand_u64(), /* of this life: what an earlier one left open dies */
		.log_keep_rows = s->p->config.log_keep_rows,
		.on_commit = on_commit,
		.on_swap = on_swap,
		.on_send = on_send,
		.on_cluster = on_cluster,
		.tail_rows = s->p->config.log_tail_rows,
		.on_mark = on_mark,
		.arg = s,
	};
	enum err e;

	floor_void(s->p->floor_page);
	e = engine_open(&opt, &s->engine);
	if (e == ERR_NOT_FOUND)
		log_error("fatal: no database in %s/db, or no vault in %s/vault: run `hairpin "
			  "init` "
			  "first, or restore it from its backup",
			s->p->config.data_dir, s->p->config.data_dir);
	if (e == ERR_VERSION)
		log_error("fatal: the database in %s/db is from another version of hairpin: it "
			  "was "
			  "left untouched",
			s->p->config.data_dir);
	if (!e)
		e = floor_open(engine_db(s->engine), s->p->floor_page, &s->floor);
	if (e)
		fail_stop("opening the database", e);
}

static void
prepare(struct proc *p)
{
	store_cluster_read_key(p, the_store.node_key);
}

static void
start(struct proc *p)
{
	struct store *s = &the_store;

	if (!p->floor_page)
		must_fatal("the parent gave no shared page");
	s->p = p;
	p->state = s;
	proc_path(p, "db", s->dir);
	proc_path(p, "vault", s->vault);
	proc_path(p, "spool", s->spool);
	s->link = store_link_new(
		p->ipc, &(struct store_link_events){on_frame, on_node, on_denied, s});
	open_database(s);
	s->cluster = store_cluster_new(p, s->engine, s->node_key);
	tell_link(s);
	s->verify = store_verify_new(p, s->engine);
	ipc_on(p->ipc, IPC_PROPOSE, on_propose, s);
	ipc_on(p->ipc, IPC_STORE_ADMIN, on_admin, s);
	loop_on_idle_turn(p->loop, take_turn, s);
	loop_after(p->loop, TEND_MS, tend, s);
	loop_after(p->loop, FLOOR_TICK_MS, raise_floor, s);
	ask_key(s);
}

/* What has arrived is answered before the end. */
static void
stop(struct proc *p)
{
	struct store *s = p->state;
	bool more = s != NULL;

	while (more)
		if (engine_turn(s->engine, &more))
			break;
	loop_stop(p->loop);
}

const struct proc_role proc_store_role = {
	.role = ROLE_STORE,
	.needs = PROC_NEED_DB_WRITE,
	.prepare = prepare,
	.start = start,
	.peer = on_peer,
	.stop = stop,
};
