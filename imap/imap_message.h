/* imap_message: the text of a stored message as its owner sees it: Delivered-To,
 * head, payload, opened part by part; and its index. One message at a time; all
 * of it lives while the transaction does, unless it says otherwise. */
#ifndef IMAP_MESSAGE_H
#define IMAP_MESSAGE_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/mail_scan.h"
#include "crypto/seal.h"
#include "imap/imap_index.h"
#include "store/view_mailbox.h"

struct imap_session;
struct db_txn;

enum { IMAP_MESSAGE_HEAD_MAX = 262144 };

struct imap_message {
	struct imap_session *s;
	struct db_txn *txn;
	uint32_t uid;
	struct schema_message row;
	struct seal_key key;
	bool has_key, has_top, has_index;
	struct buf top; /* Delivered-To and head */
	struct buf index_text;
	struct imap_index index;
	struct mail_scan *scan; /* made when the index can't say it */
	struct imap_body body;	/* parts, after imap_message_parts */
	struct arena arena;
	uint8_t *plain; /* one opened part */
	uint64_t plain_n, plain_part;
	bool has_plain;
};

void imap_message_init(struct imap_message *m, struct imap_session *s);
/* Wipes and frees; init again before the next use. */
void imap_message_fini(struct imap_message *m);
/* Another message. The row is borrowed from txn. */
void imap_message_set(struct imap_message *m, struct db_txn *txn, uint32_t uid,
	const struct schema_message *row);
/* Each opens what it needs, once a message. The last is the payload's index; made on the spot
 * when none is stored. */
enum err imap_message_index(struct imap_message *m);
enum err imap_message_top(struct imap_message *m);
/* body.parts of the whole, offsets over head + payload through body.shift. */
enum err imap_message_parts(struct imap_message *m);
/* Some octets of [from, to), at least one; borrowed until the next call. Offsets run over the
 * whole text. */
enum err imap_message_read(
	struct imap_message *m, uint64_t from, uint64_t to, struct slice *out);

#endif
