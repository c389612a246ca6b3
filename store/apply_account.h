/* apply_account: accounts, their keys and epochs. */
#ifndef STORE_APPLY_ACCOUNT_H
#define STORE_APPLY_ACCOUNT_H

#include "store/apply.h"

/* AccountPut.mask: which fields an existing account takes from the record. */
enum apply_account_field {
	APPLY_ACCOUNT_FULL_NAME = 1,
	APPLY_ACCOUNT_VERIFIER = 2,
	APPLY_ACCOUNT_QUOTA = 4,
	APPLY_ACCOUNT_DISABLED = 8,
	APPLY_ACCOUNT_SEND_AS = 16,
	APPLY_ACCOUNT_RELAY = 32,
	APPLY_ACCOUNT_PER_HOUR = 64,
	APPLY_ACCOUNT_PER_DAY = 128
};

/* New (record.name free, wrapped_secret set): makes the primary address, INBOX and the usual
 * mailboxes. */
enum err apply_account_put(struct apply *a, const Commands__AccountPut *c);
/* Removes key, epochs, addresses; mailboxes are swept. */
enum err apply_account_del(struct apply *a, const Commands__AccountDel *c);
enum err apply_account_epoch(struct apply *a, const Commands__EpochNew *c);

#endif
