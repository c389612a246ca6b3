/* apply: command -> result, over one open write transaction. Pure: calls
 * nothing but db, schema, the codec and the digest; no clock, no random number,
 * no normalisation: those happen before the proposal. A command that is refused
 * changes nothing (checks come before the first write). A returned err other
 * than ERR_OK is the database's and stops the store. */
#ifndef STORE_APPLY_H
#define STORE_APPLY_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "store/command.h"
#include "store/commands.pb-c.h"
#include "store/db.h"

/* What changed, for Watch. Lists live in the arena. */
struct apply_touched {
	uint64_t *mailbox;
	size_t mailbox_n, mailbox_room;
	uint64_t *account_gone;
	size_t account_gone_n, account_gone_room;
	bool queue, directory;
};

/* What is to be done to the vault once this is committed, in order. */
struct apply_secret {
	bool put; /* else: delete */
	uint8_t kind, wrap_kind;
	uint64_t id, index;
	struct slice secret;
};
struct apply_secrets {
	struct apply_secret *list;
	size_t n, room;
};

struct apply {
	struct db_txn *txn;
	struct arena *arena;	   /* per turn */
	uint64_t index;		   /* of the entry */
	uint64_t body_sealed_size; /* octets of payload that came with the entry */
	uint64_t term;		   /* of the entry */
	uint64_t time_sec;
	uint32_t msec; /* of that second */
	uint32_t node;
	uint64_t boot;
	uint32_t traces; /* rows that the entry has in table trace */
	struct apply_touched *touched;
	struct apply_secrets *secrets;
	Commands__Result *result; /* initialised by apply_command; lists in the arena */
};

/* Packs nothing: result's lists and text live in the arena. */
enum err apply_command(struct apply *a, const Commands__Command *cmd);

/* Refuse: sets code and text; returns ERR_OK, so that `return apply_refuse(...)` reads well. */
enum err apply_refuse(struct apply *a, enum command_code code, const char *text);
void apply_touch_mailbox(struct apply *a, uint64_t mailbox);
void apply_touch_account_gone(struct apply *a, uint64_t account);

#endif
