/* A fresh server on loopback, mail in by SMTP, read by IMAP, the store killed under load, and
 * nothing lost. What it made it removes. */
#include "cmd/cli_demo.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_init.h"
#include "cmd/proc_parent.h"
#include "core/clock.h"

enum {
	LINE_ROOM = 4096,
	WAIT_TRIES = 200,
	WAIT_US = 50000,
	LOAD = 300,
	KILL_AT = 100,
	BASE_FIRST = 22000,
	BASE_STEP = 1000,
	BASE_LAST = 60000,
	READ_SEC = 20
};

struct demo {
	char dir[64], conf[128], data[128];
	unsigned base;
	pid_t server;
	uint64_t started_ms;
	bool failed;
};

struct talk {
	FILE *in, *out;
	char line[LINE_ROOM];
};

static void __attribute__((format(printf, 2, 3)))
step(const struct demo *d, const char *format, ...)
{
	va_list ap;

	printf("%6llu ms  ", (unsigned long long)(clock_ms() - d->started_ms));
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* --- talking to our own ports --- */

static bool
dial(struct talk *t, unsigned port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {READ_SEC, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*t = (struct talk){0};
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&at, sizeof at)) {
		close(fd);
		return false;
	}
	t->in = fdopen(fd, "r");
	t->out = fdopen(dup(fd), "w");
	return t->in && t->out;
}

static void
hang_up(struct talk *t)
{
	if (t->in)
		fclose(t->in);
	if (t->out)
		fclose(t->out);
	*t = (struct talk){0};
}

static bool
hear(struct talk *t)
{
	t->line[0] = '\0';
	if (!t->in || !fgets(t->line, sizeof t->line, t->in))
		return false;
	t->line[strcspn(t->line, "\r\n")] = '\0';
	return true;
}

static bool __attribute__((format(printf, 2, 3))) say(struct talk *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(t->out, format, ap);
	va_end(ap);
	fputs("\r\n", t->out);
	return fflush(t->out) == 0;
}

/* An SMTP command and its reply. */
static bool __attribute__((format(printf, 3, 4)))
smtp(struct talk *t, const char *code, const char *format, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof command, format, ap);
	va_end(ap);
	if (!say(t, "%s", command))
		return false;
	do {
		if (!hear(t))
			return false;
	} while (t->line[3] == '-');
	return !strncmp(t->line, code, 3);
}

static bool
send_mail(struct talk *t, unsigned n)
{
	return smtp(t, "250", "MAIL FROM:<bob@example.net>") &&
	       smtp(t, "250", "RCPT TO:<ann@demo.test>") && smtp(t, "354", "DATA") &&
	       smtp(t, "250",
		       "From: Bob <bob@example.net>\r\nTo: ann@demo.test\r\nSubject: mail "
		       "%u\r\n"
		       "Message-ID: <%u@example.net>\r\n\r\nHello Ann, this is mail %u.\r\n.",
		       n, n, n);
}

static bool
greet(struct talk *t, unsigned port)
{
	return dial(t, port) && hear(t) && smtp(t, "250", "EHLO demo");
}

/* Up to the tagged line; each line that holds `wanted` is counted and, if show, printed. */
static int
imap(struct demo *d, struct talk *t, const char *command, const char *wanted, bool show)
{
	int found = 0;

	if (!say(t, "a %s", command))
		return -1;
	while (hear(t)) {
		if (!strncmp(t->line, "a ", 2))
			return strncmp(t->line, "a OK", 4) ? -1 : found;
		if (!wanted || strstr(t->line, wanted)) {
			found++;
			if (show)
				step(d, "    S: %.100s", t->line);
		}
	}
	return -1;
}

static bool
open_inbox(struct demo *d, struct talk *t)
{
	return dial(t, d->base + 143) && hear(t) &&
	       imap(d, t, "LOGIN ann@demo.test demo", NULL, false) >= 0 &&
	       imap(d, t, "SELECT INBOX", NULL, false) >= 0;
}

/* --- the server --- */

static unsigned
free_base(void)
{
	static const unsigned ports[] = {25, 143, 465, 587, 993};

	for (unsigned base = BASE_FIRST; base < BASE_LAST; base += BASE_STEP) {
		bool taken = false;

		for (size_t i = 0; i < 5 && !taken; i++) {
			struct talk t;

			taken = dial(&t, base + ports[i]);
			hang_up(&t);
		}
		if (!taken)
			return base;
	}
	return 0;
}

static void
silence(const struct demo *d)
{
	char path[160];

	snprintf(path, sizeof path, "%s/log", d->dir);
	if (!freopen(path, "a", stderr))
		_exit(1);
}

static int
init(struct demo *d)
{
	char base[16];
	static struct cli_line line;
	char *argv[] = {(char *)"init", (char *)"--domain", "demo.test", "--user", "ann",
		"--password", "demo", "--hostname", "mail.demo.test", "--data", d->data, "-c",
		d->conf, "--listen", "127.0.0.1", "--port-base", base, "--plaintext-auth",
		NULL};
	int status;
	pid_t pid;

	snprintf(base, sizeof base, "%u", d->base);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(1);
		_exit(cli_read(18, argv, &line) ? EX_SOFTWARE : cli_init_run(&line));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

static bool
serve(struct demo *d)
{
	struct talk t;

	fflush(stdout);
	d->server = fork();
	if (d->server == 0) {
		silence(d);
		_exit(proc_parent_run(d->conf));
	}
	for (int i = 0; i < WAIT_TRIES; i++) {
		bool up = greet(&t, d->base + 25);

		hang_up(&t);
		if (up)
			return true;
		usleep(WAIT_US);
	}
	return false;
}

/* The process that runs `role store` for our configuration. */
static pid_t
find_store(const struct demo *d)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	char path[300], words[512];
	pid_t found = 0;
	size_t n;
	FILE *f;

	while (proc && (e = readdir(proc)) && !found) {
		snprintf(path, sizeof path, "/proc/%s/cmdline", e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		n = fread(words, 1, sizeof words - 1, f);
		fclose(f);
		words[n] = '\0';
		for (size_t i = 0; i + 1 < n; i++)
			words[i] = words[i] ? words[i] : ' ';
		if (strstr(words, " role store ") && strstr(words, d->conf))
			found = (pid_t)atoi(e->d_name);
	}
	if (proc)
		closedir(proc);
	return found;
}

/* --- what is shown --- */

static bool
first_mail(struct demo *d)
{
	struct talk t;
	bool ok = greet(&t, d->base + 25) && send_mail(&t, 0);

	step(d, "mail in by SMTP:   S: %.100s", t.line);
	hang_up(&t);
	for (int i = 0; ok && i < WAIT_TRIES; i++) {
		int there = open_inbox(d, &t) ? imap(d, &t, "SEARCH ALL", "SEARCH 1", false)
					      : -1;

		if (there > 0)
			break;
		hang_up(&t);
		usleep(WAIT_US / 5);
	}
	step(d, "read by IMAP:");
	ok = ok && t.in && imap(d, &t, "FETCH 1 (RFC822.SIZE ENVELOPE)", "FETCH", true) > 0 &&
	     imap(d, &t, "FETCH 1 BODY[TEXT]", "Hello Ann", true) > 0;
	hang_up(&t);
	return ok;
}

/* Sends on and on, over a kill of the store, until each was answered 250. */
static bool
load(struct demo *d)
{
	struct talk t = {0};
	unsigned n = 0;
	pid_t store = find_store(d);
	bool killed = false;

	for (int tries = 0; n < LOAD && tries < WAIT_TRIES; tries++) {
		if (!greet(&t, d->base + 25)) {
			hang_up(&t);
			usleep(WAIT_US);
			continue;
		}
		for (; n < LOAD; n++) {
			if (n == KILL_AT && !killed && store) {
				killed = true;
				kill(store, SIGKILL);
				step(d, "the store (pid %d) was killed with -9 in the middle",
					(int)store);
			}
			if (!send_mail(&t, n + 1))
				break;
		}
		if (n < LOAD)
			step(d, "    a client heard: %.80s (it sends that mail again)",
				t.line[0] ? t.line : "(connection closed)");
		hang_up(&t);
		usleep(WAIT_US);
	}
	return n == LOAD && killed;
}

static bool
all_there(struct demo *d)
{
	struct talk t;
	int there = -1;

	for (int i = 0; i < WAIT_TRIES && there != LOAD + 1; i++) {
		there = open_inbox(d, &t)
				? imap(d, &t,
					  "UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
					  "Subject: mail", false)
				: -1;
		hang_up(&t);
		if (there != LOAD + 1)
			usleep(WAIT_US);
	}
	step(d, "%d mails were accepted, %d are in the mailbox", LOAD + 1, there);
	return there == LOAD + 1;
}

static bool
show(struct demo *d)
{
	int code = init(d);

	if (code) {
		cli_fail(code, "init failed");
		return false;
	}
	step(d, "set up: domain demo.test, user ann, keys, certificate, database (%s)", d->dir);
	if (!serve(d)) {
		step(d, "the server didn't start");
		return false;
	}
	step(d, "serving: SMTP on 127.0.0.1:%u, IMAP on 127.0.0.1:%u", d->base + 25,
		d->base + 143);
	if (!first_mail(d))
		return false;
	step(d, "%d more mails under load:", LOAD);
	return load(d) && all_there(d);
}

/* --- cleaning up --- */

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

int
cli_demo_run(const struct cli_line *line)
{
	static struct demo d;
	const char *tmp = getenv("TMPDIR");
	bool ok;

	(void)line;
	d.started_ms = clock_ms();
	signal(SIGPIPE, SIG_IGN);
	snprintf(d.dir, sizeof d.dir, "%s/hairpin-demo.XXXXXX",
		tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	/* Our processes have a user of their own: it must get through. */
	if (!mkdtemp(d.dir) || chmod(d.dir, 0755))
		return cli_fail(EX_CANTCREAT, "%s: %s", d.dir, strerror(errno));
	snprintf(d.conf, sizeof d.conf, "%s/hairpin.conf", d.dir);
	snprintf(d.data, sizeof d.data, "%s/data", d.dir);
	d.base = free_base();
	ok = d.base && show(&d);
	if (d.server > 0) {
		kill(d.server, SIGTERM);
		waitpid(d.server, NULL, 0);
	}
	step(&d, ok ? "all of it held" : "something did not hold: the log is in %s/log", d.dir);
	if (ok)
		nftw(d.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return ok ? EX_OK : EX_SOFTWARE;
}
