#include "cmd/demo.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_control.h"
#include "cmd/cli_init.h"
#include "cmd/cli_join.h"
#include "cmd/demo_talk.h"
#include "cmd/proc_parent.h"
#include "core/clock.h"

enum {
	BASE_FIRST = 22000,
	BASE_STEP = 1000,
	BASE_LAST = 60000,
	WAIT_TRIES = 300,
	WAIT_US = 50000,
	ARGS_MAX = 24
};

void
demo_step(const struct demo *d, const char *format, ...)
{
	va_list ap;

	printf("%6llu ms  ", (unsigned long long)(clock_ms() - d->started_ms));
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

unsigned
demo_port(const struct demo *d, enum demo_port port)
{
	return d->base + port;
}

/* --- the folder and the ports --- */

static unsigned
free_base(const struct demo *d)
{
	static const unsigned ports[] = {25, 26, 125, 126, 143, 465, 587, 993};
	struct demo_talk t;

	for (unsigned base = BASE_FIRST; base < BASE_LAST; base += BASE_STEP) {
		bool taken = false;

		for (size_t i = 0; i < sizeof ports / sizeof *ports && !taken; i++)
			for (unsigned n = 0; n < d->shape->nodes && !taken; n++) {
				taken = demo_talk_dial(&t, d->node[n].address, base + ports[i]);
				demo_talk_hang_up(&t);
			}
		if (!taken)
			return base;
	}
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

/* --- processes --- */

/* Is it one of the configuration's, of that role (NULL: any)? */
static bool
is_of(pid_t pid, const char *conf, const char *role)
{
	char path[64], words[512], wanted[64];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(words, 1, sizeof words - 1, f);
	fclose(f);
	words[n] = '\0';
	for (size_t i = 0; i + 1 < n; i++)
		words[i] = words[i] ? words[i] : ' ';
	snprintf(wanted, sizeof wanted, " role %s", role ? role : "");
	return strstr(words, wanted) && strstr(words, conf);
}

/* Kills what runs of it; false: nothing did. Each server is a process group, whose first
 * process has no name of its own. */
static bool
kill_groups(const struct demo *d)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	bool any = false;

	while (proc && (e = readdir(proc))) {
		pid_t pid = (pid_t)atoi(e->d_name), group;

		if (pid <= 0 || !is_of(pid, d->dir, NULL))
			continue;
		any = true;
		group = getpgid(pid);
		kill(pid, SIGKILL);
		if (group > 1 && group != d->group)
			kill(-group, SIGKILL);
	}
	if (proc)
		closedir(proc);
	return any;
}

/* A process that tidies up when the demo is gone before its end, by whatever signal. */
static void
start_broom(struct demo *d)
{
	pid_t demo = getpid();

	fflush(stdout);
	d->group = getpgrp();
	d->broom = fork();
	if (d->broom != 0)
		return;
	/* What ends the demo from its terminal isn't for us. */
	setpgid(0, 0);
	while (getppid() == demo)
		usleep(WAIT_US);
	for (int i = 0; i < WAIT_TRIES && kill_groups(d); i++)
		usleep(WAIT_US);
	nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	_exit(EX_OK);
}

static void
name_node(struct demo *d, unsigned i)
{
	struct demo_node *node = &d->node[i];

	node->role = &d->shape->role[i];
	snprintf(node->address, sizeof node->address, "127.0.%u.1", (i + 1) & 255);
	snprintf(node->conf, sizeof node->conf, "%s/%s.conf", d->dir, node->role->name);
	snprintf(node->data, sizeof node->data, "%s/%s", d->dir, node->role->name);
	snprintf(node->log, sizeof node->log, "%s/%s.log", d->dir, node->role->name);
}

bool
demo_begin(struct demo *d, const struct demo_shape *shape)
{
	const char *tmp = getenv("TMPDIR");

	*d = (struct demo){.shape = shape, .started_ms = clock_ms()};
	snprintf(d->dir, sizeof d->dir, "%s/hairpin-demo.XXXXXX",
		tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	/* Our processes have a user of their own: it must get through. */
	if (!mkdtemp(d->dir) || chmod(d->dir, 0755)) {
		cli_fail(EX_CANTCREAT, "%s can't be made", d->dir);
		return false;
	}
	start_broom(d);
	for (unsigned i = 0; i < shape->nodes; i++)
		name_node(d, i);
	d->base = free_base(d);
	if (!d->base)
		cli_fail(EX_UNAVAILABLE, "no free ports on 127.0.1.1 to 127.0.%u.1",
			shape->nodes);
	return d->base != 0;
}

static void
signal_roles(const struct demo_node *node, const char *role, int signo)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc && (e = readdir(proc))) {
		pid_t pid = (pid_t)atoi(e->d_name);

		if (pid > 0 && is_of(pid, node->conf, role))
			kill(pid, signo);
	}
	if (proc)
		closedir(proc);
}

void
demo_kill(struct demo *d, struct demo_node *node)
{
	(void)d;
	if (!node->pid)
		return;
	/* The others die with their parent; those that stand still too. */
	kill(node->pid, SIGKILL);
	signal_roles(node, NULL, SIGKILL);
	waitpid(node->pid, NULL, 0);
	node->pid = 0;
	node->state = DEMO_KILLED;
}

void
demo_freeze(struct demo *d, struct demo_node *node)
{
	(void)d;
	if (!node->pid)
		return;
	kill(node->pid, SIGSTOP);
	signal_roles(node, NULL, SIGSTOP);
	node->state = DEMO_FROZEN;
}

void
demo_cut(struct demo *d, struct demo_node *node)
{
	(void)d;
	if (!node->pid)
		return;
	signal_roles(node, "link", SIGSTOP);
	node->state = DEMO_CUT;
}

bool
demo_heal(struct demo *d, struct demo_node *node)
{
	if (node->state == DEMO_KILLED)
		return demo_serve(d, node);
	kill(node->pid, SIGCONT);
	signal_roles(node, NULL, SIGCONT);
	node->state = DEMO_RUNS;
	return true;
}

static void
end_helper(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void
demo_end(struct demo *d, bool keep)
{
	for (unsigned i = 0; i < d->shape->nodes; i++) {
		struct demo_node *node = &d->node[i];

		if (!node->pid)
			continue;
		if (node->state != DEMO_RUNS)
			demo_kill(d, node);
		else
			kill(node->pid, SIGTERM);
	}
	for (unsigned i = 0; i < d->shape->nodes; i++)
		if (d->node[i].pid)
			waitpid(d->node[i].pid, NULL, 0);
	end_helper(d->name_server);
	end_helper(d->broom);
	if (!keep)
		nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- the documented commands --- */

static void
silence(const struct demo_node *node)
{
	if (!freopen(node->log, "a", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(1);
}

/* What the node itself is told of where it is; returns how many words. */
static int
place_words(struct demo *d, struct demo_node *node, char **argv, char text[2][64])
{
	int n = 0;

	snprintf(text[0], sizeof text[0], "%u", d->base);
	snprintf(text[1], sizeof text[1], "%s:%u", node->address, demo_port(d, DEMO_CLUSTER));
	argv[n++] = (char *)"--data";
	argv[n++] = node->data;
	argv[n++] = (char *)"-c";
	argv[n++] = node->conf;
	argv[n++] = (char *)"--listen";
	argv[n++] = node->address;
	argv[n++] = (char *)"--port-base";
	argv[n++] = text[0];
	argv[n++] = (char *)"--cluster-address";
	argv[n++] = text[1];
	argv[n++] = (char *)"--hostname";
	argv[n++] = (char *)(uintptr_t)node->role->host;
	argv[n++] = (char *)"--plaintext-auth";
	return n;
}

static int
run(const struct demo_node *node, int argc, char **argv, int (*verb)(const struct cli_line *))
{
	static struct cli_line line;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		silence(node);
		_exit(cli_read(argc, argv, &line) ? EX_SOFTWARE : verb(&line));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

struct demo_node *
demo_first_of(struct demo *d, const struct demo_node *node)
{
	while (!node->role->user)
		node--;
	return &d->node[node - d->node];
}

static int
init(struct demo *d, struct demo_node *node)
{
	const char *domain = strchr(node->role->host, '.') + 1;
	char text[2][64];
	char *argv[ARGS_MAX] = {(char *)"init", (char *)"--domain", (char *)(uintptr_t)domain,
		(char *)"--user", (char *)(uintptr_t)node->role->user, (char *)"--password",
		(char *)"demo"};
	int n = 7 + place_words(d, node, argv + 7, text);

	return run(node, n, argv, cli_init_run);
}

static int
join(struct demo *d, struct demo_node *node)
{
	bool is_arbiter = node->role->is_arbiter;
	json_t *answer = demo_ask(demo_first_of(d, node), "cluster token",
		json_pack("{s:b}", "arbiter", is_arbiter));
	const char *token = json_string_value(json_object_get(answer, "token"));
	char text[2][64];
	char *argv[ARGS_MAX] = {(char *)"join", (char *)(uintptr_t)token};
	int n = 2 + place_words(d, node, argv + 2, text), code;

	if (is_arbiter)
		argv[n++] = (char *)"--arbiter";
	code = token ? run(node, n, argv, cli_join_run) : EX_TEMPFAIL;
	json_decref(answer);
	return code;
}

static int
configure(const struct demo *d, const struct demo_node *node)
{
	FILE *conf;

	if (!d->shape->configure)
		return EX_OK;
	conf = fopen(node->conf, "a");
	if (!conf)
		return EX_CANTCREAT;
	d->shape->configure(d, node, conf);
	return fclose(conf) ? EX_IOERR : EX_OK;
}

bool
demo_serve(struct demo *d, struct demo_node *node)
{
	struct demo_talk t;
	enum demo_port port = node->role->is_arbiter ? DEMO_CLUSTER : DEMO_SMTP;
	bool up = false;

	fflush(stdout);
	node->pid = fork();
	if (node->pid == 0) {
		silence(node);
		/* A Ctrl-C is for the demo, which then ends us; whatever ends it, we go too. */
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		_exit(proc_parent_run(node->conf));
	}
	node->state = DEMO_RUNS;
	for (int i = 0; i < WAIT_TRIES && !up; i++) {
		up = demo_talk_dial(&t, node->address, demo_port(d, port));
		up = up && (port == DEMO_CLUSTER || demo_talk_hear(&t));
		demo_talk_hang_up(&t);
		if (!up)
			usleep(WAIT_US);
	}
	return up;
}

bool
demo_make(struct demo *d, struct demo_node *node)
{
	int code = node->role->user ? init(d, node) : join(d, node);

	if (!code)
		code = configure(d, node);
	if (code)
		cli_fail(code, "%s can't be set up: see %s", node->role->name, node->log);
	else if (!demo_serve(d, node))
		cli_fail(EX_UNAVAILABLE, "%s doesn't serve: see %s", node->role->name,
			node->log);
	else
		return true;
	return false;
}

json_t *
demo_ask(const struct demo_node *node, const char *verb, json_t *arguments)
{
	json_t *request = arguments ? arguments : json_object(), *answer = NULL;

	json_object_set_new(request, "verb", json_string(verb));
	if (cli_control_ask(node->conf, request, &answer))
		answer = NULL;
	json_decref(request);
	return answer;
}

static unsigned
members_of(const struct demo *d, const struct demo_node *first)
{
	unsigned n = 1;

	while (first + n < d->node + d->shape->nodes && !first[n].role->user)
		n++;
	return n;
}

bool
demo_is_alone(const struct demo *d, const struct demo_node *node)
{
	return node->role->user && members_of(d, node) == 1;
}

static bool
has_applied(const struct demo_node *node, json_int_t last)
{
	json_t *status = demo_ask(node, "cluster status", NULL);
	bool yes = json_integer_value(json_object_get(status, "applied")) == last;

	json_decref(status);
	return yes;
}

/* Each is there, has its vote, and has applied what the first has. */
static bool
is_equal(const struct demo *d, const struct demo_node *first)
{
	json_t *status = demo_ask(first, "cluster status", NULL), *node;
	json_int_t last = json_integer_value(json_object_get(status, "last"));
	unsigned members = members_of(d, first);
	bool equal = json_array_size(json_object_get(status, "nodes")) == members;
	size_t i;

	json_array_foreach(json_object_get(status, "nodes"), i, node)
		equal = equal && json_is_true(json_object_get(node, "up")) &&
			strcmp(json_string_value(json_object_get(node, "kind")), "learner") !=
				0;
	json_decref(status);
	for (i = 0; i < members; i++)
		equal = equal && (first[i].role->is_arbiter || has_applied(&first[i], last));
	return equal;
}

bool
demo_wait_equal(struct demo *d, const struct demo_node *first, unsigned seconds)
{
	uint64_t end_ms = clock_ms() + seconds * 1000;

	while (!is_equal(d, first)) {
		if (clock_ms() > end_ms)
			return false;
		usleep(WAIT_US);
	}
	return true;
}

bool
demo_verify(struct demo *d, const struct demo_node *asked)
{
	const struct demo_node *first = demo_first_of(d, asked);
	json_t *answer = demo_ask(asked, "cluster verify", NULL);
	bool equal = json_is_true(json_object_get(answer, "equal"));
	char who[64];

	snprintf(who, sizeof who, "%s and %s", first->role->name, first[1].role->name);
	demo_step(d, "    hairpin cluster verify: %s %s as of log entry %lld", who,
		equal ? "hold the same, octet by octet," : "differ",
		(long long)json_integer_value(json_object_get(answer, "index")));
	json_decref(answer);
	return equal;
}
