/* raft_inner: what raft, raft_elect, raft_lead and raft_follow share. Only they include it. */
#ifndef STORE_RAFT_INNER_H
#define STORE_RAFT_INNER_H

#include "store/raft.h"

/* --- raft --- */
/* A message of ours in this term; the caller fills the rest. */
struct raft_message *raft_inner_send(
	struct raft *r, struct raft_update *u, enum raft_message_type type, uint32_t to);
/* NULL: it isn't in c. */
const enum raft_kind *raft_inner_kind(const struct raft_config *c, uint32_t id);
/* Has it a vote, by our newest configuration? */
bool raft_inner_votes(const struct raft *r, uint32_t id);
bool raft_inner_is_arbiter(const struct raft *r);
uint32_t raft_inner_quorum(const struct raft *r);
void raft_inner_set_role(
	struct raft *r, struct raft_update *u, enum raft_role role, uint32_t leader);
/* Into a newer term, as a follower without a vote given. */
void raft_inner_set_term(struct raft *r, struct raft_update *u, uint64_t term);
/* Notes them for the update, and as ours. */
void raft_inner_append(struct raft *r, struct raft_update *u, uint64_t n, uint64_t term);
void raft_inner_commit(struct raft *r, struct raft_update *u, uint64_t index);
void raft_inner_configure(struct raft *r, const struct raft_config *config, uint64_t index);

/* --- raft_elect --- */
void raft_elect_tick(struct raft *r, struct raft_update *u);
void raft_elect_asked(struct raft *r, const struct raft_message *m, struct raft_update *u);
void raft_elect_answered(struct raft *r, const struct raft_message *m, struct raft_update *u);
/* At once, because the leader wants it. */
void raft_elect_now(struct raft *r, struct raft_update *u);
/* The next timeout, from now. */
void raft_elect_rest(struct raft *r);

/* --- raft_lead --- */
void raft_lead_begin(struct raft *r, struct raft_update *u);
void raft_lead_tick(struct raft *r, struct raft_update *u);
/* An answer to APPEND. */
void raft_lead_answered(struct raft *r, const struct raft_message *m, struct raft_update *u);
/* Entries were appended, or came to our disk. */
void raft_lead_advance(struct raft *r, struct raft_update *u);
void raft_lead_sent(struct raft *r, const struct raft_event *ev, struct raft_update *u);
void raft_lead_snapshot_ended(struct raft *r, uint32_t peer, struct raft_update *u);
enum err raft_lead_configure(
	struct raft *r, const struct raft_config *config, struct raft_update *u);
enum err raft_lead_transfer(struct raft *r, uint32_t to, struct raft_update *u);
void raft_lead_read(struct raft *r, struct raft_update *u);
struct raft_peer *raft_lead_peer(struct raft *r, uint32_t id);

/* --- raft_follow --- */
enum err raft_follow_append(
	struct raft *r, const struct raft_message *m, struct raft_update *u);
/* What is on disk now, to the leader. */
void raft_follow_persisted(struct raft *r, struct raft_update *u);

#endif
