/* view_cert: reading, over any transaction, the certificates of an address (table cert).
 * Addresses come in their canonical form, or as @domain. Records live in the arena. */
#ifndef STORE_VIEW_CERT_H
#define STORE_VIEW_CERT_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"

struct db_txn;

/* ERR_NOT_FOUND; ERR_CORRUPT. */
enum err view_cert_get(struct db_txn *txn, struct slice address, struct slice sha256,
	struct arena *a, Commands__Cert **out);
/* All of that very address, by hash. sha256 is borrowed until return. False ends it. */
enum err view_cert_each(struct db_txn *txn, struct slice address, struct arena *a,
	bool (*each)(void *arg, struct slice sha256, Commands__Cert *cert), void *arg);
/* All of all addresses, by address, from `from` on (empty: from the first). */
enum err view_cert_all(struct db_txn *txn, struct slice from, struct arena *a,
	bool (*each)(
		void *arg, struct slice address, struct slice sha256, Commands__Cert *cert),
	void *arg);

struct view_cert {
	struct slice address; /* of its row: the address asked for, or its @domain */
	struct slice sha256;
	Commands__Cert *cert;
};
enum { VIEW_CERT_MAX = 32 }; /* of one address */
struct view_certs {
	struct view_cert *list; /* in the arena */
	size_t n;
};
/* What mail to the address may be encrypted to at now_sec, by what the log knows: GOOD, valid,
 * neither blocked nor revoked; the best first: of the address, then of its domain; then by
 * trust, then the youngest. Where an address, or its domain, has none of these (the known one
 * expired, say), what is PENDING is in nobody's way any more: the best of those. Whether the
 * certificate itself may be used is crypto/cert_check's. None is ERR_OK too. */
enum err view_cert_usable(struct db_txn *txn, struct slice address, uint64_t now_sec,
	struct arena *a, struct view_certs *out);

#endif
