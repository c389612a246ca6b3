#include "store/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/codec.h"
#include "core/must.h"
#include "store/check_inner.h"
#include "store/raft_meta.h"
#include "store/schema.h"
#include "store/sending.h"
#include "store/view_vault.h"

enum { TRIES = 3, NAP_NS = 200000000 };

typedef enum err (*check_row)(struct check *c, struct slice k, struct slice v);

void
check_say(struct check *c, const char *format, ...)
{
	struct check_report *r = &c->report;
	va_list ap;

	if (r->violations++ >= CHECK_TEXTS)
		return;
	va_start(ap, format);
	vsnprintf(r->text[r->texts++], CHECK_TEXT, format, ap);
	va_end(ap);
}

static bool
has_account(const struct check *c, uint64_t account)
{
	return check_map_get(&c->accounts, account) != NULL;
}

static enum err
check_domain(struct check *c, struct slice k, struct slice v)
{
	if (!codec_unpack(&commands__domain__descriptor, v, &c->arena))
		check_say(c, "domain %.*s can't be read", SLICE_FMT(k));
	return ERR_OK;
}

static enum err
check_address(struct check *c, struct slice k, struct slice v)
{
	Commands__Address *r = codec_unpack(&commands__address__descriptor, v, &c->arena);
	size_t at = k.n;
	struct slice domain;
	enum err e;

	while (at && k.p[at - 1] != '@')
		at--;
	if (!r || at == 0) {
		check_say(c, "address %.*s can't be read", SLICE_FMT(k));
		return ERR_OK;
	}
	if (r->kind == COMMANDS__ADDRESS__KIND__ACCOUNT && !has_account(c, r->account))
		check_say(c, "address %.*s leads to an account that isn't there", SLICE_FMT(k));
	e = db_get(c->txn, DB_DOMAIN, slice_from(k, at), &domain);
	if (e == ERR_NOT_FOUND)
		check_say(c, "address %.*s is of a domain that isn't ours", SLICE_FMT(k));
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
check_epoch(struct check *c, struct slice k, struct slice v)
{
	if (k.n != 16 || v.n == 0)
		check_say(c, "an epoch row is damaged");
	else if (!has_account(c, schema_get_u64(k.p)))
		check_say(c, "there is an epoch of account %" PRIu64 ", which is gone",
			schema_get_u64(k.p));
	return ERR_OK;
}

static enum err
check_sent(struct check *c, struct slice k, struct slice v)
{
	struct sending s;

	if (k.n != 8 || !sending_read(v, &s))
		check_say(c, "a row of who sent how much is damaged");
	else if (!has_account(c, schema_get_u64(k.p)))
		check_say(c, "account %" PRIu64 ", which is gone, is said to have sent mail",
			schema_get_u64(k.p));
	return ERR_OK;
}

static enum err
check_proposer(struct check *c, struct slice k, struct slice v)
{
	if (k.n != 12 || v.n < (schema_get_u64(k.p + 4) ? 8 : 16))
		check_say(c, "a proposer row is damaged");
	return ERR_OK;
}

/* Nothing but its place in the digest. */
static enum err
check_any(struct check *c, struct slice k, struct slice v)
{
	(void)c;
	(void)k;
	(void)v;
	return ERR_OK;
}

/* What a later row refers to comes first. */
static const struct {
	enum db_table table;
	check_row row;
} phases[] = {
	{DB_SETTING, check_any},
	{DB_DOMAIN, check_domain},
	{DB_ACCOUNT, check_mail_account},
	{DB_ADDRESS, check_address},
	{DB_VAULT, check_vault_row},
	{DB_EPOCH, check_epoch},
	{DB_SENT, check_sent},
	{DB_SWEEP, check_mail_sweep},
	{DB_MAILBOX, check_mail_mailbox},
	{DB_MAILBOX_NAME, check_mail_name},
	{DB_MESSAGE, check_mail_message},
	{DB_CHANGE, check_mail_change},
	{DB_OWNER, check_queue_owner},
	{DB_ITEM, check_queue_item},
	{DB_RCPT, check_queue_rcpt},
	{DB_DUE, check_queue_due},
	{DB_RELAY, check_hop_relay},
	{DB_HOP, check_hop_row},
	{DB_HOP_DUE, check_hop_due},
	{DB_REPEAT, check_queue_repeat},
	{DB_REPEAT_DUE, check_queue_repeat_due},
	{DB_STS, check_sts_row},
	{DB_STS_DUE, check_sts_due},
	{DB_KEY, check_key_row},
	{DB_KEY_OF, check_key_of},
	{DB_CERT, check_key_cert},
	{DB_TRUST, check_key_trust},
	{DB_POLICY, check_key_policy},
	{DB_STATUS, check_status_row},
	{DB_STATUS_DUE, check_status_due},
	{DB_AUTHORITY, check_status_authority},
	{DB_OPENED, check_key_opened},
	{DB_OPENED_DUE, check_key_opened_due},
	{DB_TRACE, check_trace},
	{DB_PROPOSER, check_proposer},
	{DB_UPLOAD, check_payload_upload},
	{DB_PAYLOAD, check_payload_row},
	{DB_GARBAGE, check_payload_garbage},
	{DB_BODY, check_payload_body},
};
enum { PHASES = sizeof phases / sizeof *phases };

enum err
check_begin(struct db *db, const struct check_with *with, struct check **out)
{
	struct check *c = must_zalloc(sizeof *c);
	enum err e = db_begin(db, false, &c->txn);

	arena_init(&c->arena, 16384);
	check_map_init(&c->accounts, sizeof(struct check_account));
	check_map_init(&c->mailboxes, sizeof(struct check_mailbox));
	check_map_init(&c->items, sizeof(struct check_item));
	check_map_init(&c->payloads, sizeof(struct check_payload));
	check_map_init(&c->uploads, sizeof(struct check_payload));
	check_map_init(&c->owners, sizeof(struct check_owner));
	if (!e)
		e = raft_meta_load(&c->log, c->txn, NULL);
	if (!e && with->vault.n)
		e = check_vault(c, with->vault);
	if (e) {
		check_end(c);
		return e;
	}
	c->log.keys = *with->keys;
	c->log_at = c->log.first;
	*out = c;
	return ERR_OK;
}

void
check_end(struct check *c)
{
	if (!c)
		return;
	if (c->cursor)
		db_cursor_close(c->cursor);
	db_abort(c->txn);
	raft_log_fini(&c->log);
	arena_reset(&c->arena);
	check_map_fini(&c->accounts);
	check_map_fini(&c->mailboxes);
	check_map_fini(&c->items);
	check_map_fini(&c->payloads);
	check_map_fini(&c->uploads);
	check_map_fini(&c->owners);
	db_close(c->own);
	free(c);
}

const struct check_report *
check_report(const struct check *c)
{
	return &c->report;
}

/* The next row of the phase's table. ERR_NOT_FOUND: that was the last one. */
static enum err
step_row(struct check *c)
{
	enum db_table t = phases[c->phase].table;
	struct slice k, v;
	enum err e;

	if (c->cursor) {
		e = db_next(c->cursor, &k, &v);
	} else {
		e = db_cursor_open(c->txn, t, &c->cursor);
		if (!e)
			e = db_seek(c->cursor, SLICE_EMPTY, &k, &v);
	}
	if (e)
		return e;
	db_sum_add(&c->sum, t, k, v);
	e = phases[c->phase].row(c, k, v);
	arena_reset(&c->arena);
	if (e == ERR_CORRUPT) {
		check_say(c, "a row of %s refers to one that can't be read", db_table_name(t));
		e = ERR_OK;
	}
	return e;
}

static enum err
step_log(struct check *c)
{
	bool is_first = c->log_at == c->log.first;
	enum err e;

	if (c->log_at > c->log.last)
		return ERR_NOT_FOUND;
	e = raft_log_check(&c->log, c->txn, c->log_at, is_first ? NULL : c->chain, c->chain);
	if (e == ERR_NOT_FOUND || e == ERR_CORRUPT || e == ERR_CRYPTO) {
		check_say(c, "log entry %" PRIu64 ": %s", c->log_at, err_text(e));
		e = ERR_OK;
	}
	c->log_at++;
	return e;
}

static void
check_log_end(struct check *c)
{
	if (c->log.first <= c->log.last && memcmp(c->chain, c->log.chain, SEAL_HASH) != 0)
		check_say(c, "the log's newest chain hash isn't that of its last entry");
	if (c->log.applied > c->log.last)
		check_say(c, "more is applied than the log ever held");
}

static enum err
finish(struct check *c)
{
	uint8_t digest[32];
	enum err e = db_digest(c->txn, digest);

	if (e)
		return e;
	check_log_end(c);
	check_mail_totals(c);
	check_queue_totals(c);
	check_payload_totals(c);
	if (memcmp(digest, c->sum.word, sizeof digest) != 0)
		check_say(c, "the digest isn't that of the rows");
	return ERR_OK;
}

enum err
check_step(struct check *c, uint32_t rows, bool *done)
{
	enum err e = ERR_OK;

	*done = false;
	for (; rows && c->phase <= PHASES; rows--) {
		e = c->phase < PHASES ? step_row(c) : step_log(c);
		c->report.rows += !e;
		if (e && e != ERR_NOT_FOUND)
			return e;
		if (!e)
			continue;
		if (c->cursor)
			db_cursor_close(c->cursor);
		c->cursor = NULL;
		c->phase++;
	}
	if (c->phase <= PHASES)
		return ERR_OK;
	*done = true;
	return finish(c);
}

/* The store may be between a commit and the vault: then they differ for a moment. */
static enum err
begin_beside(struct db *db, struct view_vault *vault, struct check **c)
{
	static const struct timespec nap = {.tv_nsec = NAP_NS};
	static const struct raft_log_keys none;
	struct check_with with = {.keys = &none};
	enum err e = ERR_OK;

	for (int i = 0; i < TRIES; i++) {
		if (i) {
			check_end(*c);
			nanosleep(&nap, NULL);
		}
		e = view_vault_file(vault, &with.vault);
		if (!e)
			e = check_begin(db, &with, c);
		if (e || (*c)->report.violations == 0)
			return e;
	}
	return e;
}

enum err
check_folder(const char *dir, const char *vault_dir, struct check_report *report)
{
	struct db_options how = {.read_only = true};
	struct view_vault *vault;
	struct check *c;
	struct db *db;
	bool done = false;
	enum err e = db_open(&db, dir, &how);

	if (e)
		return e;
	vault = view_vault_open(vault_dir);
	e = begin_beside(db, vault, &c);
	view_vault_close(vault);
	if (e) {
		db_close(db);
		return e;
	}
	c->own = db;
	while (!e && !done)
		e = check_step(c, UINT32_MAX, &done);
	*report = c->report;
	check_end(c);
	return e;
}
