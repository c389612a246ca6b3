#include "cmd/cli_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_control.h"
#include "cmd/cli_port.h"
#include "cmd/cli_restore.h"
#include "core/buf.h"
#include "core/clock.h"
#include "crypto/keyring.h"
#include "crypto/tls.h"
#include "crypto/tls_cert.h"
#include "crypto/tls_key.h"
#include "crypto/tls_trust.h"

enum {
	DAY_SEC = 86400,
	CERT_SOON_DAYS = 21,
	PATH_ROOM = 600,
	FILE_MAX = 1 << 20,
	DISK_LOW_PERCENT = 5,
	DISK_LOW_MIB = 512
};

struct check {
	struct config config;
	const char *config_path;
	json_t *found; /* {what, cure} */
	bool json, is_running;
};

static void __attribute__((format(printf, 3, 4)))
find(struct check *c, const char *cure, const char *format, ...)
{
	char what[700];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof what, format, ap);
	va_end(ap);
	json_array_append_new(c->found, json_pack("{s:s, s:s}", "what", what, "cure", cure));
}

/* --- files --- */

static void
full_path(const struct check *c, const char *below, char path[PATH_ROOM])
{
	snprintf(path, PATH_ROOM, "%s%s%s", c->config.data_dir, *below ? "/" : "", below);
}

/* False, and found: it isn't there, or we may not look. */
static bool
look_at(struct check *c, const char *below, const char *cure, struct stat *st)
{
	char path[PATH_ROOM];

	full_path(c, below, path);
	if (stat(path, st) == 0)
		return true;
	if (errno == EACCES)
		find(c, "run `hairpin check` as root", "%s: this user may not look at it",
			path);
	else
		find(c, cure, "%s: %s", path, strerror(errno));
	return false;
}

static void
check_folder(struct check *c, const char *below, bool ours, mode_t bad)
{
	char path[PATH_ROOM], cure[PATH_ROOM];
	uint32_t uid = c->config.uid, owner;
	struct stat st;

	if (!look_at(c, below, "make it anew with `hairpin init`, or restore your backup", &st))
		return;
	full_path(c, below, path);
	/* With a uid of their own the processes write what is theirs, and nothing else. */
	owner = geteuid() == 0 ? (ours ? uid : 0) : geteuid();
	snprintf(cure, sizeof cure, "chown %u %.500s", owner, path);
	if (ours && st.st_uid != owner)
		find(c, cure, "%s belongs to user %u: the server can't write there", path,
			st.st_uid);
	snprintf(cure, sizeof cure, "chmod %o %.500s", (unsigned)(st.st_mode & 0777 & ~bad),
		path);
	if (st.st_mode & bad)
		find(c, cure, "%s: others may %s it", path,
			st.st_mode & bad & 022 ? "change" : "read");
}

/* Appends the file; false, and found: it can't be read. */
static bool
read_file(struct check *c, const char *below, const char *cure, struct buf *out)
{
	char path[PATH_ROOM];
	struct stat st;
	ssize_t n;
	int fd;

	if (!look_at(c, below, cure, &st))
		return false;
	full_path(c, below, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf_room(out, FILE_MAX), FILE_MAX);
	if (n < 0)
		find(c,
			errno == EACCES ? "run `hairpin check` as root"
					: "restore it from your backup",
			"%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	buf_grow(out, n > 0 ? (size_t)n : 0);
	return n >= 0;
}

/* A file that nobody but its owner may read. */
static bool
read_secret(struct check *c, const char *below, const char *cure, struct buf *out)
{
	char path[PATH_ROOM], mend[PATH_ROOM];
	struct stat st;

	full_path(c, below, path);
	snprintf(mend, sizeof mend, "chmod 600 %.500s", path);
	if (stat(path, &st) == 0 && (st.st_mode & 077))
		find(c, mend, "%s: others may read it; the server won't start so", path);
	return read_file(c, below, cure, out);
}

static void
check_master_key(struct check *c)
{
	struct seal_key key;
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (read_secret(c, "keys/master.key",
		    "restore it from your backup: without it no mail can be read", &text) &&
		keyring_parse_master(buf_slice(&text), &key))
		find(c, "restore it from your backup: without it no mail can be read",
			"%s/keys/master.key is no master key", c->config.data_dir);
	seal_wipe(&key, sizeof key);
	buf_fini_secret(&text);
}

/* --- the certificate --- */

static void
check_dates(struct check *c, const struct tls_cert_facts *facts)
{
	int64_t now = (int64_t)clock_wall_sec(), left = facts->not_after_sec - now;
	static const char cure[] = "renew it, put it there with its key, then send the server "
				   "SIGHUP";

	if (left < 0)
		find(c, cure, "%s/tls/cert.pem ended %lld days ago: clients refuse it",
			c->config.data_dir, (long long)(-left / DAY_SEC));
	else if (left < CERT_SOON_DAYS * DAY_SEC)
		find(c, cure, "%s/tls/cert.pem ends in %lld days", c->config.data_dir,
			(long long)(left / DAY_SEC));
	if (facts->not_before_sec > now)
		find(c, "set this machine's clock", "%s/tls/cert.pem isn't valid yet",
			c->config.data_dir);
}

static void
check_tls_key(struct check *c, struct slice chain)
{
	struct tls_key *key = NULL;
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (read_secret(
		    c, "tls/key.pem", "put the certificate's private key there (PEM)", &text)) {
		if (tls_key_parse(buf_slice(&text), &key))
			find(c,
				"it must be RSA of 2,048 to 4,096 bits, P-256 or P-384, in PEM "
				"form "
				"without a password",
				"%s/tls/key.pem is no private key that can be used",
				c->config.data_dir);
		else if (!tls_key_matches(key, chain))
			find(c, "put the two there that were made together",
				"%s/tls/key.pem isn't the key of cert.pem", c->config.data_dir);
	}
	tls_key_free(key);
	buf_fini_secret(&text);
}

static void
check_certificate(struct check *c)
{
	static const char cure[] = "put a certificate chain there (PEM), its key beside it as "
				   "key.pem";
	struct tls_cert_facts facts;
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (read_file(c, "tls/cert.pem", cure, &text)) {
		if (tls_cert_read(buf_slice(&text), &facts)) {
			find(c, "it must hold PEM certificates, the server's own first",
				"%s/tls/cert.pem holds no certificate", c->config.data_dir);
		} else {
			check_dates(c, &facts);
			if (!tls_cert_is_for(buf_slice(&text), slice_str(c->config.hostname)))
				find(c,
					"get one for the host name, or mend `hostname` in "
					"[node]",
					"%s/tls/cert.pem isn't for %s", c->config.data_dir,
					c->config.hostname);
			check_tls_key(c, buf_slice(&text));
		}
	}
	buf_fini(&text);
}

/* --- disk and ports --- */

static void
check_disk(struct check *c)
{
	struct statvfs fs;
	uint64_t free_mib, percent;

	if (statvfs(c->config.data_dir, &fs) || fs.f_blocks == 0)
		return;
	free_mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
	percent = (uint64_t)fs.f_bavail * 100 / fs.f_blocks;
	if (free_mib < DISK_LOW_MIB || (percent < DISK_LOW_PERCENT && free_mib < 10240))
		find(c,
			"make space: below 64 MiB new mail is refused (452 4.3.1) until there "
			"is some",
			"the disk of %s is nearly full: %llu MiB free (%llu %%)",
			c->config.data_dir, (unsigned long long)free_mib,
			(unsigned long long)percent);
	if (fs.f_files && fs.f_favail < 100)
		find(c, "remove files there", "the disk of %s has hardly an inode left",
			c->config.data_dir);
}

static void
check_port(struct check *c, const struct config_listener *l)
{
	int code = c->is_running ? 0 : cli_port_try(l);

	if (code)
		find(c, cli_port_cure(code), "listener %s can't listen at %s port %u: %s",
			l->name, l->address, l->port, strerror(code));
}

static void
check_listeners(struct check *c)
{
	bool mx = false;

	for (uint32_t i = 0; i < c->config.listeners; i++) {
		const struct config_listener *l = &c->config.listener[i];

		mx = mx || l->kind == CONFIG_MX;
		check_port(c, l);
		if (l->allow_plaintext_auth && strncmp(l->address, "127.", 4) &&
			strcmp(l->address, "::1"))
			find(c,
				"set allow_plaintext_auth = no there; it is meant for tests on "
				"loopback",
				"listener %s lets passwords cross the network in the clear",
				l->name);
	}
	if (!mx && !c->config.arbiter)
		find(c, "add a [listener] of kind mx",
			"no listener takes mail from other servers");
}

static void
check_server(struct check *c)
{
	json_t *request = json_pack("{s:s}", "verb", "store stats"), *answer = NULL;

	if (cli_control_ask(c->config_path, request, &answer)) {
		find(c, "start it: hairpin serve", "the server doesn't answer");
	} else {
		c->is_running = true;
		if (json_is_true(json_object_get(answer, "full")))
			find(c,
				"make space on the disk of the data folder; it goes on by "
				"itself then",
				"the disk is full: new mail is refused");
		json_decref(answer);
	}
	json_decref(request);
}

static void
check_restored(struct check *c)
{
	struct buf text;
	struct stat st;
	char path[PATH_ROOM];

	full_path(c, CLI_RESTORE_MARK, path);
	if (stat(path, &st))
		return;
	buf_init(&text, FILE_MAX);
	if (read_file(c, CLI_RESTORE_MARK, "start the server", &text))
		find(c, "start it (`hairpin serve` says it once more), and let members join it",
			"this server was %.*s",
			SLICE_FMT(slice_cut(
				buf_slice(&text), 0, slice_find(buf_slice(&text), '\n'))));
	buf_fini(&text);
}

static void
check_user(struct check *c)
{
	if (geteuid() == 0 && c->config.uid == 0)
		find(c, "set uid and gid in [node] to numbers that nobody else has",
			"the server's processes would run as root");
}

static void
check_folders(struct check *c)
{
	check_folder(c, "", false, 022);
	check_folder(c, "db", true, 027);
	check_folder(c, "vault", true, 027);
	check_folder(c, "spool", true, 077);
	check_folder(c, "run", true, 022);
	check_folder(c, "keys", false, 077);
	check_folder(c, "tls", false, 022);
}

static void
print_found(struct check *c)
{
	struct tls_trust_count trust;
	size_t i;
	json_t *one;

	if (c->json) {
		cli_put_json(json_incref(c->found));
		return;
	}
	json_array_foreach(c->found, i, one)
	{
		printf("- %s\n  to mend: %s\n", json_string_value(json_object_get(one, "what")),
			json_string_value(json_object_get(one, "cure")));
	}
	if (json_array_size(c->found) == 0)
		puts("nothing wrong was found");
	trust = tls_trust_count(tls_trust_roots(), (int64_t)clock_wall_sec());
	printf("(TLS trusts the %zu certificate authorities in the program)\n", trust.good);
}

int
cli_check_run(const struct cli_line *line)
{
	struct check c = {.config_path = cli_config_path(line),
		.found = json_array(),
		.json = cli_has(line, "--json")};
	struct config_error why;
	int code;

	clock_init();
	tls_init();
	if (config_load(c.config_path, &c.config, &why)) {
		find(&c, "mend the file, or run `hairpin init`", "%s", why.text);
	} else {
		check_server(&c);
		check_restored(&c);
		check_user(&c);
		check_folders(&c);
		/* An arbiter has neither. */
		if (!c.config.arbiter) {
			check_master_key(&c);
			check_certificate(&c);
		}
		check_listeners(&c);
		check_disk(&c);
	}
	print_found(&c);
	code = json_array_size(c.found) ? 1 : EX_OK;
	json_decref(c.found);
	return code;
}
