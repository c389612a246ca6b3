/* link_peer: the members of the cluster, and the connections to them. Of two
 * nodes the one with the lower id calls (the other, if that has no address); a
 * younger connection takes an older one's place. Each side pings twice a second
 * and ends what was silent for LINK_PEER_SILENT_MS, so that a cut in either
 * direction ends the connection on both sides. */
#ifndef CMD_LINK_PEER_H
#define CMD_LINK_PEER_H

#include "cmd/link.h"
#include "core/ipc.pb-c.h"

enum {
	LINK_PEER_PING_MS = 500,
	LINK_PEER_SILENT_MS = 2500,
	LINK_PEER_CONNECT_MS = 1000,
	LINK_PEER_SETUP_MS = 3000, /* from connect or accept to the other's hello */
	LINK_PEER_BACKOFF_FIRST_MS = 50,
	LINK_PEER_BACKOFF_MAX_MS = 1000,
	LINK_PEER_SHAKES_MAX = 32,     /* handshakes of strangers at a time, */
	LINK_PEER_SHAKES_PER_SEC = 50, /* and in a second; */
	LINK_PEER_SHAKES_MEMBER = 16,  /* of a member's address: at a time */
	LINK_PEER_TICK_MS = 50
};

struct link_peers;
/* Borrows tls. */
struct link_peers *link_peers_new(struct link *l, struct peer_tls *tls);
/* Who is a member. Connections of those who aren't any more end at once. False: not a list of
 * members. */
bool link_peers_set(struct link_peers *p, const Ipc__LinkMembers *list);
/* The store went away: all connections end at the loop's next turn; nobody is a member until
 * there is a list again. */
void link_peers_forget(struct link_peers *p);
/* Is there a list? */
bool link_peers_is_set(const struct link_peers *p);
/* Somebody has called. Takes fd. */
void link_peers_accept(struct link_peers *p, int fd, const struct link_address *from);
/* Dropped when that node isn't connected. */
void link_peers_send(struct link_peers *p, const Ipc__LinkPart *part);
/* Ends the connection to a node. */
void link_peers_cut(struct link_peers *p, uint32_t node);
/* Each LINK_PEER_TICK_MS. */
void link_peers_tick(struct link_peers *p);

#endif
