/* view_directory: reading the directory, and what it knows of the vault, over any transaction.
 * Records live in the arena. ERR_NOT_FOUND is an answer; ERR_CORRUPT means a
 * damaged record. Addresses and domains come in canonical form
 * (mail_addr_canonical): nothing is folded here. */
#ifndef STORE_VIEW_DIRECTORY_H
#define STORE_VIEW_DIRECTORY_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"
#include "store/vault_image.h"

struct db_txn;

enum err view_directory_domain(
	struct db_txn *txn, struct slice domain, struct arena *a, Commands__Domain **out);
enum err view_directory_address(
	struct db_txn *txn, struct slice address, struct arena *a, Commands__Address **out);
enum err view_directory_account(
	struct db_txn *txn, uint64_t account, struct arena *a, Commands__Account **out);
/* By login name: any address that leads to an account. */
enum err view_directory_login(struct db_txn *txn, struct slice address, struct arena *a,
	uint64_t *account, Commands__Account **out);

enum view_directory_kind {
	VIEW_NOT_OURS, /* the domain isn't */
	VIEW_NO_USER,  /* our domain, nobody there */
	VIEW_ACCOUNT,  /* one account, no forward: may be delivered without expansion */
	VIEW_EXPAND    /* alias, group, forward, catch-all: the courier expands it */
};
struct view_directory_rcpt {
	enum view_directory_kind kind;
	uint64_t account;	    /* ACCOUNT */
	Commands__Account *record;  /* ACCOUNT */
	Commands__Address *address; /* ACCOUNT and EXPAND */
};
/* local@domain, canonical. delimiter: that of subaddressing, 0 none: `local+x` is tried whole,
 * then as `local`, then the catch-all. Bare postmaster is the caller's affair. */
enum err view_directory_rcpt(struct db_txn *txn, struct slice address, char delimiter,
	struct arena *a, struct view_directory_rcpt *out);
/* Own addresses, send_as entries, and subaddresses of own addresses. */
enum err view_directory_may_send_as(
	struct db_txn *txn, uint64_t account, struct slice address, char delimiter, bool *may);
/* Over quota if `size` more octets came? */
bool view_directory_over_quota(const Commands__Account *record, uint64_t size);

/* What the database knows of a secret (which is in the vault's file: view_vault.h). */
enum err view_directory_vault(
	struct db_txn *txn, enum vault_kind kind, uint64_t id, struct schema_vault *out);
/* The newest queue key: what mail is sealed to now. */
enum err view_directory_queue_key(struct db_txn *txn, uint64_t *id, uint8_t public_key[32]);
enum err view_directory_epoch(
	struct db_txn *txn, uint64_t account, uint64_t epoch, struct slice *sealed);
enum err view_directory_setting(struct db_txn *txn, struct slice name, struct slice *value);

#endif
