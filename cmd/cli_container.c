#include "cmd/cli_container.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli_control.h"
#include "cmd/cli_init.h"
#include "cmd/cli_join.h"
#include "cmd/proc_parent.h"

enum {
	FOLDER_ROOM = 500,
	FOLDER_MAX = FOLDER_ROOM - 20,
	PATH_ROOM = 600,
	TOKEN_MAX = 4096,
	WAIT_US = 500000,
	/* A token is good for an hour; one that nobody took is made anew before. */
	TOKEN_SEC = 45 * 60
};

/* The folders below --tokens, one for each kind of node. */
static const struct {
	const char *name;
	bool is_arbiter;
} kinds[] = {{"data", false}, {"arbiter", true}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* --- the shared folders --- */

static bool
is_marked(const char *folder)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof path, "%s/joined", folder);
	return access(path, F_OK) == 0;
}

/* Who marks it has joined: it needs no token any more. */
static int
mark(const char *folder)
{
	char path[PATH_ROOM];
	int fd;

	snprintf(path, sizeof path, "%s/joined", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || fsync(fd))
		cli_fail(0, "%s: %s", path, strerror(errno));
	if (fd < 0)
		return EX_CANTCREAT;
	close(fd);
	snprintf(path, sizeof path, "%s/token", folder);
	unlink(path);
	return EX_OK;
}

/* The token that lies there. False: none does. */
static bool
find_token(const char *folder, char token[TOKEN_MAX])
{
	char path[PATH_ROOM];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/token", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	n = fd < 0 ? -1 : read(fd, token, TOKEN_MAX - 1);
	if (fd >= 0)
		close(fd);
	token[n > 0 ? n : 0] = '\0';
	token[strcspn(token, "\n")] = '\0';
	return *token != '\0';
}

/* --- a member hands out tokens --- */

static bool
is_fresh(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && time(NULL) - st.st_mtime < TOKEN_SEC;
}

static void
put_token(const char *folder, const char *token)
{
	char path[PATH_ROOM], begun[PATH_ROOM];
	size_t n = strlen(token);
	bool ok;
	int fd;

	snprintf(path, sizeof path, "%s/token", folder);
	snprintf(begun, sizeof begun, "%s/token.new", folder);
	unlink(begun);
	fd = open(begun, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ok = fd >= 0 && write(fd, token, n) == (ssize_t)n && fsync(fd) == 0 &&
	     rename(begun, path) == 0;
	if (fd >= 0)
		close(fd);
	if (!ok)
		unlink(begun);
}

/* False: nothing is to be done there any more. */
static bool
hand_out(const char *config, const char *folder, bool is_arbiter)
{
	json_t *request, *answer;
	char path[PATH_ROOM];

	if (access(folder, F_OK) || is_marked(folder))
		return false;
	snprintf(path, sizeof path, "%s/token", folder);
	if (is_fresh(path))
		return true;
	request = json_pack("{s:s, s:b}", "verb", "cluster token", "arbiter", is_arbiter);
	if (!cli_control_ask(config, request, &answer)) {
		put_token(folder, json_string_value(json_object_get(answer, "token")));
		json_decref(answer);
	}
	json_decref(request);
	return true;
}

/* A process of its own, until all have joined; that the server isn't up yet is no news. */
static void
start_handing_out(const char *config, const char *tokens)
{
	pid_t parent = getpid();
	char folder[FOLDER_ROOM];
	bool any = true;

	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || !freopen("/dev/null", "w", stderr))
		_exit(1);
	while (any) {
		usleep(WAIT_US);
		any = false;
		for (size_t i = 0; i < KINDS; i++) {
			snprintf(folder, sizeof folder, "%s/%s", tokens, kinds[i].name);
			any = hand_out(config, folder, kinds[i].is_arbiter) || any;
		}
	}
	_exit(0);
}

/* --- the first start --- */

/* Verbs are made to run once in a process. */
static int
run(const struct cli_line *line, int (*verb)(const struct cli_line *), const char *input)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int code = freopen(input, "r", stdin)
				   ? verb(line)
				   : cli_fail(EX_NOINPUT, "%s: %s", input, strerror(errno));

		fflush(stdout);
		_exit(code);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return cli_fail(EX_OSERR, "no process could be started");
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

static int
begin(const struct cli_line *line)
{
	const char *tokens = cli_value(line, "--tokens");
	const char *password = cli_value(line, "--password-file");
	char folder[FOLDER_ROOM];

	for (size_t i = 0; i < KINDS && tokens; i++) {
		snprintf(folder, sizeof folder, "%s/%s", tokens, kinds[i].name);
		if (is_marked(folder))
			return cli_fail(EX_CANTCREAT,
				"%s/joined: the cluster is there already, and a second one "
				"would take mail that the first never sees. If this node's "
				"data is lost: `hairpin cluster remove` it on another node, "
				"then `hairpin join` here",
				folder);
	}
	if (!password)
		return cli_misused(line->verb,
			"--password-file: the first user's password is needed, or --join");
	return run(line, cli_init_run, password);
}

/* As the first process of a container we get no signal that nobody waits for. */
static void
on_stop(int signo)
{
	(void)signo;
	_exit(EX_OK);
}

static void
wait_for_token(const char *folder, char token[TOKEN_MAX])
{
	if (find_token(folder, token))
		return;
	cli_fail(0, "waiting for a token in %s", folder);
	signal(SIGTERM, on_stop);
	signal(SIGINT, on_stop);
	while (!find_token(folder, token))
		usleep(WAIT_US);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
}

static int
join(const struct cli_line *line, const char *folder)
{
	static struct cli_line with_token;
	static char token[TOKEN_MAX];
	char path[PATH_ROOM];
	int code = EX_TEMPFAIL;

	if (is_marked(folder))
		return cli_fail(EX_CANTCREAT,
			"%s/joined: this node has joined already, and its data is gone: "
			"`hairpin cluster remove` it on another node, then `hairpin join` here",
			folder);
	snprintf(path, sizeof path, "%s/token", folder);
	with_token = *line;
	with_token.word[0] = token;
	with_token.words = 1;
	while (code == EX_TEMPFAIL || code == EX_UNAVAILABLE || code == EX_NOPERM) {
		wait_for_token(folder, token);
		code = run(&with_token, cli_join_run, "/dev/null");
		/* It was used, or is too old: another one comes. */
		if (code == EX_NOPERM)
			unlink(path);
		if (code)
			usleep(WAIT_US);
	}
	return code;
}

int
cli_container_run(const struct cli_line *line)
{
	const char *config = cli_config_path(line), *tokens = cli_value(line, "--tokens");
	const char *joins = cli_value(line, "--join");
	int code = EX_OK;

	if (cli_has(line, "--arbiter") && !joins)
		return cli_misused(line->verb, "an arbiter needs --join");
	if ((joins && strlen(joins) > FOLDER_MAX) || (tokens && strlen(tokens) > FOLDER_MAX))
		return cli_misused(line->verb, "a folder's name is too long");
	if (access(config, F_OK))
		code = joins ? join(line, joins) : begin(line);
	if (!code && joins)
		code = mark(joins);
	if (code)
		return code;
	if (tokens)
		start_handing_out(config, tokens);
	return proc_parent_run(config);
}
