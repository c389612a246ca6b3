/* filterd_keys: the private keys that the engine uses (crypto/gateway_keys): keyd has them for
 * as long as a question takes, by the permit that the courier gave for the mail in hand. */
#ifndef CMD_FILTERD_KEYS_H
#define CMD_FILTERD_KEYS_H

#include "core/ipc.h"
#include "crypto/gateway_keys.h"

/* MS: keyd asks nobody, so it answers; it may have others before us. */
enum { FILTERD_KEYS_MS = 10000 };

/* Waits for keyd in each use; nothing else is heard meanwhile. ERR_UNAVAILABLE: it isn't there,
 * or says nothing. */
struct gateway_keys filterd_keys(struct ipc *ipc);

#endif
