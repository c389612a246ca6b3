#include "cmd/cli_sop_message.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cli_scratch.h"
#include "cmd/cli_sop_key.h"
#include "cmd/cli_sop_signer.h"
#include "cmd/cli_sop_text.h"
#include "core/clock.h"
#include "core/must.h"
#include "crypto/gateway_pgp.h"
#include "crypto/pgp_open.h"
#include "crypto/pgp_seal.h"

enum { CHUNK = 65536, REPORT_MAX = 65536, SESSION_KEYS_MAX = 16, SESSION_TEXT_MAX = 128 };

/* --- session keys: "9:FACE..." ----------------------------------------------------------- */

static void
put_session(const struct pgp_session *session, uint8_t cipher, struct buf *out)
{
	buf_printf(out, "%u:", cipher);
	for (size_t i = 0; i < session->n; i++)
		buf_printf(out, "%02X", session->key[i]);
	buf_put_str(out, "\n");
}

static int
write_session(
	const struct cli_sop_line *line, const struct pgp_session *session, uint8_t cipher)
{
	const char *name = cli_sop_value(line, "session-key-out");
	struct buf text;
	int code;

	if (!name)
		return SOP_OK;
	buf_init(&text, SESSION_TEXT_MAX);
	put_session(session, cipher, &text);
	code = cli_sop_file_write(line, name, buf_slice(&text));
	buf_fini_secret(&text);
	return code;
}

static int
digit(uint8_t c)
{
	uint8_t l = slice_lower(c);

	return l >= '0' && l <= '9' ? l - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static bool
parse_session(struct slice s, struct pgp_session *session)
{
	size_t colon = slice_find(s, ':');
	uint64_t cipher;

	if (!slice_u64(slice_cut(s, 0, colon), UINT8_MAX, &cipher))
		return false;
	s = slice_trim(slice_from(s, colon + 1));
	if (s.n % 2 || s.n == 0 || s.n > 2 * sizeof session->key)
		return false;
	session->cipher = (uint8_t)cipher;
	for (session->n = 0; s.n; s = slice_from(s, 2)) {
		int high = digit(s.p[0]), low = digit(s.p[1]);

		if (high < 0 || low < 0)
			return false;
		session->key[session->n++] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int
read_sessions(const struct cli_sop_line *line, struct pgp_session *session, size_t *n)
{
	int code = SOP_OK;

	for (size_t i = 0; !code && i < line->options; i++) {
		const char *name = line->option[i].value;
		struct buf text;

		if (strcmp(line->option[i].name, "with-session-key"))
			continue;
		if (*n == SESSION_KEYS_MAX)
			return cli_sop_fail(
				line, SOP_INCOMPATIBLE_OPTIONS, "too many session keys");
		buf_init(&text, CLI_SOP_FILE_MAX);
		code = cli_sop_file_read(line, name, &text);
		if (!code && !parse_session(buf_slice(&text), &session[(*n)++]))
			code = cli_sop_fail(
				line, SOP_BAD_DATA, "%s: no session key like 9:0123...", name);
		buf_fini_secret(&text);
	}
	return code;
}

/* --- encrypt ----------------------------------------------------------------------------- */

struct encrypt {
	struct cli_sop_certs certs;
	struct cli_sop_passwords passwords, key_passwords;
	struct cli_sop_signers signers;
	struct pgp_seal_plan plan;
	struct pgp_seal *seal;
	bool is_text;
	struct cli_sop_text text;
};

static int
choose(const struct cli_sop_line *line, struct encrypt *x)
{
	int profile = 0, code = cli_sop_key_profile(line, "encrypt", &profile);
	enum err e;

	if (code)
		return code;
	if (x->certs.n == 0 && x->passwords.n == 0)
		return cli_sop_fail(line, SOP_MISSING_ARG,
			"certificates are wanted, or --with-password=FILE");
	e = pgp_seal_choose(x->certs.cert, x->certs.n, clock_wall_sec(),
		profile == CLI_SOP_RFC9580, &x->plan);
	/* A password alone announces nothing: what every program reads. */
	if (e == ERR_OK && x->certs.n == 0) {
		bool is_asked = cli_sop_value(line, "profile") && profile == CLI_SOP_RFC9580;

		x->plan.seipd = is_asked ? 2 : 1;
		x->plan.aead = is_asked ? PGP_OCB : 0;
		x->plan.cipher = PGP_AES256;
	}
	return e == ERR_OK ? SOP_OK
			   : cli_sop_fail(line, SOP_CERT_CANNOT_ENCRYPT,
				     "a certificate has no valid key to encrypt to");
}

/* Those of a file. */
static int
add_recipients(const struct cli_sop_line *line, const char *name, struct cli_sop_certs *certs)
{
	size_t before = certs->n;
	int code = cli_sop_file_certs(line, name, false, certs);

	for (size_t i = before; !code && i < certs->n; i++) {
		const char *fault = gateway_pgp_fault(certs->cert[i], clock_wall_sec());

		if (fault)
			code = cli_sop_fail(line, SOP_CERT_CANNOT_ENCRYPT,
				"%s: nothing can be encrypted to it: %s", name, fault);
	}
	return code;
}

static int
read_encrypt(const struct cli_sop_line *line, struct encrypt *x)
{
	const char *as = cli_sop_value(line, "as"), *use = cli_sop_value(line, "for");
	int code = cli_sop_file_passwords(line, "with-password", true, &x->passwords);

	cli_sop_signer_init(&x->signers);
	x->is_text = as && !strcmp(as, "text");
	if (as && !x->is_text && strcmp(as, "binary"))
		return cli_sop_fail(line, SOP_UNSUPPORTED_OPTION, "--as=%s isn't known", as);
	if (use && strcmp(use, "any"))
		return cli_sop_fail(line, SOP_UNSUPPORTED_OPTION, "--for=%s isn't known", use);
	if (!code)
		code = cli_sop_file_passwords(
			line, "with-key-password", false, &x->key_passwords);
	for (size_t i = 0; !code && i < line->words; i++)
		code = add_recipients(line, line->word[i], &x->certs);
	for (size_t i = 0; !code && i < line->options; i++)
		if (!strcmp(line->option[i].name, "sign-with"))
			code = cli_sop_signer_add(
				line, line->option[i].value, &x->key_passwords, &x->signers);
	return code ? code : choose(line, x);
}

static enum err
feed_encrypt(void *arg, struct slice octets)
{
	struct encrypt *x = arg;

	if (x->is_text && !cli_sop_text_feed(&x->text, octets))
		return ERR_SYNTAX;
	return pgp_seal_feed(x->seal, octets);
}

static int
encrypt_input(const struct cli_sop_line *line, struct encrypt *x, struct cli_sop_out *out)
{
	struct pgp_seal_setup setup = {.sign = {x->signers.signer, x->signers.n, x->is_text,
					       (uint32_t)clock_wall_sec()},
		.plan = &x->plan,
		.password = x->passwords.word,
		.n_passwords = x->passwords.n,
		.format = x->is_text ? 'u' : 'b',
		.to = cli_sop_file_sink(out)};
	enum err e = ERR_OK;
	int code;

	x->seal = pgp_seal_new(&setup);
	if (!x->seal)
		return cli_sop_fail(
			line, SOP_CERT_CANNOT_ENCRYPT, "a certificate can't be encrypted to");
	code = cli_sop_file_input(line, feed_encrypt, x, &e);
	if (!code && x->is_text && !cli_sop_text_is_good(&x->text))
		code = cli_sop_fail(line, SOP_EXPECTED_TEXT, "standard input isn't UTF-8");
	if (!code && e == ERR_OK)
		e = pgp_seal_finish(x->seal);
	if (!code && e != ERR_OK)
		code = cli_sop_fail(line, SOP_FAILURE, "%s", err_text(e));
	if (!code)
		code = write_session(line, pgp_seal_session(x->seal), x->plan.cipher);
	pgp_seal_free(x->seal);
	return code;
}

int
cli_sop_message_encrypt(const struct cli_sop_line *line)
{
	struct encrypt *x = must_zalloc(sizeof *x);
	struct cli_sop_out out;
	int code = read_encrypt(line, x);

	cli_sop_file_out_init(&out, line, PGP_ARMOR_MESSAGE, x->plan.seipd == 1);
	if (!code)
		code = encrypt_input(line, x, &out);
	code = cli_sop_file_out_end(&out, line, code);
	cli_sop_file_certs_fini(&x->certs);
	cli_sop_file_passwords_fini(&x->passwords);
	cli_sop_file_passwords_fini(&x->key_passwords);
	cli_sop_signer_fini(&x->signers);
	free(x);
	return code;
}

/* --- decrypt ----------------------------------------------------------------------------- */

struct decrypt {
	struct cli_sop_certs keys, signers;
	struct cli_sop_passwords passwords, key_passwords;
	struct pgp_session session[SESSION_KEYS_MAX];
	size_t n_sessions;
	struct cli_sop_window window;
	struct pgp_secret *secret; /* the keys' own, those that could be opened */
	const struct pgp_secret **one;
	struct pgp_secret_ring ring;
	bool is_locked; /* one couldn't be opened */
	int spool;	/* the message, without armor */
	struct pgp_unarmor armor;
	struct pgp_opened facts;
};

static int
read_decrypt(const struct cli_sop_line *line, struct decrypt *x)
{
	bool verifies = cli_sop_has(line, "verify-with");
	int code = cli_sop_file_passwords(line, "with-password", false, &x->passwords);

	if (!code)
		code = cli_sop_file_passwords(
			line, "with-key-password", false, &x->key_passwords);
	if (!code)
		code = read_sessions(line, x->session, &x->n_sessions);
	for (size_t i = 0; !code && i < line->words; i++)
		code = cli_sop_file_certs(line, line->word[i], true, &x->keys);
	for (size_t i = 0; !code && i < line->options; i++)
		if (!strcmp(line->option[i].name, "verify-with"))
			code = cli_sop_file_certs(
				line, line->option[i].value, false, &x->signers);
	if (!code)
		code = cli_sop_signer_window(
			line, "verify-not-before", "verify-not-after", &x->window);
	if (!code && verifies != (cli_sop_has(line, "verifications-out") ||
					 cli_sop_has(line, "verify-out")))
		code = cli_sop_fail(line, SOP_INCOMPLETE_VERIFICATION,
			"--verify-with and --verifications-out go together");
	if (!code && !verifies &&
		(cli_sop_has(line, "verify-not-before") ||
			cli_sop_has(line, "verify-not-after")))
		code = cli_sop_fail(line, SOP_INCOMPLETE_VERIFICATION,
			"--verify-not-before and --verify-not-after want --verify-with");
	if (!code && x->keys.n == 0 && x->passwords.n == 0 && x->n_sessions == 0)
		code = cli_sop_fail(line, SOP_MISSING_ARG,
			"keys are wanted, or --with-password=FILE, or --with-session-key=FILE");
	return code;
}

static void
open_keys(struct decrypt *x)
{
	struct pgp_make_passwords p = {x->key_passwords.word, x->key_passwords.n, SLICE_EMPTY};
	size_t n = 0;

	for (size_t i = 0; i < x->keys.n; i++)
		n += x->keys.cert[i]->n_keys;
	x->secret = must_zalloc((n + 1) * sizeof *x->secret);
	x->one = must_zalloc((n + 1) * sizeof *x->one);
	x->ring.secret = x->one;
	for (size_t i = 0; i < x->keys.n; i++)
		for (size_t k = 0; k < x->keys.cert[i]->n_keys; k++) {
			struct pgp_secret *s = &x->secret[x->ring.n];
			enum err e;

			if (!x->keys.cert[i]->key[k].public.may_encrypt)
				continue;
			e = pgp_make_open(x->keys.cert[i], k, &p, s);
			x->is_locked |= e == ERR_AUTH;
			if (e == ERR_OK)
				x->one[x->ring.n++] = s;
		}
}

static enum err
put_spool(void *arg, struct slice octets)
{
	struct decrypt *x = arg;

	return cli_scratch_put(x->spool, octets);
}

static enum err
feed_armor(void *arg, struct slice octets)
{
	struct decrypt *x = arg;

	return pgp_unarmor_feed(&x->armor, octets);
}

static int
spool_input(const struct cli_sop_line *line, struct decrypt *x)
{
	enum err e;
	int code;

	pgp_unarmor_init(&x->armor, (struct text_sink){put_spool, x});
	code = cli_sop_file_input(line, feed_armor, x, &e);
	if (!code && e == ERR_OK)
		e = pgp_unarmor_finish(&x->armor);
	if (!code && (e != ERR_OK || x->armor.blocks != 1))
		code = cli_sop_fail(line, SOP_BAD_DATA, "no OpenPGP message");
	return code;
}

static enum err
read_spool(void *arg, struct text_sink to)
{
	const struct decrypt *x = arg;
	uint8_t *chunk = must_alloc(CHUNK);
	enum err e = lseek(x->spool, 0, SEEK_SET) == 0 ? ERR_OK : ERR_IO;
	ssize_t n;

	while (e == ERR_OK && (n = read(x->spool, chunk, CHUNK)) != 0)
		e = n < 0 ? ERR_IO : to.put(to.arg, slice_of(chunk, (size_t)n));
	free(chunk);
	return e;
}

/* One of all that might open it. */
static enum err
try(struct decrypt *x, size_t attempt, struct cli_sop_out *out)
{
	struct pgp_private private = pgp_secret_private(&x->ring);
	struct pgp_cert_ring keys = {x->keys.cert, x->keys.n};
	struct pgp_cert_ring signers = {x->signers.cert, x->signers.n};
	struct pgp_open_setup setup = {.keys = &keys,
		.private = &private,
		.password = x->passwords.word,
		.n_passwords = x->passwords.n,
		.session = x->session,
		.n_sessions = x->n_sessions,
		.attempt = attempt,
		.judge = {&signers, clock_wall_sec()},
		.to = cli_sop_file_sink(out)};
	struct pgp_open_source source = {read_spool, x};

	return pgp_open_message(&setup, &source, &x->facts);
}

static int
say_why(const struct cli_sop_line *line, const struct decrypt *x, enum err e)
{
	if (e == ERR_SYNTAX)
		return cli_sop_fail(line, SOP_BAD_DATA, "no OpenPGP message");
	/* attempts are of locked keys, too: is it for one of ours at all? */
	if (x->is_locked && x->facts.recipients && x->facts.attempts)
		return cli_sop_fail(line, SOP_KEY_IS_PROTECTED,
			"a key has a password, and none that was given fits");
	return cli_sop_fail(line, SOP_CANNOT_DECRYPT, "it can't be decrypted");
}

/* Writes what is known of it beside its text. */
static int
write_facts(const struct cli_sop_line *line, struct decrypt *x)
{
	const char *name = cli_sop_value(line, "verifications-out");
	struct buf report;
	int code;

	if (!x->facts.is_encrypted)
		return cli_sop_fail(line, SOP_BAD_DATA, "the message isn't encrypted");
	name = name ? name : cli_sop_value(line, "verify-out");
	code = write_session(line, &x->facts.session, x->facts.cipher);
	if (code || !name)
		return code;
	buf_init(&report, REPORT_MAX);
	(void)cli_sop_signer_report(
		line, x->facts.verdict, x->facts.n_verdicts, &x->window, &report);
	code = cli_sop_file_write(line, name, buf_slice(&report));
	buf_fini(&report);
	return code;
}

static int
decrypt_spool(const struct cli_sop_line *line, struct decrypt *x, struct cli_sop_out *out)
{
	size_t attempts = 1;
	enum err e = ERR_CRYPTO;

	for (size_t i = 0; i < attempts && (e == ERR_CRYPTO || e == ERR_NOT_FOUND); i++) {
		int code = cli_sop_file_out_again(out, line);

		if (code)
			return code;
		e = try(x, i, out);
		attempts = x->facts.attempts;
	}
	return e == ERR_OK ? write_facts(line, x) : say_why(line, x, e);
}

static void
end_decrypt(struct decrypt *x)
{
	for (size_t i = 0; i < x->ring.n; i++)
		pgp_secret_fini(&x->secret[i]);
	free(x->secret);
	free(x->one);
	close(x->spool);
	cli_sop_file_certs_fini(&x->keys);
	cli_sop_file_certs_fini(&x->signers);
	cli_sop_file_passwords_fini(&x->passwords);
	cli_sop_file_passwords_fini(&x->key_passwords);
	explicit_bzero(x, sizeof *x);
	free(x);
}

int
cli_sop_message_decrypt(const struct cli_sop_line *line)
{
	struct decrypt *x = must_zalloc(sizeof *x);
	struct cli_sop_out out;
	int code;

	x->spool = cli_scratch_new();
	cli_sop_file_out_init(&out, line, PGP_ARMOR_NONE, false);
	code = read_decrypt(line, x);
	if (!code)
		code = spool_input(line, x);
	if (!code) {
		open_keys(x);
		code = decrypt_spool(line, x, &out);
	}
	code = cli_sop_file_out_end(&out, line, code);
	end_decrypt(x);
	return code;
}
