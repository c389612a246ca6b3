/* store_cluster: the store's side of the cluster's verbs (`hairpin cluster ...`, which
 * the courier passes on as IPC_STORE_ADMIN) and of a new node's joining (IPC_LINK_JOIN).
 * Verbs: "cluster status", "cluster remove", "cluster promote", "cluster drain"; their
 * argument and their answer are JSON, the answer {"error": words, "code": sysexits} when
 * it was not done. */
#ifndef CMD_STORE_CLUSTER_H
#define CMD_STORE_CLUSTER_H

#include <jansson.h>

#include "cmd/proc.h"
#include "store/engine.h"

/* What a node that was removed says of itself, and what is to be done. */
#define STORE_CLUSTER_REMOVED "this node was removed from the cluster"
#define STORE_CLUSTER_COME_BACK                                                                \
	"what it holds isn't kept up any more, and the others don't talk to it: stop it; to "  \
	"come "                                                                                \
	"back, `hairpin join` with a new token (`hairpin cluster token` on a member) and a "   \
	"new "                                                                                 \
	"data folder"

/* Below the data folder; it is there once the node knows that it was removed. */
#define STORE_CLUSTER_MARK "db/removed"

struct store_cluster;
/* Still privileged: the hash of the key of tls/node.pem, by which others know this node; zeros:
 * it has none. */
void store_cluster_read_key(const struct proc *p, uint8_t key[MEMBERS_KEY]);
/* Registers its handler of joins. Borrows both. Never NULL. */
struct store_cluster *store_cluster_new(
	struct proc *p, struct engine *e, const uint8_t key[MEMBERS_KEY]);
/* False: no verb of the cluster's. Else it is answered, now or later. */
bool store_cluster_admin(struct store_cluster *c, struct slice verb, const char *argument,
	struct ipc_ticket ticket);
/* Each second: who is away since when; says to the others where this node is reached, when that
 * isn't what they know; tells its own processes while it is drained. */
void store_cluster_tend(struct store_cluster *c);

/* Other members say that this node is none, until it hears one of them again. */
void store_cluster_denied(struct store_cluster *c);

/* What this node saw of another since it started. */
struct store_cluster_seen {
	uint32_t id;
	bool was_heard;
	uint64_t away_since_sec; /* 0: it isn't away */
};
/* What `cluster status` says. Pure. */
struct store_cluster_view {
	const struct engine_status *status;
	const struct members *members;
	const uint8_t *cluster;		       /* 16 octets */
	const struct store_cluster_seen *seen; /* beside members->node */
	bool is_draining, is_removed;	       /* removed: this node, as far as it knows */
};
/* As far as this node can tell: it is itself, or connected, and, if this one leads, answers. */
bool store_cluster_is_there(
	const struct engine_status *status, const struct members *m, uint32_t i);
enum { STORE_CLUSTER_WORDS = 400 };
/* False, and why with what to do: without that member no node would hold the mail, or those
 * that are there would be no majority: nothing could be taken in, nor this be undone. */
bool store_cluster_may_remove(const struct engine_status *status, const struct members *m,
	const struct members_node *node, char why[STORE_CLUSTER_WORDS]);
json_t *store_cluster_json(const struct store_cluster_view *v);

#endif
