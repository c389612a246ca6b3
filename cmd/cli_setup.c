#include "cmd/cli_setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "core/must.h"
#include "core/zone.h"
#include "crypto/peer_ca.h"
#include "crypto/peer_join.h"
#include "crypto/tls_cert.h"

enum { PORT_BASE_MAX = 64000, UID_MAX = 0x7fffffff, TEXT_ROOM = 16384 };

/* --- what is asked --- */

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

/* A second master key beside the first one's mail would be of no use to anybody, and a node has
 * one life. */
static int
check_unused(const struct cli_setup *s)
{
	static const char *const signs[] = {"keys/master.key", "db/data.mdb", "tls/node.key"};
	char path[CLI_SETUP_PATH];

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		snprintf(path, sizeof path, "%s/%s", s->data, signs[i]);
		if (access(path, F_OK) == 0)
			return cli_fail(EX_CANTCREAT,
				"%s exists already, but no %s: that folder is a server's, or "
				"a set-up there was broken off. Put its configuration back, "
				"or remove the folder if no mail is in it, or name another "
				"one with --data",
				path, s->config);
	}
	return EX_OK;
}

/* ADDRESS, [ADDRESS], ADDRESS:PORT or [ADDRESS]:PORT, into one form with a port. */
static int
read_cluster_address(struct cli_setup *s, const struct cli_line *line)
{
	const char *text = cli_value(line, "--cluster-address");
	unsigned port = CLI_SETUP_PEER_PORT + s->port_base;
	size_t room = sizeof s->cluster_address;
	int n;

	if (!text)
		return EX_OK;
	if (is_numeric(text))
		n = snprintf(s->cluster_address, room, strchr(text, ':') ? "[%s]:%u" : "%s:%u",
			text, port);
	else if (*text == '[' && text[strlen(text) - 1] == ']')
		n = snprintf(s->cluster_address, room, "%s:%u", text, port);
	else
		n = snprintf(s->cluster_address, room, "%s", text);
	if ((size_t)n >= room || !peer_join_is_address(slice_str(s->cluster_address)) ||
		!strncmp(s->cluster_address, "0.0.0.0:", 8) ||
		!strncmp(s->cluster_address, "[::]:", 5))
		return cli_misused(line->verb,
			"--cluster-address %s: the numeric address is needed at which other "
			"nodes reach this one, with a port or without: 192.0.2.1 or "
			"[2001:db8::1]:%u",
			text, CLI_SETUP_PEER_PORT);
	return EX_OK;
}

int
cli_setup_read(struct cli_setup *s, const struct cli_line *line)
{
	int code;

	s->config = cli_config_path(line);
	s->data = cli_value(line, "--data");
	s->data = s->data ? s->data : "/var/lib/hairpin";
	s->listen = cli_value(line, "--listen");
	s->listen = s->listen ? s->listen : "0.0.0.0";
	s->hostname = cli_value(line, "--hostname");
	s->plaintext = cli_has(line, "--plaintext-auth");
	s->uid = CLI_SETUP_UID;
	code = read_number(line, "--port-base", PORT_BASE_MAX, &s->port_base);
	code = code ? code : read_number(line, "--uid", UID_MAX, &s->uid);
	code = code ? code : read_cluster_address(s, line);
	if (code)
		return code;
	if (geteuid() != 0)
		s->uid = 0;
	if (!is_numeric(s->listen))
		return cli_misused(line->verb,
			"--listen %s: a numeric address is needed, 0.0.0.0 or :: for all",
			s->listen);
	if (s->data[0] != '/')
		return cli_misused(
			line->verb, "--data %s: an absolute path is needed", s->data);
	if (access(s->config, F_OK) == 0)
		return cli_fail(EX_CANTCREAT,
			"%s exists already: this machine is set up (`hairpin check` looks at "
			"it). "
			"For another set-up name another file with -c and another folder with "
			"--data",
			s->config);
	return check_unused(s);
}

/* --- what was made --- */

static void
remember(struct cli_setup *s, const char *path, bool is_folder)
{
	char *copy;

	must(s->mades < CLI_SETUP_MADE_MAX);
	must(asprintf(&copy, "%s%s", path, is_folder ? "/" : "") > 0);
	s->made[s->mades++] = copy;
}

void
cli_setup_undo(struct cli_setup *s)
{
	while (s->mades) {
		char *path = s->made[--s->mades];

		if (path[strlen(path) - 1] == '/')
			rmdir(path);
		else
			unlink(path);
		free(path);
	}
}

/* --- files --- */

/* The folder of the configuration; whatever is above it must be there. */
static int
make_config_folder(struct cli_setup *s)
{
	char path[CLI_SETUP_PATH];
	char *slash;

	snprintf(path, sizeof path, "%s", s->config);
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return EX_OK;
	*slash = '\0';
	if (mkdir(path, 0755) == 0)
		remember(s, path, true);
	else if (errno != EEXIST)
		return cli_fail(EX_CANTCREAT, "%s: %s%s", path, strerror(errno),
			errno == EACCES ? " (try with sudo, or name a file with -c)" : "");
	if (access(path, W_OK))
		return cli_fail(EX_CANTCREAT, "%s: %s (try with sudo, or name a file with -c)",
			path, strerror(errno));
	return EX_OK;
}

static int
make_folder(struct cli_setup *s, const char *below, mode_t mode, bool ours)
{
	char path[CLI_SETUP_PATH];

	snprintf(path, sizeof path, "%s%s%s", s->data, *below ? "/" : "", below);
	if (mkdir(path, mode) == 0)
		remember(s, path, true);
	else if (errno != EEXIST)
		return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	if (ours && s->uid && chown(path, s->uid, s->uid))
		return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	return EX_OK;
}

int
cli_setup_folders(struct cli_setup *s)
{
	static const struct {
		const char *below;
		mode_t mode;
		bool ours;
	} folders[] = {{"", 0755, false}, {"db", 0750, true}, {"vault", 0750, true},
		{"spool", 0700, true}, {"run", 0755, true}, {"keys", 0700, false},
		{"tls", 0755, false}};
	int code = make_config_folder(s);

	for (size_t i = 0; i < sizeof folders / sizeof *folders && !code; i++)
		code = make_folder(s, folders[i].below, folders[i].mode, folders[i].ours);
	return code;
}

int
cli_setup_write(struct cli_setup *s, const char *path, mode_t mode, struct slice text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool ok;

	if (fd < 0 && errno == EEXIST)
		return EX_OK;
	if (fd < 0)
		return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	remember(s, path, false);
	ok = write(fd, text.p, text.n) == (ssize_t)text.n && fchmod(fd, mode) == 0 &&
	     fsync(fd) == 0;
	close(fd);
	if (ok)
		return EX_OK;
	unlink(path);
	return cli_fail(EX_IOERR, "%s: %s", path, strerror(errno));
}

int
cli_setup_write_below(struct cli_setup *s, const char *below, mode_t mode, struct slice text)
{
	char path[2 * CLI_SETUP_PATH];

	snprintf(path, sizeof path, "%s/%s", s->data, below);
	return cli_setup_write(s, path, mode, text);
}

int
cli_setup_certificate(struct cli_setup *s, const struct slice *names, size_t n)
{
	struct buf key, cert;
	int code = EX_OK;

	buf_init(&key, TEXT_ROOM);
	buf_init(&cert, TEXT_ROOM);
	if (tls_cert_new(names, n, (int64_t)time(NULL), &key, &cert))
		code = cli_fail(
			EX_SOFTWARE, "no certificate could be made for %s", s->hostname);
	if (!code)
		code = cli_setup_write_below(s, "tls/key.pem", 0600, buf_slice(&key));
	if (!code)
		code = cli_setup_write_below(s, "tls/cert.pem", 0644, buf_slice(&cert));
	buf_fini_secret(&key);
	buf_fini(&cert);
	return code;
}

int
cli_setup_node(struct cli_setup *s, const struct seal_key *master)
{
	struct peer_ca *ca = peer_ca_new(master);
	struct buf key, spki, cert, authority;
	int code;

	buf_init(&key, PEER_CA_PEM_MAX);
	buf_init(&spki, PEER_CA_PEM_MAX);
	buf_init(&cert, PEER_CA_PEM_MAX);
	buf_init(&authority, PEER_CA_PEM_MAX);
	if (peer_ca_new_key(&key, &spki) || peer_ca_issue(ca, buf_slice(&spki), &cert) ||
		peer_ca_certificate(ca, &authority))
		code = cli_fail(EX_SOFTWARE, "the node's certificate could not be made");
	else
		code = cli_setup_write_below(s, "tls/node.key", 0600, buf_slice(&key));
	if (!code)
		code = cli_setup_write_below(s, "tls/node.pem", 0644, buf_slice(&cert));
	if (!code)
		code = cli_setup_write_below(s, "tls/cluster.pem", 0644, buf_slice(&authority));
	buf_fini_secret(&key);
	buf_fini(&spki);
	buf_fini(&cert);
	buf_fini(&authority);
	peer_ca_free(ca);
	return code;
}

int
cli_setup_own_database(struct cli_setup *s)
{
	static const char *const files[] = {"db/data.mdb", "db/data.mdb-lock", "vault/secrets"};
	char path[CLI_SETUP_PATH];

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", s->data, files[i]);
		if (access(path, F_OK))
			continue;
		remember(s, path, false);
		if (s->uid && chown(path, s->uid, s->uid))
			return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	}
	return EX_OK;
}

/* --- the configuration --- */

static void
put_node(const struct cli_setup *s, struct buf *out)
{
	buf_put_str(out, "# hairpin's configuration. `man hairpin.conf` names every key; what "
			 "isn't here has its default.\n"
			 "# Domains, users and aliases are not here: hairpin domain|user|alias "
			 "...\n\n[node]\n");
	buf_printf(out, "hostname = %s\ndata_dir = %s\n", s->hostname, s->data);
	if (s->arbiter)
		buf_put_str(
			out, "# it votes, and holds neither mail nor keys\narbiter = yes\n");
	if (s->uid)
		buf_printf(out,
			"# what the processes run as (numbers; no entry in /etc/passwd is "
			"needed)\n"
			"uid = %u\ngid = %u\n",
			s->uid, s->uid);
}

/* The machine's own zone, where it says so by the usual link. */
static void
put_timezone(struct buf *out)
{
	char target[CLI_SETUP_PATH];
	ssize_t n = readlink("/etc/localtime", target, sizeof target - 1);
	const char *name;

	target[n > 0 ? n : 0] = '\0';
	name = strstr(target, "/zoneinfo/");
	name = name ? name + strlen("/zoneinfo/") : "UTC";
	buf_printf(out, "# in which dates are written\ntimezone = %s\n",
		zone_is_known(name) ? name : "UTC");
}

static void
put_cluster(const struct cli_setup *s, struct buf *out)
{
	const char *port = strrchr(s->cluster_address, ':');
	bool is_six = s->cluster_address[0] == '[';

	if (!port)
		return;
	buf_printf(out, "\n[listener cluster]\nkind = cluster\naddress = %.*s\nport = %s\n",
		(int)(port - s->cluster_address) - 2 * is_six, s->cluster_address + is_six,
		port + 1);
}

void
cli_setup_format(const struct cli_setup *s, struct slice more, struct buf *out)
{
	static const struct {
		const char *name, *kind;
		unsigned port;
		bool auth;
	} listeners[] = {{"mx", "mx", 25, false}, {"submissions", "submissions", 465, true},
		{"submission", "submission", 587, true}, {"imaps", "imaps", 993, true},
		{"imap", "imap", 143, true}};

	put_node(s, out);
	put_timezone(out);
	for (size_t i = 0; i < sizeof listeners / sizeof *listeners && !s->arbiter; i++) {
		buf_printf(out, "\n[listener %s]\nkind = %s\naddress = %s\nport = %u\n",
			listeners[i].name, listeners[i].kind, s->listen,
			listeners[i].port + s->port_base);
		if (s->plaintext && listeners[i].auth)
			buf_put_str(out, "allow_plaintext_auth = yes\n");
	}
	if (!s->arbiter)
		buf_printf(out, "\n[listener lmtp]\nkind = lmtp\naddress = %s/run/lmtp.sock\n",
			s->data);
	put_cluster(s, out);
	buf_put_slice(out, more);
}
