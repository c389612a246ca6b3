#include "store/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/log.h"
#include "core/must.h"
#include "store/db_lmdb.h"
#include "store/floor.h"

enum { VIEW_NAP_MS = 1, TRIES_AT_ONCE = 20 };

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
	db_lmdb_trap(view->db.env);
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

/* A snapshot that stands: the floor is at or below it, and no commit came between choosing it
 * and copying its roots. Such a commit might have been followed by one that writes over the
 * very page (LMDB has two of them, by turns) that we were reading. */
static enum err
begin_once(struct view *view)
{
	MDB_envinfo info;
	enum err e = ERR_OK;

	if (view->open && view->generation != view->page->generation)
		close_env(view);
	if (!view->open)
		e = open_env(view);
	if (e)
		return e;
	e = db_lmdb_err(mdb_txn_begin(view->db.env, NULL, MDB_RDONLY, &view->txn.txn));
	if (e)
		return e;
	view->txn.generation = view->generation;
	view->reading = true;
	mdb_env_info(view->db.env, &info);
	if (info.me_last_txnid == mdb_txn_id(view->txn.txn) && view_is_valid(view))
		return ERR_OK;
	view_end(view);
	return ERR_BUSY;
}

enum err
view_begin(struct view *view, struct db_txn **out)
{
	static const struct timespec nap = {.tv_nsec = VIEW_NAP_MS * 1000000};
	enum err e = ERR_BUSY;

	must(!view->reading);
	view->txn = (struct db_txn){.db = &view->db, .floor = view->page};
	for (int n = 0; n < VIEW_WAIT_MS / VIEW_NAP_MS; n++) {
		e = begin_once(view);
		if (e != ERR_BUSY)
			break;
		/* The first tries cross a commit; then the store is being started or swaps its
		 * file. */
		if (n >= TRIES_AT_ONCE)
			nanosleep(&nap, NULL);
	}
	if (!e)
		*out = &view->txn;
	return e;
}

bool
view_is_valid(const struct view *view)
{
	return view->reading && db_lmdb_stands(&view->txn);
}

void
view_end(struct view *view)
{
	must(view->reading);
	mdb_txn_abort(view->txn.txn);
	view->reading = false;
}

void
view_rest(struct view *view)
{
	if (!view->reading)
		close_env(view);
}
