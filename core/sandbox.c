#include "core/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/log.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

static void
miss(struct sandbox_report *r, const char *what)
{
	size_t n = strlen(r->missing);

	snprintf(r->missing + n, sizeof r->missing - n, "%s%s", n ? ", " : "", what);
}

/* --- Landlock, by raw calls: libc has none. Newer kernels know more rights; we ask for those
 * that this one knows. --- */

static const unsigned long long read_rights = LANDLOCK_ACCESS_FS_READ_FILE |
					      LANDLOCK_ACCESS_FS_READ_DIR;
static const unsigned long long write_rights = LANDLOCK_ACCESS_FS_WRITE_FILE |
					       LANDLOCK_ACCESS_FS_REMOVE_FILE |
					       LANDLOCK_ACCESS_FS_REMOVE_DIR |
					       LANDLOCK_ACCESS_FS_MAKE_REG |
					       LANDLOCK_ACCESS_FS_MAKE_DIR;

/* All that ABI n can forbid: 13 rights in the first, then refer (2) and truncate (3). */
static unsigned long long
rights_of(long abi)
{
	unsigned bits = abi >= 3 ? 15 : abi == 2 ? 14 : 13;

	return (1ULL << bits) - 1;
}

static int
allow_path(int rules, const struct sandbox_path *path, unsigned long long known)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = read_rights, .parent_fd = -1};
	int rc;

	if (path->write)
		rule.allowed_access |= write_rights | 1ULL << 14;
	rule.allowed_access &= known;
	rule.parent_fd = open(path->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return -1;
	rc = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return rc;
}

/* Debian 12's headers don't have it yet. Port 0: bind may leave the choice to the kernel. */
enum { RULE_NET_PORT = 2 };
static const unsigned long long bind_right = 1, connect_right = 2;

static bool
allow_any_port(int rules)
{
	struct {
		unsigned long long allowed, port;
	} rule = {bind_right, 0};

	return syscall(SYS_landlock_add_rule, rules, RULE_NET_PORT, &rule, 0) == 0;
}

static bool
lock_files(const struct sandbox_wish *wish)
{
	long abi = syscall(
		SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	/* From ABI 4 on: TCP bind and connect, both forbidden. */
	struct {
		unsigned long long fs, net;
	} attr = {rights_of(abi), abi >= 4 ? 3 : 0};
	int rules;
	bool ok = true;

	if (wish->connect)
		attr.net &= ~connect_right;
	if (abi < 1)
		return false;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, abi >= 4 ? 16 : 8, 0);
	if (rules < 0)
		return false;
	for (size_t i = 0; i < wish->paths; i++)
		ok = ok && allow_path(rules, &wish->path[i], attr.fs) == 0;
	if (wish->connect && attr.net)
		ok = ok && allow_any_port(rules);
	ok = ok && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return ok;
}

/* --- seccomp: what all need, then what some need --- */

static const int common[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(close), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(mmap), SCMP_SYS(munmap),
	SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(mlock),
	SCMP_SYS(munlock), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(eventfd2), SCMP_SYS(pipe2), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
	SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(fcntl), SCMP_SYS(ioctl), SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getrandom), SCMP_SYS(futex),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield), SCMP_SYS(socketpair),
	SCMP_SYS(tgkill), SCMP_SYS(rseq), SCMP_SYS(getrusage), SCMP_SYS(dup),
	SCMP_SYS(prlimit64)};
static const int files[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat), SCMP_SYS(lstat),
	SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(getdents64), SCMP_SYS(readlink),
	SCMP_SYS(fdatasync), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
	SCMP_SYS(unlink), SCMP_SYS(rename), SCMP_SYS(mkdir), SCMP_SYS(rmdir), SCMP_SYS(msync),
	/* LMDB asks for the kernel's version: without an answer it takes fdatasync for broken,
	 * and fsync costs it twice as much. */
	SCMP_SYS(uname)};
static const int threads[] = {SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(set_robust_list)};
static const int accepts[] = {SCMP_SYS(accept), SCMP_SYS(accept4)};

static const int memory_files[] = {SCMP_SYS(memfd_create)};
static const int connects[] = {SCMP_SYS(connect), SCMP_SYS(bind)};

static bool
allow(scmp_filter_ctx f, const int *call, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, call[i], 0))
			return false;
	return true;
}

#define ALLOW(f, list) allow(f, list, sizeof(list) / sizeof *(list))

static bool
allow_sockets(scmp_filter_ctx f, int type)
{
	static const unsigned families[] = {AF_INET, AF_INET6};
	bool ok = true;

	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				   SCMP_A0(SCMP_CMP_EQ, families[i]),
				   SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, (scmp_datum_t)type)) == 0;
	return ok;
}

/* What isn't allowed fails with EPERM: a bug shows in the log instead of ending sessions. */
static bool
lock_calls(const struct sandbox_wish *wish)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	bool ok = f && ALLOW(f, common);

	if (wish->paths)
		ok = ok && ALLOW(f, files);
	if (wish->memory_files)
		ok = ok && ALLOW(f, memory_files);
	if (wish->accept)
		ok = ok && ALLOW(f, accepts);
	if (wish->connect)
		ok = ok && ALLOW(f, connects) && allow_sockets(f, SOCK_STREAM);
	if (wish->connect && wish->datagrams)
		ok = ok && allow_sockets(f, SOCK_DGRAM);
	if (wish->threads)
		ok = ok && ALLOW(f, threads);
	ok = ok && seccomp_load(f) == 0;
	if (f)
		seccomp_release(f);
	return ok;
}

/* --- the proof --- */

static int
try_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int
try_to_open(void)
{
	return try_path("/etc/passwd");
}

/* In a root folder of our own there is no such file; the folder itself is there for sure. */
static int
try_to_list(void)
{
	return try_path("/");
}

/* A connection to this machine's discard port. Refused by its kernel means: not by us. */
static int
try_to_connect(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), code;

	if (fd < 0)
		return errno;
	code = connect(fd, (struct sockaddr *)&to, sizeof to) ? errno : 0;
	close(fd);
	return code == EPERM || code == EACCES ? code : 0;
}

/* Another program, of no name: that much is harmless, and the kernel asks seccomp first. */
static int
try_to_exec(void)
{
	syscall(SYS_execve, "", NULL, NULL);
	return errno == EPERM || errno == EACCES ? errno : 0;
}

static int
try_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* Sockets of other kinds, for those who may connect by some. */
static int
try_to_send(void)
{
	return try_socket(AF_INET, SOCK_DGRAM);
}

static int
try_to_call_here(void)
{
	return try_socket(AF_UNIX, SOCK_STREAM);
}

/* Of no socket: the kernel asks seccomp first. */
static int
try_to_accept(void)
{
	accept4(-1, NULL, NULL, 0);
	return errno == EPERM || errno == EACCES ? errno : 0;
}

static void
try_all(struct sandbox_report *r, const struct sandbox_wish *wish, bool is_locked)
{
	const struct {
		const char *what;
		int (*try)(void);
		bool is_allowed;
	} tries[] = {{"open /etc/passwd", try_to_open, false}, {"open /", try_to_list, false},
		{"connect", try_to_connect, wish->connect},
		{"datagram", try_to_send, wish->datagrams},
		{"unix socket", try_to_call_here, false},
		{"accept", try_to_accept, wish->accept}, {"exec", try_to_exec, false}};
	size_t n = 0;
	int code;

	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		if (tries[i].is_allowed)
			continue;
		code = tries[i].try();
		r->is_leaking = r->is_leaking || (is_locked && code == 0);
		n += (size_t)snprintf(r->tried + n, sizeof r->tried - n, "%s%s: %s",
			n ? ", " : "", tries[i].what, code ? strerror(code) : "not refused");
	}
}

/* Sanitizers need more calls than the filter has, map code to run, and start threads. */
static bool
lock_process(const struct sandbox_wish *wish, struct sandbox_report *report)
{
#ifdef HAIRPIN_DEBUG
	(void)lock_calls;
	(void)wish;
	miss(report, "seccomp, MDWE and RLIMIT_NPROC (a debug build)");
	return false;
#else
	struct rlimit none = {0, 0};

	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0))
		miss(report, "MDWE");
	if (!wish->threads)
		setrlimit(RLIMIT_NPROC, &none);
	if (lock_calls(wish))
		return true;
	miss(report, "seccomp");
	return false;
#endif
}

void
sandbox_keep_little(void)
{
	/* DAC_OVERRIDE: run/ belongs to the processes' user, keys/ to whoever made it. */
	static const unsigned kept[] = {
		CAP_SETUID, CAP_SETGID, CAP_SYS_CHROOT, CAP_KILL, CAP_DAC_OVERRIDE};
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0}, had[2] = {0};

	if (geteuid() != 0 || syscall(SYS_capget, &head, had))
		return;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		data[0].permitted |= had[0].permitted & 1u << kept[i];
	data[0].effective = data[0].permitted;
	/* The bounding set too, or a child would have them all back by its exec. It fails for
	 * capabilities that this kernel doesn't know, and where CAP_SETPCAP is gone already. */
	for (unsigned cap = 0; cap < 64; cap++)
		if (cap >= 32 || !(data[0].permitted & 1u << cap))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (syscall(SYS_capset, &head, data))
		log_warn("sandbox: the parent keeps all of root's powers: %s", strerror(errno));
}

void
sandbox_enter(const struct sandbox_wish *wish, struct sandbox_report *report)
{
	struct rlimit none = {0, 0};
	bool is_locked;

	*report = (struct sandbox_report){0};
	if (!wish->has_own_user)
		miss(report, geteuid() == 0 ? "a user of its own (set uid in [node])"
					    : "a user of its own (not started as root)");
	if (!wish->has_own_root)
		miss(report, "a root folder of its own");
	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		miss(report, "no_new_privs");
	is_locked = lock_files(wish);
	if (!is_locked)
		miss(report, "Landlock");
	is_locked = lock_process(wish, report) && is_locked;
	try_all(report, wish, is_locked);
}
