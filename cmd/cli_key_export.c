#include "cmd/cli_key_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cli_key_file.h"
#include "cmd/cli_verbs.h"
#include "core/codec.h"
#include "crypto/key_make.h"
#include "crypto/keyring.h"
#include "crypto/pgp_info.h"
#include "store/backup_file.h"
#include "store/db.h"
#include "store/view_key.h"
#include "store/view_vault.h"

enum { PATH_ROOM = CONFIG_TEXT_MAX + 32, MASTER_MAX = 4096, OUT_MAX = 1 << 20 };

struct export
{
	const struct cli_line *line;
	struct config config;
	struct arena a;
	uint64_t id;
	Commands__Key *key;
	struct vault_row secret;
	struct keyring_private private;
};

static int
fail(enum err e, const char *path, const char *what)
{
	if (e == ERR_NOT_FOUND)
		return cli_fail(EX_NOINPUT, "there is no %s in %s", what, path);
	if (e == ERR_DENIED || e == ERR_IO)
		return cli_fail(
			EX_NOPERM, "%s can't be read: say it as root (try with sudo)", path);
	return cli_fail(EX_IOERR, "%s in %s can't be read: %s", what, path, err_text(e));
}

static int
read_key(struct export *x)
{
	struct db_options how = {.read_only = true};
	char dir[PATH_ROOM];
	struct db_txn *txn;
	struct db *db;
	enum err e;

	snprintf(dir, sizeof dir, "%s/db", x->config.data_dir);
	e = db_open(&db, dir, &how);
	if (e)
		return fail(e, dir, "database");
	e = db_begin(db, false, &txn);
	if (!e) {
		e = view_key_get(txn, x->id, &x->a, &x->key);
		db_abort(txn);
	}
	db_close(db);
	if (e == ERR_NOT_FOUND)
		return cli_fail(EX_NOUSER, "no such key (`hairpin key list` shows them)");
	return e ? fail(e, dir, "key") : EX_OK;
}

static int
read_secret(struct export *x)
{
	struct view_vault *vault;
	char dir[PATH_ROOM];
	enum err e;

	snprintf(dir, sizeof dir, "%s/vault", x->config.data_dir);
	vault = view_vault_open(dir);
	e = view_vault_get(vault, VAULT_KEY, x->id, &x->secret);
	view_vault_close(vault);
	return e ? fail(e, dir, "secret of that key") : EX_OK;
}

static int
open_key(struct export *x)
{
	struct keyring *ring;
	struct seal_key master;
	char path[PATH_ROOM];
	uint8_t *p;
	size_t n;
	enum err e;

	snprintf(path, sizeof path, "%s/keys/master.key", x->config.data_dir);
	e = backup_file_read(path, MASTER_MAX, &p, &n);
	if (e)
		return fail(e, path, "master key");
	e = keyring_parse_master(slice_of(p, n), &master);
	seal_wipe(p, n);
	free(p);
	if (e)
		return cli_fail(EX_DATAERR, "%s: not a master key", path);
	ring = keyring_new(&master);
	e = keyring_open_private(ring, x->id, slice_of(x->secret.secret, x->secret.n),
		codec_slice(x->key->sealed), &x->private);
	keyring_free(ring);
	seal_wipe(&master, sizeof master);
	return e ? cli_fail(EX_DATAERR,
			   "the key doesn't open: %s is of another cluster, or the "
			   "key's row is damaged: see `hairpin store check`",
			   path)
		 : EX_OK;
}

/* --- what it becomes --- */

static int
put_pem(struct export *x, struct key_make_file *f)
{
	struct buf out;
	int code = EX_OK;

	buf_init(&out, OUT_MAX);
	if (key_make_pem(f, &out))
		code = cli_fail(EX_SOFTWARE, "the key can't be written as PEM");
	else if (cli_has(x->line, "--json"))
		code = cli_put_json(json_pack("{s:s, s:s%}", "id", x->line->word[0], "pem",
			(const char *)out.p, out.n));
	else if (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout))
		code = cli_fail(EX_IOERR, "the key can't be written");
	buf_fini_secret(&out);
	return code;
}

static int
put_p12(struct export *x, struct key_make_file *f, const char *path)
{
	char *asked = NULL;
	struct buf out;
	int code = EX_OK;

	if (pgp_info_is(f->pkcs8))
		return cli_fail(
			EX_USAGE, "PKCS#12 is for S/MIME: this key is OpenPGP's: say --pem");
	if (!f->password)
		f->password = asked = cli_password(x->line);
	buf_init(&out, OUT_MAX);
	if (!f->password || !*f->password)
		code = cli_fail(EX_USAGE,
			"a password for %s is needed: give it with --password or "
			"--password-file",
			path);
	else if (key_make_p12(f, &out))
		code = cli_fail(EX_SOFTWARE, "the key can't be written as PKCS#12");
	else
		code = cli_key_file_write(path, buf_slice(&out));
	if (asked)
		seal_wipe(asked, strlen(asked));
	free(asked);
	buf_fini_secret(&out);
	if (code)
		return code;
	if (cli_has(x->line, "--json"))
		return cli_put_json(
			json_pack("{s:s, s:s}", "id", x->line->word[0], "file", path));
	fprintf(stderr, "%s: the key and %zu certificate%s\n", path, f->certs,
		f->certs == 1 ? "" : "s");
	return EX_OK;
}

static int
put(struct export *x)
{
	const char *path = cli_value(x->line, "--p12");
	struct slice cert[KEY_FILE_CHAIN_MAX];
	struct key_make_file f = {.pkcs8 = slice_of(x->private.p, x->private.n),
		.cert = cert,
		.is_old = cli_has(x->line, "--old")};
	int code = cli_key_file_password(x->line, &x->a, &f.password);

	for (; f.certs < x->key->n_certificate && f.certs < KEY_FILE_CHAIN_MAX; f.certs++)
		cert[f.certs] = codec_slice(x->key->certificate[f.certs]);
	if (code)
		return code;
	return path ? put_p12(x, &f, path) : put_pem(x, &f);
}

static int
read_id(const struct cli_line *line, uint64_t *id)
{
	char *end;

	*id = strtoull(line->word[0], &end, 16);
	if (strlen(line->word[0]) == 14 && !*end && *id)
		return EX_OK;
	return cli_misused(line->verb,
		"%s: not a key's id: 14 hexadecimal digits, as `hairpin key list` shows them",
		line->word[0]);
}

int
cli_key_export_run(const struct cli_line *line)
{
	struct export x = {.line = line};
	struct config_error why;
	int code = read_id(line, &x.id);

	if (code)
		return code;
	if (!cli_value(line, "--p12") == !cli_has(line, "--pem"))
		return cli_misused(line->verb, "say either --p12 FILE or --pem");
	if (cli_has(line, "--old") && !cli_value(line, "--p12"))
		return cli_misused(line->verb, "--old goes with --p12");
	if (config_load(cli_config_path(line), &x.config, &why))
		return cli_fail(EX_CONFIG, "%s", why.text);
	seal_init();
	arena_init(&x.a, 0);
	code = read_key(&x);
	if (!code)
		code = read_secret(&x);
	if (!code)
		code = open_key(&x);
	if (!code)
		code = put(&x);
	keyring_private_free(&x.private);
	seal_wipe(&x.secret, sizeof x.secret);
	arena_reset(&x.a);
	return code;
}
