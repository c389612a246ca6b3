#include "cmd/cli_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_check_cluster.h"
#include "cmd/cli_check_key.h"
#include "cmd/cli_check_net.h"
#include "cmd/cli_check_policy.h"
#include "cmd/cli_control.h"
#include "cmd/cli_finding.h"
#include "cmd/cli_port.h"
#include "cmd/cli_restore.h"
#include "core/buf.h"
#include "core/clock.h"
#include "crypto/keyring.h"
#include "crypto/tls.h"
#include "crypto/tls_cert.h"
#include "crypto/tls_key.h"
#include "crypto/tls_trust.h"

enum { DAY_SEC = 86400, CERT_SOON_DAYS = 21, DISK_LOW_PERCENT = 5, DISK_LOW_MIB = 512 };

struct check {
	struct cli_findings f;
	bool json, is_running;
};

/* --- files --- */

static void
check_folder(struct check *c, const char *below, bool ours, mode_t bad)
{
	char path[CLI_FINDING_PATH], cure[CLI_FINDING_PATH];
	uint32_t uid = c->f.config.uid, owner;
	struct stat st;

	if (!cli_finding_look(&c->f, below,
		    "make it anew with `hairpin init`, or restore your backup", &st))
		return;
	cli_finding_path(&c->f, below, path);
	/* With a uid of their own the processes write what is theirs, and nothing else. */
	owner = geteuid() == 0 ? (ours ? uid : 0) : geteuid();
	snprintf(cure, sizeof cure, "chown %u %.500s", owner, path);
	if (ours && st.st_uid != owner)
		cli_finding_add(&c->f, cure,
			"%s belongs to user %u: the server can't write there", path, st.st_uid);
	snprintf(cure, sizeof cure, "chmod %o %.500s", (unsigned)(st.st_mode & 0777 & ~bad),
		path);
	if (st.st_mode & bad)
		cli_finding_add(&c->f, cure, "%s: others may %s it", path,
			st.st_mode & bad & 022 ? "change" : "read");
}

static void
check_master_key(struct check *c)
{
	struct seal_key key;
	struct buf text;

	buf_init(&text, CLI_FINDING_FILE_MAX);
	if (cli_finding_read_secret(&c->f, "keys/master.key",
		    "restore it from your backup: without it no mail can be read", &text) &&
		keyring_parse_master(buf_slice(&text), &key))
		cli_finding_add(&c->f,
			"restore it from your backup: without it no mail can be read",
			"%s/keys/master.key is no master key", c->f.config.data_dir);
	seal_wipe(&key, sizeof key);
	buf_fini_secret(&text);
}

/* --- the certificate --- */

static void
check_dates(struct check *c, const struct tls_cert_facts *facts)
{
	int64_t now = (int64_t)clock_wall_sec(), left = facts->not_after_sec - now;
	long long days = (left < 0 ? -left : left) / DAY_SEC;
	static const char cure[] = "renew it, put it there with its key, then send the server "
				   "SIGHUP";

	if (left < 0)
		cli_finding_add(&c->f, cure,
			"%s/tls/cert.pem ended %lld day%s ago: clients refuse it",
			c->f.config.data_dir, days, days == 1 ? "" : "s");
	else if (left < CERT_SOON_DAYS * DAY_SEC)
		cli_finding_add(&c->f, cure, "%s/tls/cert.pem ends in %lld day%s",
			c->f.config.data_dir, days, days == 1 ? "" : "s");
	if (facts->not_before_sec > now)
		cli_finding_add(&c->f, "set this machine's clock",
			"%s/tls/cert.pem isn't valid yet", c->f.config.data_dir);
}

static void
check_tls_key(struct check *c, struct slice chain)
{
	struct tls_key *key = NULL;
	struct buf text;

	buf_init(&text, CLI_FINDING_FILE_MAX);
	if (cli_finding_read_secret(&c->f, "tls/key.pem",
		    "put the certificate's private key there (PEM)", &text)) {
		if (tls_key_parse(buf_slice(&text), &key))
			cli_finding_add(&c->f,
				"it must be RSA of 2,048 to 4,096 bits, P-256 or P-384, in PEM "
				"form "
				"without a password",
				"%s/tls/key.pem is no private key that can be used",
				c->f.config.data_dir);
		else if (!tls_key_matches(key, chain))
			cli_finding_add(&c->f, "put the two there that were made together",
				"%s/tls/key.pem isn't the key of cert.pem",
				c->f.config.data_dir);
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

	buf_init(&text, CLI_FINDING_FILE_MAX);
	if (cli_finding_read(&c->f, "tls/cert.pem", cure, &text)) {
		if (tls_cert_read(buf_slice(&text), &facts)) {
			cli_finding_add(&c->f,
				"it must hold PEM certificates, the server's own first",
				"%s/tls/cert.pem holds no certificate", c->f.config.data_dir);
		} else {
			check_dates(c, &facts);
			if (!tls_cert_is_for(buf_slice(&text), slice_str(c->f.config.hostname)))
				cli_finding_add(&c->f,
					"get one for the host name, or mend `hostname` in "
					"[node]",
					"%s/tls/cert.pem isn't for %s", c->f.config.data_dir,
					c->f.config.hostname);
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

	if (statvfs(c->f.config.data_dir, &fs) || fs.f_blocks == 0)
		return;
	free_mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
	percent = (uint64_t)fs.f_bavail * 100 / fs.f_blocks;
	if (free_mib < DISK_LOW_MIB || (percent < DISK_LOW_PERCENT && free_mib < 10240))
		cli_finding_add(&c->f,
			"make space: below 64 MiB new mail is refused (452 4.3.1) until there "
			"is some",
			"the disk of %s is nearly full: %llu MiB free (%llu %%)",
			c->f.config.data_dir, (unsigned long long)free_mib,
			(unsigned long long)percent);
	if (fs.f_files && fs.f_favail < 100)
		cli_finding_add(&c->f, "remove files there",
			"the disk of %s has hardly an inode left", c->f.config.data_dir);
}

static void
check_port(struct check *c, const struct config_listener *l)
{
	int code = c->is_running ? 0 : cli_port_try(l);

	if (code)
		cli_finding_add(&c->f, cli_port_cure(code),
			"listener %s can't listen at %s port %u: %s", l->name, l->address,
			l->port, strerror(code));
}

static void
check_listeners(struct check *c)
{
	bool takes_mail = false;

	for (uint32_t i = 0; i < c->f.config.listeners; i++) {
		const struct config_listener *l = &c->f.config.listener[i];

		takes_mail |= l->kind == CONFIG_MX || l->kind == CONFIG_FILTER;
		check_port(c, l);
		if (l->allow_plaintext_auth && strncmp(l->address, "127.", 4) &&
			strcmp(l->address, "::1"))
			cli_finding_add(&c->f,
				"set allow_plaintext_auth = no there; it is meant for tests on "
				"loopback",
				"listener %s lets passwords cross the network in the clear",
				l->name);
	}
	if (!takes_mail && !c->f.config.arbiter)
		cli_finding_add(&c->f, "add a [listener] of kind mx, or filter for a gateway",
			"no listener takes mail from other servers");
}

static void
check_server(struct check *c)
{
	json_t *request = json_pack("{s:s}", "verb", "store stats"), *answer = NULL;

	if (cli_control_ask(c->f.config_path, request, &answer)) {
		cli_finding_add(&c->f, "start it: hairpin serve", "the server doesn't answer");
	} else {
		c->is_running = true;
		if (json_is_true(json_object_get(answer, "full")))
			cli_finding_add(&c->f,
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
	char path[CLI_FINDING_PATH];

	cli_finding_path(&c->f, CLI_RESTORE_MARK, path);
	if (stat(path, &st))
		return;
	buf_init(&text, CLI_FINDING_FILE_MAX);
	if (cli_finding_read(&c->f, CLI_RESTORE_MARK, "start the server", &text))
		cli_finding_add(&c->f,
			"start it (`hairpin serve` says it once more), and let members join it",
			"this server was %.*s",
			SLICE_FMT(slice_cut(
				buf_slice(&text), 0, slice_find(buf_slice(&text), '\n'))));
	buf_fini(&text);
}

static void
check_user(struct check *c)
{
	if (geteuid() == 0 && c->f.config.uid == 0)
		cli_finding_add(&c->f,
			"set uid and gid in [node] to numbers that nobody else has",
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
print_one(const json_t *one)
{
	const char *severity = json_string_value(json_object_get(one, "severity"));

	printf("- %s: %s\n  %s: %s\n", severity,
		json_string_value(json_object_get(one, "what")),
		strcmp(severity, "note") ? "to mend" : "for you to judge",
		json_string_value(json_object_get(one, "cure")));
}

static void
print_found(struct check *c)
{
	struct tls_trust_count trust;
	size_t i;
	json_t *one;

	if (c->json) {
		cli_put_json(json_incref(c->f.list));
		return;
	}
	json_array_foreach(c->f.list, i, one) print_one(one);
	if (c->f.faults == 0)
		puts("nothing wrong was found");
	trust = tls_trust_count(tls_trust_roots(), (int64_t)clock_wall_sec());
	printf("(TLS trusts the %zu certificate authorities in the program)\n", trust.good);
}

static void
check_here(struct check *c)
{
	c->f.topic = "server";
	check_server(c);
	check_restored(c);
	check_user(c);
	c->f.topic = "cluster";
	cli_check_cluster(&c->f, c->is_running);
	c->f.topic = "files";
	check_folders(c);
	/* An arbiter has neither. */
	if (!c->f.config.arbiter) {
		check_master_key(c);
		c->f.topic = "certificate";
		check_certificate(c);
		c->f.topic = "keys";
		cli_check_key(&c->f);
	}
	if (c->is_running && !c->f.config.arbiter) {
		c->f.topic = "policy";
		cli_check_policy(&c->f);
	}
	c->f.topic = "listeners";
	check_listeners(c);
	c->f.topic = "disk";
	check_disk(c);
}

int
cli_check_run(const struct cli_line *line)
{
	struct check c = {.f = {.config_path = cli_config_path(line), .topic = "configuration"},
		.json = cli_has(line, "--json")};
	struct config_error why;
	int code = cli_check_net_read(line);

	if (code)
		return code;
	c.f.list = json_array();
	clock_init();
	tls_init();
	if (config_load(c.f.config_path, &c.f.config, &why)) {
		cli_finding_add(&c.f, "mend the file, or run `hairpin init`", "%s", why.text);
	} else {
		check_here(&c);
		if (!cli_has(line, "--local"))
			cli_check_net(&c.f, c.is_running, cli_value(line, "--outbound"));
	}
	print_found(&c);
	code = c.f.faults ? 1 : EX_OK;
	json_decref(c.f.list);
	return code;
}
