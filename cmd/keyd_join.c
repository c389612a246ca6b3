#include "cmd/keyd_join.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/peer_ca.h"
#include "crypto/peer_join.h"

struct keyd_join {
	const struct keyring *ring;
	struct ipc *ipc;
	struct peer_ca *ca;
};

struct keyd_join *
keyd_join_new(const struct keyring *ring)
{
	struct keyd_join *j = must_zalloc(sizeof *j);

	j->ring = ring;
	j->ca = keyring_peer_ca(ring);
	return j;
}

/* --- tokens --- */

static void
on_token(void *arg, struct ipc_frame *f)
{
	struct keyd_join *j = arg;
	const Ipc__KeydToken *q = (const Ipc__KeydToken *)f->msg;
	Ipc__KeydTokenSecret a = IPC__KEYD_TOKEN_SECRET__INIT;
	uint8_t secret[PEER_JOIN_SECRET], authority[PEER_CA_HASH];
	uint64_t now_sec = clock_wall_sec();

	if (q->id.len != PEER_JOIN_ID ||
		q->until_sec > now_sec + PEER_JOIN_HOURS_MAX * UINT64_C(3600)) {
		ipc_answer(j->ipc, ipc_ticket(f), ERR_DENIED, NULL);
		return;
	}
	keyring_join_secret(j->ring, q->id.data, q->until_sec, q->arbiter, secret);
	peer_ca_hash(j->ca, authority);
	a.secret = codec_bytes(slice_of(secret, sizeof secret));
	a.authority = codec_bytes(slice_of(authority, sizeof authority));
	ipc_answer(j->ipc, ipc_ticket(f), ERR_OK, &a.base);
	seal_wipe(secret, sizeof secret);
	log_info("cluster: a token was made for %s, good for %llu minutes",
		q->arbiter ? "an arbiter" : "a data node",
		(unsigned long long)(q->until_sec > now_sec ? (q->until_sec - now_sec) / 60
							    : 0));
}

/* --- a stranger with a token --- */

struct granting {
	struct peer_join_request r;
	uint8_t secret[PEER_JOIN_SECRET];
	struct buf authority, certificate, sealed;
};

static bool
is_sized(const Ipc__KeydJoin *q)
{
	return q->token.len == PEER_JOIN_ID && q->box_key.len == 32 &&
	       q->node_key.len <= PEER_JOIN_NODE_KEY_MAX;
}

/* The MAC first: to who has no token the clock is none of his business. */
static enum err
check(struct keyd_join *j, const Ipc__KeydJoin *q, struct granting *g)
{
	if (!is_sized(q))
		return ERR_SYNTAX;
	g->r = (struct peer_join_request){.token = codec_slice(q->token),
		.until_sec = q->until_sec,
		.arbiter = q->arbiter,
		.name = slice_str(q->name),
		.address = slice_str(q->address),
		.node_key = codec_slice(q->node_key),
		.box_key = codec_slice(q->box_key),
		.mac = codec_slice(q->mac)};
	keyring_join_secret(j->ring, q->token.data, q->until_sec, q->arbiter, g->secret);
	if (!peer_join_mac_is_good(g->secret, &g->r, codec_slice(q->binding)))
		return ERR_DENIED;
	return q->until_sec < clock_wall_sec() ? ERR_STALE : ERR_OK;
}

static enum err
seal_keys(struct keyd_join *j, struct granting *g)
{
	struct peer_join_secrets s;
	enum err e;

	keyring_master(j->ring, &s.master);
	e = peer_join_seal(g->secret, &g->r, &s, &g->sealed);
	seal_wipe(&s, sizeof s);
	return e;
}

static enum err
grant(struct keyd_join *j, struct granting *g)
{
	enum err e = peer_ca_certificate(j->ca, &g->authority);

	if (!e)
		e = peer_ca_issue(j->ca, g->r.node_key, &g->certificate);
	/* An arbiter votes, and reads nothing. */
	if (!e && !g->r.arbiter)
		e = seal_keys(j, g);
	return e;
}

static void
answer(struct keyd_join *j, const struct ipc_frame *f, const struct granting *g)
{
	Ipc__KeydJoined a = IPC__KEYD_JOINED__INIT;
	struct peer_join_answer w = {.authority = buf_slice(&g->authority),
		.certificate = buf_slice(&g->certificate),
		.sealed = buf_slice(&g->sealed)};
	uint8_t mac[PEER_JOIN_MAC];

	peer_join_answer_mac(g->secret, &w, g->r.mac, mac);
	a.authority = codec_bytes(w.authority);
	a.certificate = codec_bytes(w.certificate);
	a.sealed_master = codec_bytes(w.sealed);
	a.mac = codec_bytes(slice_of(mac, sizeof mac));
	ipc_answer(j->ipc, ipc_ticket(f), ERR_OK, &a.base);
}

static void
on_join(void *arg, struct ipc_frame *f)
{
	struct keyd_join *j = arg;
	struct granting g = {.r = {.until_sec = 0}};
	enum err e = check(j, (const Ipc__KeydJoin *)f->msg, &g);

	buf_init(&g.authority, PEER_CA_PEM_MAX);
	buf_init(&g.certificate, PEER_CA_PEM_MAX);
	buf_init(&g.sealed, PEER_JOIN_ANSWER_MAX);
	if (!e)
		e = grant(j, &g);
	if (e)
		ipc_answer(j->ipc, ipc_ticket(f), e, NULL);
	else
		answer(j, f, &g);
	buf_fini(&g.authority);
	buf_fini(&g.certificate);
	buf_fini(&g.sealed);
	seal_wipe(g.secret, sizeof g.secret);
}

void
keyd_join_start(struct keyd_join *j, struct ipc *ipc)
{
	j->ipc = ipc;
	ipc_on(ipc, IPC_KEYD_TOKEN, on_token, j);
	ipc_on(ipc, IPC_KEYD_JOIN, on_join, j);
}
