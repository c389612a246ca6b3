#include "cmd/store_link.h"

#include <stdlib.h>

#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "store/engine.h"

/* Of nodes that were removed and of new ones at the same time. */
enum { PEERS = 2 * RAFT_NODES_MAX };

/* The connection to another node. */
struct peer {
	uint32_t node;	    /* 0: a free place */
	bool is_deaf;	    /* cut off: what still comes of it is dropped */
	struct buf half[2]; /* by channel: urgent, bulk */
};

struct store_link {
	struct ipc *ipc;
	struct store_link_events ev;
	struct peer peer[PEERS];
	bool has_members;
	uint32_t self;
	uint8_t cluster[16];
	struct members members;
};

static struct peer *
find(struct store_link *l, uint32_t node)
{
	for (size_t i = 0; i < PEERS; i++)
		if (l->peer[i].node == node)
			return &l->peer[i];
	return NULL;
}

bool
store_link_is_up(const struct store_link *l, uint32_t node)
{
	for (size_t i = 0; i < PEERS; i++)
		if (l->peer[i].node == node)
			return node != 0;
	return false;
}

static void
forget_halves(struct peer *p)
{
	buf_fini(&p->half[0]);
	buf_fini(&p->half[1]);
}

/* --- what link says --- */

static void
went_down(struct store_link *l, struct peer *p)
{
	uint32_t node = p->node;

	forget_halves(p);
	*p = (struct peer){0};
	if (l->ev.on_peer)
		l->ev.on_peer(l->ev.arg, node, false);
}

static void
came_up(struct store_link *l, uint32_t node)
{
	struct peer *p = find(l, 0);

	if (!p) {
		log_error("link: more connections than nodes");
		return;
	}
	*p = (struct peer){.node = node};
	buf_init(&p->half[0], ENGINE_FRAME_MAX);
	buf_init(&p->half[1], ENGINE_FRAME_MAX);
	if (l->ev.on_peer)
		l->ev.on_peer(l->ev.arg, node, true);
}

static void
on_link_peer(void *arg, struct ipc_frame *f)
{
	const Ipc__LinkPeer *m = (const Ipc__LinkPeer *)f->msg;
	struct store_link *l = arg;
	struct peer *old = m->node ? find(l, m->node) : NULL;

	if (old)
		went_down(l, old);
	if (m->up && m->node)
		came_up(l, m->node);
	if (m->denied && l->ev.on_denied)
		l->ev.on_denied(l->ev.arg);
}

/* link says then that it is down. */
static void
cut(struct store_link *l, struct peer *p, const char *why)
{
	Ipc__LinkPeer m = IPC__LINK_PEER__INIT;
	struct ipc_peer *link = ipc_any(l->ipc, ROLE_LINK);

	log_warn("node %u cut off: %s", p->node, why);
	p->is_deaf = true;
	forget_halves(p);
	m.node = p->node;
	if (link)
		ipc_tell(link, IPC_LINK_PEER, &m.base, -1);
}

/* A frame of one part, as nearly all are, isn't copied. */
static void
took_frame(struct store_link *l, struct peer *p, struct slice frame)
{
	enum err e = l->ev.on_frame(l->ev.arg, p->node, frame);

	/* The handler may have made it another's place, or none's. */
	if (e && p->node)
		cut(l, p, err_text(e));
}

static void
on_part(void *arg, struct ipc_frame *f)
{
	const Ipc__LinkPart *m = (const Ipc__LinkPart *)f->msg;
	struct store_link *l = arg;
	struct peer *p = m->node ? find(l, m->node) : NULL;
	struct slice octets = codec_slice(m->octets);
	struct buf *half, whole;

	if (!p || p->is_deaf)
		return;
	half = &p->half[m->bulk];
	if (!octets.n) {
		cut(l, p, "an empty part");
	} else if (!m->more && !half->n) {
		took_frame(l, p, octets);
	} else if (!buf_put_slice(half, octets)) {
		cut(l, p, "a frame that is too large");
	} else if (!m->more) {
		/* Whatever the handler does to us. */
		whole = *half;
		buf_init(half, ENGINE_FRAME_MAX);
		took_frame(l, p, buf_slice(&whole));
		buf_fini(&whole);
	}
}

/* --- what link hears --- */

static void
tell_members(struct store_link *l)
{
	Ipc__LinkMembers m = IPC__LINK_MEMBERS__INIT;
	Ipc__LinkMember row[RAFT_NODES_MAX], *list[RAFT_NODES_MAX];
	struct ipc_peer *link = ipc_any(l->ipc, ROLE_LINK);

	if (!link || !l->has_members)
		return;
	for (uint32_t i = 0; i < l->members.n; i++) {
		struct members_node *from = &l->members.node[i];

		ipc__link_member__init(&row[i]);
		row[i].node = from->id;
		row[i].address = from->address;
		row[i].key = codec_bytes(slice_of(from->key, sizeof from->key));
		list[i] = &row[i];
	}
	m.self = l->self;
	m.cluster = codec_bytes(slice_of(l->cluster, sizeof l->cluster));
	m.member = list;
	m.n_member = l->members.n;
	ipc_tell(link, IPC_LINK_MEMBERS, &m.base, -1);
}

void
store_link_members(struct store_link *l, uint32_t self, const uint8_t cluster[16],
	const struct members *members)
{
	l->has_members = true;
	l->self = self;
	memcpy(l->cluster, cluster, sizeof l->cluster);
	l->members = *members;
	tell_members(l);
}

enum err
store_link_send(struct store_link *l, uint32_t node, bool bulk, struct slice frame)
{
	struct ipc_peer *link = ipc_any(l->ipc, ROLE_LINK);
	Ipc__LinkPart m = IPC__LINK_PART__INIT;
	struct slice rest = frame, part;

	if (frame.n > ENGINE_FRAME_MAX)
		return ERR_TOO_BIG;
	if (!link || !store_link_is_up(l, node))
		return ERR_OK;
	m.node = node;
	m.bulk = bulk;
	for (; rest.n; rest = slice_from(rest, part.n)) {
		part = slice_cut(rest, 0, STORE_LINK_PART);
		m.more = part.n < rest.n;
		m.octets = codec_bytes(part);
		ipc_tell(link, IPC_LINK_PART, &m.base, -1);
	}
	return ERR_OK;
}

/* --- link itself --- */

void
store_link_process(struct store_link *l, bool up)
{
	for (size_t i = 0; i < PEERS; i++)
		if (l->peer[i].node)
			went_down(l, &l->peer[i]);
	if (up)
		tell_members(l);
}

struct store_link *
store_link_new(struct ipc *ipc, const struct store_link_events *ev)
{
	struct store_link *l = must_zalloc(sizeof *l);

	l->ipc = ipc;
	l->ev = *ev;
	ipc_on(ipc, IPC_LINK_PART, on_part, l);
	ipc_on(ipc, IPC_LINK_PEER, on_link_peer, l);
	return l;
}

void
store_link_free(struct store_link *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < PEERS; i++)
		if (l->peer[i].node)
			forget_halves(&l->peer[i]);
	free(l);
}
