#include "cmd/control_list.h"

#include <sysexits.h>

#include "core/codec.h"

/* SCAN_MAX: rows looked at for a page that may hold few of them. KEY_MAX: octets of a key. */
enum { PAGE_MAX = 500, SCAN_MAX = 5000, TRIES = 5, KEY_MAX = 512 };

struct page {
	struct control_request *r;
	enum db_table table;
	control_list_row one;
	struct slice from; /* the first key */
	json_t *rows;
	struct slice next; /* the last key that was looked at; empty: that was all */
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
drop(struct page *p)
{
	json_decref(p->rows);
	p->rows = json_array();
	p->next = SLICE_EMPTY;
}

static enum err
read_page(struct page *p, struct db_txn *txn)
{
	struct db_cursor *c;
	struct slice k, v;
	size_t seen = 0;
	enum err e = db_cursor_open(txn, p->table, &c);

	if (e)
		return e;
	for (e = db_seek(c, p->from, &k, &v); !e; e = db_next(c, &k, &v)) {
		json_t *row = p->one(p->r, txn, k, v);

		if (row)
			json_array_append_new(p->rows, row);
		if (k.n && k.n <= KEY_MAX &&
			(++seen == SCAN_MAX || json_array_size(p->rows) == PAGE_MAX)) {
			p->next = arena_dup(&p->r->arena, k);
			break;
		}
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

void
control_list(struct control_request *r, enum db_table t, control_list_row one)
{
	struct page p = {.r = r, .table = t, .one = one, .rows = json_array()};
	struct db_txn *txn;
	json_t *out;
	bool whole = false;

	if (!read_after(r, &p.from)) {
		json_decref(p.rows);
		control_fail(r, EX_USAGE, "after: not the `next` of an answer");
		return;
	}
	for (int i = 0; i < TRIES && !whole; i++) {
		drop(&p);
		txn = control_read(r);
		if (!txn) {
			json_decref(p.rows);
			return;
		}
		whole = !read_page(&p, txn) && view_is_valid(r->courier->view);
		view_end(r->courier->view);
	}
	if (!whole) {
		json_decref(p.rows);
		control_fail(r, EX_TEMPFAIL, "the database is busy; try again");
		return;
	}
	out = json_object();
	json_object_set_new(out, "rows", p.rows);
	if (p.next.n)
		json_object_set_new(out, "next", next_json(p.next));
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
