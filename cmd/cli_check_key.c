#include "cmd/cli_check_key.h"

#include <inttypes.h>
#include <stdio.h>

#include "cmd/status_text.h"
#include "core/clock.h"
#include "core/codec.h"
#include "crypto/pgp_info.h"
#include "store/db.h"
#include "store/view_cert.h"
#include "store/view_key.h"
#include "store/view_status.h"

enum { DAY_SEC = 86400 };

struct looking {
	struct cli_findings *f;
	struct arena *arena;
	struct db_txn *txn;
	uint64_t now_sec;
};

/* Of what ends within the time: how many days are left; -1: it ends later, or is over. */
static int
days_left(const struct looking *l, int64_t until_sec)
{
	int64_t left = until_sec - (int64_t)l->now_sec;

	return left > 0 && left < (int64_t)CLI_CHECK_KEY_SOON_DAYS * DAY_SEC
		       ? (int)(left / DAY_SEC)
		       : -1;
}

/* Retired ones are there to open old mail. */
static bool
look_at_key(void *arg, uint64_t id, Commands__Key *key)
{
	struct looking *l = arg;
	struct slice address = codec_slice(key->address);
	struct cert_info info;
	int days;

	if (key->old || !key->n_certificate ||
		cert_info_read(codec_slice(key->certificate[0]), l->arena, &info))
		return true;
	days = days_left(l, info.until_sec);
	if (days >= 0)
		cli_finding_warn(l->f,
			pgp_info_is(codec_slice(key->certificate[0]))
				? "give it another end with `gpg --quick-set-expire`, and say "
				  "`hairpin key import` with what `gpg --export` makes (`man 7 "
				  "hairpin-recipes`), or make another one: `hairpin key create`"
				: "renew it, and say `hairpin key import` with the new "
				  "certificate",
			"the certificate of key %014" PRIx64 " of %.*s expires in %d days", id,
			SLICE_FMT(address), days);
	else if ((uint64_t)info.until_sec <= l->now_sec)
		cli_finding_warn(l->f,
			"renew it, or say `hairpin key retire` if it is only to open old mail",
			"the certificate of key %014" PRIx64 " of %.*s has expired", id,
			SLICE_FMT(address));
	return true;
}

/* False: it isn't revoked. */
static bool
look_at_status(const struct looking *l, struct slice address, struct slice sha256,
	const Commands__Cert *cert)
{
	struct view_status s = {.kind = VIEW_STATUS_UNKNOWN};
	char text[STATUS_TEXT_MAX], name[17];

	if (cert->until_sec <= l->now_sec ||
		view_status_judge(l->txn, sha256, l->now_sec, l->arena, &s) ||
		s.kind != VIEW_STATUS_REVOKED)
		return false;
	for (size_t i = 0; i < 8; i++)
		snprintf(name + 2 * i, 3, "%02x", sha256.p[i]);
	status_text(&s, text);
	cli_finding_warn(l->f,
		cert->key ? "get another one, and say `hairpin key import`"
			  : "ask for the next one, and say `hairpin cert add`",
		"certificate %s of %.*s isn't encrypted to%s: %s", name, SLICE_FMT(address),
		cert->key ? ", and nobody believes what it signs" : "", text);
	return true;
}

static bool
look_at_cert(void *arg, struct slice address, struct slice sha256, Commands__Cert *cert)
{
	struct looking *l = arg;
	char name[17];
	int days;

	for (size_t i = 0; i < 8; i++)
		snprintf(name + 2 * i, 3, "%02x", sha256.p[i]);
	days = days_left(l, (int64_t)cert->until_sec);
	if (cert->state == COMMANDS__CERT__STATE__PENDING && cert->until_sec > l->now_sec)
		cli_finding_warn(l->f,
			"ask whether the key has changed, then say `hairpin cert approve` or "
			"`hairpin cert delete` with that name",
			"%.*s signs with another key: certificate %s waits for approval, mail "
			"still "
			"goes to the known one",
			SLICE_FMT(address), name);
	else if (cert->state == COMMANDS__CERT__STATE__GOOD &&
		 look_at_status(l, address, sha256, cert))
		return true;
	else if (cert->state == COMMANDS__CERT__STATE__GOOD && !cert->key && days >= 0)
		cli_finding_warn(l->f, "ask for the next one, and say `hairpin cert add`",
			"certificate %s of %.*s expires in %d days", name, SLICE_FMT(address),
			days);
	return true;
}

void
cli_check_key(struct cli_findings *f)
{
	struct db_options how = {.read_only = true};
	struct arena a;
	struct looking l = {.f = f, .arena = &a, .now_sec = clock_wall_sec()};
	char dir[CLI_FINDING_PATH];
	struct db_txn *txn;
	struct db *db;

	cli_finding_path(f, "db", dir);
	/* Whether it is there, and whole, is said elsewhere. */
	if (db_open(&db, dir, &how))
		return;
	arena_init(&a, 0);
	if (!db_begin(db, false, &txn)) {
		l.txn = txn;
		(void)view_key_each(txn, &a, look_at_key, &l);
		(void)view_cert_all(txn, SLICE_EMPTY, &a, look_at_cert, &l);
		db_abort(txn);
	}
	arena_reset(&a);
	db_close(db);
}
