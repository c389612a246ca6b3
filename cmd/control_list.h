/* control_list: a table of the database for the command line, page by page: so a large
 * directory costs the courier one page at a time, and no transaction lasts. The answer holds
 * `rows` and, when more may come, `next`: what the next request gives as `after`. */
#ifndef CMD_CONTROL_LIST_H
#define CMD_CONTROL_LIST_H

#include "cmd/control.h"
#include "store/db.h"

/* One row as JSON; NULL leaves it out. txn: what k and v are from. */
typedef json_t *(*control_list_row)(
	struct control_request *r, struct db_txn *txn, struct slice k, struct slice v);

/* Answers the request with the page that it asks for. */
void control_list(struct control_request *r, enum db_table t, control_list_row one);

struct control_list_page {
	json_t *rows; /* the caller's to decref */
	json_t *next; /* NULL: that was all; else the caller's to decref */
	bool is_full; /* one may set it: the page ends with this row */
};
/* Reads it without answering: one may see a row more than once, and must give the same again.
 * False: failed, and said so. */
bool control_list_read(struct control_request *r, enum db_table t, control_list_row one,
	struct control_list_page *page);
/* An array of texts. */
json_t *control_list_texts(size_t n, const ProtobufCBinaryData *list);

#endif
