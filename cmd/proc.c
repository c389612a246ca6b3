#include "cmd/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/edges.h"
#include "core/clock.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "core/sandbox.h"
#include "core/zone.h"
#include "crypto/seal.h"

enum { ALONE_MS = 5000 };

static const struct proc_role *const roles[] = {&proc_store_role, &proc_keyd_role,
	&proc_auth_role, &proc_smtpd_role, &proc_imapd_role, &proc_filterd_role,
	&proc_courier_role, &proc_link_role, &proc_resolver_role, &proc_fetch_role};

void
proc_path(const struct proc *p, const char *below, char path[512])
{
	snprintf(path, 512, "%s/%s", p->root, below);
}

int
proc_spool_file(struct proc *p)
{
	/* Relative to the open folder: works in a chroot too. */
	return openat(p->data_fd, "spool", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

void
proc_read_file(const char *path, unsigned kind, size_t max, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 && kind & PROC_FILE_OPTIONAL && errno == ENOENT)
		return;
	if (fd < 0 || fstat(fd, &st))
		must_fatal("%s: %s (`hairpin init` and `hairpin join` make it)", path,
			strerror(errno));
	/* Whoever may read a secret file of ours has the secret. */
	if (kind & PROC_FILE_SECRET && st.st_mode & 077)
		must_fatal("%s: others may read it; do: chmod 600 %s", path, path);
	n = read(fd, buf_room(out, max), max);
	close(fd);
	if (n <= 0)
		must_fatal("%s: empty or unreadable", path);
	buf_grow(out, (size_t)n);
}

static const struct proc_role *
find_role(const char *name)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (!strcmp(ipc_role_name(roles[i]->role), name))
			return roles[i];
	must_fatal("no such role: %s", name);
}

/* Of the file system nothing is left but the data folder. False: we aren't allowed to. */
static bool
enter_root(struct proc *p)
{
	if (geteuid() != 0 || chroot(p->config.data_dir) || chdir("/"))
		return false;
	p->root = "";
	return true;
}

/* A role is one of the parent's children: it dies with it. False: it stays what it was. */
static bool
change_user(const struct proc *p)
{
	const struct config *c = &p->config;

	if (geteuid() != 0 || c->uid == 0)
		return false;
	if (setgroups(0, NULL) || setresgid(c->gid, c->gid, c->gid) ||
		setresuid(c->uid, c->uid, c->uid))
		must_fatal("can't become uid %u, gid %u: %s", c->uid, c->gid, strerror(errno));
	/* The change of uid cleared it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return true;
}

/* One process speaks for all of what isn't in force, each for itself of what should be. */
static void
tell(const struct proc *p, const struct sandbox_report *report)
{
	if (report->missing[0] && p->role->role == ROLE_STORE)
		log_warn("sandbox: not in force here: %s", report->missing);
	if (report->is_leaking)
		log_error("sandbox: leaks: %s", report->tried);
	log_debug("sandbox: tried: %s", report->tried);
}

static void
enter_sandbox(struct proc *p)
{
	char db[512], vault[512], spool[512];
	struct sandbox_path path[3];
	struct sandbox_wish wish = {.path = path};
	struct sandbox_report report;
	unsigned needs = p->role->needs;

	wish.has_own_root = enter_root(p);
	wish.has_own_user = change_user(p);
	proc_path(p, "db", db);
	proc_path(p, "spool", spool);
	proc_path(p, "vault", vault);
	if (needs & (PROC_NEED_DB_READ | PROC_NEED_DB_WRITE))
		path[wish.paths++] = (struct sandbox_path){
			db, (needs & PROC_NEED_DB_WRITE) != 0};
	if (needs & (PROC_NEED_VAULT | PROC_NEED_DB_WRITE))
		path[wish.paths++] = (struct sandbox_path){
			vault, (needs & PROC_NEED_DB_WRITE) != 0};
	if (needs & PROC_NEED_SPOOL)
		path[wish.paths++] = (struct sandbox_path){spool, true};
	wish.memory_files = needs & PROC_NEED_MEMFD;
	wish.accept = needs & PROC_NEED_ACCEPT;
	wish.connect = needs & (PROC_NEED_CONNECT | PROC_NEED_DNS);
	wish.datagrams = needs & PROC_NEED_DNS;
	wish.threads = needs & PROC_NEED_DB_WRITE;
	sandbox_enter(&wish, &report);
	tell(p, &report);
}

/* --- frames of the parent --- */

static void
keep_key(ProtobufCBinaryData from, uint8_t *to, size_t n, bool *has)
{
	if (from.len != n)
		return;
	memcpy(to, from.data, n);
	if (has)
		*has = true;
}

static void
on_start(void *arg, struct ipc_frame *f)
{
	struct proc *p = arg;
	const Ipc__Start *s = (const Ipc__Start *)f->msg;
	Ipc__Ready ready = IPC__READY__INIT;

	p->boot = s->boot;
	keep_key(s->permit_login_key, p->permit_login_key, PROC_PERMIT_KEY, &p->has_login_key);
	keep_key(s->permit_item_key, p->permit_item_key, PROC_PERMIT_KEY, &p->has_item_key);
	keep_key(s->ticket_secret, p->ticket_secret, PROC_TICKET_SECRET, NULL);
	p->role->start(p);
	ipc_tell(f->from, IPC_READY, &ready.base, -1);
}

static void
on_floor_page(void *arg, struct ipc_frame *f)
{
	struct proc *p = arg;
	int how = p->role->needs & PROC_NEED_DB_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;

	if (f->fd < 0)
		return;
	p->floor_page = mmap(NULL, PROC_FLOOR_PAGE, how, MAP_SHARED, f->fd, 0);
	close(f->fd);
	if (p->floor_page == MAP_FAILED)
		must_fatal("can't map the shared page: %s", strerror(errno));
}

static void
on_peer(void *arg, struct ipc_frame *f)
{
	struct proc *p = arg;
	const Ipc__Peer *peer = (const Ipc__Peer *)f->msg;

	if (f->fd >= 0 && peer->role < ROLE_COUNT)
		ipc_add_peer(p->ipc, (enum role)peer->role, peer->instance, f->fd);
	else if (f->fd >= 0)
		close(f->fd);
}

static void
on_listener(void *arg, struct ipc_frame *f)
{
	struct proc *p = arg;
	const Ipc__Listener *l = (const Ipc__Listener *)f->msg;

	if (f->fd < 0)
		return;
	if (p->role->listener && l->index < p->config.listeners + 1)
		p->role->listener(p, l->index, f->fd);
	else
		close(f->fd);
}

/* The parent starts whoever died within a second and gives us the new one. Who is alive and has
 * cut us off doesn't come back: what is started anew has all its peers. */
static void
on_alone(void *arg)
{
	struct proc *p = arg;

	log_error("cut off by a process that is needed: starting anew");
	loop_stop(p->loop);
}

static void
on_peer_change(void *arg, struct ipc_peer *peer, bool up)
{
	struct proc *p = arg;
	enum role role = ipc_peer_role(peer);

	/* Without a parent nobody would restart us or give us peers. */
	if (!up && role == ROLE_PARENT)
		loop_stop(p->loop);
	loop_cancel(p->alone[role]);
	p->alone[role] = NULL;
	if (p->role->peer && role != ROLE_PARENT)
		p->role->peer(p, peer, up);
	if (!up && edges_asks(p->role->role, role) && !ipc_any(p->ipc, role))
		p->alone[role] = loop_after(p->loop, ALONE_MS, on_alone, p);
}

static void
on_sigterm(void *arg)
{
	struct proc *p = arg;

	if (p->role->stop)
		p->role->stop(p);
	else
		loop_stop(p->loop);
}

static void
listen_to_parent(struct proc *p)
{
	p->loop = loop_new();
	p->ipc = ipc_new(p->loop, p->role->role, p->instance);
	ipc_on(p->ipc, IPC_START, on_start, p);
	ipc_on(p->ipc, IPC_FLOOR_PAGE, on_floor_page, p);
	ipc_on(p->ipc, IPC_PEER, on_peer, p);
	ipc_on(p->ipc, IPC_LISTENER, on_listener, p);
	ipc_on_peer(p->ipc, on_peer_change, p);
	loop_on_signal(p->loop, SIGTERM, on_sigterm, p);
	signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole group: the parent decides */
	signal(SIGPIPE, SIG_IGN);
	ipc_add_peer(p->ipc, ROLE_PARENT, 0, PROC_CONTROL_FD);
}

void
proc_main(const char *role_name, uint32_t instance, const char *config_path)
{
	static struct proc p;
	struct config_error why;
	char name[40];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	umask(0027);
	p.role = find_role(role_name);
	p.instance = instance;
	if (config_load(config_path, &p.config, &why))
		must_fatal("%s", why.text);
	/* As top and ps show it. */
	snprintf(name, sizeof name, "hairpin/%s", role_name);
	prctl(PR_SET_NAME, name);
	snprintf(name, sizeof name, "%s", role_name);
	log_init(
		p.config.hostname, name, p.config.debug_log ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	zone_set(p.config.timezone);
	clock_init();
	seal_init();
	p.data_fd = open(p.config.data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p.data_fd < 0)
		must_fatal("%s: %s", p.config.data_dir, strerror(errno));
	p.root = p.config.data_dir;
	if (p.role->prepare)
		p.role->prepare(&p);
	enter_sandbox(&p);
	listen_to_parent(&p);
	loop_run(p.loop);
	_exit(0);
}
