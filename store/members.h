/* members: who is in the cluster, as an entry of the log (raft_log.h, RAFT_LOG_CONFIG) says it,
 * packed as commands.Members. Such an entry isn't sealed: an arbiter must read it. Pure. */
#ifndef STORE_MEMBERS_H
#define STORE_MEMBERS_H

#include "core/buf.h"
#include "store/raft.h"

enum {
	MEMBERS_KEY = 32,
	MEMBERS_NAME_MAX = 64,
	MEMBERS_ADDRESS_MAX = 64,
	MEMBERS_TOKEN = 16,
	/* Tokens of removed members that are remembered: one is good for a week at most. */
	MEMBERS_GONE_MAX = 64
};

struct members_node {
	uint32_t id; /* never 0, never used again */
	enum raft_kind kind;
	/* Of a learner: what it is to become once it has caught up (RAFT_VOTER or
	 * RAFT_ARBITER); RAFT_LEARNER: it stays one. */
	enum raft_kind goal;
	char name[MEMBERS_NAME_MAX]; /* its host name */
	/* Numeric, with port: 192.0.2.1:4627, [::1]:4627; empty: it can't be called. */
	char address[MEMBERS_ADDRESS_MAX];
	uint8_t key[MEMBERS_KEY];     /* SHA-256 of its public key (SPKI, DER); zeros: none */
	uint8_t token[MEMBERS_TOKEN]; /* id of the token with which it joined; zeros: none */
};

struct members {
	uint64_t index; /* of its log entry; 0: the one that a cluster begins with */
	uint32_t n, next_id;
	struct members_node node[RAFT_NODES_MAX];
	uint32_t gone_n;
	uint8_t gone[MEMBERS_GONE_MAX][MEMBERS_TOKEN]; /* the newest last */
};

/* index isn't packed. */
void members_pack(const struct members *m, struct buf *out);
/* ERR_CORRUPT: not such a list. Doubles, ids of 0 or not below next_id, unknown kinds and texts
 * that are too long are none. index becomes 0. */
enum err members_unpack(struct slice raw, struct members *m);
void members_config(const struct members *m, struct raft_config *config);
/* Not a member any more; its token stays used. One that isn't there is fine. */
void members_remove(struct members *m, uint32_t id);
/* Has a node joined with this token, whether it's there still or not? */
bool members_is_used(const struct members *m, const uint8_t token[MEMBERS_TOKEN]);
/* NULL: it isn't one. */
const struct members_node *members_find(const struct members *m, uint32_t id);
const struct members_node *members_by_key(
	const struct members *m, const uint8_t key[MEMBERS_KEY]);
/* The letters' case makes no difference. NULL: none has it; also of an empty one. */
const struct members_node *members_by_name(const struct members *m, const char *name);
const struct members_node *members_by_address(const struct members *m, const char *address);
static inline bool
members_is_data(const struct members_node *m)
{
	return m->kind != RAFT_ARBITER && m->goal != RAFT_ARBITER;
}

#endif
