/* The server is started for a moment, deaf to the network, and the first domain and user go in
 * through its front door: the log is the database's only way in. */
#include "cmd/cli_init.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli_control.h"
#include "cmd/proc_parent.h"
#include "core/mail_addr.h"
#include "core/zone.h"
#include "crypto/dkim_sign.h"
#include "crypto/keyring.h"
#include "crypto/tls_cert.h"
#include "store/engine.h"

enum {
	OWN_UID = 10025,
	WAIT_TRIES = 200,
	WAIT_US = 50000,
	PATH_ROOM = 600,
	PORT_BASE_MAX = 64000,
	UID_MAX = 0x7fffffff,
	TXT_STRING_MAX = 255
};

struct init {
	const char *config, *data, *domain, *user, *hostname, *listen;
	char *password;
	char host[300], address[600];
	unsigned port_base, uid;
	bool plaintext;
	struct buf dkim_rsa, dkim_ed25519; /* record texts */
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

/* The option's number, or *out as it is. */
static int
read_number(const struct cli_line *line, const char *option, unsigned long max, unsigned *out)
{
	const char *text = cli_value(line, option);
	char *end;
	unsigned long n;

	if (!text)
		return EX_OK;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n > max)
		return cli_misused(line->verb, "%s %s: a number from 0 to %lu is needed",
			option, text, max);
	*out = (unsigned)n;
	return EX_OK;
}

static bool
is_numeric(const char *address)
{
	uint8_t octets[16];

	return inet_pton(AF_INET, address, octets) == 1 ||
	       inet_pton(AF_INET6, address, octets) == 1;
}

/* A second master key beside the first one's mail would be of no use to anybody. */
static int
check_unused(const struct init *in)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof path, "%s/keys/master.key", in->data);
	if (access(path, F_OK))
		return EX_OK;
	return cli_fail(EX_CANTCREAT,
		"%s exists already, but no %s: that folder is a server's, or an init there was "
		"broken off. Put its configuration back, or remove the folder if no mail is in "
		"it, or name another one with --data",
		path, in->config);
}

/* What stands on the command line alone. */
static int
read_places(struct init *in, const struct cli_line *line)
{
	int code;

	in->config = cli_config_path(line);
	in->data = cli_value(line, "--data");
	in->data = in->data ? in->data : "/var/lib/hairpin";
	in->listen = cli_value(line, "--listen");
	in->listen = in->listen ? in->listen : "0.0.0.0";
	in->plaintext = cli_has(line, "--plaintext-auth");
	in->uid = OWN_UID;
	code = read_number(line, "--port-base", PORT_BASE_MAX, &in->port_base);
	code = code ? code : read_number(line, "--uid", UID_MAX, &in->uid);
	if (code)
		return code;
	if (geteuid() != 0)
		in->uid = 0;
	if (!is_numeric(in->listen))
		return cli_misused(line->verb,
			"--listen %s: a numeric address is needed, 0.0.0.0 or :: for all",
			in->listen);
	if (in->data[0] != '/')
		return cli_misused(
			line->verb, "--data %s: an absolute path is needed", in->data);
	if (access(in->config, F_OK) == 0)
		return cli_fail(EX_CANTCREAT,
			"%s exists already: this machine is set up (`hairpin check` looks at "
			"it). "
			"For another set-up name another file with -c and another folder with "
			"--data",
			in->config);
	return check_unused(in);
}

static int
read_options(struct init *in, const struct cli_line *line)
{
	int code = read_places(in, line);

	if (code)
		return code;
	in->domain = ask(line, "--domain", "Your mail domain (for example example.org)");
	in->user = ask(line, "--user", "First user (for example ann)");
	if (!in->domain || !in->user)
		return cli_misused(line->verb, "a domain and a first user are needed");
	in->hostname = cli_value(line, "--hostname");
	if (!in->hostname) {
		snprintf(in->host, sizeof in->host, "mail.%s", in->domain);
		in->hostname = in->host;
	}
	in->password = cli_password(line);
	if (!in->password)
		return cli_misused(line->verb, "a password is needed for %s", in->user);
	return check_names(in);
}

/* --- files --- */

/* The folder of the configuration; whatever is above it must be there. */
static int
make_config_folder(const struct init *in)
{
	char path[PATH_ROOM];
	char *slash;

	snprintf(path, sizeof path, "%s", in->config);
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return EX_OK;
	*slash = '\0';
	if (mkdir(path, 0755) && errno != EEXIST)
		return cli_fail(EX_CANTCREAT, "%s: %s%s", path, strerror(errno),
			errno == EACCES ? " (try with sudo, or name a file with -c)" : "");
	if (access(path, W_OK))
		return cli_fail(EX_CANTCREAT, "%s: %s (try with sudo, or name a file with -c)",
			path, strerror(errno));
	return EX_OK;
}

static int
make_folder(const struct init *in, const char *below, mode_t mode, bool ours)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof path, "%s%s%s", in->data, *below ? "/" : "", below);
	if (mkdir(path, mode) && errno != EEXIST)
		return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	if (ours && in->uid && chown(path, in->uid, in->uid))
		return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	return EX_OK;
}

static int
make_folders(const struct init *in)
{
	static const struct {
		const char *below;
		mode_t mode;
		bool ours;
	} folders[] = {{"", 0755, false}, {"db", 0750, true}, {"vault", 0750, true},
		{"spool", 0700, true}, {"run", 0755, true}, {"keys", 0700, false},
		{"keys/dkim", 0700, false}, {"tls", 0755, false}};
	int code = EX_OK;

	for (size_t i = 0; i < sizeof folders / sizeof *folders && !code; i++)
		code = make_folder(in, folders[i].below, folders[i].mode, folders[i].ours);
	return code;
}

/* A new file, synced. One that is there stays, and that is fine. */
static int
write_file(const char *path, mode_t mode, struct slice text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool ok;

	if (fd < 0 && errno == EEXIST)
		return EX_OK;
	if (fd < 0)
		return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	ok = write(fd, text.p, text.n) == (ssize_t)text.n && fchmod(fd, mode) == 0 &&
	     fsync(fd) == 0;
	close(fd);
	if (ok)
		return EX_OK;
	unlink(path);
	return cli_fail(EX_IOERR, "%s: %s", path, strerror(errno));
}

static int
write_below(const struct init *in, const char *below, mode_t mode, struct slice text)
{
	char path[2 * PATH_ROOM];

	snprintf(path, sizeof path, "%s/%s", in->data, below);
	return write_file(path, mode, text);
}

static int
make_dkim(struct init *in, enum dkim_sign_kind kind, struct buf *record)
{
	struct buf pem;
	char below[PATH_ROOM];
	int code;

	buf_init(&pem, 16384);
	if (dkim_sign_new_key(kind, &pem, record))
		return cli_fail(EX_SOFTWARE, "a DKIM key could not be made");
	snprintf(below, sizeof below, "keys/dkim/%s.%s.pem", in->domain,
		kind == DKIM_SIGN_RSA ? "rsa" : "ed25519");
	code = write_below(in, below, 0600, buf_slice(&pem));
	buf_fini_secret(&pem);
	return code;
}

static int
make_keys(struct init *in)
{
	const struct slice names[] = {slice_str(in->hostname), slice_str(in->domain)};
	struct seal_key master;
	struct buf text, cert;
	int code;

	buf_init(&text, 16384);
	buf_init(&cert, 16384);
	seal_key_new(&master);
	keyring_format_master(&master, &text);
	seal_wipe(&master, sizeof master);
	code = write_below(in, "keys/master.key", 0600, buf_slice(&text));
	buf_fini_secret(&text);
	if (!code && tls_cert_new(names, 2, (int64_t)time(NULL), &text, &cert))
		code = cli_fail(
			EX_SOFTWARE, "no certificate could be made for %s", in->hostname);
	if (!code)
		code = write_below(in, "tls/key.pem", 0600, buf_slice(&text));
	if (!code)
		code = write_below(in, "tls/cert.pem", 0644, buf_slice(&cert));
	buf_fini_secret(&text);
	buf_fini(&cert);
	if (!code)
		code = make_dkim(in, DKIM_SIGN_RSA, &in->dkim_rsa);
	return code ? code : make_dkim(in, DKIM_SIGN_ED25519, &in->dkim_ed25519);
}

static void
put_node(const struct init *in, struct buf *out)
{
	buf_put_str(out, "# hairpin's configuration. `man hairpin.conf` names every key; what "
			 "isn't here has its default.\n"
			 "# Domains, users and aliases are not here: hairpin domain|user|alias "
			 "...\n\n[node]\n");
	buf_printf(out, "hostname = %s\ndata_dir = %s\n", in->hostname, in->data);
	if (in->uid)
		buf_printf(out,
			"# what the processes run as (numbers; no entry in /etc/passwd is "
			"needed)\n"
			"uid = %u\ngid = %u\n",
			in->uid, in->uid);
}

/* The machine's own zone, where it says so by the usual link. */
static void
put_timezone(struct buf *out)
{
	char target[PATH_ROOM];
	ssize_t n = readlink("/etc/localtime", target, sizeof target - 1);
	const char *name;

	target[n > 0 ? n : 0] = '\0';
	name = strstr(target, "/zoneinfo/");
	name = name ? name + strlen("/zoneinfo/") : "UTC";
	buf_printf(out, "# in which dates are written\ntimezone = %s\n",
		zone_is_known(name) ? name : "UTC");
}

static int
write_config(const struct init *in)
{
	static const struct {
		const char *name, *kind;
		unsigned port;
		bool auth;
	} listeners[] = {{"mx", "mx", 25, false}, {"submissions", "submissions", 465, true},
		{"submission", "submission", 587, true}, {"imaps", "imaps", 993, true},
		{"imap", "imap", 143, true}};
	struct buf out;
	int code;

	buf_init(&out, 16384);
	put_node(in, &out);
	put_timezone(&out);
	for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++) {
		buf_printf(&out, "\n[listener %s]\nkind = %s\naddress = %s\nport = %u\n",
			listeners[i].name, listeners[i].kind, in->listen,
			listeners[i].port + in->port_base);
		if (in->plaintext && listeners[i].auth)
			buf_put_str(&out, "allow_plaintext_auth = yes\n");
	}
	buf_printf(
		&out, "\n[listener lmtp]\nkind = lmtp\naddress = %s/run/lmtp.sock\n", in->data);
	code = write_file(in->config, 0644, buf_slice(&out));
	buf_fini(&out);
	return code;
}

/* --- the database, and what goes in by the front door --- */

static int
make_database(const struct init *in)
{
	static const char *const files[] = {"db/data.mdb", "db/data.mdb-lock", "vault/secrets"};
	char dir[PATH_ROOM], vault[PATH_ROOM], path[PATH_ROOM];
	struct engine_options opt = {.dir = dir, .vault = vault, .create = true};
	struct engine *engine;
	enum err e;

	snprintf(dir, sizeof dir, "%s/db", in->data);
	snprintf(vault, sizeof vault, "%s/vault", in->data);
	e = engine_open(&opt, &engine);
	if (e)
		return cli_fail(EX_CANTCREAT, "%s: %s", dir, err_text(e));
	engine_close(engine);
	for (size_t i = 0; i < sizeof files / sizeof *files && in->uid; i++) {
		snprintf(path, sizeof path, "%s/%s", in->data, files[i]);
		if (chown(path, in->uid, in->uid))
			return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	}
	return EX_OK;
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

static int
put_first(const struct init *in, const char *config)
{
	int code = put(
		config, json_pack("{s:s, s:s}", "verb", "domain add", "domain", in->domain));

	if (!code)
		code = put(config, json_pack("{s:s, s:s, s:s}", "verb", "user add", "address",
					   in->address, "password", in->password));
	return code ? code : put_postmaster(in, config);
}

/* Until the control socket is there, or the server has given up. */
static bool
is_up(const struct init *in, pid_t pid)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof path, "%s/run/control.sock", in->data);
	for (int i = 0; i < WAIT_TRIES; i++) {
		if (access(path, F_OK) == 0)
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
fill_database(const struct init *in)
{
	char config[PATH_ROOM], deaf[PATH_ROOM * 3];
	int code, n;
	pid_t pid;

	snprintf(config, sizeof config, "%s/run/init.conf", in->data);
	n = snprintf(deaf, sizeof deaf,
		"[node]\nhostname = %s\ndata_dir = %s\nuid = %u\ngid = %u\n"
		"[listener lmtp]\nkind = lmtp\naddress = %s/run/lmtp.sock\n",
		in->hostname, in->data, in->uid, in->uid, in->data);
	unlink(config);
	code = write_file(config, 0644, slice_of(deaf, (size_t)n));
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

/* --- what to publish --- */

/* RFC 1035 section 3.3: a string has at most 255 octets; longer texts are several. */
static void
print_txt(const char *name, const char *domain, struct slice text)
{
	struct slice rest = text;

	printf("%s.%s. IN TXT", name, domain);
	for (; rest.n; rest = slice_from(rest, slice_cut(rest, 0, TXT_STRING_MAX).n))
		printf(" \"%.*s\"", SLICE_FMT(slice_cut(rest, 0, TXT_STRING_MAX)));
	putchar('\n');
}

/* In the form of a zone file, reasons as its comments. */
static void
print_records(const struct init *in)
{
	printf("\nRecords to publish in the DNS of %s:\n\n", in->domain);
	printf("; where the world brings your mail\n%s. IN MX 10 %s.\n", in->domain,
		in->hostname);
	printf("; this machine, and AAAA if it has one; its reverse name should be the same,\n"
	       "; or others take it for a spammer\n%s. IN A <address of this machine>\n",
		in->hostname);
	printf("; only this machine may send for the domain\n%s. IN TXT \"v=spf1 mx -all\"\n",
		in->domain);
	puts("; signatures that prove that a mail is yours");
	print_txt("rsa._domainkey", in->domain, buf_slice(&in->dkim_rsa));
	print_txt("ed25519._domainkey", in->domain, buf_slice(&in->dkim_ed25519));
	printf("; what others shall do with mail that only claims to be yours\n"
	       "_dmarc.%s. IN TXT \"v=DMARC1; p=quarantine; rua=mailto:postmaster@%s\"\n",
		in->domain, in->domain);
}

int
cli_init_run(const struct cli_line *line)
{
	static struct init in;
	int code = read_options(&in, line);

	seal_init();
	umask(0022);
	buf_init(&in.dkim_rsa, 4096);
	buf_init(&in.dkim_ed25519, 4096);
	if (!code)
		code = make_config_folder(&in);
	if (!code)
		code = make_folders(&in);
	if (!code)
		code = make_keys(&in);
	if (!code)
		code = make_database(&in);
	if (!code)
		code = fill_database(&in);
	/* Last: its being there says that all of it is. */
	if (!code)
		code = write_config(&in);
	if (code)
		return code;
	printf("%s is set up: data in %s, configuration in %s.\n", in.domain, in.data,
		in.config);
	printf("Keep a copy of %s/keys/master.key elsewhere: without it the mail can't be "
	       "read.\n",
		in.data);
	print_records(&in);
	printf("\nNow run:  hairpin serve -c %s\n", in.config);
	return EX_OK;
}
