#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "store/db.h"
#include "store/raft_log.h"
#include "store/raft_meta.h"
#include "store/schema.h"
#include "store/view_cert.h"
#include "store/view_directory.h"
#include "store/view_key.h"
#include "store/view_mailbox.h"
#include "store/view_opened.h"
#include "store/view_policy.h"
#include "store/view_queue.h"
#include "store/view_trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Rows with anything in them, under keys that readers ask for: as in a damaged file, or where a
 * reader was stopped and the store wrote over its pages. Each reader gives a result or an err.
 * Input: rows of u8 table, u8 key, u16 size of the value, value. */
enum { ROWS_MAX = 20, HEAD = 4, IDS = 4 };

static struct db *db;
static const char *const names[] = {"u0@example.org", "example.org", "@example.org", "INBOX"};
static const char *const meta[] = {
	"cluster", "node", "hard", "tail", "applied", "config", "first", "time"};

static void
needs(bool so)
{
	if (!so)
		__builtin_trap();
}

/* The folder's name goes at once: the database lives as long as this process. */
static void
open_once(void)
{
	struct db_options how = {.create = true};
	char dir[64], path[100];

	if (db)
		return;
	log_init("fuzz", "fuzz", LOG_LEVEL_ERROR);
	seal_init();
	snprintf(dir, sizeof dir, "%s/rows_fuzz.XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	needs(mkdtemp(dir) && db_open(&db, dir, &how) == ERR_OK);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/data.mdb-lock", dir);
	unlink(path);
	needs(rmdir(dir) == 0);
}

static struct slice
key_of(struct schema_key *k, uint8_t b)
{
	uint8_t id = b >> 4 & 3, second = b >> 6;

	switch (b & 7) {
	case 0:
		return schema_u64(k, id);
	case 1:
		return schema_u64_u32(k, id, second);
	case 2:
		return schema_u64_u64(k, id, second);
	case 3:
		return schema_u64_u64_u32(k, id, second, 1);
	case 4:
		return schema_u8_u64(k, second, id);
	case 5:
		return slice_str(names[id]);
	case 6:
		schema_set_u64(k->b, id);
		memcpy(k->b + 8, "INBOX", 5);
		return slice_of(k->b, 13);
	default:
		return slice_str(meta[b >> 3 & 7]);
	}
}

static void
put_rows(struct db_txn *txn, struct slice in)
{
	struct schema_key k;
	size_t n;

	for (int i = 0; i < ROWS_MAX && in.n > HEAD; i++) {
		n = (size_t)(in.p[2] << 8 | in.p[3]) % 2048;
		n = n < in.n - HEAD ? n : in.n - HEAD;
		(void)db_put(txn, (enum db_table)(in.p[0] % DB_TABLE_COUNT),
			key_of(&k, in.p[1]), slice_cut(in, HEAD, HEAD + n));
		in = slice_from(in, HEAD + n);
	}
}

/* --- who reads them --- */

static bool
on_message(void *arg, uint32_t uid, const struct schema_message *m)
{
	uint8_t row[4096];
	struct schema_message again;
	size_t n = schema_message_write(m, row, sizeof row);

	(void)arg;
	(void)uid;
	needs(n > sizeof row || (schema_message_read(slice_of(row, n), &again) &&
					schema_message_size(&again) == schema_message_size(m)));
	return true;
}

static bool
on_change(void *arg, uint32_t uid, uint64_t modseq, bool gone)
{
	(void)arg;
	return uid || modseq || !gone;
}

static bool
on_mailbox(void *arg, const Commands__Mailbox *m)
{
	(void)arg;
	(void)m;
	return true;
}

static bool
on_item(void *arg, const Commands__Item *item)
{
	(void)arg;
	(void)item;
	return true;
}

static bool
on_rcpt(void *arg, uint32_t number, const Commands__RcptRow *row)
{
	(void)arg;
	(void)number;
	(void)row;
	return true;
}

static bool
on_owner(void *arg, uint32_t node, const struct schema_owner *owner)
{
	(void)arg;
	(void)node;
	(void)owner;
	return true;
}

static bool
on_due(void *arg, uint64_t due_sec, uint64_t item, uint32_t number)
{
	(void)arg;
	(void)due_sec;
	(void)item;
	(void)number;
	return true;
}

static void
read_mailboxes(struct db_txn *txn, uint64_t id, struct arena *a)
{
	struct view_mailbox_part part;
	struct schema_message row;
	Commands__PayloadRow *payload;
	Commands__Mailbox *m;

	(void)view_mailbox(txn, id, a, &m);
	(void)view_mailbox_by_name(txn, id, slice_str("INBOX"), a, &m);
	(void)view_mailbox_each(txn, id, a, on_mailbox, NULL);
	(void)view_mailbox_messages(txn, id, 0, on_message, NULL);
	(void)view_mailbox_message(txn, id, 1, &row);
	(void)view_mailbox_changes(txn, id, 0, on_change, NULL);
	(void)view_mailbox_payload(txn, id, a, &payload);
	for (uint32_t n = 0; n < 3; n++)
		(void)view_mailbox_part(txn, id, n, a, &part);
}

static void
read_directory(struct db_txn *txn, uint64_t id, struct arena *a)
{
	struct view_directory_rcpt rcpt;
	struct slice name = slice_str(names[id]), v;
	struct schema_vault secret;
	Commands__Address *address;
	Commands__Account *account;
	Commands__Domain *domain;
	uint8_t public_key[32];
	uint64_t found;
	bool may;

	(void)view_directory_domain(txn, name, a, &domain);
	(void)view_directory_address(txn, name, a, &address);
	(void)view_directory_account(txn, id, a, &account);
	(void)view_directory_login(txn, name, a, &found, &account);
	(void)view_directory_rcpt(txn, name, '+', a, &rcpt);
	(void)view_directory_may_send_as(txn, id, name, '+', &may);
	(void)view_directory_vault(txn, (enum vault_kind)id, 1, &secret);
	(void)view_directory_queue_key(txn, &found, public_key);
	(void)view_directory_epoch(txn, id, 1, &v);
	(void)view_directory_setting(txn, name, &v);
}

static void
read_queue(struct db_txn *txn, uint64_t id, struct arena *a)
{
	struct view_queue_key *keys;
	Commands__RcptRow *rcpt;
	struct schema_owner owner;
	Commands__Item *item;
	size_t n;

	(void)view_queue_item(txn, id, a, &item);
	(void)view_queue_rcpt(txn, id, 0, a, &rcpt);
	(void)view_queue_rcpts(txn, id, a, on_rcpt, NULL);
	(void)view_queue_items(txn, id, a, on_item, NULL);
	(void)view_queue_keys(txn, a, &keys, &n);
	(void)view_queue_owner(txn, (uint32_t)id, &owner);
	(void)view_queue_owners(txn, on_owner, NULL);
	(void)view_queue_due(txn, 1, id, on_due, NULL);
}

static bool
on_cert(void *arg, struct slice address, struct slice sha256, Commands__Cert *cert)
{
	(void)arg;
	needs(address.n < SCHEMA_NAME_MAX && sha256.n == SCHEMA_SHA256 && cert);
	return true;
}

static bool
on_key(void *arg, uint64_t id, Commands__Key *key)
{
	(void)id;
	(void)view_key_is_of(key, *(struct slice *)arg);
	return true;
}

static bool
on_trust(void *arg, struct slice sha256, Commands__Trust *row)
{
	(void)arg;
	needs(sha256.n == SCHEMA_SHA256 && row);
	return true;
}

static bool
on_policy(void *arg, struct slice level, Commands__Policy *row)
{
	(void)arg;
	(void)level;
	needs(row != NULL);
	return true;
}

static void
read_gateway(struct db_txn *txn, uint64_t id, struct arena *a)
{
	static const uint8_t hash[SCHEMA_SHA256];
	struct slice name = slice_str(names[id]), sha256 = slice_of(hash, sizeof hash);
	struct view_certs certs;
	struct view_keys keys;
	Commands__Cert *cert;
	Commands__Key *key;
	Commands__Policy *policy;
	uint64_t until;
	bool blocked;

	(void)view_cert_get(txn, name, sha256, a, &cert);
	(void)view_cert_all(txn, name, a, on_cert, NULL);
	(void)view_cert_usable(txn, name, 1, a, &certs);
	(void)view_key_get(txn, id, a, &key);
	(void)view_key_of(txn, name, COMMANDS__KEY__KIND__SMIME, a, &keys);
	(void)view_key_each(txn, a, on_key, &name);
	(void)view_trust_is_blocked(txn, sha256, a, &blocked);
	(void)view_trust_each(txn, a, on_trust, NULL);
	(void)view_policy_get(txn, name, a, &policy);
	(void)view_policy_each(txn, a, on_policy, NULL);
	(void)view_opened_until(txn, hash, &until);
}

static void
read_log(struct db_txn *txn)
{
	struct seal_key key = {{1}};
	struct raft_log log = {0};
	struct slice command;
	uint8_t chain[SEAL_HASH];
	uint64_t term;

	if (raft_meta_load(&log, txn, NULL) == ERR_OK) {
		(void)raft_log_add_key(&log, 0, &key);
		for (uint64_t i = 0; i < IDS; i++) {
			(void)raft_log_read(&log, txn, i, &term, &command);
			(void)raft_log_check(&log, txn, i, NULL, chain);
		}
	}
	raft_log_fini(&log);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct db_txn *txn;
	struct arena a;

	open_once();
	needs(db_begin(db, true, &txn) == ERR_OK);
	arena_init(&a, 0);
	put_rows(txn, slice_of(p, n));
	for (uint64_t id = 0; id < IDS; id++) {
		read_mailboxes(txn, id, &a);
		read_directory(txn, id, &a);
		read_queue(txn, id, &a);
		read_gateway(txn, id, &a);
	}
	read_log(txn);
	arena_reset(&a);
	db_abort(txn);
	return 0;
}
