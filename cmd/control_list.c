#include "cmd/control_list.h"

#include <sysexits.h>

#include "core/codec.h"

/* SCAN_MAX: rows looked at for a page that may hold few of them. KEY_MAX: octets of a key. */
enum { PAGE_MAX = 500, SCAN_MAX = 5000, TRIES = 5, KEY_MAX = 512 };

struct reading {
	struct control_request *r;
	enum db_table table;
	control_list_row one;
	struct slice from; /* the first key */
	struct control_list_page *page;
};

/* --- where a page begins: a key in hexadecimal, and a NUL behind it --- */

static int
digit(char c)
{
	const char *at = c ? strchr("0123456789abcdef", c) : NULL;

	return at ? (int)(at - "0123456789abcdef") : -1;
}

static bool
read_after(struct control_request *r, struct slice *from)
{
	const char *text = control_text(r, "after");
	size_t n = text ? strlen(text) / 2 : 0;
	uint8_t *key = arena_zalloc(&r->arena, n + 1);

	*from = SLICE_EMPTY;
	if (!text)
		return true;
	if (n == 0 || n > KEY_MAX || text[2 * n])
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	*from = slice_of(key, n + 1);
	return true;
}

static json_t *
next_json(struct slice key)
{
	char text[2 * KEY_MAX + 1];

	for (size_t i = 0; i < key.n; i++)
		snprintf(text + 2 * i, 3, "%02x", key.p[i]);
	return json_string(text);
}

/* --- the page --- */

static void
drop(struct control_list_page *page)
{
	json_decref(page->rows);
	json_decref(page->next);
	*page = (struct control_list_page){.rows = NULL};
}

static enum err
read_rows(struct reading *g, struct db_txn *txn)
{
	struct control_list_page *page = g->page;
	struct db_cursor *c;
	struct slice k, v;
	size_t seen = 0;
	enum err e = db_cursor_open(txn, g->table, &c);

	if (e)
		return e;
	for (e = db_seek(c, g->from, &k, &v); !e; e = db_next(c, &k, &v)) {
		json_t *row = g->one(g->r, txn, k, v);

		if (row)
			json_array_append_new(page->rows, row);
		if (k.n && k.n <= KEY_MAX &&
			(page->is_full || ++seen == SCAN_MAX ||
				json_array_size(page->rows) == PAGE_MAX)) {
			page->next = next_json(k);
			break;
		}
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

bool
control_list_read(struct control_request *r, enum db_table t, control_list_row one,
	struct control_list_page *page)
{
	struct reading g = {.r = r, .table = t, .one = one, .page = page};
	struct db_txn *txn;
	bool whole = false;

	*page = (struct control_list_page){.rows = NULL};
	if (!read_after(r, &g.from)) {
		control_fail(r, EX_USAGE, "after: not the `next` of an answer");
		return false;
	}
	for (int i = 0; i < TRIES && !whole; i++) {
		drop(page);
		txn = control_read(r);
		if (!txn)
			return false;
		page->rows = json_array();
		whole = !read_rows(&g, txn) && view_is_valid(r->courier->view);
		view_end(r->courier->view);
	}
	if (!whole) {
		drop(page);
		control_fail(r, EX_TEMPFAIL, "the database is busy; try again");
	}
	return whole;
}

void
control_list(struct control_request *r, enum db_table t, control_list_row one)
{
	struct control_list_page page;
	json_t *out;

	if (!control_list_read(r, t, one, &page))
		return;
	out = json_object();
	json_object_set_new(out, "rows", page.rows);
	if (page.next)
		json_object_set_new(out, "next", page.next);
	control_reply(r, out);
}

json_t *
control_list_texts(size_t n, const ProtobufCBinaryData *list)
{
	json_t *out = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(out, control_json(codec_slice(list[i])));
	return out;
}
