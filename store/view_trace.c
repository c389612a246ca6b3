#include "store/view_trace.h"

#include "store/db.h"
#include "store/schema.h"

static enum err
add(struct view_trace_page *p, struct slice k, struct slice v, struct arena *a)
{
	return schema_trace_read(k, arena_dup(a, v), &p->row[p->n++]) ? ERR_OK : ERR_CORRUPT;
}

static void
begin(struct view_trace_page *p, struct view_trace_at at, size_t max, struct arena *a)
{
	*p = (struct view_trace_page){
		.row = arena_alloc(a, (max + 1) * sizeof *p->row), .next = at};
}

/* Where the page ended, whichever way. */
static enum err
end(struct view_trace_page *p, enum err e)
{
	p->is_end = e == ERR_NOT_FOUND;
	return p->is_end ? ERR_OK : e;
}

enum err
view_trace_forward(struct db_txn *txn, struct view_trace_at at, size_t max, struct arena *a,
	struct view_trace_page *out)
{
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_TRACE, &c);

	if (e)
		return e;
	begin(out, at, max, a);
	for (e = db_seek(c, schema_u64_u32(&from, at.index, at.n), &k, &v); !e && out->n < max;
		e = e ? e : db_next(c, &k, &v))
		e = add(out, k, v, a);
	if (out->n) {
		out->next.index = out->row[out->n - 1].index;
		out->next.n = out->row[out->n - 1].n + 1;
	}
	db_cursor_close(c);
	return end(out, e);
}

enum err
view_trace_back(struct db_txn *txn, struct view_trace_at at, size_t max, struct arena *a,
	struct view_trace_page *out)
{
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_TRACE, &c);

	if (e)
		return e;
	begin(out, at, max, a);
	e = db_seek(c, schema_u64_u32(&from, at.index, at.n), &k, &v);
	for (e = e == ERR_NOT_FOUND ? db_last(c, &k, &v)
		 : e		    ? e
				    : db_prev(c, &k, &v);
		!e && out->n < max; e = e ? e : db_prev(c, &k, &v))
		e = add(out, k, v, a);
	if (out->n) {
		out->next.index = out->row[out->n - 1].index;
		out->next.n = out->row[out->n - 1].n;
	}
	db_cursor_close(c);
	return end(out, e);
}

/* The entry that made it may have done other things first: the steps that a report tells of. */
enum err
view_trace_taken(struct db_txn *txn, uint64_t item, struct arena *a, struct schema_trace *out)
{
	struct view_trace_page page;
	enum err e = view_trace_forward(
		txn, (struct view_trace_at){item, 0}, VIEW_TRACE_PAGE, a, &page);

	for (size_t i = 0; !e && i < page.n && page.row[i].index == item; i++)
		if (page.row[i].kind == SCHEMA_TRACE_TAKEN && page.row[i].item == item) {
			*out = page.row[i];
			return ERR_OK;
		}
	return e ? e : ERR_NOT_FOUND;
}

enum err
view_trace_members(struct db_txn *txn, struct members *out)
{
	struct slice v;
	enum err e = db_get(txn, DB_META, SLICE_LIT("config"), &v);

	return e ? e : members_unpack(slice_from(v, 8), out);
}
