#include "store/restore_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/must.h"
#include "store/apply.h"
#include "store/apply_vault.h"
#include "store/backup.h"
#include "store/backup_file.h"
#include "store/members.h"
#include "store/raft_body.h"
#include "store/raft_meta.h"
#include "store/schema.h"

enum { TURN_BYTES = 4 << 20, ROW_FIXED = 81 };

struct reader {
	struct restore_log *r;
	FILE *f;
	struct db_txn *txn;
	struct arena arena; /* of a transaction */
	struct apply_secrets secrets;
	uint8_t *p; /* a row and a payload */
	uint64_t bytes;
	bool is_over;
};

/* --- one entry --- */

static enum err
apply_one(struct reader *in, const Commands__Command *c, uint64_t index, uint64_t body_size)
{
	struct apply_touched touched = {0};
	Commands__Result result;
	struct apply a = {.txn = in->txn,
		.arena = &in->arena,
		.index = index,
		.term = in->r->log.last_term,
		.body_sealed_size = body_size,
		.time_sec = c->time_sec,
		.msec = c->msec,
		.node = c->node,
		.boot = c->boot,
		.touched = &touched,
		.secrets = &in->secrets,
		.result = &result};
	struct seal_key key;
	enum err e = apply_command(&a, c);

	if (!e && c->time_sec > in->r->log.time_sec)
		in->r->log.time_sec = c->time_sec;
	if (e || c->body_case != COMMANDS__COMMAND__BODY_REKEY || result.code)
		return e;
	e = in->r->opt->open_key(in->r->opt->arg, codec_slice(c->rekey->wrapped_key), &key);
	if (!e)
		raft_log_add_key(&in->r->log, index, &key);
	seal_wipe(&key, sizeof key);
	return e;
}

/* They give the new node its id: one that none of them had. */
static enum err
take_members(struct raft_log *log, struct slice packed)
{
	struct members m;
	enum err e = members_unpack(packed, &m);

	if (!e)
		log->members = m;
	return e;
}

/* As the engine does it, but for where the entry comes from. */
static enum err
take(struct reader *in, struct slice row, struct slice body)
{
	struct raft_log *log = &in->r->log;
	uint64_t index = log->last + 1, term;
	uint8_t chain[SEAL_HASH];
	Commands__Command *c;
	struct schema_key k;
	struct slice command;
	/* The chain doesn't cover the size. */
	enum err e = schema_get_u64(row.p + 9) == body.n ? ERR_OK : ERR_CORRUPT;

	if (!e)
		e = db_put(in->txn, DB_LOG, schema_u64(&k, index), row);
	if (!e)
		e = raft_body_put(in->txn, index, body, &log->page_left);
	memcpy(chain, log->chain, sizeof chain);
	if (!e)
		e = raft_log_check(log, in->txn, index, chain, chain);
	if (e)
		return e;
	memcpy(log->chain, chain, sizeof chain);
	log->last = log->applied = index;
	log->last_term = schema_get_u64(row.p);
	if (row.p[8] == RAFT_LOG_CONFIG)
		return take_members(log, slice_from(row, ROW_FIXED));
	if (row.p[8] == RAFT_LOG_NOOP)
		return ERR_OK;
	e = raft_log_read(log, in->txn, index, &term, &command);
	c = e ? NULL : codec_unpack(&commands__command__descriptor, command, &in->arena);
	if (e || !c)
		return e ? e : ERR_CORRUPT;
	return apply_one(in, c, index, body.n);
}

/* --- reading --- */

static bool
get(struct reader *in, void *p, size_t n)
{
	in->bytes += n;
	return fread(p, 1, n, in->f) == n;
}

/* ERR_END: that was all. */
static enum err
get_entry(struct reader *in, struct slice *row, struct slice *body)
{
	uint8_t size[4];
	uint32_t row_n, body_n;

	if (!get(in, size, sizeof size))
		return ERR_SYNTAX;
	row_n = schema_get_u32(size);
	if (row_n == 0)
		return fgetc(in->f) == EOF ? ERR_END : ERR_SYNTAX;
	if (!get(in, size, sizeof size))
		return ERR_SYNTAX;
	body_n = schema_get_u32(size);
	if (row_n < ROW_FIXED || row_n > BACKUP_ROW_MAX || body_n > SCHEMA_ENTRY_BODY_MAX ||
		!get(in, in->p, (size_t)row_n + body_n))
		return ERR_SYNTAX;
	*row = slice_of(in->p, row_n);
	*body = slice_of(in->p + row_n, body_n);
	return ERR_OK;
}

static enum err
read_head(struct reader *in)
{
	static const uint8_t magic[16] = "hairpin-log";
	const struct raft_log *log = &in->r->log;
	uint8_t head[BACKUP_HEAD];

	if (!get(in, head, sizeof head) || memcmp(head, magic, sizeof magic) ||
		memcmp(head + 16, log->cluster, sizeof log->cluster))
		return ERR_SYNTAX;
	return schema_get_u64(head + 32) != log->last + 1 ||
			       memcmp(head + 40, log->chain, SEAL_HASH)
		       ? ERR_CORRUPT
		       : ERR_OK;
}

/* --- transactions --- */

static enum err
keep_secrets(struct reader *in)
{
	struct vault *vault = in->r->vault;
	enum err e = vault_reserve(vault, in->secrets.n);

	for (size_t i = 0; i < in->secrets.n && !e; i++) {
		const struct apply_secret *s = &in->secrets.list[i];
		struct vault_row row = {.kind = s->kind,
			.wrap_kind = s->wrap_kind,
			.id = s->id,
			.index = s->index,
			.n = s->secret.n};

		if (!s->put) {
			e = vault_del(vault, s->kind, s->id);
			continue;
		}
		memcpy(row.secret, s->secret.p, s->secret.n);
		e = vault_put(vault, &row);
	}
	return e ? e : vault_sync(vault);
}

/* As many entries as go into one transaction. */
static enum err
read_some(struct reader *in)
{
	uint64_t end = in->bytes + TURN_BYTES;
	struct slice row, body;
	enum err e = ERR_OK;

	while (!e && in->bytes < end) {
		e = get_entry(in, &row, &body);
		if (!e)
			e = take(in, row, body);
		in->r->report->entries += !e;
	}
	in->is_over = e == ERR_END;
	return in->is_over ? ERR_OK : e;
}

static enum err
transact(struct reader *in)
{
	enum err e = db_begin(in->r->db, true, &in->txn);

	if (e)
		return e;
	in->secrets = (struct apply_secrets){0};
	e = read_some(in);
	if (!e)
		e = raft_meta_save(&in->r->log, in->txn);
	if (e)
		db_abort(in->txn);
	else
		e = db_commit(in->txn);
	if (!e)
		e = keep_secrets(in);
	arena_reset(&in->arena);
	return e;
}

enum err
restore_log_file(struct restore_log *r, const char *path)
{
	struct reader in = {.r = r, .f = fopen(path, "rbe")};
	enum err e;

	if (!in.f)
		return backup_file_err();
	arena_init(&in.arena, 65536);
	in.p = must_alloc(BACKUP_ROW_MAX + SCHEMA_ENTRY_BODY_MAX);
	e = read_head(&in);
	while (!e && !in.is_over)
		e = transact(&in);
	if (ferror(in.f))
		e = ERR_IO;
	free(in.p);
	fclose(in.f);
	return e;
}
