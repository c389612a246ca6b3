/* cli_join_ask: the question of a machine that wants to join, put to one member after
 * the other over TLS; each in bounded time. What went wrong is said with the next step. */
#ifndef CMD_CLI_JOIN_ASK_H
#define CMD_CLI_JOIN_ASK_H

#include "core/arena.h"
#include "crypto/peer_join.h"

/* r: all but its mac, which is made for each connection into mac. The answer is one that took
 * us in, and is the right cluster's; memory from a. Returns an exit code. */
struct cli_join_ask {
	const struct peer_join_token *token;
	struct peer_join_request r;
	uint8_t mac[PEER_JOIN_MAC]; /* out: of the request that was answered */
};
int cli_join_ask(struct cli_join_ask *q, struct arena *a, struct peer_join_answer *answer);

#endif
