/* apply_vault: the secrets that the log brings. Their row in the database says that there is
 * one, and its hash; the secret itself goes to the vault's file (vault.h), outside of every
 * transaction: so apply only notes what is to be done there after the commit. */
#ifndef STORE_APPLY_VAULT_H
#define STORE_APPLY_VAULT_H

#include "store/apply.h"
#include "store/vault.h"

/* secret: wrapped, borrowed for the turn. public_key: empty, or SCHEMA_PUBLIC_KEY octets. */
struct apply_vault_new {
	enum vault_kind kind;
	uint64_t id;
	uint8_t wrap_kind;
	struct slice secret, public_key;
};
enum err apply_vault_put(struct apply *a, const struct apply_vault_new *v);
/* A row that isn't there is fine. */
enum err apply_vault_del(struct apply *a, enum vault_kind kind, uint64_t id);
/* A new log key; the one before is dropped when the last entry that it sealed goes. */
enum err apply_vault_rekey(struct apply *a, const Commands__Rekey *c);
/* May a command bring such a secret? */
bool apply_vault_fits(struct slice secret);
/* The secret that a command brings; empty: none. */
struct slice apply_vault_secret(const Commands__Command *c);

#endif
