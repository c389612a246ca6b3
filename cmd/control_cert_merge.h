/* control_cert_merge: a certificate that comes by hand, with what is known of it. */
#ifndef CMD_CONTROL_CERT_MERGE_H
#define CMD_CONTROL_CERT_MERGE_H

#include "core/arena.h"
#include "core/err.h"

struct db_txn;

/* Of OpenPGP: put together with the address's copies of it (crypto/pgp_merge), so that an old
 * file takes nothing back, and the same one again changes nothing; X.509's is *der itself.
 * ERR_DENIED: a copy of it is blocked; ERR_TOO_BIG, ERR_LIMIT: no room for all that it says; of
 * the database. Memory of a. */
enum err control_cert_merge(
	struct db_txn *txn, struct slice address, struct arena *a, struct slice *der);

#endif
