#include "cmd/link_peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/link_frame.h"
#include "cmd/link_join.h"
#include "cmd/link_log.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "store/members.h"

enum {
	FIRST_IN_MAX = LINK_JOIN_REQUEST_MAX + 4,
	IN_MAX = LINK_CONN_READ + LINK_FRAME_HEAD + LINK_FRAME_MAX,
	/* Octets that the store has yet to read when we stop reading, and go on again. */
	STORE_HIGH = 16 << 20,
	STORE_LOW = 4 << 20,
	LONELY_MS = 5000,
	GAP_MS = 1000, /* a tick that comes so late says that we were stopped */
	LONG_LIFE_MS = 1000
};

struct visit;
struct member {
	uint32_t id;
	bool has_address, is_unreachable; /* unreachable: said in the log */
	struct link_address address;
	uint8_t key[MEMBERS_KEY];
	struct visit *up, *call; /* NULL: none */
	uint32_t backoff_ms;
	uint64_t call_ms; /* not before */
};

/* A connection, from its first octet on. */
struct visit {
	struct visit *next;
	struct link_peers *all;
	struct link_conn *conn;
	char from[LINK_ADDRESS_TEXT];
	struct link_address address;
	bool is_call, is_members; /* of an address of a member */
	uint32_t node;		  /* 0: not known yet; of a call that which it is to be */
	/* TURNED_AWAY: it is told so, and closes. */
	enum { SHAKES, GREETS, IS_UP, TURNED_AWAY } state;
	uint64_t begun_ms, pinged_ms;
};

struct link_peers {
	struct link *link;
	struct peer_tls *tls;
	bool is_set, is_paused;
	uint32_t self;
	uint8_t cluster[LINK_FRAME_CLUSTER];
	struct member member[RAFT_NODES_MAX];
	size_t n;
	struct visit *visits;
	struct loop_timer *forgets;
	uint64_t ticked_ms, awake_ms; /* awake: since when we read */
	/* Since when nobody is connected; since when others deny that we are a member. */
	uint64_t lonely_ms, gone_ms;
	bool is_gone_said;
	uint64_t shakes_ms; /* since when shakes are counted */
	uint32_t shakes;
};

static struct member *
find_member(struct link_peers *p, uint32_t id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->member[i].id == id)
			return &p->member[i];
	return NULL;
}

/* --- to the store --- */

static struct ipc_peer *
store_of(const struct link_peers *p)
{
	return ipc_any(link_proc(p->link)->ipc, ROLE_STORE);
}

static void
tell_peer(struct link_peers *p, uint32_t node, bool up)
{
	Ipc__LinkPeer m = IPC__LINK_PEER__INIT;

	m.node = node;
	m.up = up;
	if (store_of(p))
		ipc_tell(store_of(p), IPC_LINK_PEER, &m.base, -1);
}

static void
tell_denied(struct link_peers *p)
{
	Ipc__LinkPeer m = IPC__LINK_PEER__INIT;

	m.denied = true;
	if (store_of(p))
		ipc_tell(store_of(p), IPC_LINK_PEER, &m.base, -1);
}

static void
pause_all(struct link_peers *p, bool paused)
{
	p->is_paused = paused;
	p->awake_ms = clock_ms();
	for (struct visit *v = p->visits; v; v = v->next)
		if (v->state == IS_UP)
			link_conn_pause(v->conn, paused);
}

static void
tell_part(struct visit *v, const struct link_frame *f)
{
	Ipc__LinkPart m = IPC__LINK_PART__INIT;
	struct ipc_peer *store = store_of(v->all);

	m.node = v->node;
	m.bulk = (f->flags & LINK_FRAME_BULK) != 0;
	m.more = (f->flags & LINK_FRAME_MORE) != 0;
	m.octets = codec_bytes(f->octets);
	if (!store)
		return;
	ipc_tell(store, IPC_LINK_PART, &m.base, -1);
	if (!v->all->is_paused && ipc_waiting(store) > STORE_HIGH)
		pause_all(v->all, true);
}

/* --- the end of a connection --- */

static void
unlink_visit(struct visit *v)
{
	struct visit **at = &v->all->visits;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
}

static void
wait_to_call(struct member *m, bool has_lived)
{
	if (has_lived || !m->backoff_ms)
		m->backoff_ms = LINK_PEER_BACKOFF_FIRST_MS;
	else
		m->backoff_ms *= 2;
	if (m->backoff_ms > LINK_PEER_BACKOFF_MAX_MS)
		m->backoff_ms = LINK_PEER_BACKOFF_MAX_MS;
	m->call_ms = clock_ms() + m->backoff_ms;
}

static void
log_end(const struct visit *v, struct member *m, const char *why)
{
	if (v->state == TURNED_AWAY)
		return;
	if (v->state == IS_UP) {
		log_warn("link: node %u is disconnected: %s", v->node, why);
	} else if (!v->is_call) {
		link_log_warn("%s: closed: %s", v->from, why);
	} else if (m && !m->is_unreachable) {
		log_warn("link: node %u can't be reached at %s: %s; tried again and again",
			v->node, v->from, why);
		m->is_unreachable = true;
	}
}

static void
close_visit(struct visit *v, const char *why)
{
	struct link_peers *p = v->all;
	struct member *m = v->node ? find_member(p, v->node) : NULL;
	bool was_up = v->state == IS_UP;

	log_end(v, m, why);
	unlink_visit(v);
	link_conn_free(v->conn);
	if (m && m->up == v)
		m->up = NULL;
	if (m && m->call == v)
		m->call = NULL;
	if (m && (was_up || v->is_call))
		wait_to_call(m, was_up && clock_ms() - v->begun_ms > LONG_LIFE_MS);
	if (was_up)
		tell_peer(p, v->node, false);
	free(v);
}

static void
on_end(void *arg, const char *why)
{
	close_visit(arg, why);
}

/* --- who is it? --- */

static struct member *
by_key(struct link_peers *p, const uint8_t key[PEER_CA_HASH])
{
	for (size_t i = 0; i < p->n; i++)
		if (memcmp(p->member[i].key, key, MEMBERS_KEY) == 0)
			return &p->member[i];
	return NULL;
}

/* NULL: it is the one that it has to be. */
static const char *
why_not(const struct visit *v, const struct member *m)
{
	if (!m)
		return "it isn't a member of this cluster, or not any more";
	if (m->id == v->all->self)
		return "it shows the certificate of this very node";
	if (v->is_call && m->id != v->node)
		return "another member answers there";
	return NULL;
}

static void
become_stranger(struct visit *v)
{
	unlink_visit(v);
	link_strangers_take(link_strangers(v->all->link), v->conn, &v->address, v->begun_ms);
	free(v);
}

/* Who was removed while it was away hears it, rather than wonder. */
static void
turn_away(struct visit *v, const char *why)
{
	uint8_t gone[LINK_FRAME_HELLO];

	link_log_warn("%s: closed: %s", v->from, why);
	v->state = TURNED_AWAY;
	link_frame_gone(gone);
	link_conn_send(v->conn, false, slice_of(gone, sizeof gone), SLICE_EMPTY);
}

static void
on_secure(void *arg)
{
	struct visit *v = arg;
	uint8_t key[PEER_CA_HASH], hello[LINK_FRAME_HELLO];
	struct member *m;
	const char *why;

	if (peer_tls_key_hash(link_conn_tls(v->conn), key)) {
		become_stranger(v);
		return;
	}
	m = by_key(v->all, key);
	why = why_not(v, m);
	if (why && !m && !v->is_call) {
		turn_away(v, why);
		return;
	}
	if (why) {
		close_visit(v, why);
		return;
	}
	v->node = m->id;
	v->state = GREETS;
	link_conn_widen(v->conn, IN_MAX);
	link_frame_hello(v->all->cluster, hello);
	link_conn_send(v->conn, false, slice_of(hello, sizeof hello), SLICE_EMPTY);
}

static void
came_up(struct visit *v)
{
	struct member *m = find_member(v->all, v->node);

	if (m->up)
		close_visit(m->up, "a younger connection takes its place");
	if (m->call == v)
		m->call = NULL;
	m->up = v;
	m->is_unreachable = false;
	v->all->lonely_ms = v->all->gone_ms = 0;
	v->all->is_gone_said = false;
	v->state = IS_UP;
	log_info("link: node %u is connected, %s %s", v->node, v->is_call ? "at" : "from",
		v->from);
	tell_peer(v->all, v->node, true);
	link_conn_pause(v->conn, v->all->is_paused);
}

/* --- what it says --- */

static size_t
take_hello(struct visit *v, struct slice in)
{
	enum err e = link_frame_parse_hello(in, v->all->cluster);

	if (e == ERR_MORE)
		return 0;
	if (e == ERR_DENIED && !v->all->gone_ms)
		v->all->gone_ms = clock_ms();
	if (e) {
		close_visit(v, e == ERR_DENIED	  ? "it doesn't know this node"
			       : e == ERR_VERSION ? "it speaks another version"
			       : e == ERR_STALE	  ? "it is of another cluster"
						  : "no hello");
		return 0;
	}
	came_up(v);
	return LINK_FRAME_HELLO;
}

static size_t
take_frames(struct visit *v, struct slice in)
{
	struct link_frame f;
	size_t used, all = 0;
	enum err e = ERR_OK;

	while (!v->all->is_paused && !(e = link_frame_parse(slice_from(in, all), &f, &used))) {
		all += used;
		if (f.flags != LINK_FRAME_PING)
			tell_part(v, &f);
	}
	if (!e || e == ERR_MORE)
		return all;
	close_visit(v, e == ERR_TOO_BIG ? "a frame that is too large" : "a malformed frame");
	return 0;
}

static size_t
on_input(void *arg, struct slice in)
{
	struct visit *v = arg;

	if (v->state == TURNED_AWAY)
		return in.n;
	return v->state == GREETS ? take_hello(v, in) : take_frames(v, in);
}

static const struct link_conn_events events = {on_secure, on_input, NULL, on_end};

/* --- a new connection --- */

static void
begin(struct link_peers *p, const struct visit *like, struct link_conn *conn)
{
	struct visit *v = must_alloc(sizeof *v);
	struct member *m = like->is_call ? find_member(p, like->node) : NULL;

	*v = *like;
	v->all = p;
	v->conn = conn;
	v->begun_ms = clock_ms();
	link_address_format(&v->address, v->from);
	v->next = p->visits;
	p->visits = v;
	if (m)
		m->call = v;
	link_conn_hand(conn, &events, v);
}

static bool
is_members(const struct link_peers *p, const struct link_address *from)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->member[i].id != p->self && p->member[i].has_address &&
			link_address_is_same_host(&p->member[i].address, from))
			return true;
	return false;
}

/* What a stranger can cost: handshakes at a time, and in a second. Members have places of their
 * own. */
static bool
may_shake(struct link_peers *p, const struct link_address *from, bool members)
{
	uint64_t now = clock_ms();
	unsigned n = 0;

	for (const struct visit *v = p->visits; v; v = v->next)
		if (v->state == SHAKES && !v->is_call && v->is_members == members)
			n += !members || link_address_is_same_host(&v->address, from);
	if (members)
		return n < LINK_PEER_SHAKES_MEMBER;
	if (now - p->shakes_ms >= 1000) {
		p->shakes_ms = now;
		p->shakes = 0;
	}
	return n < LINK_PEER_SHAKES_MAX && p->shakes++ < LINK_PEER_SHAKES_PER_SEC;
}

void
link_peers_accept(struct link_peers *p, int fd, const struct link_address *from)
{
	struct visit v = {.address = *from, .is_members = is_members(p, from)};
	struct loop *loop = link_proc(p->link)->loop;

	if (may_shake(p, from, v.is_members)) {
		begin(p, &v, link_conn_accept(loop, p->tls, fd, FIRST_IN_MAX));
		return;
	}
	link_address_format(from, v.from);
	link_log_warn("%s: closed: too many strangers", v.from);
	close(fd);
}

/* From the address at which the others know us. The kernel chooses the port. */
static int
open_call(const struct link_peers *p, const struct member *m)
{
	const struct config_listener *at = config_cluster(&link_proc(p->link)->config);
	struct link_address own;
	int on = 1, fd;

	fd = socket(m->address.at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (at && !link_address_parse_host(at->address, &own) &&
		own.at.ss_family == m->address.at.ss_family &&
		bind(fd, (struct sockaddr *)&own.at, own.n))
		log_debug("link: can't call from %s: %s", at->address, strerror(errno));
	if (!connect(fd, (const struct sockaddr *)&m->address.at, m->address.n) ||
		errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

static void
call(struct link_peers *p, struct member *m)
{
	struct visit v = {
		.address = m->address, .is_call = true, .is_members = true, .node = m->id};
	int fd = open_call(p, m);

	if (fd >= 0) {
		begin(p, &v,
			link_conn_connect(link_proc(p->link)->loop, p->tls, fd, FIRST_IN_MAX));
		return;
	}
	if (!m->is_unreachable)
		log_warn("link: node %u can't be called: %s", m->id, strerror(errno));
	m->is_unreachable = true;
	wait_to_call(m, false);
}

static bool
do_we_call(struct link_peers *p, const struct member *m)
{
	const struct member *own = find_member(p, p->self);

	if (!own || m == own || !m->has_address)
		return false;
	/* Who isn't called by anybody asks why. */
	if (p->lonely_ms && p->ticked_ms - p->lonely_ms > LONELY_MS)
		return true;
	return p->self < m->id || !own->has_address;
}

/* --- the members --- */

static bool
read_member(const Ipc__LinkMember *from, struct member *m)
{
	*m = (struct member){.id = from->node};
	if (!from->node || from->key.len != sizeof m->key)
		return false;
	memcpy(m->key, from->key.data, sizeof m->key);
	m->has_address = from->address[0] && !link_address_parse(from->address, &m->address);
	return true;
}

/* What is known of the one that it was. */
static void
keep(struct member *m, const struct member *old)
{
	if (!old || memcmp(old->key, m->key, sizeof m->key))
		return;
	m->up = old->up;
	m->call = old->call;
	m->backoff_ms = old->backoff_ms;
	m->call_ms = old->call_ms;
	m->is_unreachable = old->is_unreachable;
}

static bool
is_still_member(const struct visit *v)
{
	const struct member *m = find_member(v->all, v->node);
	uint8_t key[PEER_CA_HASH];

	if (!m || v->state == SHAKES)
		return m && m->call == v;
	return !peer_tls_key_hash(link_conn_tls(v->conn), key) &&
	       memcmp(key, m->key, sizeof key) == 0;
}

static void
close_removed(struct link_peers *p)
{
	bool is_out = !find_member(p, p->self);
	struct visit *next;

	for (struct visit *v = p->visits; v; v = next) {
		next = v->next;
		if (is_out)
			close_visit(v, "this node is no member any more");
		else if (v->node && !is_still_member(v))
			close_visit(v, "it is no member any more");
	}
}

static void
on_forget(void *arg)
{
	struct link_peers *p = arg;

	p->forgets = NULL;
	while (p->visits)
		close_visit(p->visits, "the store went away");
	p->n = 0;
	p->gone_ms = 0;
	p->is_gone_said = false;
}

bool
link_peers_set(struct link_peers *p, const Ipc__LinkMembers *list)
{
	struct member fresh[RAFT_NODES_MAX];

	if (p->forgets) {
		loop_cancel(p->forgets);
		on_forget(p);
	}
	if (list->cluster.len != sizeof p->cluster || list->n_member > RAFT_NODES_MAX)
		return false;
	for (size_t i = 0; i < list->n_member; i++) {
		if (!read_member(list->member[i], &fresh[i]))
			return false;
		keep(&fresh[i], find_member(p, fresh[i].id));
	}
	p->is_set = true;
	p->self = list->self;
	memcpy(p->cluster, list->cluster.data, sizeof p->cluster);
	memcpy(p->member, fresh, list->n_member * sizeof *fresh);
	p->n = list->n_member;
	close_removed(p);
	link_peers_tick(p);
	return true;
}

bool
link_peers_is_set(const struct link_peers *p)
{
	return p->is_set;
}

/* Not at once: one of the connections may be at work just now. */
void
link_peers_forget(struct link_peers *p)
{
	p->is_set = false;
	if (!p->forgets)
		p->forgets = loop_after(link_proc(p->link)->loop, 0, on_forget, p);
}

/* --- the store's --- */

void
link_peers_send(struct link_peers *p, const Ipc__LinkPart *part)
{
	struct member *m = find_member(p, part->node);
	unsigned flags = (part->bulk ? LINK_FRAME_BULK : 0) |
			 (part->more ? LINK_FRAME_MORE : 0);
	uint8_t head[LINK_FRAME_HEAD];

	if (!m || !m->up || !part->octets.len || part->octets.len > LINK_FRAME_MAX)
		return;
	link_frame_head(flags, part->octets.len, head);
	if (link_conn_send(m->up->conn, part->bulk, slice_of(head, sizeof head),
		    codec_slice(part->octets)))
		close_visit(m->up, "too much waits to be sent");
}

void
link_peers_cut(struct link_peers *p, uint32_t node)
{
	struct member *m = find_member(p, node);

	if (m && m->up)
		close_visit(m->up, "the store cuts it off");
	else if (node)
		tell_peer(p, node, false);
}

/* --- the clock's --- */

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void
ping(struct visit *v, uint64_t now)
{
	uint8_t head[LINK_FRAME_HEAD];

	v->pinged_ms = now;
	link_frame_head(LINK_FRAME_PING, 0, head);
	link_conn_send(v->conn, false, slice_of(head, sizeof head), SLICE_EMPTY);
}

static void
tend(struct visit *v, uint64_t now)
{
	struct link_peers *p = v->all;
	uint64_t begun = later(v->begun_ms, p->awake_ms);
	uint64_t heard = later(link_conn_heard_ms(v->conn), p->awake_ms);

	if (v->state != IS_UP) {
		if (now - begun > LINK_PEER_SETUP_MS)
			close_visit(v, "the handshake took too long");
		else if (link_conn_is_connecting(v->conn) && now - begun > LINK_PEER_CONNECT_MS)
			close_visit(v, "no answer");
		return;
	}
	if (!p->is_paused && heard < now && now - heard > LINK_PEER_SILENT_MS)
		close_visit(v, "silent");
	else if (now - v->pinged_ms >= LINK_PEER_PING_MS)
		ping(v, now);
}

static void
look_for_company(struct link_peers *p, uint64_t now)
{
	bool is_alone = p->n > 1;

	for (size_t i = 0; i < p->n; i++)
		is_alone = is_alone && !p->member[i].up;
	if (!is_alone || !p->lonely_ms)
		p->lonely_ms = is_alone ? now : 0;
	/* A node that just joined may be ahead of who says so. */
	if (p->gone_ms && now - p->gone_ms > LONELY_MS && is_alone && !p->is_gone_said) {
		tell_denied(p);
		p->is_gone_said = true;
	}
}

void
link_peers_tick(struct link_peers *p)
{
	uint64_t now = clock_ms();
	struct ipc_peer *store = store_of(p);
	struct visit *next;

	/* Who was stopped hears first what came meanwhile. */
	if (now - p->ticked_ms > GAP_MS)
		p->awake_ms = now;
	p->ticked_ms = now;
	if (p->is_paused && (!store || ipc_waiting(store) < STORE_LOW))
		pause_all(p, false);
	for (struct visit *v = p->visits; v; v = next) {
		next = v->next;
		tend(v, now);
	}
	look_for_company(p, now);
	for (size_t i = 0; i < p->n && p->is_set; i++) {
		struct member *m = &p->member[i];

		if (!m->up && !m->call && now >= m->call_ms && do_we_call(p, m))
			call(p, m);
	}
}

struct link_peers *
link_peers_new(struct link *l, struct peer_tls *tls)
{
	struct link_peers *p = must_zalloc(sizeof *p);

	p->link = l;
	p->tls = tls;
	p->ticked_ms = clock_ms();
	return p;
}
