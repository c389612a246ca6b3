/* check_inner: what the check_* files share. Only they include it. A row function gets each row
 * of its table in order; what is wrong is said, an err is the database's alone. */
#ifndef STORE_CHECK_INNER_H
#define STORE_CHECK_INNER_H

#include "core/arena.h"
#include "store/check.h"
#include "store/check_map.h"
#include "store/commands.pb-c.h"

struct check_account {
	uint64_t used_bytes, used_messages, bytes, messages;
};
struct check_mailbox {
	uint64_t account, modseq, changes_from, bytes_used, bytes;
	uint32_t uidnext, exists, unseen, deleted, keywords, changes, changes_seen;
	uint32_t messages, messages_unseen, messages_deleted,
		swept; /* swept: deleted, its rows are still going */
};
struct check_item {
	uint32_t left, count, open, rcpts, held, owner, lane;
};
struct check_payload {
	uint64_t refs, count, sealed_size, bytes;
};
/* Who names a log entry's payload. */
enum check_owner_kind { CHECK_NOBODY, CHECK_UPLOAD, CHECK_PAYLOAD, CHECK_GARBAGE };
struct check_owner {
	uint64_t id, kind, bytes;
};

struct check {
	struct db *own; /* opened by check_folder */
	struct db_txn *txn;
	struct raft_log log;
	struct arena arena;	  /* of a row */
	struct db_cursor *cursor; /* of the phase */
	size_t phase;
	uint64_t log_at;
	uint8_t chain[SEAL_HASH];
	struct db_sum sum;
	struct check_map accounts, mailboxes, items, payloads, uploads, owners;
	uint64_t trace_index, trace_sec; /* of the row before in table trace */
	uint32_t trace_n;
	uint64_t body_index;
	uint32_t body_row;
	struct check_report report;
};

void check_say(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Both ways: rows of the database, rows of the vault's file. */
enum err check_vault(struct check *c, struct slice vault);
enum err check_vault_row(struct check *c, struct slice k, struct slice v);

enum err check_mail_account(struct check *c, struct slice k, struct slice v);
enum err check_mail_mailbox(struct check *c, struct slice k, struct slice v);
enum err check_mail_name(struct check *c, struct slice k, struct slice v);
enum err check_mail_sweep(struct check *c, struct slice k, struct slice v);
enum err check_mail_message(struct check *c, struct slice k, struct slice v);
enum err check_mail_change(struct check *c, struct slice k, struct slice v);
void check_mail_totals(struct check *c);

enum err check_queue_owner(struct check *c, struct slice k, struct slice v);
enum err check_queue_item(struct check *c, struct slice k, struct slice v);
enum err check_queue_rcpt(struct check *c, struct slice k, struct slice v);
enum err check_queue_due(struct check *c, struct slice k, struct slice v);
enum err check_hop_relay(struct check *c, struct slice k, struct slice v);
enum err check_hop_row(struct check *c, struct slice k, struct slice v);
enum err check_hop_due(struct check *c, struct slice k, struct slice v);
/* The row in `relay` of a recipient that is open. */
enum err check_hop_rcpt(struct check *c, const struct check_item *item, struct slice rcpt_key,
	const Commands__Rcpt *r);
enum err check_queue_repeat(struct check *c, struct slice k, struct slice v);
enum err check_queue_repeat_due(struct check *c, struct slice k, struct slice v);
void check_queue_totals(struct check *c);
enum err check_sts_row(struct check *c, struct slice k, struct slice v);
enum err check_sts_due(struct check *c, struct slice k, struct slice v);
/* Private keys, certificates, and what else the encryption engine goes by. */
enum err check_key_row(struct check *c, struct slice k, struct slice v);
enum err check_key_of(struct check *c, struct slice k, struct slice v);
enum err check_key_cert(struct check *c, struct slice k, struct slice v);
enum err check_status_row(struct check *c, struct slice k, struct slice v);
enum err check_status_due(struct check *c, struct slice k, struct slice v);
enum err check_status_authority(struct check *c, struct slice k, struct slice v);
enum err check_key_trust(struct check *c, struct slice k, struct slice v);
enum err check_key_policy(struct check *c, struct slice k, struct slice v);
enum err check_key_opened(struct check *c, struct slice k, struct slice v);
enum err check_key_opened_due(struct check *c, struct slice k, struct slice v);
enum err check_trace(struct check *c, struct slice k, struct slice v);

enum err check_payload_upload(struct check *c, struct slice k, struct slice v);
enum err check_payload_row(struct check *c, struct slice k, struct slice v);
enum err check_payload_garbage(struct check *c, struct slice k, struct slice v);
enum err check_payload_body(struct check *c, struct slice k, struct slice v);
void check_payload_totals(struct check *c);
/* A message or an item names it. */
void check_payload_ref(struct check *c, uint64_t payload);

#endif
