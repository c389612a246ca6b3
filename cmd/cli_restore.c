#include "cmd/cli_restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli_setup.h"
#include "core/buf.h"
#include "crypto/keyring.h"
#include "store/backup_file.h"
#include "store/restore.h"

enum { KEY_FILE_MAX = 4096, UID_MAX = 0x7fffffff };

struct restoring {
	struct cli_setup s;
	const char *backup, *vault;
	char staging[CLI_SETUP_PATH]; /* what isn't whole yet */
	struct keyring *keys;
	struct seal_key master;
	struct restore_report report;
};

static void
path_of(const struct restoring *r, const char *below, char path[CLI_SETUP_PATH])
{
	snprintf(path, CLI_SETUP_PATH, "%s/%s", r->s.data, below);
}

/* --- before --- */

/* Nothing that a server has written may be in the way, nor the old node's name. */
static int
check_unused(const struct restoring *r)
{
	static const struct {
		const char *below, *why;
	} signs[] = {{"db/data.mdb", "a database is there: name a new folder with --data"},
		{"vault/secrets",
			"a vault is there: name it with --vault, from another folder, if "
			"it is the one that belongs to the backup"},
		{"tls/node.key",
			"that is the name of the lost node, which this one must not bear: "
			"remove it"},
		{"tls/node.pem", "that belongs to the lost node: remove it"}};
	char path[CLI_SETUP_PATH];

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		path_of(r, signs[i].below, path);
		if (access(path, F_OK) == 0)
			return cli_fail(EX_CANTCREAT, "%s: %s", path, signs[i].why);
	}
	return EX_OK;
}

static int
read_master_key(struct restoring *r)
{
	char path[CLI_SETUP_PATH];
	uint8_t *text;
	size_t n;
	enum err e;

	path_of(r, "keys/master.key", path);
	e = backup_file_read(path, KEY_FILE_MAX, &text, &n);
	if (e == ERR_NOT_FOUND)
		return cli_fail(EX_NOINPUT,
			"%s isn't there: put your copy of the master key in that place (mode "
			"600, its folder 700); no backup holds it, and nothing can be read "
			"without it",
			path);
	if (e)
		return cli_fail(EX_NOINPUT, "%s: %s", path, err_text(e));
	e = keyring_parse_master(slice_of(text, n), &r->master);
	seal_wipe(text, n);
	free(text);
	if (e)
		return cli_fail(EX_DATAERR, "%s: not a master key", path);
	r->keys = keyring_new(&r->master);
	return EX_OK;
}

static enum err
open_key(void *arg, struct slice wrapped, struct seal_key *key)
{
	struct restoring *r = arg;
	uint8_t made[SEAL_WRAPPED];
	bool is_new;

	return wrapped.n ? keyring_log_key(r->keys, wrapped, key, made, &is_new) : ERR_CRYPTO;
}

static int
read_line(struct restoring *r, const struct cli_line *line)
{
	const char *uid = cli_value(line, "--uid");
	char *end;
	unsigned long n;

	r->backup = line->word[0];
	r->vault = cli_value(line, "--vault");
	r->s.config = "";
	r->s.data = cli_value(line, "--data");
	r->s.uid = CLI_SETUP_UID;
	if (!r->s.data || r->s.data[0] != '/')
		return cli_misused(line->verb,
			"--data FOLDER is needed: an absolute path, for the new one");
	if (!r->vault)
		return cli_misused(line->verb,
			"--vault FOLDER is needed: the keys of the mail aren't in its backup, "
			"but in that of the vault (`hairpin backup --vault FOLDER`)");
	if (uid) {
		errno = 0;
		n = strtoul(uid, &end, 10);
		if (*uid < '0' || *uid > '9' || *end || errno || n > UID_MAX)
			return cli_misused(line->verb, "--uid %s: a number is needed", uid);
		r->s.uid = (unsigned)n;
	}
	if (geteuid() != 0)
		r->s.uid = 0;
	return EX_OK;
}

/* --- the work --- */

static void
drop_staging(const struct restoring *r)
{
	static const char *const files[] = {"db/data.mdb", "db/data.mdb-lock", "db/compact.mdb",
		"db/compact.mdb-lock", "db/reserve", "vault/secrets", "vault/secrets.new", "db",
		"vault", ""};
	char path[CLI_SETUP_PATH + 32];

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", r->staging, files[i]);
		if (unlink(path))
			rmdir(path);
	}
}

static int
make_staging(const struct restoring *r)
{
	char path[CLI_SETUP_PATH + 8];

	drop_staging(r);
	if (mkdir(r->staging, 0700))
		return cli_fail(EX_CANTCREAT, "%s: %s", r->staging, strerror(errno));
	snprintf(path, sizeof path, "%s/db", r->staging);
	if (mkdir(path, 0700))
		return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	snprintf(path, sizeof path, "%s/vault", r->staging);
	if (mkdir(path, 0700))
		return cli_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	return EX_OK;
}

/* A file of the staging folder gets its place, and its owner. */
static int
place(const struct restoring *r, const char *below)
{
	char from[CLI_SETUP_PATH + 32], to[CLI_SETUP_PATH], *name;
	enum err e;

	snprintf(from, sizeof from, "%s/%s", r->staging, below);
	if (r->s.uid && chown(from, r->s.uid, r->s.uid))
		return cli_fail(EX_CANTCREAT, "%s: %s", from, strerror(errno));
	path_of(r, below, to);
	name = strrchr(to, '/');
	if (rename(from, to))
		return cli_fail(EX_CANTCREAT, "%s: %s", to, strerror(errno));
	*name = '\0';
	e = backup_file_sync_folder(to);
	return e ? cli_fail(EX_IOERR, "%s: %s", to, err_text(e)) : EX_OK;
}

/* What the server says at its first start, and `check` before that. */
static int
write_mark(struct restoring *r)
{
	char date[32];
	struct buf text;
	time_t now = time(NULL);
	int code;

	strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", gmtime(&now));
	buf_init(&text, 2048);
	buf_printf(&text,
		"restored from the backup in %s at %s, as of log entry %" PRIu64
		": a cluster of its own, of which this is node %u; what came later isn't "
		"there\n",
		r->backup, date, r->report.index, r->report.node);
	code = cli_setup_write_below(&r->s, CLI_RESTORE_MARK, 0644, buf_slice(&text));
	buf_fini(&text);
	return code;
}

static int
put_in_place(struct restoring *r)
{
	int code = write_mark(r);

	if (!code)
		code = cli_setup_node(&r->s, &r->master);
	if (!code)
		code = place(r, "vault/secrets");
	/* Last: its being there says that all of it is. */
	return code ? code : place(r, "db/data.mdb");
}

static int
restore(struct restoring *r)
{
	char db[CLI_SETUP_PATH + 8], vault[CLI_SETUP_PATH + 8];
	struct restore_options o = {.backup = r->backup,
		.vault = r->vault,
		.to_db = db,
		.to_vault = vault,
		.open_key = open_key,
		.arg = r};

	snprintf(db, sizeof db, "%s/db", r->staging);
	snprintf(vault, sizeof vault, "%s/vault", r->staging);
	if (restore_run(&o, &r->report))
		return cli_fail(EX_DATAERR, "%s", r->report.why);
	return put_in_place(r);
}

static int
tell(const struct restoring *r, bool as_json)
{
	const struct restore_report *x = &r->report;

	if (as_json)
		return cli_put_json(json_pack("{s:I,s:I,s:I,s:I,s:I,s:s}", "index",
			(json_int_t)x->index, "full", (json_int_t)x->full, "replayed",
			(json_int_t)x->entries, "node", (json_int_t)x->node, "violations",
			(json_int_t)x->violations, "violation", x->why));
	printf("%s: restored as of log entry %" PRIu64 " (a full copy up to %" PRIu64
	       ", and %" PRIu64 " entries after it).\n"
	       "It is a cluster of its own, of which this is node %u. No member of the old one "
	       "takes it for one of theirs: remove them, and let them join this one.\n",
		r->s.data, x->index, x->full, x->entries, x->node);
	if (x->violations)
		printf("%" PRIu64 " things in it are wrong (`hairpin store check --offline` "
		       "shows them), the first: %s.\n",
			x->violations, x->why);
	puts("Now put your configuration back, with data_dir set to that folder, and "
	     "tls/cert.pem and tls/key.pem in it (tls/node.* are new: leave them); "
	     "then: hairpin check, hairpin serve");
	return EX_OK;
}

int
cli_restore_run(const struct cli_line *line)
{
	static struct restoring r;
	int code = read_line(&r, line);

	seal_init();
	umask(0022);
	if (!code)
		code = check_unused(&r);
	if (!code)
		code = read_master_key(&r);
	if (!code)
		code = cli_setup_folders(&r.s);
	if (code) {
		keyring_free(r.keys);
		return code;
	}
	snprintf(r.staging, sizeof r.staging, "%s/restoring", r.s.data);
	code = make_staging(&r);
	if (!code)
		code = restore(&r);
	drop_staging(&r);
	keyring_free(r.keys);
	seal_wipe(&r.master, sizeof r.master);
	return code ? code : tell(&r, cli_has(line, "--json"));
}
