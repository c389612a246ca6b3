#include "cmd/cli_backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "crypto/seal.h"
#include "store/backup.h"
#include "store/db_hold.h"

enum { PATH_ROOM = CONFIG_TEXT_MAX + 8 };

static const char *
kind_text(enum backup_kind kind)
{
	switch (kind) {
	case BACKUP_ANEW:
		return "a full copy, because the log no longer has what came after the last "
		       "backup (see keep_entries in hairpin.conf)";
	case BACKUP_MORE:
		return "what came since the last backup";
	case BACKUP_SAME:
		return "nothing has changed since the last backup";
	case BACKUP_FULL:
	default:
		return "a full copy";
	}
}

/* For programs. */
static const char *
kind_name(enum backup_kind kind)
{
	static const char *const names[] = {"full", "full", "more", "same"};

	return names[kind];
}

static int
fail(enum err e, const char *what, const char *from, const char *to)
{
	switch ((int)e) {
	case ERR_NOT_FOUND:
		return cli_fail(EX_NOINPUT, "there is no %s in %s", what, from);
	case ERR_DENIED:
		return cli_fail(EX_NOPERM, "%s can't be copied to %s: %s (try with sudo)", from,
			to, err_text(e));
	case ERR_FULL:
		return cli_fail(EX_IOERR,
			"%s: no space is left there; what was there before is still whole", to);
	case ERR_EXISTS:
		return cli_fail(EX_CANTCREAT,
			"%s holds the backup of another server, or of this one before it was "
			"restored: name another folder",
			to);
	case ERR_BUSY:
		return cli_fail(EX_TEMPFAIL,
			"a backup to %s runs already, or %s is being compacted: try again", to,
			from);
	case ERR_CORRUPT:
		return cli_fail(EX_DATAERR, "%s in %s is damaged: see `hairpin store check`",
			what, from);
	default:
		return cli_fail(
			EX_IOERR, "%s can't be copied to %s: %s", from, to, err_text(e));
	}
}

static int
back_up_mail(const char *data_dir, const char *to, json_t *out)
{
	struct backup_report r;
	char dir[PATH_ROOM];
	enum err e;

	snprintf(dir, sizeof dir, "%s/db", data_dir);
	e = backup_run(dir, to, &r);
	if (e)
		return fail(e, "database", dir, to);
	if (!out) {
		printf("%s: %s, up to log entry %" PRIu64, to, kind_text(r.kind), r.index);
		if (r.kind != BACKUP_SAME)
			printf(" (%s, %" PRIu64 " octets)", r.name, r.bytes);
		putchar('\n');
		return EX_OK;
	}
	json_object_set_new(out, "kind", json_string(kind_name(r.kind)));
	json_object_set_new(out, "was_trimmed", json_boolean(r.kind == BACKUP_ANEW));
	json_object_set_new(out, "index", json_integer((json_int_t)r.index));
	json_object_set_new(out, "octets", json_integer((json_int_t)r.bytes));
	json_object_set_new(out, "file", json_string(r.name));
	return EX_OK;
}

static int
back_up_vault(const char *data_dir, const char *to, json_t *out)
{
	char dir[PATH_ROOM];
	uint64_t rows;
	enum err e;

	snprintf(dir, sizeof dir, "%s/vault", data_dir);
	e = backup_vault(dir, to, &rows);
	if (e)
		return fail(e, "vault", dir, to);
	if (out)
		json_object_set_new(out, "secrets", json_integer((json_int_t)rows));
	else
		printf("%s: the vault, %" PRIu64 " secret%s\n", to, rows, rows == 1 ? "" : "s");
	return EX_OK;
}

int
cli_backup_run(const struct cli_line *line)
{
	const char *mail = line->words ? line->word[0] : NULL;
	const char *vault = cli_value(line, "--vault");
	struct config_error why;
	struct config config;
	char dir[PATH_ROOM];
	json_t *out = NULL;
	int code = EX_OK, hold = -1;

	if (!mail && !vault)
		return cli_misused(line->verb, "name a FOLDER for the mail, or --vault FOLDER");
	if (config_load(cli_config_path(line), &config, &why))
		return cli_fail(EX_CONFIG, "%s", why.text);
	if (config.arbiter)
		return cli_fail(EX_UNAVAILABLE,
			"this node is an arbiter and holds no mail: make the backup on a data "
			"node");
	seal_init();
	umask(0077);
	if (cli_has(line, "--json"))
		out = json_object();
	/* In this order, and without a compaction in between, which changes the log's key: the
	 * vault then has every secret that the mail wants. */
	snprintf(dir, sizeof dir, "%s/db", config.data_dir);
	db_hold(dir, NULL, false, &hold);
	if (mail)
		code = back_up_mail(config.data_dir, mail, out);
	if (!code && vault)
		code = back_up_vault(config.data_dir, vault, out);
	db_hold_end(hold);
	if (out && !code)
		return cli_put_json(out);
	json_decref(out);
	return code;
}
