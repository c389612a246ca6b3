#include "store/restore.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/rand.h"
#include "store/backup.h"
#include "store/backup_file.h"
#include "store/check.h"
#include "store/engine.h"
#include "store/raft_meta.h"
#include "store/restore_log.h"

enum { COPY_BYTES = 64 << 20, TRIM_A_TURN = 100000, HEAD_CLUSTER_AT = 24 };

struct restore {
	const struct restore_options *opt;
	struct restore_report *report;
	struct backup_list list;
};

static enum err __attribute__((format(printf, 3, 4)))
fail(struct restore *r, enum err e, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->report->why, sizeof r->report->why, format, ap);
	va_end(ap);
	return e;
}

/* --- files --- */

static enum err
copy_octets(int from, int to)
{
	ssize_t n;

	while ((n = sendfile(to, from, NULL, COPY_BYTES)) > 0)
		;
	return n < 0 || fsync(to) ? backup_file_err() : ERR_OK;
}

static enum err
copy_file(const char *from_dir, const char *from, const char *to_dir, const char *to)
{
	char path[BACKUP_PATH];
	int in, out;
	enum err e;

	snprintf(path, sizeof path, "%s/%s", from_dir, from);
	in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return backup_file_err();
	snprintf(path, sizeof path, "%s/%s", to_dir, to);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	e = out < 0 ? backup_file_err() : copy_octets(in, out);
	close(in);
	if (out >= 0)
		close(out);
	return e;
}

static enum err
copy_files(struct restore *r)
{
	const struct restore_options *o = r->opt;
	enum err e = backup_list(o->backup, &r->list);

	if (e == ERR_NOT_FOUND)
		return fail(r, e, "there is no backup in %s", o->backup);
	if (!e)
		e = copy_file(o->backup, r->list.file[0].name, o->to_db, "data.mdb");
	if (e)
		return fail(r, e, "the backup in %s can't be copied to %s: %s", o->backup,
			o->to_db, err_text(e));
	r->report->full = r->list.file[0].index;
	e = copy_file(o->vault, "secrets", o->to_vault, "secrets");
	if (e == ERR_NOT_FOUND)
		return fail(r, e, "there is no copy of the vault (secrets) in %s", o->vault);
	return e ? fail(r, e, "the vault in %s can't be copied to %s: %s", o->vault,
			   o->to_vault, err_text(e))
		 : ERR_OK;
}

/* --- opening what was copied --- */

static enum err
give_keys(struct restore *r, struct engine *engine)
{
	struct seal_key key;
	struct buf wrapped;
	enum err e = ERR_OK;

	buf_init(&wrapped, SEAL_WRAPPED);
	while (!e && !engine_is_ready(engine)) {
		buf_clear(&wrapped);
		e = engine_wrapped_key(engine, &wrapped);
		if (e) {
			fail(r, e,
				"the copy of the vault in %s lacks the log's key: it is older "
				"than the backup, or much newer",
				r->opt->vault);
			break;
		}
		e = r->opt->open_key(r->opt->arg, buf_slice(&wrapped), &key);
		if (e) {
			fail(r, e, "the master key isn't the one of this backup");
			break;
		}
		e = engine_set_key(engine, &key, SLICE_EMPTY);
		seal_wipe(&key, sizeof key);
		if (e)
			fail(r, e, "the vault doesn't fit the backup: %s", err_text(e));
	}
	buf_fini(&wrapped);
	return e;
}

/* What the vault lacks is taken from the log, while that is there. */
static enum err
open_engine(struct restore *r, struct engine **engine)
{
	struct engine_options opt = {.dir = r->opt->to_db, .vault = r->opt->to_vault};
	enum err e = engine_open(&opt, engine);

	if (e == ERR_DENIED)
		return fail(r, e, "the vault in %s is of another cluster than the backup in %s",
			r->opt->vault, r->opt->backup);
	if (e == ERR_VERSION)
		return fail(r, e, "the backup is from another version of hairpin");
	if (e)
		return fail(
			r, e, "the copy in %s can't be opened: %s", r->opt->to_db, err_text(e));
	e = give_keys(r, *engine);
	if (e)
		engine_close(*engine);
	return e;
}

static enum err
mend_vault(struct restore *r)
{
	struct engine *engine;
	enum err e = open_engine(r, &engine);

	if (!e)
		engine_close(engine);
	return e;
}

/* --- replaying --- */

static enum err
add_log_keys(struct restore *r, struct restore_log *in)
{
	struct vault_row row, next = {0};
	struct seal_key key;
	uint64_t at, after = 0;
	bool is_first = true, found;
	enum err e = ERR_OK;

	do {
		found = false;
		for (at = 0; vault_image_next(vault_file(in->vault), &at, &row);)
			if (row.kind == VAULT_LOG && row.id <= in->log.applied &&
				(is_first || row.id > after) && (!found || row.id < next.id)) {
				next = row;
				found = true;
			}
		if (!found)
			break;
		e = r->opt->open_key(r->opt->arg, slice_of(next.secret, next.n), &key);
		if (!e)
			raft_log_add_key(&in->log, next.id, &key);
		seal_wipe(&key, sizeof key);
		after = next.id;
		is_first = false;
	} while (!e);
	return e;
}

static enum err
load(struct restore_log *in)
{
	struct db_txn *txn;
	enum err e = db_begin(in->db, true, &txn);

	if (e)
		return e;
	e = raft_meta_load(&in->log, txn, NULL);
	/* What wasn't applied has no part in it. */
	if (!e && in->log.applied < in->log.last)
		e = raft_log_truncate(&in->log, txn, in->log.applied + 1);
	if (!e)
		e = raft_meta_save(&in->log, txn);
	if (!e)
		return db_commit(txn);
	db_abort(txn);
	return e;
}

static enum err
replay_files(struct restore *r, struct restore_log *in)
{
	char path[BACKUP_PATH];
	enum err e = ERR_OK;

	for (size_t i = 1; i < r->list.n && !e; i++) {
		snprintf(path, sizeof path, "%s/%s", r->opt->backup, r->list.file[i].name);
		e = restore_log_file(in, path);
		if (e == ERR_CRYPTO)
			fail(r, e, "%s: the vault's copy lacks the key of this part of the log",
				r->list.file[i].name);
		else if (e)
			fail(r, e, "%s: entry %" PRIu64 ": %s", r->list.file[i].name,
				in->log.last + 1, err_text(e));
	}
	r->report->index = in->log.applied;
	return e;
}

/* --- a cluster of its own --- */

static enum err
found(struct restore *r, struct restore_log *in)
{
	struct raft_log *log = &in->log;
	struct db_txn *txn;
	enum err e = db_begin(in->db, true, &txn);

	while (!e && log->first <= log->last)
		e = raft_log_trim(log, txn, log->last + 1, TRIM_A_TURN);
	if (!e)
		e = raft_meta_found(log, txn, log->members.next_id + RESTORE_NODE_GAP,
			log->applied + RESTORE_INDEX_GAP);
	r->report->node = log->node;
	if (!e)
		return db_commit(txn);
	db_abort(txn);
	return e;
}

/* The vault names its cluster. */
static enum err
rename_vault(struct restore *r, const uint8_t cluster[16])
{
	uint8_t head[VAULT_IMAGE_SLOT];
	char path[BACKUP_PATH];
	struct stat st;
	int fd;
	bool ok;

	snprintf(path, sizeof path, "%s/secrets", r->opt->to_vault);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return backup_file_err();
	ok = fstat(fd, &st) == 0;
	if (ok) {
		vault_image_write_head(
			head, cluster, (uint64_t)st.st_size / VAULT_IMAGE_SLOT - 1);
		ok = pwrite(fd, head, sizeof head, 0) == sizeof head && fsync(fd) == 0;
	}
	close(fd);
	return ok ? ERR_OK : backup_file_err();
}

static enum err
open_both(struct restore *r, struct restore_log *in)
{
	struct db_options how = {0};
	enum err e = db_open(&in->db, r->opt->to_db, &how);

	if (!e)
		e = load(in);
	if (!e)
		e = vault_open(r->opt->to_vault, in->log.cluster, false, &in->vault);
	if (!e)
		e = add_log_keys(r, in);
	return e ? fail(r, e, "the copy in %s can't be opened: %s", r->opt->to_db, err_text(e))
		 : ERR_OK;
}

static enum err
replay_and_found(struct restore *r)
{
	struct restore_log in = {.opt = r->opt, .report = r->report};
	uint8_t cluster[16];
	enum err e = open_both(r, &in);

	if (!e)
		e = replay_files(r, &in);
	if (!e && (e = found(r, &in)))
		fail(r, e, "the new cluster can't be written: %s", err_text(e));
	memcpy(cluster, in.log.cluster, sizeof cluster);
	vault_close(in.vault);
	raft_log_fini(&in.log);
	db_close(in.db);
	if (!e && (e = rename_vault(r, cluster)))
		fail(r, e, "the vault can't be written: %s", err_text(e));
	return e;
}

static enum err
begin_life(struct restore *r)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Restored restored = COMMANDS__RESTORED__INIT;
	Commands__Result *result = NULL;
	struct engine *engine;
	struct arena a;
	enum err e = open_engine(r, &engine);

	if (e)
		return e;
	arena_init(&a, 0);
	restored.uid_gap = RESTORE_UID_GAP;
	c.body_case = COMMANDS__COMMAND__BODY_RESTORED;
	c.restored = &restored;
	e = engine_propose_now(engine, &c, SLICE_EMPTY, &a, &result);
	if (!e && result->code)
		e = ERR_CORRUPT;
	arena_reset(&a);
	engine_close(engine);
	return e ? fail(r, e, "the new cluster can't begin: %s", err_text(e)) : ERR_OK;
}

static enum err
prove(struct restore *r)
{
	static struct check_report found_wrong;
	enum err e = check_folder(r->opt->to_db, r->opt->to_vault, &found_wrong);

	if (e)
		return fail(r, e, "what was restored can't be read: %s", err_text(e));
	r->report->violations = found_wrong.violations;
	if (found_wrong.violations)
		snprintf(r->report->why, sizeof r->report->why, "%s", found_wrong.text[0]);
	return ERR_OK;
}

enum err
restore_run(const struct restore_options *o, struct restore_report *report)
{
	struct restore r = {.opt = o, .report = report};
	enum err e;

	*report = (struct restore_report){0};
	e = copy_files(&r);
	if (!e)
		e = mend_vault(&r);
	if (!e)
		e = replay_and_found(&r);
	if (!e)
		e = begin_life(&r);
	if (!e)
		e = prove(&r);
	backup_list_free(&r.list);
	return e;
}
