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
free_base(void)
{
	static const unsigned ports[] = {25, 26, 143, 465, 587, 993};
	struct demo_talk t;

	for (unsigned base = BASE_FIRST; base < BASE_LAST; base += BASE_STEP) {
		bool taken = false;

		for (size_t i = 0; i < sizeof ports / sizeof *ports && !taken; i++)
			for (unsigned n = 1; n <= DEMO_NODES && !taken; n++) {
				char address[16];

				snprintf(address, sizeof address, "127.0.%u.1", n);
				taken = demo_talk_dial(&t, address, base + ports[i]);
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

bool
demo_begin(struct demo *d)
{
	const char *tmp = getenv("TMPDIR");

	*d = (struct demo){.started_ms = clock_ms()};
	snprintf(d->dir, sizeof d->dir, "%s/hairpin-demo.XXXXXX",
		tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	/* Our processes have a user of their own: it must get through. */
	if (!mkdtemp(d->dir) || chmod(d->dir, 0755)) {
		cli_fail(EX_CANTCREAT, "%s can't be made", d->dir);
		return false;
	}
	start_broom(d);
	d->base = free_base();
	for (unsigned i = 0; i < DEMO_NODES; i++) {
		struct demo_node *node = &d->node[i];

		node->n = i + 1;
		snprintf(node->address, sizeof node->address, "127.0.%u.1", node->n);
		snprintf(node->conf, sizeof node->conf, "%s/dc%u.conf", d->dir, node->n);
		snprintf(node->data, sizeof node->data, "%s/dc%u", d->dir, node->n);
		snprintf(node->log, sizeof node->log, "%s/dc%u.log", d->dir, node->n);
	}
	if (!d->base)
		cli_fail(EX_UNAVAILABLE, "no free ports on 127.0.1.1, 127.0.2.1, 127.0.3.1");
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

void
demo_end(struct demo *d, bool keep)
{
	for (unsigned i = 0; i < DEMO_NODES; i++) {
		struct demo_node *node = &d->node[i];

		if (!node->pid)
			continue;
		if (node->state != DEMO_RUNS)
			demo_kill(d, node);
		else
			kill(node->pid, SIGTERM);
	}
	for (unsigned i = 0; i < DEMO_NODES; i++)
		if (d->node[i].pid)
			waitpid(d->node[i].pid, NULL, 0);
	if (d->broom > 0) {
		kill(d->broom, SIGKILL);
		waitpid(d->broom, NULL, 0);
	}
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
place_words(struct demo *d, struct demo_node *node, char **argv, char text[3][64])
{
	int n = 0;

	snprintf(text[0], sizeof text[0], "%u", d->base);
	snprintf(text[1], sizeof text[1], "%s:%u", node->address, demo_port(d, DEMO_CLUSTER));
	snprintf(text[2], sizeof text[2], "dc%u.demo.test", node->n);
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
	argv[n++] = text[2];
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

static int
init(struct demo *d, struct demo_node *node)
{
	char text[3][64];
	char *argv[ARGS_MAX] = {(char *)"init", (char *)"--domain", (char *)"demo.test",
		(char *)"--user", (char *)"ann", (char *)"--password", (char *)"demo"};
	int n = 7 + place_words(d, node, argv + 7, text);

	return run(node, n, argv, cli_init_run);
}

static int
join(struct demo *d, struct demo_node *node)
{
	bool arbiter = node->n == DEMO_NODES;
	json_t *answer = demo_ask(
		&d->node[0], "cluster token", json_pack("{s:b}", "arbiter", arbiter));
	const char *token = json_string_value(json_object_get(answer, "token"));
	char text[3][64];
	char *argv[ARGS_MAX] = {(char *)"join", (char *)(uintptr_t)token};
	int n = 2 + place_words(d, node, argv + 2, text), code;

	if (arbiter)
		argv[n++] = (char *)"--arbiter";
	code = token ? run(node, n, argv, cli_join_run) : EX_TEMPFAIL;
	json_decref(answer);
	return code;
}

bool
demo_serve(struct demo *d, struct demo_node *node)
{
	struct demo_talk t;
	enum demo_port port = node->n == DEMO_NODES ? DEMO_CLUSTER : DEMO_SMTP;
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
	int code = node->n == 1 ? init(d, node) : join(d, node);

	if (code)
		cli_fail(code, "dc%u can't be set up: see %s", node->n, node->log);
	else if (!demo_serve(d, node))
		cli_fail(EX_UNAVAILABLE, "dc%u doesn't serve: see %s", node->n, node->log);
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

/* Each is there, has its vote, and has applied what the first has. */
static bool
is_equal(const struct demo *d)
{
	json_t *status = demo_ask(&d->node[0], "cluster status", NULL), *other, *node;
	json_int_t last = json_integer_value(json_object_get(status, "last"));
	bool equal = json_array_size(json_object_get(status, "nodes")) == DEMO_NODES;
	size_t i;

	json_array_foreach(json_object_get(status, "nodes"), i, node)
		equal = equal && json_is_true(json_object_get(node, "up")) &&
			strcmp(json_string_value(json_object_get(node, "kind")), "learner") !=
				0;
	other = equal ? demo_ask(&d->node[1], "cluster status", NULL) : NULL;
	equal = equal && json_integer_value(json_object_get(other, "applied")) == last &&
		json_integer_value(json_object_get(status, "applied")) == last;
	json_decref(status);
	json_decref(other);
	return equal;
}

bool
demo_wait_equal(struct demo *d, unsigned seconds)
{
	uint64_t end_ms = clock_ms() + seconds * 1000;

	while (!is_equal(d)) {
		if (clock_ms() > end_ms)
			return false;
		usleep(WAIT_US);
	}
	return true;
}
