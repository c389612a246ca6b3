/* imap_play: IMAP sessions over a database that is never committed, and a driver that plays
 * the store, keyd, auth and the connection: a test is a dialog. Nothing reaches disk or
 * network; every clock stands still. */
#ifndef TESTS_IMAP_PLAY_H
#define TESTS_IMAP_PLAY_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/must.h"
#include "imap/imap_session.h"
#include "store/apply.h"
#include "store/raft_body.h"
#include "store/raft_log.h"
#include "store/schema.h"
#include "store/view_directory.h"

enum { PLAY_ACCOUNT = 7, PLAY_EPOCH = 1, PLAY_TIME = 1000000, PLAY_APPEND_MAX = 1000000 };

/* The mailboxes of one account; every session of a test looks at them. */
static struct {
	char dir[64];
	struct db *db;
	struct db_txn *txn;
	uint64_t index; /* of the log: how many commands came */
	uint32_t page_left;
	struct seal_pair pair;
	struct seal_key epoch;
} house;

struct play {
	struct imap_session *s;
	struct imap_settings set;
	struct buf in;	    /* not taken yet */
	struct buf said;    /* since the last play_say */
	size_t said_most;   /* octets of the largest single write */
	struct arena arena; /* of the answer that waits */
	Commands__Result *result;
	enum err outcome;
	struct seal_key wrap;
	bool asks_store, asks_auth, asks_wrap, asks_later;
	struct buf user, message; /* auth's question */
	uint32_t step;
	bool is_tls, is_closed, is_in_txn;
	/* How it behaves: */
	enum err next_outcome; /* of the next command of the log, which isn't applied then */
	bool forgets_epoch;    /* the next wrapping is under a key that nobody logged */
	unsigned busy, torn;   /* so many transactions fail, or come to nothing at their end */
	bool is_slow;	       /* each write fills the connection up to the next drain */
	bool is_full, may_answer; /* may_answer false: answers wait for play_answer */
	bool is_manual;
	/* Called when the session waits for output to drain. */
	void (*meanwhile)(struct play *p);
};

/* --- the store --- */

static inline uint64_t
house_entry(struct slice body)
{
	must(!raft_body_put(house.txn, ++house.index, body, &house.page_left));
	return house.index;
}

/* A body larger than an entry goes ahead in chunks. */
static inline void
house_chunks(struct apply a, struct slice body, Commands__Body *of)
{
	struct slice piece;
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Chunk chunk = COMMANDS__CHUNK__INIT;
	Commands__Result r;

	chunk.upload = of->upload = 99;
	c.body_case = COMMANDS__COMMAND__BODY_CHUNK;
	c.chunk = &chunk;
	a.result = &r;
	for (; body.n; body = slice_from(body, piece.n), chunk.n++) {
		piece = slice_cut(body, 0, SCHEMA_ENTRY_BODY_MAX);
		a.index = house_entry(piece);
		a.body_sealed_size = piece.n;
		must(!apply_command(&a, &c) && !r.code);
	}
}

static inline Commands__Result *
house_apply(const Commands__Command *given, struct slice body, struct arena *arena)
{
	struct apply_touched touched = {0};
	struct apply_secrets secrets = {0};
	struct apply a = {.txn = house.txn,
		.arena = arena,
		.touched = &touched,
		.secrets = &secrets,
		.time_sec = PLAY_TIME,
		.node = 1,
		.boot = 1};
	Commands__Command *c = codec_unpack(
		&commands__command__descriptor, codec_pack(given, arena), arena);

	must(c != NULL);
	if (body.n > SCHEMA_ENTRY_BODY_MAX) {
		house_chunks(a, body, c->append->body);
		body = SLICE_EMPTY;
	}
	a.index = house_entry(body);
	a.body_sealed_size = body.n;
	a.result = arena_alloc(arena, sizeof *a.result);
	must(!apply_command(&a, c));
	return a.result;
}

static inline void
house_do(Commands__Command *c)
{
	struct arena a;

	arena_init(&a, 0);
	must(!house_apply(c, SLICE_EMPTY, &a)->code);
	arena_reset(&a);
}

static inline void
house_add_account(uint64_t quota_bytes)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut domain = COMMANDS__DOMAIN_PUT__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;
	uint8_t sealed[SEAL_KEY + SEAL_BOX_EXTRA];

	domain.name = codec_bytes(SLICE_LIT("example.org"));
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &domain;
	house_do(&c);
	record.name = codec_bytes(SLICE_LIT("u0@example.org"));
	record.public_key = codec_bytes(slice_of(house.pair.public_key, 32));
	record.quota_bytes = quota_bytes;
	put.account = PLAY_ACCOUNT;
	put.record = &record;
	put.wrapped_secret = codec_bytes(SLICE_LIT("x"));
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	house_do(&c);
	must(!seal_to(house.pair.public_key, slice_of(house.epoch.b, SEAL_KEY), sealed));
	epoch.account = PLAY_ACCOUNT;
	epoch.epoch = PLAY_EPOCH;
	epoch.sealed_key = codec_bytes(slice_of(sealed, sizeof sealed));
	c.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
	c.epoch_new = &epoch;
	house_do(&c);
}

/* Once a program. */
static inline void
house_build(void)
{
	struct db_options opt = {.create = true, .map_bytes = 1 << 30};

	snprintf(house.dir, sizeof house.dir, "/tmp/imap_play.XXXXXX");
	must(mkdtemp(house.dir) != NULL);
	must(!db_open(&house.db, house.dir, &opt));
	seal_init();
	seal_pair_new(&house.pair);
	seal_key_new(&house.epoch);
}

static inline int
house_remove(void)
{
	char command[128];

	db_close(house.db);
	snprintf(command, sizeof command, "rm -r %s", house.dir);
	return system(command);
}

/* Around a test: a new account, and nothing of it afterwards. */
static inline void
house_open(uint64_t quota_bytes)
{
	must(!db_begin(house.db, true, &house.txn));
	house.index = 0;
	house.page_left = 0;
	house_add_account(quota_bytes);
}

static inline void
house_close(void)
{
	db_abort(house.txn);
}

/* --- what the session asks of its host --- */

static void
play_write(void *host, struct slice s)
{
	struct play *p = host;

	must(!p->is_closed);
	buf_put_slice(&p->said, s);
	p->said_most = s.n > p->said_most ? s.n : p->said_most;
	p->is_full = p->is_slow;
}

static bool
play_is_full(void *host)
{
	struct play *p = host;

	return p->is_full;
}

static void
play_close(void *host)
{
	struct play *p = host;

	p->is_closed = true;
}

static void
play_start_tls(void *host)
{
	struct play *p = host;

	p->is_tls = true;
}

static struct db_txn *
play_txn_begin(void *host)
{
	struct play *p = host;

	must(!p->is_in_txn);
	p->is_in_txn = !p->busy;
	return p->busy && p->busy-- ? NULL : house.txn;
}

static bool
play_txn_is_valid(void *host)
{
	struct play *p = host;

	return !(p->torn && p->torn--);
}

static void
play_txn_end(void *host)
{
	struct play *p = host;

	must(p->is_in_txn);
	p->is_in_txn = false;
}

static void
play_propose(void *host, const Commands__Command *c, struct slice body, int fd, uint64_t size)
{
	struct play *p = host;
	uint8_t *octets = NULL;

	must(!p->asks_store && !p->asks_auth && !p->asks_wrap);
	must(!p->is_in_txn);
	if (fd >= 0) {
		octets = must_alloc(size);
		must(pread(fd, octets, size, 0) == (ssize_t)size);
		close(fd);
		body = slice_of(octets, size);
	}
	p->asks_store = true;
	p->outcome = p->next_outcome;
	p->result = p->outcome ? NULL : house_apply(c, body, &p->arena);
	p->next_outcome = ERR_OK;
	free(octets);
}

static void
play_auth(void *host, const struct sasl *sasl)
{
	struct play *p = host;

	must(!p->asks_store && !p->asks_auth && !p->asks_wrap);
	p->asks_auth = true;
	p->step = sasl->question.step;
	buf_clear(&p->user);
	buf_put_slice(&p->user, sasl->question.user);
	buf_clear(&p->message);
	buf_put_slice(&p->message, sasl->question.message);
}

static void
play_wrap(void *host, const struct seal_key *key, bool fresh)
{
	struct play *p = host;

	must(!p->asks_store && !p->asks_auth && !p->asks_wrap);
	p->asks_wrap = true;
	p->forgets_epoch &= !fresh;
	p->wrap = *key;
}

static int
play_spool(void *host)
{
	FILE *f = tmpfile();
	int fd;

	(void)host;
	must(f != NULL);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

static void
play_later(void *host)
{
	struct play *p = host;

	p->asks_later = true;
}

static const struct imap_host play_host = {play_write, play_is_full, play_close, play_start_tls,
	play_txn_begin, play_txn_is_valid, play_txn_end, play_propose, play_auth, play_wrap,
	play_spool, play_later};

/* --- and what it is told --- */

/* The password is pw; a SCRAM message is good when it begins with n or c. For down@example.org
 * nobody answers. */
static inline void
play_answer_auth(struct play *p)
{
	struct imap_login login = {
		.account = PLAY_ACCOUNT, .name = SLICE_LIT("u0@example.org")};
	enum sasl_outcome outcome = SASL_OUTCOME_REFUSED;
	struct slice user = buf_slice(&p->user), said = buf_slice(&p->message),
		     out = SLICE_EMPTY;

	p->asks_auth = false;
	login.pair = house.pair;
	if (slice_eq(user, SLICE_LIT("down@example.org"))) {
		imap_session_auth_unavailable(p->s);
		return;
	}
	if (!slice_eq(user, SLICE_LIT("u0@example.org"))) {
		imap_session_authenticated(p->s, outcome, out, NULL);
		return;
	}
	if (slice_eq(said, SLICE_LIT("pw"))) {
		outcome = SASL_OUTCOME_ACCEPTED;
	} else if (slice_starts(said, SLICE_LIT("n,"))) {
		outcome = SASL_OUTCOME_CONTINUE;
		out = SLICE_LIT("r=ab,s=QQ==,i=4096");
	} else if (slice_starts(said, SLICE_LIT("c="))) {
		outcome = SASL_OUTCOME_ACCEPTED;
		out = SLICE_LIT("v=dg==");
	}
	imap_session_authenticated(
		p->s, outcome, out, outcome == SASL_OUTCOME_ACCEPTED ? &login : NULL);
}

static inline void
play_answer_wrap(struct play *p)
{
	uint64_t epoch = p->forgets_epoch ? PLAY_EPOCH + 1 : PLAY_EPOCH;
	uint8_t wrapped[SEAL_WRAPPED];
	struct seal_aad aad;

	p->asks_wrap = false;
	seal_wrap(&house.epoch, seal_aad_epoch(&aad, PLAY_ACCOUNT, epoch), &p->wrap, wrapped);
	imap_session_wrapped(p->s, ERR_OK, epoch, slice_of(wrapped, sizeof wrapped));
}

static inline void
play_answer_store(struct play *p)
{
	struct arena answered = p->arena;

	p->asks_store = false;
	/* The session may ask again while it is answered. */
	arena_init(&p->arena, 0);
	imap_session_proposed(p->s, p->outcome, p->result);
	arena_reset(&answered);
}

static inline void
play_drain(struct play *p)
{
	if (p->meanwhile && p->is_full)
		p->meanwhile(p);
	p->is_full = false;
	imap_session_drained(p->s);
}

/* Answers what is asked. False: nothing is. */
static inline bool
play_answer(struct play *p)
{
	if (p->asks_store)
		play_answer_store(p);
	else if (p->asks_auth)
		play_answer_auth(p);
	else if (p->asks_wrap)
		play_answer_wrap(p);
	else if (p->asks_later)
		p->asks_later = false, play_drain(p);
	else if (p->is_full)
		play_drain(p);
	else
		return false;
	return true;
}

static inline void
play_take(struct play *p)
{
	size_t used;

	if (!p->in.n || p->is_closed || !imap_session_wants_input(p->s))
		return;
	used = imap_session_input(p->s, buf_slice(&p->in));
	must(used <= p->in.n);
	buf_drop(&p->in, used);
}

static inline void
play_pump(struct play *p)
{
	play_take(p);
	while (!p->is_manual && play_answer(p))
		play_take(p);
	/* Whatever is left waits for an answer that the test holds back, or for TLS. */
	must(p->is_manual || p->is_closed || p->is_tls || !p->in.n);
}

static inline void
play_feed(struct play *p, struct slice s)
{
	buf_put_slice(&p->in, s);
	play_pump(p);
}

/* Says it and leaves the answer in p->said. */
static inline void
play_say(struct play *p, const char *text)
{
	buf_clear(&p->said);
	play_feed(p, slice_str(text));
}

static inline bool
play_has(const struct play *p, const char *what)
{
	return slice_find_slice(buf_slice(&p->said), slice_str(what)) < p->said.n;
}

/* --- life --- */

static inline void
play_begin_with(struct play *p, const struct imap_settings *set)
{
	*p = (struct play){.set = *set};
	buf_init(&p->in, 64 << 20);
	buf_init(&p->said, 256 << 20);
	buf_init(&p->user, 65536);
	buf_init(&p->message, 65536);
	arena_init(&p->arena, 0);
	p->s = imap_session_new(&play_host, p, &p->set);
	imap_session_greet(p->s);
}

static inline void
play_begin(struct play *p)
{
	static const struct imap_settings set = {.append_max = PLAY_APPEND_MAX,
		.may_tls = true,
		.is_secure = true,
		.scram = true,
		.bindings = 1};

	play_begin_with(p, &set);
}

static inline void
play_login(struct play *p)
{
	play_begin(p);
	play_say(p, "l LOGIN u0@example.org pw\r\n");
	must(play_has(p, "l OK "));
}

/* INBOX is selected. */
static inline void
play_select(struct play *p)
{
	play_login(p);
	play_say(p, "s SELECT INBOX\r\n");
	must(play_has(p, "s OK [READ-WRITE] "));
}

static inline void
play_end(struct play *p)
{
	imap_session_free(p->s);
	buf_fini(&p->in);
	buf_fini(&p->said);
	buf_fini(&p->user);
	buf_fini(&p->message);
	arena_reset(&p->arena);
}

/* A message of that text into a mailbox, by a session of its own. */
static inline void
play_deliver(const char *mailbox, const char *text)
{
	struct play p;
	char head[600];

	play_login(&p);
	snprintf(head, sizeof head, "d APPEND \"%s\" {%zu+}\r\n", mailbox, strlen(text));
	play_say(&p, head);
	play_feed(&p, slice_str(text));
	play_feed(&p, SLICE_LIT("\r\n"));
	must(play_has(&p, "d OK [APPENDUID "));
	play_end(&p);
}

#endif
