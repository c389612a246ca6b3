#include <inttypes.h>

#include "store/check_inner.h"
#include "store/schema.h"
#include "store/vault_image.h"
#include "store/view_directory.h"
#include "store/view_key.h"

static enum err
check_private_key(struct check *c, uint64_t id)
{
	Commands__Key *row;
	enum err e = view_key_get(c->txn, id, &c->arena, &row);

	if (e == ERR_NOT_FOUND)
		check_say(
			c, "there is the secret of private key %" PRIu64 ", which is gone", id);
	return e == ERR_NOT_FOUND || e == ERR_CORRUPT ? ERR_OK : e;
}

enum err
check_vault_row(struct check *c, struct slice k, struct slice v)
{
	struct schema_vault known;

	if (k.n != 9 || !schema_vault_read(v, &known) ||
		(k.p[0] == VAULT_QUEUE) != (known.public_key.n > 0))
		check_say(c, "a row of what the vault holds is damaged");
	else if (k.p[0] == VAULT_ACCOUNT &&
		 !check_map_get(&c->accounts, schema_get_u64(k.p + 1)))
		check_say(c, "there is a key of account %" PRIu64 ", which is gone",
			schema_get_u64(k.p + 1));
	else if (k.p[0] == VAULT_KEY)
		return check_private_key(c, schema_get_u64(k.p + 1));
	return ERR_OK;
}

/* A row of the database in the file. */
static void
check_known(struct check *c, struct slice vault, struct slice k, struct slice v)
{
	uint8_t hash[SEAL_HASH];
	struct schema_vault known;
	struct vault_row row;
	uint64_t id, at;

	if (k.n != 9 || !schema_vault_read(v, &known))
		return; /* said by check_vault_row */
	id = schema_vault_id(k.p, known.index);
	if (vault_image_find(vault, k.p[0], id, &at, &row)) {
		check_say(c, "key %c %" PRIu64 " isn't in the vault", k.p[0], id);
		return;
	}
	seal_hash(NULL, &(struct slice){row.secret, row.n}, 1, hash);
	if (memcmp(hash, known.hash, sizeof hash) != 0 || row.wrap_kind != known.wrap_kind)
		check_say(c, "key %c %" PRIu64 " in the vault isn't the one that was logged",
			k.p[0], id);
}

/* Log keys: the newest, and older ones while they have entries. */
static enum err
check_log_key(struct check *c, const struct vault_row *row)
{
	struct schema_vault newest = {0};
	enum err e = view_directory_vault(c->txn, VAULT_LOG, 0, &newest);

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (row->id < newest.index && c->log.first > newest.index)
		check_say(c, "the vault keeps a log key that no entry needs");
	return ERR_OK;
}

/* A row of the file in the database. One that is newer than the database may stay. */
static enum err
check_kept(struct check *c, const struct vault_row *row)
{
	struct schema_vault known;
	enum err e;

	if (row->index > c->log.applied)
		return ERR_OK;
	if (row->kind == VAULT_LOG)
		return check_log_key(c, row);
	e = view_directory_vault(c->txn, (enum vault_kind)row->kind, row->id, &known);
	if (e == ERR_NOT_FOUND)
		check_say(c, "the vault keeps key %c %" PRIu64 ", which was deleted", row->kind,
			row->id);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
check_vault(struct check *c, struct slice vault)
{
	struct db_cursor *rows;
	struct vault_row row;
	struct slice k, v;
	uint64_t damaged = 0;
	enum err e = db_cursor_open(c->txn, DB_VAULT, &rows);

	if (e)
		return e;
	for (e = db_seek(rows, SLICE_EMPTY, &k, &v); !e; e = db_next(rows, &k, &v))
		check_known(c, vault, k, v);
	db_cursor_close(rows);
	if (e != ERR_NOT_FOUND)
		return e;
	e = ERR_OK;
	for (uint64_t n = 0; n < vault_image_slots(vault) && !e; n++) {
		enum vault_image_state state = vault_image_read(vault, n, &row);

		damaged += state == VAULT_IMAGE_DAMAGED;
		if (state == VAULT_IMAGE_ROW)
			e = check_kept(c, &row);
	}
	if (damaged)
		check_say(c, "%" PRIu64 " rows of the vault are damaged", damaged);
	return e;
}
