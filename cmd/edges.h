/* edges: the one table of who talks to whom. The parent makes a socketpair for each edge and
 * for no other. */
#ifndef CMD_EDGES_H
#define CMD_EDGES_H

#include "core/ipc.h"

/* Symmetric. The parent's own control edges are not in it. */
bool edges_has(enum role a, enum role b);
/* Does a ask b questions? */
bool edges_asks(enum role a, enum role b);

#endif
