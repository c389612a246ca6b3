#include "cmd/cli_sop_key.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"

/* The first of a verb is its default; `also` are the draft's other words for it, which wants
 * at most four of them listed: a fifth is taken, and not shown. */
static const struct profile {
	const char *verb, *name, *also, *help;
	int value;
} profiles[] = {
	{"generate-key", "rfc4880", "compatibility",
		"version 4, Ed25519 and Curve25519: every program reads it",
		PGP_MAKE_CURVE25519},
	{"generate-key", "rfc9580", "security performance",
		"version 6, Ed25519 and X25519, AEAD", PGP_MAKE_V6},
	{"generate-key", "rfc4880-rsa3072", "", "version 4, RSA of 3072 bits",
		PGP_MAKE_RSA3072},
	{"generate-key", "rfc4880-p256", "", "version 4, NIST P-256", PGP_MAKE_P256},
	{"generate-key", "rfc4880-p384", "", "version 4, NIST P-384", PGP_MAKE_P384},
	{"encrypt", "rfc9580", "security performance",
		"SEIPD version 2 if all recipients announce it, else version 1",
		CLI_SOP_RFC9580},
	{"encrypt", "rfc4880", "compatibility", "SEIPD version 1", CLI_SOP_RFC4880},
};
enum { PROFILES = sizeof profiles / sizeof *profiles, LISTED_MAX = 4 };

static bool
has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; *at; at += strcspn(at, " "), at += *at == ' ')
		if (strcspn(at, " ") == n && !strncmp(at, word, n))
			return true;
	return false;
}

int
cli_sop_key_profiles(const struct cli_sop_line *line)
{
	size_t n = 0;

	for (size_t i = 0; i < PROFILES && n < LISTED_MAX; i++) {
		if (strcmp(profiles[i].verb, line->word[0]))
			continue;
		printf("%s: %s\n", profiles[i].name, profiles[i].help);
		n++;
	}
	return n ? SOP_OK
		 : cli_sop_fail(line, SOP_UNSUPPORTED_PROFILE, "`%s` has no profiles",
			   line->word[0]);
}

int
cli_sop_key_profile(const struct cli_sop_line *line, const char *verb, int *profile)
{
	const char *said = cli_sop_value(line, "profile");

	for (size_t i = 0; i < PROFILES; i++) {
		const struct profile *p = &profiles[i];

		if (strcmp(p->verb, verb) ||
			(said && strcmp(said, "default") && strcmp(said, p->name) &&
				!has_word(p->also, said)))
			continue;
		*profile = p->value;
		return SOP_OK;
	}
	return cli_sop_fail(line, SOP_UNSUPPORTED_PROFILE,
		"no profile `%s`; see `hairpin sop list-profiles %s`", said, verb);
}

int
cli_sop_key_fail(const struct cli_sop_line *line, const char *what, enum err e)
{
	if (e == ERR_AUTH)
		return cli_sop_fail(line, SOP_KEY_IS_PROTECTED,
			"%s: the key has a password, and none that was given fits", what);
	if (e == ERR_NOT_FOUND)
		return cli_sop_fail(line, SOP_BAD_DATA, "%s: a private key isn't in it", what);
	if (e == ERR_UNSUPPORTED)
		return cli_sop_fail(line, SOP_UNSUPPORTED_ASYMMETRIC_ALGO,
			"%s: an algorithm that isn't known here", what);
	return cli_sop_fail(line, SOP_BAD_DATA, "%s: %s", what, err_text(e));
}

/* --- generate-key ------------------------------------------------------------------------ */

static int
generate(const struct cli_sop_line *line, struct pgp_make_setup *setup, struct buf *key)
{
	struct slice ids[PGP_MAKE_USER_IDS_MAX];
	enum err e;

	if (line->words > PGP_MAKE_USER_IDS_MAX)
		return cli_sop_fail(
			line, SOP_FAILURE, "more than %d user ids", PGP_MAKE_USER_IDS_MAX);
	for (size_t i = 0; i < line->words; i++)
		ids[i] = slice_str(line->word[i]);
	setup->user_id = ids;
	setup->n_user_ids = line->words;
	e = pgp_make_key(setup, key);
	if (e == ERR_SYNTAX)
		return cli_sop_fail(line, SOP_EXPECTED_TEXT,
			"a user id is UTF-8, and of 1 to %d octets", PGP_USER_ID_MAX);
	return e == ERR_OK ? SOP_OK : cli_sop_key_fail(line, "the new key", e);
}

/* To standard output, armored or not, if code is 0. */
static int
show(const struct cli_sop_line *line, enum pgp_armor_kind kind, const struct buf *octets,
	int code)
{
	struct cli_sop_out out;
	struct text_sink to;

	cli_sop_file_out_init(&out, line, kind, cli_sop_file_has_checksum(buf_slice(octets)));
	to = cli_sop_file_sink(&out);
	if (!code && octets->n && to.put(to.arg, buf_slice(octets)) != ERR_OK)
		code = cli_sop_fail(line, SOP_FAILURE, "there is no room for the output");
	return cli_sop_file_out_end(&out, line, code);
}

int
cli_sop_key_generate(const struct cli_sop_line *line)
{
	struct pgp_make_setup setup = {.created_sec = (uint32_t)clock_wall_sec(),
		.is_for_signing = cli_sop_has(line, "signing-only")};
	struct cli_sop_passwords p;
	struct buf key;
	int profile = 0, code = cli_sop_key_profile(line, "generate-key", &profile);

	buf_init(&key, PGP_MAKE_MAX);
	p.n = p.files = 0;
	if (!code)
		code = cli_sop_file_passwords(line, "with-key-password", true, &p);
	if (!code && p.n > 1)
		code = cli_sop_fail(
			line, SOP_INCOMPATIBLE_OPTIONS, "one password for a new key");
	setup.kind = (enum pgp_make_kind)profile;
	setup.password = p.n ? p.word[0] : SLICE_EMPTY;
	if (!code)
		code = generate(line, &setup, &key);
	code = show(line, PGP_ARMOR_PRIVATE_KEY, &key, code);
	cli_sop_file_passwords_fini(&p);
	buf_fini_secret(&key);
	return code;
}

/* --- keys of standard input -------------------------------------------------------------- */

/* What becomes of each; extra: what the verb has. */
typedef enum err change_fn(const struct pgp_cert *cert, void *extra, struct buf *out);

static int
change_keys(const struct cli_sop_line *line, change_fn *change, void *extra, struct buf *out)
{
	struct cli_sop_certs keys = {.n = 0};
	struct buf in;
	int code;

	buf_init(&in, CLI_SOP_FILE_MAX);
	code = cli_sop_file_input_all(line, &in);
	if (!code)
		code = cli_sop_file_parse(line, "standard input", buf_slice(&in), &keys);
	for (size_t i = 0; !code && i < keys.n; i++) {
		enum err e = keys.cert[i]->is_secret ? change(keys.cert[i], extra, out)
						     : ERR_NOT_FOUND;

		if (e != ERR_OK)
			code = cli_sop_key_fail(line, "standard input", e);
	}
	cli_sop_file_certs_fini(&keys);
	buf_fini_secret(&in);
	return code;
}

static enum err
make_public(const struct pgp_cert *cert, void *extra, struct buf *out)
{
	(void)extra;
	return pgp_make_public(cert, out);
}

int
cli_sop_key_extract(const struct cli_sop_line *line)
{
	struct buf out;
	int code;

	buf_init(&out, CLI_SOP_FILE_MAX);
	code = change_keys(line, make_public, NULL, &out);
	code = show(line, PGP_ARMOR_PUBLIC_KEY, &out, code);
	buf_fini(&out);
	return code;
}

static enum err
make_locked(const struct pgp_cert *cert, void *extra, struct buf *out)
{
	return pgp_make_locked(cert, extra, out);
}

int
cli_sop_key_password(const struct cli_sop_line *line)
{
	struct cli_sop_passwords old = {.n = 0}, new = {.n = 0};
	struct pgp_make_passwords p;
	struct buf out;
	int code = cli_sop_file_passwords(line, "old-key-password", false, &old);

	buf_init(&out, CLI_SOP_FILE_MAX);
	if (!code)
		code = cli_sop_file_passwords(line, "new-key-password", true, &new);
	if (!code && new.n > 1)
		code = cli_sop_fail(line, SOP_INCOMPATIBLE_OPTIONS, "one new password");
	p = (struct pgp_make_passwords){old.word, old.n, new.n ? new.word[0] : SLICE_EMPTY};
	if (!code)
		code = change_keys(line, make_locked, &p, &out);
	code = show(line, PGP_ARMOR_PRIVATE_KEY, &out, code);
	cli_sop_file_passwords_fini(&old);
	cli_sop_file_passwords_fini(&new);
	buf_fini_secret(&out);
	return code;
}

static enum err
make_revoked(const struct pgp_cert *cert, void *extra, struct buf *out)
{
	struct pgp_make_revocation r = {
		.reason = PGP_SIG_NO_REASON, .created_sec = (uint32_t)clock_wall_sec()};

	return pgp_make_revoked(cert, extra, &r, out);
}

int
cli_sop_key_revoke(const struct cli_sop_line *line)
{
	struct cli_sop_passwords words = {.n = 0};
	struct pgp_make_passwords p;
	struct buf out;
	int code = cli_sop_file_passwords(line, "with-key-password", false, &words);

	buf_init(&out, CLI_SOP_FILE_MAX);
	p = (struct pgp_make_passwords){words.word, words.n, SLICE_EMPTY};
	if (!code)
		code = change_keys(line, make_revoked, &p, &out);
	code = show(line, PGP_ARMOR_PUBLIC_KEY, &out, code);
	cli_sop_file_passwords_fini(&words);
	buf_fini(&out);
	return code;
}
