/* keyd_private: private keys of people, used for the mail that a filterd has in hand. Whoever
 * asks brings the key as it lies at rest, and the courier's permit. To parse a key costs more
 * than to use it, so a few are kept for some seconds, for whoever brings the same octets and a
 * permit again. */
#ifndef CMD_KEYD_PRIVATE_H
#define CMD_KEYD_PRIVATE_H

#include "core/ipc.h"
#include "crypto/keyring.h"

enum { KEYD_PRIVATE_KEPT = 32, KEYD_PRIVATE_KEPT_MS = 30000 };

struct loop;
struct keyd_private;
/* Hears KEYD_UNWRAP and KEYD_USE from now on. ring is borrowed. */
struct keyd_private *keyd_private_new(struct loop *loop, struct ipc *ipc,
	const struct keyring *ring, const struct seal_key *permit_key);

#endif
