/* peer_join: how a new node proves to a cluster that it was asked in, and the
 * cluster to the node that it is the right one. A token is text that a member
 * prints; its secret follows from the cluster's master key and the rest of it
 * (keyring_join_secret), so that nothing is stored. Both MACs cover what makes
 * the TLS connection this one (RFC 9266): who sits in between can't use them.
 * What only a node that reads mail may have is sealed under the secret, and
 * that to a key which the joiner made for this once. Pure but for random
 * numbers; what is parsed comes from strangers. */
#ifndef CRYPTO_PEER_JOIN_H
#define CRYPTO_PEER_JOIN_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "crypto/seal.h"

enum {
	PEER_JOIN_ID = 16,
	PEER_JOIN_SECRET = 16,
	PEER_JOIN_MAC = SEAL_HASH,
	PEER_JOIN_ADDRESSES_MAX = 8,
	PEER_JOIN_ADDRESS_MAX = 64, /* with its NUL: [IPv6]:port */
	PEER_JOIN_NAME_MAX = 64,    /* likewise */
	PEER_JOIN_TEXT_MAX = 1200,  /* of a token */
	PEER_JOIN_NODE_KEY_MAX = 256,
	PEER_JOIN_REQUEST_MAX = 1024,
	PEER_JOIN_ANSWER_MAX = 64 << 10,
	PEER_JOIN_SECRETS_MAX = 1024,
	PEER_JOIN_HOURS_MAX = 24 * 7
};

/* --- the token --- */

struct peer_join_token {
	uint8_t id[PEER_JOIN_ID];
	uint64_t until_sec;
	bool arbiter;
	uint8_t authority[32]; /* SHA-256 of the cluster's CA certificate, DER */
	uint8_t secret[PEER_JOIN_SECRET];
	char address[PEER_JOIN_ADDRESSES_MAX][PEER_JOIN_ADDRESS_MAX];
	size_t addresses;
};
/* One word: "hairpin-join-1-", then letters, digits, - and _. ERR_LIMIT: out is full. */
enum err peer_join_format(const struct peer_join_token *t, struct buf *out);
/* White space around it is dropped. ERR_SYNTAX: no token. ERR_CORRUPT: one, but not whole: a
 * letter is missing or another. */
enum err peer_join_parse(struct slice text, struct peer_join_token *t);
/* Numeric, with a port: 192.0.2.1:4627, [2001:db8::1]:4627. */
bool peer_join_is_address(struct slice text);

/* --- the question --- */

struct peer_join_request {
	struct slice token; /* PEER_JOIN_ID octets */
	uint64_t until_sec;
	bool arbiter;
	struct slice name, address;
	struct slice node_key; /* SPKI, DER */
	struct slice box_key;  /* 32 octets */
	struct slice mac;
};
/* binding: of the TLS connection. The request's own mac isn't read. */
void peer_join_mac(const uint8_t secret[PEER_JOIN_SECRET], const struct peer_join_request *r,
	struct slice binding, uint8_t mac[PEER_JOIN_MAC]);
bool peer_join_mac_is_good(const uint8_t secret[PEER_JOIN_SECRET],
	const struct peer_join_request *r, struct slice binding);
/* ERR_LIMIT: out is full. */
enum err peer_join_request_pack(const struct peer_join_request *r, struct buf *out);
/* Memory from a. ERR_SYNTAX: not one, or a length, name or address that none has. */
enum err peer_join_request_parse(
	struct slice raw, struct arena *a, struct peer_join_request *r);

/* --- the answer --- */

enum peer_join_refusal {
	PEER_JOIN_TAKEN, /* it isn't one */
	PEER_JOIN_EXPIRED,
	PEER_JOIN_FORGED,      /* not this cluster's token, or altered */
	PEER_JOIN_USED,	       /* somebody joined with it already */
	PEER_JOIN_CROWDED,     /* as many members as can be */
	PEER_JOIN_UNAVAILABLE, /* no leader, or a change of members is under way */
	PEER_JOIN_UNKNOWN,     /* nobody knows whether it was taken */
	PEER_JOIN_NAME_HELD,   /* `node` is called so; the token stays good, as with the next */
	PEER_JOIN_ADDRESS_HELD, /* `node`, called `holder`, is reached there */
	PEER_JOIN_REFUSALS
};
struct peer_join_answer {
	enum peer_join_refusal refusal;
	uint64_t now_sec;
	struct slice authority, certificate; /* PEM */
	struct slice sealed;
	struct slice mac;
	uint32_t node;
	struct slice cluster; /* 16 octets */
	struct slice members, config;
	uint64_t members_index; /* of their entry of the log */
	struct slice log_key;	/* wrapped by the master key; may be empty */
	struct slice holder;	/* of PEER_JOIN_ADDRESS_HELD: a name, or something like it */
};
/* Over authority, certificate, sealed, and the request's mac (which knows the connection). */
void peer_join_answer_mac(const uint8_t secret[PEER_JOIN_SECRET],
	const struct peer_join_answer *w, struct slice request_mac, uint8_t mac[PEER_JOIN_MAC]);
bool peer_join_answer_is_good(const uint8_t secret[PEER_JOIN_SECRET],
	const struct peer_join_answer *w, struct slice request_mac);
/* ERR_LIMIT: out is full. */
enum err peer_join_answer_pack(const struct peer_join_answer *w, struct buf *out);
/* Memory from a. ERR_SYNTAX: not one, or not whole. */
enum err peer_join_answer_parse(struct slice raw, struct arena *a, struct peer_join_answer *w);

/* --- what a data node alone may have --- */

struct peer_join_secrets {
	struct seal_key master;
};
/* request_mac: of the request that it answers. ERR_CRYPTO: box_key is none. */
enum err peer_join_seal(const uint8_t secret[PEER_JOIN_SECRET],
	const struct peer_join_request *r, const struct peer_join_secrets *s, struct buf *out);
/* Memory from a, wiped when that is reset. ERR_CRYPTO: sealed to another, for another request,
 * or under another secret. ERR_SYNTAX: no such secrets. */
struct peer_join_sealed {
	const uint8_t *secret;	     /* the token's */
	const struct seal_pair *box; /* of the request's box_key */
	struct slice request_mac, sealed;
};
enum err peer_join_open(
	const struct peer_join_sealed *in, struct arena *a, struct peer_join_secrets *s);

#endif
