#include "cmd/link_join.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/peer_ca.h"
#include "crypto/peer_join.h"

/* Together less than LINK_JOIN_MS: who asks hears why. */
enum { KEYD_MS = 2000, STORE_MS = 7000, CONFIG_MAX = 8192, WHY_MAX = 200 };

_Static_assert((int)PEER_JOIN_REQUEST_MAX <= (int)LINK_JOIN_REQUEST_MAX, "request");
_Static_assert((int)PEER_JOIN_ANSWER_MAX <= (int)LINK_JOIN_ANSWER_MAX, "answer");

/* One request on its way: keyd, then the store. */
struct join_work {
	struct link *link;
	uint64_t stranger;
	struct arena arena;
	char *from;
	struct peer_join_request r;
	struct peer_join_answer w;
};

static void
finish(struct join_work *j)
{
	struct buf packed;

	buf_init(&packed, PEER_JOIN_ANSWER_MAX);
	j->w.now_sec = clock_wall_sec();
	if (peer_join_answer_pack(&j->w, &packed))
		log_error("%s wants to join: the answer is too long", j->from);
	link_join_answer(j->link, j->stranger, buf_slice(&packed));
	buf_fini(&packed);
	arena_reset(&j->arena);
	free(j);
}

static const char *
why_not(enum peer_join_refusal refusal)
{
	switch (refusal) {
	case PEER_JOIN_EXPIRED:
		return "its token has expired";
	case PEER_JOIN_USED:
		return "its token was used already";
	case PEER_JOIN_CROWDED:
		return "the cluster has as many nodes as it can";
	case PEER_JOIN_UNAVAILABLE:
		return "no node leads, another one is just joining, or keyd doesn't answer";
	case PEER_JOIN_UNKNOWN:
		return "whether the log took it isn't known yet: see `hairpin cluster status`";
	case PEER_JOIN_NAME_HELD:
	case PEER_JOIN_ADDRESS_HELD:
	case PEER_JOIN_FORGED:
	case PEER_JOIN_TAKEN:
	case PEER_JOIN_REFUSALS:
		break;
	}
	return "it has no token of this cluster, or an altered one";
}

static void
refuse(struct join_work *j, const struct peer_join_answer *w, const char *why)
{
	log_warn("cluster: %s (%.*s, to be reached at %.*s) was not taken in: %s", j->from,
		SLICE_FMT(j->r.name), SLICE_FMT(j->r.address), why);
	j->w = *w;
	finish(j);
}

static void
refuse_for(struct join_work *j, enum peer_join_refusal refusal)
{
	refuse(j, &(struct peer_join_answer){.refusal = refusal}, why_not(refusal));
}

/* --- the store --- */

static enum peer_join_refusal
refusal_of(enum err e)
{
	switch ((int)e) {
	case ERR_EXISTS:
		return PEER_JOIN_USED;
	case ERR_LIMIT:
		return PEER_JOIN_CROWDED;
	case ERR_BUSY:
	case ERR_UNAVAILABLE:
		return PEER_JOIN_UNAVAILABLE;
	default:
		return PEER_JOIN_UNKNOWN;
	}
}

static void
refuse_held(struct join_work *j, const Ipc__Holder *holder)
{
	const struct peer_join_answer w = {
		.refusal = holder->by_address ? PEER_JOIN_ADDRESS_HELD : PEER_JOIN_NAME_HELD,
		.node = holder->node,
		.holder = slice_str(holder->name)};
	char why[WHY_MAX];

	snprintf(why, sizeof why, "node %u (%s) has its %s already", holder->node, holder->name,
		holder->by_address ? "address" : "name");
	refuse(j, &w, why);
}

static void
on_joined(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct join_work *j = arg;
	const Ipc__LinkJoined *a = (const Ipc__LinkJoined *)msg;
	struct buf config;

	if (e || (!a->node && !a->holder)) {
		refuse_for(j, e ? refusal_of(e) : PEER_JOIN_UNKNOWN);
		return;
	}
	if (!a->node) {
		refuse_held(j, a->holder);
		return;
	}
	buf_init(&config, CONFIG_MAX);
	config_format_shared(&link_proc(j->link)->config, &config);
	j->w.node = a->node;
	j->w.cluster = arena_dup(&j->arena, codec_slice(a->cluster));
	j->w.members_index = a->members_index;
	j->w.log_key = arena_dup(&j->arena, codec_slice(a->log_key));
	j->w.members = arena_dup(&j->arena, codec_slice(a->members));
	j->w.config = arena_dup(&j->arena, buf_slice(&config));
	buf_fini(&config);
	log_info("cluster: %s (%.*s) is node %u now, its certificate was made", j->from,
		SLICE_FMT(j->r.name), a->node);
	finish(j);
}

static void
ask_store(struct join_work *j)
{
	Ipc__LinkJoin q = IPC__LINK_JOIN__INIT;
	uint8_t key[PEER_CA_HASH];

	if (peer_ca_key_hash(j->w.certificate, key)) {
		refuse_for(j, PEER_JOIN_FORGED);
		return;
	}
	q.token = codec_bytes(j->r.token);
	q.name = arena_str(&j->arena, j->r.name);
	q.address = arena_str(&j->arena, j->r.address);
	q.key = codec_bytes(slice_of(key, sizeof key));
	q.arbiter = j->r.arbiter;
	ipc_ask(link_proc(j->link)->ipc, IPC_LINK_JOIN, &q.base, -1,
		(struct ipc_wait){STORE_MS, on_joined, j});
}

/* --- keyd --- */

static void
on_checked(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct join_work *j = arg;
	const Ipc__KeydJoined *a = (const Ipc__KeydJoined *)msg;

	if (e) {
		refuse_for(j, e == ERR_STALE			  ? PEER_JOIN_EXPIRED
			      : e == ERR_TIMEOUT || e == ERR_PEER ? PEER_JOIN_UNAVAILABLE
								  : PEER_JOIN_FORGED);
		return;
	}
	j->w.authority = arena_dup(&j->arena, codec_slice(a->authority));
	j->w.certificate = arena_dup(&j->arena, codec_slice(a->certificate));
	j->w.sealed = arena_dup(&j->arena, codec_slice(a->sealed_master));
	j->w.mac = arena_dup(&j->arena, codec_slice(a->mac));
	ask_store(j);
}

static void
ask_keyd(struct join_work *j, struct slice binding)
{
	Ipc__KeydJoin q = IPC__KEYD_JOIN__INIT;

	q.token = codec_bytes(j->r.token);
	q.until_sec = j->r.until_sec;
	q.arbiter = j->r.arbiter;
	q.name = arena_str(&j->arena, j->r.name);
	q.address = arena_str(&j->arena, j->r.address);
	q.node_key = codec_bytes(j->r.node_key);
	q.box_key = codec_bytes(j->r.box_key);
	q.binding = codec_bytes(binding);
	q.mac = codec_bytes(j->r.mac);
	ipc_ask(link_proc(j->link)->ipc, IPC_KEYD_JOIN, &q.base, -1,
		(struct ipc_wait){KEYD_MS, on_checked, j});
}

void
link_join_request(struct link *l, const struct link_stranger *s, struct slice request)
{
	struct join_work *j = must_zalloc(sizeof *j);

	j->link = l;
	j->stranger = s->id;
	arena_init(&j->arena, 0);
	j->from = arena_str(&j->arena, slice_str(s->from));
	if (peer_join_request_parse(request, &j->arena, &j->r)) {
		j->r.name = j->r.address = SLICE_LIT("?");
		refuse_for(j, PEER_JOIN_FORGED);
	} else if (!ipc_any(link_proc(l)->ipc, ROLE_KEYD)) {
		/* An arbiter has no key to check anything with. */
		refuse(j, &(struct peer_join_answer){.refusal = PEER_JOIN_UNAVAILABLE},
			"this arbiter has no key to check its token with");
	} else {
		ask_keyd(j, slice_of(s->binding, sizeof s->binding));
	}
}
