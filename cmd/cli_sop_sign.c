#include "cmd/cli_sop_sign.h"

#include <string.h>

#include "cmd/cli_sop_inline.h"
#include "cmd/cli_sop_signer.h"
#include "cmd/cli_sop_text.h"
#include "core/clock.h"
#include "crypto/pgp_cleartext.h"
#include "crypto/pgp_seal.h"
#include "crypto/pgp_verify.h"

enum { SIGNATURES_MAX = 1 << 20, REPORT_MAX = 65536 };
enum as { AS_BINARY, AS_TEXT, AS_CLEARSIGNED };

/* --- signing ----------------------------------------------------------------------------- */

struct signing {
	struct cli_sop_passwords passwords;
	struct cli_sop_signers signers;
	enum as as;
	struct pgp_sign sign;
	struct pgp_cleartext_out clear;
	struct pgp_seal *seal;
	struct cli_sop_text text;
};

static int
read_as(const struct cli_sop_line *line, bool may_clear, enum as *as)
{
	const char *said = cli_sop_value(line, "as");

	*as = AS_BINARY;
	if (said && !strcmp(said, "text"))
		*as = AS_TEXT;
	else if (said && may_clear && !strcmp(said, "clearsigned"))
		*as = AS_CLEARSIGNED;
	else if (said && strcmp(said, "binary"))
		return cli_sop_fail(line, SOP_UNSUPPORTED_OPTION, "--as=%s isn't known", said);
	return SOP_OK;
}

static int
begin_signing(const struct cli_sop_line *line, bool may_clear, struct signing *x)
{
	int code = read_as(line, may_clear, &x->as);

	cli_sop_signer_init(&x->signers);
	x->passwords.n = x->passwords.files = 0;
	if (!code)
		code = cli_sop_file_passwords(line, "with-key-password", false, &x->passwords);
	for (size_t i = 0; !code && i < line->words; i++)
		code = cli_sop_signer_add(line, line->word[i], &x->passwords, &x->signers);
	return code;
}

static struct pgp_sign_setup
sign_setup(const struct signing *x)
{
	return (struct pgp_sign_setup){.signer = x->signers.signer,
		.n = x->signers.n,
		.is_text = x->as != AS_BINARY,
		.created_sec = (uint32_t)clock_wall_sec()};
}

static void
end_signing(struct signing *x)
{
	cli_sop_signer_fini(&x->signers);
	cli_sop_file_passwords_fini(&x->passwords);
}

static enum err
feed_sign(void *arg, struct slice octets)
{
	struct signing *x = arg;

	if (x->as == AS_TEXT && !cli_sop_text_feed(&x->text, octets))
		return ERR_SYNTAX;
	pgp_sign_feed(&x->sign, octets);
	return ERR_OK;
}

static int
said(const struct cli_sop_line *line, const struct signing *x, enum err e)
{
	if (x->as != AS_BINARY && !cli_sop_text_is_good(&x->text))
		return cli_sop_fail(line, SOP_EXPECTED_TEXT, "standard input isn't UTF-8");
	return e == ERR_OK ? SOP_OK : cli_sop_fail(line, SOP_FAILURE, "%s", err_text(e));
}

static int
sign_input(const struct cli_sop_line *line, struct signing *x, struct buf *signatures)
{
	struct pgp_sign_setup setup = sign_setup(x);
	enum err e = pgp_sign_begin(&x->sign, &setup);
	int code = SOP_OK;

	if (e == ERR_OK)
		code = cli_sop_file_input(line, feed_sign, x, &e);
	if (!code)
		code = said(line, x, e);
	if (!code)
		code = said(line, x, pgp_sign_finish(&x->sign, signatures));
	pgp_sign_fini(&x->sign);
	return code;
}

int
cli_sop_sign(const struct cli_sop_line *line)
{
	const char *micalg = cli_sop_value(line, "micalg-out");
	struct signing x = {0};
	struct cli_sop_out out;
	struct buf signatures;
	struct text_sink to;
	int code = begin_signing(line, false, &x);

	buf_init(&signatures, SIGNATURES_MAX);
	if (!code)
		code = sign_input(line, &x, &signatures);
	if (!code && micalg)
		code = cli_sop_file_write(
			line, micalg, slice_str(cli_sop_signer_micalg(&x.signers)));
	cli_sop_file_out_init(&out, line, PGP_ARMOR_SIGNATURE,
		cli_sop_file_has_checksum(buf_slice(&signatures)));
	to = cli_sop_file_sink(&out);
	if (!code && to.put(to.arg, buf_slice(&signatures)) != ERR_OK)
		code = cli_sop_fail(line, SOP_FAILURE, "there is no room for the output");
	code = cli_sop_file_out_end(&out, line, code);
	buf_fini(&signatures);
	end_signing(&x);
	return code;
}

/* --- signed texts ------------------------------------------------------------------------ */

static enum err
on_hashed(void *arg, struct slice octets)
{
	struct signing *x = arg;

	pgp_sign_feed(&x->sign, octets);
	return ERR_OK;
}

static enum err
feed_clear(void *arg, struct slice octets)
{
	struct signing *x = arg;

	return cli_sop_text_feed(&x->text, octets) ? pgp_cleartext_out_feed(&x->clear, octets)
						   : ERR_SYNTAX;
}

static enum err
put_signature(struct signing *x, struct text_sink to)
{
	struct buf packets;
	struct pgp_armor armor;
	enum err e;

	buf_init(&packets, SIGNATURES_MAX);
	e = pgp_sign_finish(&x->sign, &packets);
	pgp_armor_init(&armor, PGP_ARMOR_SIGNATURE,
		cli_sop_file_has_checksum(buf_slice(&packets)), to);
	if (e == ERR_OK)
		e = pgp_armor_feed(&armor, buf_slice(&packets));
	if (e == ERR_OK)
		e = pgp_armor_finish(&armor);
	buf_fini(&packets);
	return e;
}

static int
clearsign(const struct cli_sop_line *line, struct signing *x, struct text_sink to)
{
	struct pgp_sign_setup setup = sign_setup(x);
	char hash[32];
	enum err e = pgp_sign_begin(&x->sign, &setup);
	int code = SOP_OK;

	pgp_cleartext_out_init(&x->clear, cli_sop_signer_hash(&x->signers, hash, sizeof hash),
		to, (struct text_sink){on_hashed, x});
	if (e == ERR_OK)
		code = cli_sop_file_input(line, feed_clear, x, &e);
	if (!code && e == ERR_OK)
		e = pgp_cleartext_out_finish(&x->clear);
	if (!code && e == ERR_OK)
		e = put_signature(x, to);
	if (!code)
		code = said(line, x, e);
	pgp_cleartext_out_fini(&x->clear);
	pgp_sign_fini(&x->sign);
	return code;
}

static enum err
feed_seal(void *arg, struct slice octets)
{
	struct signing *x = arg;

	if (x->as == AS_TEXT && !cli_sop_text_feed(&x->text, octets))
		return ERR_SYNTAX;
	return pgp_seal_feed(x->seal, octets);
}

static int
sign_message(const struct cli_sop_line *line, struct signing *x, struct text_sink to)
{
	static const struct pgp_seal_plan plain;
	struct pgp_seal_setup setup = {.sign = sign_setup(x),
		.plan = &plain,
		.format = x->as == AS_TEXT ? 'u' : 'b',
		.to = to};
	enum err e = ERR_OK;
	int code;

	x->seal = pgp_seal_new(&setup);
	if (!x->seal)
		return cli_sop_fail(line, SOP_KEY_CANNOT_SIGN, "the key can't sign");
	code = cli_sop_file_input(line, feed_seal, x, &e);
	if (!code && e == ERR_OK)
		e = pgp_seal_finish(x->seal);
	if (!code)
		code = said(line, x, e);
	pgp_seal_free(x->seal);
	return code;
}

int
cli_sop_sign_inline(const struct cli_sop_line *line)
{
	struct signing x = {0};
	struct cli_sop_out out;
	int code = begin_signing(line, true, &x);
	bool is_clear = x.as == AS_CLEARSIGNED;

	if (!code && is_clear && cli_sop_has(line, "no-armor"))
		code = cli_sop_fail(line, SOP_INCOMPATIBLE_OPTIONS,
			"--as=clearsigned is text: not with --no-armor");
	cli_sop_file_out_init(&out, line, is_clear ? PGP_ARMOR_NONE : PGP_ARMOR_MESSAGE,
		x.signers.n && x.signers.signer[0].key->version != 6);
	if (!code)
		code = is_clear ? clearsign(line, &x, cli_sop_file_sink(&out))
				: sign_message(line, &x, cli_sop_file_sink(&out));
	code = cli_sop_file_out_end(&out, line, code);
	end_signing(&x);
	return code;
}

/* --- verifying --------------------------------------------------------------------------- */

static enum err
feed_verify(void *arg, struct slice octets)
{
	pgp_verify_feed(arg, octets);
	return ERR_OK;
}

static int
verify_input(const struct cli_sop_line *line, struct slice signatures,
	const struct cli_sop_certs *certs, struct buf *report)
{
	struct pgp_cert_ring ring = {certs->cert, certs->n};
	struct pgp_judge judge = {&ring, clock_wall_sec()};
	struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	struct cli_sop_window w;
	struct pgp_verify v;
	enum err e;
	int code = cli_sop_signer_window(line, "not-before", "not-after", &w);

	if (code)
		return code;
	if (pgp_verify_begin(&v, signatures, &judge) != ERR_OK) {
		pgp_verify_fini(&v);
		return cli_sop_fail(line, SOP_BAD_DATA, "%s: no signatures", line->word[0]);
	}
	code = cli_sop_file_input(line, feed_verify, &v, &e);
	pgp_verify_finish(&v, verdict);
	if (!code && cli_sop_signer_report(line, verdict, v.n, &w, report) == 0)
		code = cli_sop_fail(line, SOP_NO_SIGNATURE, "no good signature");
	pgp_verify_fini(&v);
	return code;
}

int
cli_sop_sign_verify(const struct cli_sop_line *line)
{
	struct cli_sop_certs certs = {.n = 0};
	struct buf file, signatures, report;
	int code;

	buf_init(&file, CLI_SOP_FILE_MAX);
	buf_init(&signatures, SIGNATURES_MAX);
	buf_init(&report, REPORT_MAX);
	code = cli_sop_file_read(line, line->word[0], &file);
	if (!code)
		code = cli_sop_file_unarmor(line, line->word[0], buf_slice(&file), &signatures);
	for (size_t i = 1; !code && i < line->words; i++)
		code = cli_sop_file_certs(line, line->word[i], false, &certs);
	if (!code)
		code = verify_input(line, buf_slice(&signatures), &certs, &report);
	if (!code && fwrite(report.p, 1, report.n, stdout) != report.n)
		code = SOP_FAILURE;
	cli_sop_file_certs_fini(&certs);
	buf_fini(&file);
	buf_fini(&signatures);
	buf_fini(&report);
	return code;
}

int
cli_sop_sign_inline_verify(const struct cli_sop_line *line)
{
	const char *verifications = cli_sop_value(line, "verifications-out");
	struct cli_sop_certs certs = {.n = 0};
	struct cli_sop_inline x;
	struct cli_sop_window w;
	struct buf report;
	int code = cli_sop_signer_window(line, "not-before", "not-after", &w);

	buf_init(&report, REPORT_MAX);
	cli_sop_inline_init(&x, line);
	for (size_t i = 0; !code && i < line->words; i++)
		code = cli_sop_file_certs(line, line->word[i], false, &certs);
	if (!code)
		code = cli_sop_inline_read(&x, line, &certs);
	if (!code && cli_sop_signer_report(line, x.verdict, x.n_verdicts, &w, &report) == 0)
		code = cli_sop_fail(line, SOP_NO_SIGNATURE, "no good signature");
	if (!code && verifications)
		code = cli_sop_file_write(line, verifications, buf_slice(&report));
	code = cli_sop_inline_end(&x, line, code);
	cli_sop_file_certs_fini(&certs);
	buf_fini(&report);
	return code;
}

int
cli_sop_sign_detach(const struct cli_sop_line *line)
{
	const char *signatures = cli_sop_value(line, "signatures-out");
	struct cli_sop_certs nobody = {.n = 0};
	struct cli_sop_inline x;
	struct pgp_armor armor;
	struct buf out;
	int code = signatures ? SOP_OK
			      : cli_sop_fail(line, SOP_MISSING_ARG,
					"--signatures-out=FILE is wanted");

	buf_init(&out, 2 * SIGNATURES_MAX);
	cli_sop_inline_init(&x, line);
	if (!code)
		code = cli_sop_inline_read(&x, line, &nobody);
	if (!code && x.signatures.n == 0)
		code = cli_sop_fail(line, SOP_BAD_DATA, "no signature is in it");
	pgp_armor_init(&armor,
		cli_sop_has(line, "no-armor") ? PGP_ARMOR_NONE : PGP_ARMOR_SIGNATURE,
		cli_sop_file_has_checksum(buf_slice(&x.signatures)), text_into(&out));
	if (!code && (pgp_armor_feed(&armor, buf_slice(&x.signatures)) != ERR_OK ||
			     pgp_armor_finish(&armor) != ERR_OK))
		code = cli_sop_fail(line, SOP_FAILURE, "too many signatures");
	/* The end before the signature isn't signed: without it, verify says good. */
	if (!code && x.is_clear)
		code = cli_sop_file_out_cut(&x.text, line);
	if (!code)
		code = cli_sop_file_write(line, signatures, buf_slice(&out));
	code = cli_sop_inline_end(&x, line, code);
	buf_fini(&out);
	return code;
}
