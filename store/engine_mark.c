/* engine_mark: the state's digest as of exactly one entry of the log. The digest is kept by
 * every write (db.h): what it is right after a mark is what every node must have there. */
#include "store/engine_inner.h"

enum err
engine_mark_note(struct engine *e, struct db_txn *txn, uint64_t index)
{
	enum err err = db_digest(txn, e->mark.digest);

	if (!err)
		e->mark.index = index;
	return err;
}

void
engine_mark_tell(struct engine *e)
{
	struct engine_mark mark = e->mark;

	e->mark.index = 0;
	if (mark.index && e->opt.on_mark)
		e->opt.on_mark(e->opt.arg, mark.index, mark.digest);
}
