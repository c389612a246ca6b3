/* courier_policy: what the policy of the encryption engine (crypto/policy) says for the mails
 * of this server, from the levels in the database. */
#ifndef CMD_COURIER_POLICY_H
#define CMD_COURIER_POLICY_H

#include "cmd/courier.h"
#include "crypto/policy.h"

/* A row of table policy. ERR_VERSION: it has a setting or a value that a younger program wrote;
 * nobody guesses then. Memory from the arena; name is borrowed. */
enum err courier_policy_level(struct slice name, const Commands__Policy *row, struct arena *a,
	struct policy_level **out);
/* The names of all levels of an address in any form: of ours also that without the detail. */
enum err courier_policy_chain(struct courier *c, struct db_txn *txn, struct slice address,
	struct arena *a, struct policy_chain *chain);
/* The levels that there are for an address in any form, as it stands in the envelope, or for
 * a level by its stored name. Ours have those of their address without the detail, too. */
enum err courier_policy_side(struct courier *c, struct db_txn *txn, struct slice address,
	struct arena *a, struct policy_side *out);
/* Addresses in any form; the sender's may be empty: the null path. */
struct courier_policy_pair {
	struct slice sender, recipient;
};
/* What holds for a mail from one to the other. ERR_VERSION as above, ERR_CORRUPT: nothing
 * holds; the mail has to wait. */
enum err courier_policy_resolve(struct courier *c, struct db_txn *txn,
	const struct courier_policy_pair *of, struct arena *a, Gateway__Settings *out);

#endif
