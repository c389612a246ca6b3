/* keyd_join: keyd's part of a new node's joining (crypto/peer_join.h): secrets of
 * tokens for the command line, and the check of a stranger's request, its
 * certificate, and, for a data node alone, the sealed keys. Remembers no token. */
#ifndef CMD_KEYD_JOIN_H
#define CMD_KEYD_JOIN_H

#include "cmd/proc.h"
#include "crypto/keyring.h"

struct keyd_join;
/* Borrows ring. */
struct keyd_join *keyd_join_new(const struct keyring *ring);
/* Registers its handlers. */
void keyd_join_start(struct keyd_join *j, struct ipc *ipc);

#endif
