#include "store/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/must.h"
#include "store/db_lmdb.h"
#include "store/floor.h"

struct view {
	char path[1024];
	const struct floor_page *page;
	uint64_t generation; /* of the file that is open */
	struct db db;
	struct db_txn txn;
	bool open, reading;
};

static void
close_env(struct view *view)
{
	if (view->db.env)
		mdb_env_close(view->db.env);
	view->db.env = NULL;
	view->open = false;
}

static enum err
open_env(struct view *view)
{
	MDB_txn *txn;
	enum err e;

	view->generation = view->page->generation;
	if (view->generation & 1)
		return ERR_BUSY; /* the file is being swapped */
	must(mdb_env_create(&view->db.env) == 0);
	mdb_env_set_maxdbs(view->db.env, DB_TABLE_COUNT + 8);
	e = db_lmdb_err(mdb_env_open(view->db.env, view->path,
		MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS | MDB_NOSUBDIR, 0));
	if (!e)
		e = db_lmdb_err(mdb_txn_begin(view->db.env, NULL, MDB_RDONLY, &txn));
	if (!e) {
		e = db_lmdb_tables(&view->db, txn, false);
		/* Handles become the environment's own only by a commit. */
		if (e)
			mdb_txn_abort(txn);
		else
			e = db_lmdb_err(mdb_txn_commit(txn));
	}
	if (e)
		close_env(view);
	view->open = !e;
	return e;
}

enum err
view_open(const char *dir, const void *page, struct view **out)
{
	struct view *view = must_zalloc(sizeof *view);
	enum err e;

	snprintf(view->path, sizeof view->path, "%s/data.mdb", dir);
	view->page = page;
	view->db.read_only = true;
	e = open_env(view);
	if (e) {
		free(view);
		return e;
	}
	*out = view;
	return ERR_OK;
}

void
view_close(struct view *view)
{
	if (!view)
		return;
	if (view->reading)
		view_end(view);
	close_env(view);
	free(view);
}

enum err
view_begin(struct view *view, struct db_txn **out)
{
	enum err e = ERR_OK;

	must(!view->reading);
	if (view->open && view->generation != view->page->generation)
		close_env(view);
	if (!view->open)
		e = open_env(view);
	if (e)
		return e;
	view->txn = (struct db_txn){.db = &view->db};
	e = db_lmdb_err(mdb_txn_begin(view->db.env, NULL, MDB_RDONLY, &view->txn.txn));
	if (e)
		return e;
	view->reading = true;
	*out = &view->txn;
	return ERR_OK;
}

bool
view_is_valid(const struct view *view)
{
	return view->reading && view->generation == view->page->generation &&
		mdb_txn_id(view->txn.txn) >= view->page->oldest_txn;
}

void
view_end(struct view *view)
{
	must(view->reading);
	mdb_txn_abort(view->txn.txn);
	view->reading = false;
}
