/* keyd_private: private keys of people, used for the mail that a filterd has in hand. Whoever
 * asks brings the key as it lies at rest, and the courier's permit; nothing is kept. */
#ifndef CMD_KEYD_PRIVATE_H
#define CMD_KEYD_PRIVATE_H

#include "core/ipc.h"
#include "crypto/keyring.h"

struct keyd_private;
/* Hears KEYD_UNWRAP and KEYD_USE from now on. ring is borrowed. */
struct keyd_private *keyd_private_new(
	struct ipc *ipc, const struct keyring *ring, const struct seal_key *permit_key);

#endif
