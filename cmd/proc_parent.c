/* parent: starts, connects and restarts the other processes.
 *
 * Owns:     the listening sockets, the lock of the data folder, the boot's secrets (permit
 *           keys, ticket secret).
 * Hears:    its children's READY, and signals: no mail, no network input.
 * Touches:  ports and sockets, before the first child; TLS files, to hand on their fds; its own
 *           program file. It keeps root, if it was started by root, for the next child. */
#include "cmd/proc_parent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cli_restore.h"
#include "cmd/edges.h"
#include "cmd/proc.h"
#include "core/clock.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "core/sandbox.h"
#include "core/zone.h"
#include "crypto/seal.h"

enum {
	CHILDREN_MAX = 80,
	BACKLOG = 1024,
	SHORT_LIFE_MS = 1000,
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MAX_MS = 800, /* whatever dies is back within a second */
	STOP_WAIT_MS = 8000
};

struct child {
	struct parent *parent;
	enum role role;
	uint32_t instance;
	pid_t pid; /* 0: not running */
	uint64_t started_ms;
	uint32_t backoff_ms;
	struct loop_timer *again; /* waits to be started */
};

struct parent {
	struct config config;
	const char *config_path;
	struct loop *loop;
	struct ipc *ipc;
	struct child child[CHILDREN_MAX];
	uint32_t children;
	int listener[CONFIG_LISTENERS_MAX + 1]; /* the last one is the control socket */
	int exe, floor, lock;
	uint64_t boot;
	uint8_t login_key[PROC_PERMIT_KEY], item_key[PROC_PERMIT_KEY];
	uint8_t ticket[PROC_TICKET_SECRET];
	bool stopping;
	uint32_t keyds_due; /* must have a new certificate's key before it is served */
	int status;
	struct loop_timer *kill_all;
};

/* --- what is made once --- */

/* Once: what was made from a backup is no longer what it was. */
static void
tell_restored(const struct parent *p)
{
	char path[600], text[1024];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/" CLI_RESTORE_MARK, p->config.data_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (n > 0)
		log_warn("this server was %.*s",
			SLICE_FMT(slice_cut(slice_of(text, (size_t)n), 0,
				slice_find(slice_of(text, (size_t)n), '\n'))));
	if (fd < 0)
		return;
	close(fd);
	unlink(path);
}

static int
bind_unix(struct parent *p, const char *path, mode_t mode)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof at.sun_path)
		must_fatal("%s: too long a path for a Unix socket", path);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || chmod(path, mode) ||
		listen(fd, BACKLOG))
		must_fatal("can't listen at %s: %s", path, strerror(errno));
	if (geteuid() == 0 && p->config.uid && chown(path, p->config.uid, p->config.gid))
		must_fatal("%s: %s", path, strerror(errno));
	return fd;
}

static int
bind_port(const struct config_listener *l)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(l->port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(l->port)};
	bool is_six = inet_pton(AF_INET6, l->address, &six.sin6_addr) == 1;
	int on = 1, fd;

	if (!is_six)
		inet_pton(AF_INET, l->address, &four.sin_addr);
	fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		if (is_six)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	}
	if (fd < 0 ||
		bind(fd, is_six ? (void *)&six : (void *)&four,
			is_six ? sizeof six : sizeof four) ||
		listen(fd, BACKLOG))
		must_fatal("listener %s: can't listen at %s port %u: %s%s", l->name, l->address,
			l->port, strerror(errno),
			errno == EACCES ? " (ports below 1024 need root)" : "");
	return fd;
}

static void
bind_all(struct parent *p)
{
	char path[600];

	for (uint32_t i = 0; i < p->config.listeners; i++) {
		const struct config_listener *l = &p->config.listener[i];

		p->listener[i] = config_is_path(l) ? bind_unix(p, l->address, 0666)
						   : bind_port(l);
	}
	snprintf(path, sizeof path, "%s/run/control.sock", p->config.data_dir);
	p->listener[p->config.listeners] = bind_unix(p, path, 0600);
}

/* One node per data folder. */
static void
lock_folder(struct parent *p)
{
	char path[600], pid[32];
	int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());

	snprintf(path, sizeof path, "%s/run/hairpin.pid", p->config.data_dir);
	p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (p->lock < 0)
		must_fatal("%s: %s (was `hairpin init` run?)", path, strerror(errno));
	if (flock(p->lock, LOCK_EX | LOCK_NB))
		must_fatal("%s is in use: hairpin runs already on this data folder",
			p->config.data_dir);
	if (ftruncate(p->lock, 0) || write(p->lock, pid, (size_t)n) != n)
		must_fatal("%s: %s", path, strerror(errno));
}

/* Children start from the very file that we were started from, even without /proc. */
static int
open_exe(void)
{
	int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	const char *name = (const char *)getauxval(AT_EXECFN);

	if (fd < 0 && name)
		fd = open(name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		must_fatal("can't find my own program file");
	return fd;
}

static void
make_secrets(struct parent *p)
{
	p->boot = rand_u64() >> 8 | 1;
	rand_bytes(p->login_key, sizeof p->login_key);
	rand_bytes(p->item_key, sizeof p->item_key);
	rand_bytes(p->ticket, sizeof p->ticket);
	p->floor = memfd_create("hairpin-floor", MFD_CLOEXEC);
	if (p->floor < 0 || ftruncate(p->floor, PROC_FLOOR_PAGE))
		must_fatal("can't make the shared page: %s", strerror(errno));
}

/* A second description of the page that can't be mapped for writing. */
static int
floor_read_only(const struct parent *p)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", p->floor);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Without /proc (an empty root folder) the page stays writable: readers could only
	 * mislead each other. */
	return fd >= 0 ? fd : fcntl(p->floor, F_DUPFD_CLOEXEC, 3);
}

/* --- children --- */

static void start_child(void *arg);

static bool
hears(const struct parent *p, enum role role, uint32_t listener)
{
	enum config_kind kind;

	if (listener == p->config.listeners)
		return role == ROLE_COURIER;
	kind = p->config.listener[listener].kind;
	if (kind == CONFIG_CLUSTER)
		return role == ROLE_LINK;
	return role == (kind == CONFIG_IMAP || kind == CONFIG_IMAPS ? ROLE_IMAPD : ROLE_SMTPD);
}

/* mine: c's; it may be lost in the midst, if c ends at once, and is told nothing then. */
static void
connect_edges(struct parent *p, struct child *c, struct ipc_peer *mine)
{
	Ipc__Peer to = IPC__PEER__INIT;
	int fd[2];

	for (uint32_t i = 0; i < p->children; i++) {
		struct child *other = &p->child[i];

		if (!other->pid || other == c || !edges_has(c->role, other->role))
			continue;
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
			must_fatal("socketpair: %s", strerror(errno));
		to.role = other->role;
		to.instance = other->instance;
		ipc_tell(mine, IPC_PEER, &to.base, fd[0]);
		to.role = c->role;
		to.instance = c->instance;
		if (ipc_peer(p->ipc, other->role, other->instance))
			ipc_tell(ipc_peer(p->ipc, other->role, other->instance), IPC_PEER,
				&to.base, fd[1]);
		close(fd[0]);
		close(fd[1]);
	}
}

/* First what it is and has, then whom it knows, last where strangers come in. */
static void
introduce(struct parent *p, struct child *c)
{
	struct ipc_peer *to = ipc_peer(p->ipc, c->role, c->instance);
	Ipc__FloorPage page = IPC__FLOOR_PAGE__INIT;
	Ipc__Start start = IPC__START__INIT;
	Ipc__Listener listener = IPC__LISTENER__INIT;
	int floor = c->role == ROLE_STORE ? fcntl(p->floor, F_DUPFD_CLOEXEC, 3)
					  : floor_read_only(p);

	ipc_tell(to, IPC_FLOOR_PAGE, &page.base, floor);
	close(floor);
	start.instance = c->instance;
	start.boot = p->boot;
	start.config_path = (char *)(uintptr_t)p->config_path;
	if (c->role == ROLE_AUTH || c->role == ROLE_KEYD)
		start.permit_login_key = (ProtobufCBinaryData){
			sizeof p->login_key, p->login_key};
	if (c->role == ROLE_COURIER || c->role == ROLE_KEYD)
		start.permit_item_key = (ProtobufCBinaryData){sizeof p->item_key, p->item_key};
	if (c->role == ROLE_SMTPD || c->role == ROLE_IMAPD)
		start.ticket_secret = (ProtobufCBinaryData){sizeof p->ticket, p->ticket};
	ipc_tell(to, IPC_START, &start.base, -1);
	connect_edges(p, c, to);
	for (uint32_t i = 0; i <= p->config.listeners; i++)
		if (hears(p, c->role, i)) {
			listener.index = i;
			ipc_tell(to, IPC_LISTENER, &listener.base, p->listener[i]);
		}
}

_Noreturn static void
become(const struct parent *p, const struct child *c, int control)
{
	char instance[16];
	sigset_t none;
	char *argv[] = {(char *)(uintptr_t) "hairpin", (char *)(uintptr_t) "role",
		(char *)(uintptr_t)ipc_role_name(c->role), instance,
		(char *)(uintptr_t)p->config_path, NULL};
	extern char **environ;
	int exe = fcntl(p->exe, F_DUPFD_CLOEXEC, 10);

	snprintf(instance, sizeof instance, "%u", c->instance);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(control, PROC_CONTROL_FD) < 0)
		_exit(1);
	execveat(exe, "", argv, environ, AT_EMPTY_PATH);
	_exit(127);
}

static void
start_child(void *arg)
{
	struct child *c = arg;
	struct parent *p = c->parent;
	int fd[2];

	c->again = NULL;
	if (p->stopping)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd))
		must_fatal("socketpair: %s", strerror(errno));
	c->pid = fork();
	if (c->pid < 0)
		must_fatal("fork: %s", strerror(errno));
	if (c->pid == 0)
		become(p, c, fd[1]);
	close(fd[1]);
	c->started_ms = clock_ms();
	ipc_add_peer(p->ipc, c->role, c->instance, fd[0]);
	introduce(p, c);
}

static void
add_children(struct parent *p, enum role role, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct child *c = &p->child[p->children++];

		must(p->children <= CHILDREN_MAX);
		*c = (struct child){.parent = p, .role = role, .instance = i};
		start_child(c);
	}
}

static void
start_all(struct parent *p)
{
	const struct config *c = &p->config;

	if (!c->arbiter)
		add_children(p, ROLE_KEYD, c->keyd);
	add_children(p, ROLE_STORE, 1);
	if (config_cluster(c))
		add_children(p, ROLE_LINK, 1);
	/* The courier holds the control socket. */
	if (c->arbiter) {
		add_children(p, ROLE_COURIER, 1);
		return;
	}
	add_children(p, ROLE_AUTH, 1);
	add_children(p, ROLE_FILTERD, c->filterd);
	add_children(p, ROLE_RESOLVER, 1);
	add_children(p, ROLE_FETCH, 1);
	add_children(p, ROLE_COURIER, 1);
	add_children(p, ROLE_SMTPD, c->smtpd);
	add_children(p, ROLE_IMAPD, c->imapd);
}

static void
signal_children(struct parent *p, int signo)
{
	for (uint32_t i = 0; i < p->children; i++)
		if (p->child[i].pid)
			kill(p->child[i].pid, signo);
}

static void
on_kill_all(void *arg)
{
	struct parent *p = arg;

	p->kill_all = NULL;
	log_warn("some processes didn't stop in time: killed");
	signal_children(p, SIGKILL);
}

static void
stop(struct parent *p, int status)
{
	if (p->stopping)
		return;
	p->stopping = true;
	p->status = status;
	for (uint32_t i = 0; i < p->children; i++)
		loop_cancel(p->child[i].again);
	signal_children(p, SIGTERM);
	p->kill_all = loop_after(p->loop, STOP_WAIT_MS, on_kill_all, p);
}

static void
on_stop_signal(void *arg)
{
	struct parent *p = arg;

	log_info("stopping");
	stop(p, 0);
}

/* --- a new certificate --- */

/* How many processes of the role were told. */
static uint32_t
tell_file(struct parent *p, enum role role, bool is_key)
{
	Ipc__TlsFile file = IPC__TLS_FILE__INIT;
	const char *name = is_key ? "key" : "cert";
	struct ipc_peer *to;
	uint32_t told = 0;
	char path[600];
	int fd;

	snprintf(path, sizeof path, "%s/tls/%s.pem", p->config.data_dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		log_error("%s: %s: the old certificate stays", path, strerror(errno));
		return 0;
	}
	file.is_key = is_key;
	for (uint32_t i = 0; i < p->children; i++) {
		to = ipc_peer(p->ipc, role, p->child[i].instance);
		if (p->child[i].role != role || !to)
			continue;
		ipc_tell(to, IPC_TLS_FILE, &file.base, fd);
		told++;
	}
	close(fd);
	return told;
}

/* SIGHUP: tls/cert.pem and tls/key.pem are read anew; sessions go on. First keyd, which looks
 * whether they belong together; what it can't sign for is served to nobody. */
static void
on_sighup(void *arg)
{
	struct parent *p = arg;

	log_info("reloading the certificate");
	p->keyds_due = tell_file(p, ROLE_KEYD, true);
	if (!p->keyds_due || !tell_file(p, ROLE_KEYD, false))
		p->keyds_due = 0;
}

static void
on_ready(void *arg, struct ipc_frame *f)
{
	struct parent *p = arg;

	log_debug("%s/%u is ready", ipc_role_name(ipc_peer_role(f->from)),
		ipc_peer_instance(f->from));
	if (ipc_peer_role(f->from) != ROLE_KEYD || !p->keyds_due || --p->keyds_due)
		return;
	tell_file(p, ROLE_SMTPD, false);
	tell_file(p, ROLE_IMAPD, false);
	tell_file(p, ROLE_COURIER, false);
}

/* They have the old database open. */
static void
end_readers(struct parent *p)
{
	for (uint32_t i = 0; i < p->children; i++) {
		enum role role = p->child[i].role;

		if (p->child[i].pid &&
			(role == ROLE_SMTPD || role == ROLE_IMAPD || role == ROLE_COURIER))
			kill(p->child[i].pid, SIGTERM);
	}
}

static void
ended(struct parent *p, struct child *c, int status)
{
	uint64_t lived_ms = clock_ms() - c->started_ms;

	c->pid = 0;
	if (p->stopping)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == PROC_EXIT_FAIL_STOP) {
		log_error("%s stopped the node: see its last lines", ipc_role_name(c->role));
		stop(p, PROC_EXIT_FAIL_STOP);
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == PROC_EXIT_ANEW)
		end_readers(p);
	if (lived_ms >= SHORT_LIFE_MS)
		c->backoff_ms = 0;
	else
		c->backoff_ms = c->backoff_ms ? 2 * c->backoff_ms : BACKOFF_FIRST_MS;
	if (c->backoff_ms > BACKOFF_MAX_MS)
		c->backoff_ms = BACKOFF_MAX_MS;
	log_warn("%s/%u ended (%s %d): started again", ipc_role_name(c->role), c->instance,
		WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	c->again = loop_after(p->loop, c->backoff_ms, start_child, c);
}

static void
on_sigchld(void *arg)
{
	struct parent *p = arg;
	bool any = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (uint32_t i = 0; i < p->children; i++)
			if (p->child[i].pid == pid)
				ended(p, &p->child[i], status);
	for (uint32_t i = 0; i < p->children; i++)
		any = any || p->child[i].pid;
	if (p->stopping && !any)
		loop_stop(p->loop);
}

int
proc_parent_run(const char *config_path)
{
	static struct parent p;
	struct config_error why;
	char *path = realpath(config_path, NULL);

	if (config_load(path ? path : config_path, &p.config, &why))
		must_fatal("%s", why.text);
	p.config_path = path;
	umask(0027);
	zone_set(p.config.timezone);
	clock_init();
	seal_init();
	log_init(p.config.hostname, "parent",
		p.config.debug_log ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	lock_folder(&p);
	p.exe = open_exe();
	make_secrets(&p);
	bind_all(&p);
	sandbox_keep_little();
	p.loop = loop_new();
	p.ipc = ipc_new(p.loop, ROLE_PARENT, 0);
	ipc_on(p.ipc, IPC_READY, on_ready, &p);
	loop_on_signal(p.loop, SIGCHLD, on_sigchld, &p);
	loop_on_signal(p.loop, SIGTERM, on_stop_signal, &p);
	loop_on_signal(p.loop, SIGINT, on_stop_signal, &p);
	loop_on_signal(p.loop, SIGHUP, on_sighup, &p);
	start_all(&p);
	tell_restored(&p);
	log_info("started: %u processes, %u listener%s", p.children, p.config.listeners,
		p.config.listeners == 1 ? "" : "s");
	loop_run(p.loop);
	log_info("stopped");
	return p.status;
}
