/* view_key: reading, over any transaction, the private keys that the log knows (tables key,
 * key_of). They are sealed under a key of their own, which is in the vault (VAULT_KEY). Records
 * live in the arena. */
#ifndef STORE_VIEW_KEY_H
#define STORE_VIEW_KEY_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"

struct db_txn;

/* ERR_NOT_FOUND; ERR_CORRUPT. */
enum err view_key_get(struct db_txn *txn, uint64_t id, struct arena *a, Commands__Key **out);
/* Is the address one of the key's? */
bool view_key_is_of(const Commands__Key *key, struct slice address);

enum { VIEW_KEY_MAX = 64 }; /* of one address and kind */
struct view_key {
	uint64_t id;
	Commands__Key *key;
};
struct view_keys {
	struct view_key *list; /* in the arena */
	size_t n;
};
/* Those of that kind and very address (canonical, or @domain; of DKIM keys the domain): the
 * newest first, those that sign before the old ones. None is ERR_OK too. */
enum err view_key_of(struct db_txn *txn, struct slice address, Commands__Key__Kind kind,
	struct arena *a, struct view_keys *out);
/* All, by id. False ends it. */
enum err view_key_each(struct db_txn *txn, struct arena *a,
	bool (*each)(void *arg, uint64_t id, Commands__Key *key), void *arg);

#endif
