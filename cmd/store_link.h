/* store_link: the store's side of the process link. Cuts frames for other nodes
 * into parts (IPC_LINK_PART) and puts theirs together again, one at a time for
 * each node and channel, bounded. Knows nothing of what is in them. */
#ifndef CMD_STORE_LINK_H
#define CMD_STORE_LINK_H

#include "core/ipc.h"
#include "store/members.h"

enum { STORE_LINK_PART = 64 << 10 }; /* octets of a part at most */

struct store_link;
struct store_link_events {
	/* A whole frame of at most ENGINE_FRAME_MAX octets, borrowed. An err: that
	 * connection is cut off; nothing more comes of it. May call store_link_send. */
	enum err (*on_frame)(void *arg, uint32_t node, struct slice frame);
	/* The connection to a node is there, or isn't any more: then what was sent may be lost.
	 * Also when link died. */
	void (*on_peer)(void *arg, uint32_t node, bool up);
	/* Who is connected to nobody, and is told by members that it is none of them. */
	void (*on_denied)(void *arg);
	void *arg;
};
/* Registers its handlers with ipc, and borrows it. Never NULL. */
struct store_link *store_link_new(struct ipc *ipc, const struct store_link_events *ev);
/* NULL is fine. */
void store_link_free(struct store_link *l);
/* Each time the process link came or went (proc_role's peer). */
void store_link_process(struct store_link *l, bool up);
/* Who is in the cluster: copied, told at once, and again to a link that was started anew. */
void store_link_members(struct store_link *l, uint32_t self, const uint8_t cluster[16],
	const struct members *members);
/* bulk: it may be overtaken. Borrowed. Dropped when there is no connection to the node.
 * ERR_TOO_BIG: above ENGINE_FRAME_MAX. */
enum err store_link_send(struct store_link *l, uint32_t node, bool bulk, struct slice frame);
bool store_link_is_up(const struct store_link *l, uint32_t node);

#endif
