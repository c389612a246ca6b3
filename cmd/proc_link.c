/* link: the connections between the nodes of a cluster.
 *
 * Owns:     this node's key, the peer port, the TLS connections to the other nodes.
 * Hears:    the store (LINK_MEMBERS, LINK_PART, LINK_PEER), other nodes, and strangers who want
 *           to join.
 * Touches:  sockets, of TCP only; no file after its start, no database. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/link.h"
#include "cmd/link_log.h"
#include "cmd/link_peer.h"
#include "core/log.h"
#include "core/must.h"

enum { ACCEPTS_A_TURN = 64, REST_MS = 100 };

struct link {
	struct proc *p;
	struct peer_tls *tls;
	struct link_peers *peers;
	struct link_strangers *strangers;
	int listener;
	struct loop_fd *watch;
	struct loop_timer *rest; /* runs while nobody is accepted */
};

struct proc *
link_proc(struct link *l)
{
	return l->p;
}

struct link_strangers *
link_strangers(struct link *l)
{
	return l->strangers;
}

/* --- still privileged --- */

static void
read_file(const struct proc *p, const char *below, unsigned kind, struct buf *out)
{
	char path[512];

	proc_path(p, below, path);
	buf_init(out, PEER_CA_PEM_MAX);
	proc_read_file(path, kind, PEER_CA_PEM_MAX, out);
}

static void
prepare(struct proc *p)
{
	struct link *l = must_zalloc(sizeof *l);
	struct buf key, cert, authority;
	struct peer_tls_settings settings;
	enum err e;

	l->p = p;
	l->listener = -1;
	p->state = l;
	read_file(p, "tls/node.key", PROC_FILE_SECRET, &key);
	read_file(p, "tls/node.pem", 0, &cert);
	read_file(p, "tls/cluster.pem", 0, &authority);
	settings = (struct peer_tls_settings){
		buf_slice(&key), buf_slice(&cert), buf_slice(&authority)};
	e = peer_tls_new(&settings, &l->tls);
	if (e)
		must_fatal("tls/node.key, tls/node.pem and tls/cluster.pem in %s: %s",
			p->config.data_dir,
			e == ERR_SYNTAX ? "one of them isn't PEM"
					: "they don't belong together");
	buf_fini_secret(&key);
	buf_fini(&cert);
	buf_fini(&authority);
}

/* --- who calls --- */

static void
watch(struct link *l)
{
	if (l->watch)
		loop_want(l->watch, link_peers_is_set(l->peers) && !l->rest, false);
}

static void
on_rest(void *arg)
{
	struct link *l = arg;

	l->rest = NULL;
	watch(l);
}

static void
on_calls(void *arg)
{
	struct link *l = arg;
	struct link_address from;
	int fd;

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		from.n = sizeof from.at;
		fd = accept4(l->listener, (struct sockaddr *)&from.at, &from.n,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			link_peers_accept(l->peers, fd, &from);
			continue;
		}
		/* No more descriptors, or memory: those who wait can wait. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED && !l->rest)
			l->rest = loop_after(l->p->loop, REST_MS, on_rest, l);
		break;
	}
	watch(l);
}

static void
listener(struct proc *p, uint32_t index, int fd)
{
	struct link *l = p->state;

	(void)index;
	l->listener = fd;
	l->watch = loop_watch(p->loop, fd, on_calls, NULL, l);
	watch(l);
}

/* --- the store --- */

static void
on_members(void *arg, struct ipc_frame *f)
{
	struct link *l = arg;

	if (!link_peers_set(l->peers, (const Ipc__LinkMembers *)f->msg))
		log_error("link: the store sent no list of members");
	watch(l);
}

static void
on_part(void *arg, struct ipc_frame *f)
{
	link_peers_send(((struct link *)arg)->peers, (const Ipc__LinkPart *)f->msg);
}

static void
on_cut(void *arg, struct ipc_frame *f)
{
	link_peers_cut(((struct link *)arg)->peers, ((const Ipc__LinkPeer *)f->msg)->node);
}

static void
on_peer(struct proc *p, struct ipc_peer *peer, bool up)
{
	struct link *l = p->state;

	if (ipc_peer_role(peer) != ROLE_STORE || !l->peers)
		return;
	/* A store that was started anew knows of no connection. */
	link_peers_forget(l->peers);
	(void)up;
	watch(l);
}

/* --- life --- */

static void
tick(void *arg)
{
	struct link *l = arg;

	link_peers_tick(l->peers);
	link_strangers_tick(l->strangers);
	link_log_tick();
	loop_after(l->p->loop, LINK_PEER_TICK_MS, tick, l);
}

static void
start(struct proc *p)
{
	struct link *l = p->state;

	l->peers = link_peers_new(l, l->tls);
	l->strangers = link_strangers_new(l);
	ipc_on(p->ipc, IPC_LINK_MEMBERS, on_members, l);
	ipc_on(p->ipc, IPC_LINK_PART, on_part, l);
	ipc_on(p->ipc, IPC_LINK_PEER, on_cut, l);
	tick(l);
}

const struct proc_role proc_link_role = {
	.role = ROLE_LINK,
	.needs = PROC_NEED_ACCEPT | PROC_NEED_CONNECT,
	.prepare = prepare,
	.start = start,
	.listener = listener,
	.peer = on_peer,
};
