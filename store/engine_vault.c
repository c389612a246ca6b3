/* engine_vault: database and vault as two: what a commit decided is done to the vault right
 * after it, before anybody is answered. When a crash comes in between, the log still has the
 * entry, and the next life does it. */
#include <inttypes.h>

#include "core/codec.h"
#include "core/log.h"
#include "store/apply_vault.h"
#include "store/engine_inner.h"
#include "store/schema.h"
#include "store/view_directory.h"

/* --- after a commit --- */

static enum err
put(struct engine *e, const struct apply_secret *s)
{
	struct vault_row row = {.kind = s->kind,
		.wrap_kind = s->wrap_kind,
		.id = s->id,
		.index = s->index,
		.n = s->secret.n};

	memcpy(row.secret, s->secret.p, s->secret.n);
	return vault_put(e->vault, &row);
}

/* Each log key has its time: when the entries that it sealed are gone, so is it. */
static enum err
drop_log_keys(struct engine *e)
{
	const struct raft_log_keys *keys = &e->log.keys;
	uint64_t newest = keys->n ? keys->key[keys->n - 1].after : 0, at = 0;
	struct vault_row row;
	enum err err = ERR_OK;

	if (keys->n < 2 || e->log.first <= newest)
		return ERR_OK;
	while (!err && vault_image_next(vault_file(e->vault), &at, &row))
		if (row.kind == VAULT_LOG && row.id < newest)
			err = vault_del(e->vault, VAULT_LOG, row.id);
	raft_log_drop_keys(&e->log, 1);
	return err;
}

enum err
engine_vault_commit(struct engine *e)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < e->secrets.n && !err; i++) {
		const struct apply_secret *s = &e->secrets.list[i];

		err = s->put ? put(e, s) : vault_del(e->vault, s->kind, s->id);
	}
	if (!err)
		err = drop_log_keys(e);
	return err ? err : vault_sync(e->vault);
}

/* --- at the start --- */

/* The oldest log key in the vault that wasn't set yet. One above `applied` belongs to a
 * database that is newer than this one. */
static enum err
next_log_key(const struct engine *e, struct vault_row *found)
{
	const struct raft_log_keys *keys = &e->log.keys;
	struct vault_row row;
	uint64_t at = 0;
	bool any = false;

	while (vault_image_next(vault_file(e->vault), &at, &row)) {
		if (row.kind != VAULT_LOG || row.id > e->log.applied ||
			(keys->n && row.id <= keys->key[keys->n - 1].after) ||
			(any && row.id > found->id))
			continue;
		*found = row;
		any = true;
	}
	return any ? ERR_OK : ERR_NOT_FOUND;
}

enum err
engine_wrapped_key(struct engine *e, struct buf *wrapped)
{
	struct vault_row row;
	enum err err = next_log_key(e, &row);

	/* Only a cluster's first node makes a key; to the others it comes with the database. */
	if (err == ERR_NOT_FOUND && !e->log.keys.n &&
		(e->log.node != 1 || e->log.members.index || e->log.first > 1))
		return ERR_UNAVAILABLE;
	if (!err && !buf_put(wrapped, row.secret, row.n))
		err = ERR_TOO_BIG;
	return err;
}

enum err
engine_first_key(struct engine *e, struct buf *wrapped)
{
	struct vault_row row;
	uint64_t at = 0;

	while (e->log.first == 1 && vault_image_next(vault_file(e->vault), &at, &row))
		if (row.kind == VAULT_LOG && row.id == 0)
			return buf_put(wrapped, row.secret, row.n) ? ERR_OK : ERR_TOO_BIG;
	return ERR_NOT_FOUND;
}

static enum err
put_new_log_key(struct engine *e, struct slice wrapped)
{
	const struct apply_secret s = {.kind = VAULT_LOG,
		.id = e->log.applied,
		.index = e->log.applied,
		.secret = wrapped};
	enum err err = apply_vault_fits(wrapped) ? vault_reserve(e->vault, 1) : ERR_SYNTAX;

	if (!err)
		err = put(e, &s);
	return err ? err : vault_sync(e->vault);
}

enum err
engine_vault_join(struct engine *e, struct slice wrapped)
{
	return wrapped.n ? put_new_log_key(e, wrapped) : ERR_OK;
}

/* A secret that the database knows of and the vault lacks: the log may still have it. */
static enum err
redo(struct engine *e, struct db_txn *txn, const struct apply_secret *missing,
	const uint8_t hash[SEAL_HASH])
{
	struct apply_secret s = *missing;
	Commands__Command *c = NULL;
	struct slice command;
	uint8_t found[SEAL_HASH];
	uint64_t term;
	enum err err = raft_log_read(&e->log, txn, s.index, &term, &command);

	if (!err)
		c = codec_unpack(&commands__command__descriptor, command, &e->arena);
	s.secret = c ? apply_vault_secret(c) : SLICE_EMPTY;
	seal_hash(NULL, &s.secret, 1, found);
	if (!apply_vault_fits(s.secret) || memcmp(found, hash, sizeof found) != 0)
		return ERR_NOT_FOUND;
	err = vault_reserve(e->vault, 1);
	return err ? err : put(e, &s);
}

/* Every secret of the database is in the vault, or was put there now. *lost: how many
 * aren't. */
static enum err
complete(struct engine *e, struct db_txn *txn, uint64_t *lost)
{
	struct db_cursor *c;
	struct slice k, v;
	struct schema_vault known;
	struct vault_row row;
	uint64_t at;
	enum err err = db_cursor_open(txn, DB_VAULT, &c);

	*lost = 0;
	if (err)
		return err;
	for (err = db_seek(c, SLICE_EMPTY, &k, &v); !err; err = db_next(c, &k, &v)) {
		struct apply_secret s;

		if (k.n != 9 || !schema_vault_read(v, &known)) {
			err = ERR_CORRUPT;
			break;
		}
		s = (struct apply_secret){.kind = k.p[0],
			.wrap_kind = known.wrap_kind,
			.index = known.index,
			.id = schema_vault_id(k.p, known.index)};
		if (!vault_image_find(vault_file(e->vault), s.kind, s.id, &at, &row))
			continue;
		err = redo(e, txn, &s, known.hash);
		if (err && err != ERR_NOT_FOUND)
			break;
		*lost += err == ERR_NOT_FOUND;
	}
	db_cursor_close(c);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* What the database doesn't know was deleted from it, unless it is newer than the database:
 * then that came from a backup, and may not be the last word. */
static enum err
drop_deleted(struct engine *e, struct db_txn *txn)
{
	struct schema_vault known;
	struct vault_row row;
	uint64_t at = 0, newer = 0;
	enum err err = ERR_OK;

	while (!err && vault_image_next(vault_file(e->vault), &at, &row)) {
		if (row.kind == VAULT_LOG)
			continue;
		err = view_directory_vault(txn, (enum vault_kind)row.kind, row.id, &known);
		if (err != ERR_NOT_FOUND)
			continue;
		err = ERR_OK;
		if (row.index > e->log.applied)
			newer++;
		else
			err = vault_del(e->vault, row.kind, row.id);
	}
	if (newer)
		log_warn("the vault is newer than the database, and keeps %" PRIu64
			 " keys for it that this one doesn't know",
			newer);
	return err;
}

static enum err
settle(struct engine *e)
{
	struct db_txn *txn;
	uint64_t lost, damaged = 0;
	enum err err = db_begin(e->db, false, &txn);

	if (err)
		return err;
	err = complete(e, txn, &lost);
	if (!err)
		err = drop_deleted(e, txn);
	if (!err)
		err = drop_log_keys(e);
	/* A slot may still be mended while a key is missing. */
	if (!err && !lost)
		err = vault_clear_damaged(e->vault, &damaged);
	if (lost)
		log_error("%" PRIu64 " keys of the database aren't in the vault: their mail "
			  "can't be read until the vault is restored from its backup",
			lost);
	if (damaged)
		log_warn("the vault had %" PRIu64 " rows that were half written", damaged);
	db_abort(txn);
	arena_reset(&e->arena);
	return err ? err : vault_sync(e->vault);
}

/* Is the newest key that was set the one that the log has come to? */
static enum err
is_newest(struct engine *e, bool *yes)
{
	const struct raft_log_keys *keys = &e->log.keys;
	struct schema_vault known = {0};
	struct db_txn *txn;
	enum err err = db_begin(e->db, false, &txn);

	if (err)
		return err;
	err = view_directory_vault(txn, VAULT_LOG, 0, &known);
	db_abort(txn);
	*yes = keys->n && keys->key[keys->n - 1].after >= known.index;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err
engine_set_key(struct engine *e, const struct seal_key *key, struct slice new_wrapped)
{
	struct vault_row row = {.id = e->log.applied};
	enum err err = new_wrapped.n ? put_new_log_key(e, new_wrapped) : next_log_key(e, &row);

	if (!err)
		raft_log_add_key(&e->log, row.id, key);
	if (err || next_log_key(e, &row) == ERR_OK)
		return err;
	err = settle(e);
	if (err || next_log_key(e, &row) == ERR_OK)
		return err;
	return is_newest(e, &e->log.has_key);
}

bool
engine_is_ready(const struct engine *e)
{
	return e->log.has_key;
}
