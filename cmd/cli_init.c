/* The server is started for a moment, deaf to the network, and the first domain and user go in
 * through its front door: the log is the database's only way in. */
#include "cmd/cli_init.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_control.h"
#include "cmd/cli_setup.h"
#include "cmd/proc_parent.h"
#include "cmd/publish.h"
#include "core/mail_addr.h"
#include "crypto/keyring.h"
#include "store/engine.h"

enum { WAIT_TRIES = 200, WAIT_US = 50000, PATH_ROOM = 600 };

struct init {
	struct cli_setup s;
	const char *domain, *user;
	char *password;
	char host[300], address[600];
	json_t *dkim; /* rows of the domain's keys */
};

/* --- what is asked --- */

static const char *
ask(const struct cli_line *line, const char *option, const char *question)
{
	const char *said = cli_value(line, option);
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	if (said || !isatty(STDIN_FILENO))
		return said;
	printf("%s: ", question);
	fflush(stdout);
	n = getline(&text, &room, stdin);
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return n > 1 ? text : NULL;
}

static int
check_names(struct init *in)
{
	struct arena a;
	struct slice domain;
	struct mail_addr address;
	const char *why;
	int code = EX_OK;

	arena_init(&a, 0);
	why = mail_addr_parse_domain(slice_str(in->domain), &a, &domain);
	if (why)
		code = cli_fail(EX_USAGE, "%s: %s", in->domain, why);
	if (!code && !strchr(in->user, '@'))
		snprintf(in->address, sizeof in->address, "%s@%s", in->user, in->domain);
	else
		snprintf(in->address, sizeof in->address, "%s", in->user);
	why = mail_addr_parse(slice_str(in->address), &a, &address);
	if (!why)
		why = mail_addr_canonical(&address, &a, &address);
	if (!why && !code && !slice_eq(address.domain, domain))
		why = "the first user's address must be in the first domain";
	if (why && !code)
		code = cli_fail(EX_USAGE, "%s: %s", in->address, why);
	arena_reset(&a);
	return code;
}

static int
read_options(struct init *in, const struct cli_line *line)
{
	int code = cli_setup_read(&in->s, line);

	if (code)
		return code;
	in->domain = ask(line, "--domain", "Your mail domain (for example example.org)");
	in->user = ask(line, "--user", "First user (for example ann)");
	if (!in->domain || !in->user)
		return cli_misused(line->verb, "a domain and a first user are needed");
	if (!in->s.hostname) {
		snprintf(in->host, sizeof in->host, "mail.%s", in->domain);
		in->s.hostname = in->host;
	}
	in->password = cli_password(line);
	if (!in->password)
		return cli_misused(line->verb, "a password is needed for %s", in->user);
	return check_names(in);
}

static int
make_keys(struct init *in)
{
	const struct slice names[] = {slice_str(in->s.hostname), slice_str(in->domain)};
	struct seal_key master;
	struct buf text;
	int code;

	buf_init(&text, 16384);
	seal_key_new(&master);
	keyring_format_master(&master, &text);
	code = cli_setup_write_below(&in->s, "keys/master.key", 0600, buf_slice(&text));
	if (!code)
		code = cli_setup_node(&in->s, &master);
	seal_wipe(&master, sizeof master);
	buf_fini_secret(&text);
	return code ? code : cli_setup_certificate(&in->s, names, 2);
}

/* --- the database, and what goes in by the front door --- */

static int
make_database(struct init *in)
{
	char dir[PATH_ROOM], vault[PATH_ROOM];
	struct engine_options opt = {.dir = dir, .vault = vault, .create = true};
	struct engine *engine;
	enum err e;

	snprintf(dir, sizeof dir, "%s/db", in->s.data);
	snprintf(vault, sizeof vault, "%s/vault", in->s.data);
	e = engine_open(&opt, &engine);
	if (e)
		return cli_fail(EX_CANTCREAT, "%s: %s", dir, err_text(e));
	engine_close(engine);
	return cli_setup_own_database(&in->s);
}

static int
put(const char *config, json_t *request)
{
	json_t *answer;
	int code = cli_control_ask(config, request, &answer);

	json_decref(request);
	if (!code)
		json_decref(answer);
	return code;
}

/* RFC 5321 section 4.5.1: every domain that takes mail has a postmaster. */
static int
put_postmaster(const struct init *in, const char *config)
{
	char postmaster[PATH_ROOM];

	snprintf(postmaster, sizeof postmaster, "postmaster@%s", in->domain);
	if (!strcasecmp(postmaster, in->address))
		return EX_OK;
	return put(config, json_pack("{s:s, s:s, s:[s]}", "verb", "alias add", "address",
				   postmaster, "targets", in->address));
}

/* Its DKIM keys are made with it. */
static int
put_domain(struct init *in, const char *config)
{
	json_t *request = json_pack(
		       "{s:s, s:s, s:b}", "verb", "domain add", "domain", in->domain, "raw", 1),
	       *answer;
	int code = cli_control_ask(config, request, &answer);

	json_decref(request);
	if (code)
		return code;
	in->dkim = json_incref(json_object_get(answer, "rows"));
	json_decref(answer);
	return EX_OK;
}

static int
put_first(struct init *in, const char *config)
{
	int code = put_domain(in, config);

	if (!code)
		code = put(config, json_pack("{s:s, s:s, s:s}", "verb", "user add", "address",
					   in->address, "password", in->password));
	return code ? code : put_postmaster(in, config);
}

/* A socket that has its name may not be heard yet. */
static bool
answers(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes;

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	yes = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
	if (fd >= 0)
		close(fd);
	return yes;
}

/* Until the control socket answers, or the server has given up. */
static bool
is_up(const struct init *in, pid_t pid)
{
	char path[sizeof((struct sockaddr_un *)0)->sun_path];

	if ((size_t)snprintf(path, sizeof path, "%s/run/control.sock", in->s.data) >=
		sizeof path)
		return false;
	for (int i = 0; i < WAIT_TRIES; i++) {
		if (answers(path))
			return true;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return false;
		usleep(WAIT_US);
	}
	return false;
}

static void
silence(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
}

static int
fill_database(struct init *in)
{
	char config[PATH_ROOM], deaf[PATH_ROOM * 3];
	int code, n;
	pid_t pid;

	snprintf(config, sizeof config, "%s/run/init.conf", in->s.data);
	n = snprintf(deaf, sizeof deaf,
		"[node]\nhostname = %s\ndata_dir = %s\nuid = %u\ngid = %u\n"
		"[listener lmtp]\nkind = lmtp\naddress = %s/run/lmtp.sock\n",
		in->s.hostname, in->s.data, in->s.uid, in->s.uid, in->s.data);
	unlink(config);
	code = cli_setup_write(&in->s, config, 0644, slice_of(deaf, (size_t)n));
	if (code)
		return code;
	pid = fork();
	if (pid == 0) {
		/* Its log is of no interest unless something fails. */
		if (!getenv("HAIRPIN_INIT_LOG"))
			silence();
		_exit(proc_parent_run(config));
	}
	code = is_up(in, pid)
		       ? put_first(in, config)
		       : cli_fail(EX_SOFTWARE,
				 "the server didn't start; HAIRPIN_INIT_LOG=1 shows its log");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	unlink(config);
	return code;
}

static int
write_config(struct cli_setup *s)
{
	struct buf out;
	int code;

	buf_init(&out, 16384);
	cli_setup_format(s, SLICE_EMPTY, &out);
	code = cli_setup_write(s, s->config, 0644, buf_slice(&out));
	buf_fini(&out);
	return code;
}

/* --- what to publish --- */

/* In the form of a zone file, reasons as its comments. */
static void
print_records(const struct init *in)
{
	struct publish_domain d = {
		.domain = slice_str(in->domain), .hostname = slice_str(in->s.hostname)};
	struct publish_record list[PUBLISH_MAX];
	struct arena a;
	struct buf line;
	size_t n;

	arena_init(&a, 0);
	buf_init(&line, PUBLISH_LINE);
	publish_take_keys(in->dkim, d.dkim);
	n = publish_list(&d, &a, list);
	printf("\nRecords to publish in the DNS of %s:\n\n", in->domain);
	for (size_t i = 0; i < n; i++) {
		buf_clear(&line);
		publish_format(&list[i], &line);
		printf("%s%.*s\n", list[i].why, SLICE_FMT(buf_slice(&line)));
	}
	buf_fini(&line);
	arena_reset(&a);
}

int
cli_init_run(const struct cli_line *line)
{
	static struct init in;
	int code = read_options(&in, line);

	seal_init();
	umask(0022);
	if (!code)
		code = cli_setup_folders(&in.s);
	if (!code)
		code = make_keys(&in);
	if (!code)
		code = make_database(&in);
	if (!code)
		code = fill_database(&in);
	/* Last: its being there says that all of it is. */
	if (!code)
		code = write_config(&in.s);
	if (code)
		return code;
	printf("%s is set up: data in %s, configuration in %s.\n", in.domain, in.s.data,
		in.s.config);
	printf("Keep a copy of %s/keys/master.key elsewhere: without it the mail can't be "
	       "read.\n",
		in.s.data);
	print_records(&in);
	json_decref(in.dkim);
	printf("\nNow run:  hairpin serve -c %s\n", in.s.config);
	return EX_OK;
}
