#include "store/floor.h"

#include <stdlib.h>

#include "core/must.h"

struct floor {
	struct db *db;
	struct floor_page *page;
	struct db_txn *held[FLOOR_HELD]; /* oldest first */
	unsigned n;
};

enum err
floor_tick(struct floor *f)
{
	struct db_txn *txn;
	enum err e = db_begin(f->db, false, &txn);

	if (e)
		return e;
	if (f->n == FLOOR_HELD) {
		/* Readers hear of the new floor before its old pages may be written over. */
		f->page->oldest_txn = db_txn_id(f->held[1]);
		db_abort(f->held[0]);
		for (unsigned i = 1; i < f->n; i++)
			f->held[i - 1] = f->held[i];
		f->n--;
	}
	f->held[f->n++] = txn;
	if (f->n == 1)
		f->page->oldest_txn = db_txn_id(txn);
	return ERR_OK;
}

void
floor_void(struct floor_page *page)
{
	page->lease_until_ms = 0;
	page->oldest_txn = UINT64_MAX;
}

enum err
floor_open(struct db *db, struct floor_page *page, struct floor **out)
{
	struct floor *f = must_zalloc(sizeof *f);
	enum err e;

	f->db = db;
	f->page = page;
	/* A store that died in a swap left it odd. */
	page->generation = (page->generation | 1) + 1;
	e = floor_tick(f);
	if (e) {
		free(f);
		return e;
	}
	*out = f;
	return ERR_OK;
}

void
floor_pause(struct floor *f)
{
	f->page->generation++;
	for (unsigned i = 0; i < f->n; i++)
		db_abort(f->held[i]);
	f->n = 0;
}

enum err
floor_resume(struct floor *f, struct db *db)
{
	enum err e;

	f->db = db;
	e = floor_tick(f);
	f->page->generation++;
	return e;
}

void
floor_close(struct floor *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->n; i++)
		db_abort(f->held[i]);
	free(f);
}
