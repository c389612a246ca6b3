#include "cmd/cli_key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli_verbs.h"
#include "core/clock.h"
#include "core/mail_addr.h"
#include "crypto/gateway_pgp.h"
#include "crypto/pgp_bundle.h"
#include "crypto/pgp_info.h"
#include "crypto/pgp_merge.h"
#include "crypto/seal.h"
#include "store/backup_file.h"

enum { PASSWORD_MAX = 1024 };

static void
wipe_text(void *arg)
{
	seal_wipe(arg, strlen(arg));
}

static const char *
keep(struct arena *a, struct slice text)
{
	char *kept = arena_str(a, text);

	arena_hook(a, wipe_text, kept);
	return kept;
}

int
cli_key_file_password(const struct cli_line *line, struct arena *a, const char **word)
{
	const char *path = cli_value(line, "--password-file");
	const char *said = cli_value(line, "--password");
	struct slice text;
	uint8_t *p;
	size_t n;
	enum err e;

	if (said && path)
		return cli_misused(line->verb, "--password or --password-file, not both");
	if (said)
		*word = keep(a, slice_str(said));
	if (!path)
		return EX_OK;
	e = backup_file_read(path, PASSWORD_MAX, &p, &n);
	if (e)
		return cli_fail(EX_NOINPUT, "%s: %s", path, err_text(e));
	text = slice_of(p, n);
	text = slice_cut(text, 0, slice_find(text, '\n'));
	if (text.n && text.p[text.n - 1] == '\r')
		text.n--;
	*word = keep(a, text);
	seal_wipe(p, n);
	free(p);
	return EX_OK;
}

static int
fail(enum err e, const char *path)
{
	switch ((int)e) {
	case ERR_SYNTAX:
		return cli_fail(EX_DATAERR,
			"%s: neither a private key nor a certificate is in it that can be "
			"read: "
			"it should be a .p12 or .pfx file, PEM, DER or OpenPGP's",
			path);
	case ERR_AUTH:
		return cli_fail(EX_NOPERM,
			"%s: that isn't its password: give another one with --password or "
			"--password-file",
			path);
	case ERR_DENIED:
		return cli_fail(EX_NOPERM,
			"%s is encrypted: give its password with --password or --password-file",
			path);
	case ERR_UNSUPPORTED:
		return cli_fail(EX_DATAERR,
			"%s holds a key of a kind, or is encrypted in a way, that isn't "
			"supported: "
			"RSA of 1,024 to 8,192 bits, P-256, P-384, P-521, Ed25519 and X25519 "
			"are",
			path);
	case ERR_LIMIT:
		return cli_fail(EX_DATAERR, "%s holds more than %d keys or %d certificates",
			path, KEY_FILE_KEYS_MAX, KEY_FILE_CERTS_MAX);
	case ERR_TOO_BIG:
		return cli_fail(EX_DATAERR,
			"%s: what an OpenPGP certificate in it says of itself is more than %d "
			"KiB: export it with fewer user ids and subkeys",
			path, PGP_MERGE_MAX / 1024);
	default:
		return cli_fail(EX_DATAERR, "%s: %s", path, err_text(e));
	}
}

static bool
is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) || S_ISREG(st.st_mode);
}

int
cli_key_file_read(
	const struct cli_line *line, const char *path, struct arena *a, struct key_file *out)
{
	const char *word = NULL;
	char *asked;
	uint8_t *p;
	size_t n;
	int code = cli_key_file_password(line, a, &word);
	enum err e;

	if (code)
		return code;
	e = backup_file_read(path, KEY_FILE_MAX, &p, &n);
	if (e)
		return cli_fail(EX_NOINPUT, "%s: %s", path,
			e == ERR_NOT_FOUND ? "there is no such file"
			: !is_file(path)   ? "it is no file: put the key into one"
			: e == ERR_TOO_BIG ? "it is larger than a megabyte: no key is"
					   : err_text(e));
	e = key_file_read(slice_of(p, n), word, a, out);
	if (e == ERR_DENIED && (asked = cli_password(line))) {
		e = *asked ? key_file_read(slice_of(p, n), asked, a, out) : ERR_DENIED;
		seal_wipe(asked, strlen(asked));
		free(asked);
	}
	seal_wipe(p, n);
	free(p);
	return e ? fail(e, path) : EX_OK;
}

json_t *
cli_key_file_base64(struct slice octets)
{
	struct buf text;
	json_t *out;

	buf_init(&text, octets.n * 2 + 8);
	seal_b64(octets, &text);
	out = json_stringn((const char *)text.p, text.n);
	buf_fini_secret(&text);
	return out;
}

json_t *
cli_key_file_addresses(const struct cli_line *line, const struct cert_info *info, bool is_alone)
{
	json_t *list = json_array();

	for (size_t i = 1; i < line->words; i++)
		json_array_append_new(list, json_string(line->word[i]));
	for (size_t i = 0; line->words <= 1 && info && i < info->addresses; i++)
		json_array_append_new(list,
			json_stringn((const char *)info->address[i].p, info->address[i].n));
	if (json_array_size(list))
		return list;
	json_decref(list);
	if (!info)
		cli_fail(EX_USAGE,
			"%s: there is no certificate for the key in it, so name an address: "
			"`hairpin %s %s ADDRESS`",
			line->word[0], line->verb->name, line->word[0]);
	else if (is_alone)
		cli_fail(EX_USAGE,
			"%s: the certificate names no address: name one: `hairpin %s %s "
			"ADDRESS`",
			line->word[0], line->verb->name, line->word[0]);
	else
		cli_fail(EX_USAGE,
			"%s: the certificate of \"%.*s\" names no address: put it into a file "
			"of its own, and name one: `hairpin %s FILE ADDRESS`",
			line->word[0], SLICE_FMT(info->subject), line->verb->name);
	return NULL;
}

bool
cli_key_file_may_go_on(int code)
{
	return code == EX_OK || code == EX_USAGE || code == EX_DATAERR || code == EX_CANTCREAT;
}

static bool
is_for(const struct cert_info *info, const char *text, struct arena *a)
{
	struct slice address;

	/* For a whole domain: whatever the certificate says. */
	if (*text == '@' || mail_addr_canonical_text(slice_str(text), a, &address))
		return true;
	for (size_t i = 0; i < info->addresses; i++)
		if (slice_eq(info->address[i], address))
			return true;
	return false;
}

static void
put_date(int64_t sec, char text[16])
{
	time_t at = (time_t)sec;
	struct tm t;

	if (!gmtime_r(&at, &t) || !strftime(text, 16, "%Y-%m-%d", &t))
		memcpy(text, "?", 2);
}

/* At its newest signature's time, as those may not be known which would make it longer. */
static bool
is_of_use(struct pgp_cert *cert, bool is_private)
{
	uint64_t at_sec = pgp_info_newest_sec(cert);
	bool is = pgp_valid_key(cert, 0, PGP_USE_SIGN, at_sec) == PGP_PROBLEM_REVOKED;

	for (size_t i = 0; i < cert->n_keys && !is; i++) {
		const struct pgp_public *key = &cert->key[i].public;

		is = is_private ? key->is_ours && key->algorithm != PGP_DSA
				: !pgp_valid_key(cert, i, PGP_USE_SIGN, at_sec) ||
					  !pgp_valid_key(cert, i, PGP_USE_ENCRYPT, at_sec);
	}
	return is;
}

int
cli_key_file_check(const char *path, struct slice octets, bool is_private)
{
	struct pgp_cert *cert = pgp_info_is(octets) ? pgp_info_parse(octets) : NULL;
	bool is_refused = cert && !is_of_use(cert, is_private);
	const char *fault = is_refused ? gateway_pgp_fault(cert, pgp_info_newest_sec(cert))
				       : NULL;

	pgp_cert_free(cert);
	return is_refused ? cli_fail(EX_DATAERR, "%s: %s", path, fault) : EX_OK;
}

static void
warn_of_openpgp(const char *path, struct slice octets)
{
	struct pgp_cert *cert = pgp_info_is(octets) ? pgp_info_parse(octets) : NULL;
	const char *fault = cert ? gateway_pgp_fault(cert, (uint64_t)clock_wall_sec()) : NULL;

	if (fault)
		fprintf(stderr, "note: %s: nothing is encrypted to it: %s\n", path, fault);
	pgp_cert_free(cert);
}

void
cli_key_file_warn(const struct cli_key_file_odd *c)
{
	const struct cert_info *info = c->info;
	int64_t now = (int64_t)clock_wall_sec();
	struct arena a;
	char date[16];
	json_t *one;
	size_t i;

	arena_init(&a, 0);
	put_date(info->until_sec <= now ? info->until_sec : info->from_sec, date);
	if (info->until_sec <= now && !info->is_revoked)
		fprintf(stderr,
			"note: %s: the certificate expired on %s: nothing is signed with "
			"it or encrypted to it any more\n",
			c->path, date);
	else if (info->from_sec > now)
		fprintf(stderr, "note: %s: the certificate isn't valid before %s\n", c->path,
			date);
	else
		warn_of_openpgp(c->path, c->cert);
	if (!pgp_info_is(c->cert) &&
		(!info->is_for_mail || (!info->may_sign && !info->may_encrypt)))
		fprintf(stderr, "note: %s: by its key usage the certificate isn't for mail\n",
			c->path);
	json_array_foreach((json_t *)(uintptr_t)c->addresses, i, one)
	{
		if (!is_for(info, json_string_value(one), &a))
			fprintf(stderr, "note: %s: the certificate isn't for %s%s\n", c->path,
				json_string_value(one),
				c->is_ours ? ": others will not believe its signatures"
					   : ", but is used for it, as you say so");
	}
	arena_reset(&a);
}

static void
warn_of_one(const char *path, const struct pgp_bundle *bundle, const struct pgp_public *key,
	const char *words)
{
	char print[GATEWAY_PGP_PRINT];

	if (!pgp_bundle_find(bundle, slice_of(key->fingerprint, key->n_fingerprint)))
		fprintf(stderr, "note: %s: the private part of key %s isn't in it: %s\n", path,
			gateway_pgp_print(key, print), words);
}

void
cli_key_file_warn_of_missing(const char *path, struct slice octets, struct slice certificate)
{
	struct pgp_cert *cert = pgp_info_is(certificate) ? pgp_info_parse(certificate) : NULL;
	uint64_t now_sec = (uint64_t)clock_wall_sec();
	size_t signer, keys[PGP_VALID_RECIPIENTS_MAX], n;
	struct pgp_bundle *bundle = NULL;

	if (cert && !pgp_bundle_parse(octets, &bundle)) {
		if (pgp_valid_signer(cert, now_sec, &signer))
			warn_of_one(path, bundle, &cert->key[signer].public,
				"nothing is signed with it");
		n = pgp_valid_recipients(cert, now_sec, keys);
		for (size_t i = 0; i < n; i++)
			warn_of_one(path, bundle, &cert->key[keys[i]].public,
				"what is encrypted to it can't be opened here");
	}
	pgp_bundle_free(bundle);
	pgp_cert_free(cert);
}

int
cli_key_file_write(const char *path, struct slice octets)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n;

	if (fd < 0)
		return cli_fail(EX_CANTCREAT, "%s: %s%s", path, strerror(errno),
			errno == EEXIST ? ": name another file" : "");
	n = write(fd, octets.p, octets.n);
	if (n == (ssize_t)octets.n && !fsync(fd) && !close(fd))
		return EX_OK;
	unlink(path);
	return cli_fail(EX_IOERR, "%s can't be written: %s", path, strerror(errno));
}
