/* cli_sop_signer: keys that sign, and what is said of signatures, for the verbs of `hairpin
 * sop`. */
#ifndef CMD_CLI_SOP_SIGNER_H
#define CMD_CLI_SOP_SIGNER_H

#include "cmd/cli_sop_file.h"
#include "crypto/pgp_judge.h"
#include "crypto/pgp_sign.h"

/* Those who sign, each with its key opened. */
struct cli_sop_signers {
	struct cli_sop_certs keys;
	struct pgp_secret secret[PGP_SIGN_MAX];
	const struct pgp_secret *one[PGP_SIGN_MAX];
	struct pgp_secret_ring ring;
	struct pgp_private private;
	struct pgp_signer signer[PGP_SIGN_MAX];
	size_t n;
};
void cli_sop_signer_init(struct cli_sop_signers *s);
/* Adds the keys of a file. passwords: of --with-key-password. SOP_KEY_CANNOT_SIGN,
 * SOP_KEY_IS_PROTECTED. */
int cli_sop_signer_add(const struct cli_sop_line *line, const char *name,
	const struct cli_sop_passwords *passwords, struct cli_sop_signers *s);
void cli_sop_signer_fini(struct cli_sop_signers *s);
/* "SHA512", as a Hash header has it; NULL: they don't use the same, or are of version 6. */
const char *cli_sop_signer_hash(const struct cli_sop_signers *s, char *room, size_t size);
/* "pgp-sha512", or empty. */
const char *cli_sop_signer_micalg(const struct cli_sop_signers *s);

/* When signatures may be from. */
struct cli_sop_window {
	uint64_t from_sec, until_sec;
};
int cli_sop_signer_window(const struct cli_sop_line *line, const char *from, const char *until,
	struct cli_sop_window *w);
/* Appends a line for each good signature; what is wrong with the others goes to standard error.
 * Returns how many were good. */
size_t cli_sop_signer_report(const struct cli_sop_line *line, const struct pgp_verdict *verdict,
	size_t n, const struct cli_sop_window *w, struct buf *out);

#endif
