/* cli_sop_inline: reads a text that has its signatures with it: a message, armored or not, or
 * one that can be read as it stands. The text is kept until it is known to be good. */
#ifndef CMD_CLI_SOP_INLINE_H
#define CMD_CLI_SOP_INLINE_H

#include "cmd/cli_sop_file.h"
#include "crypto/pgp_cleartext.h"
#include "crypto/pgp_open.h"

struct cli_sop_inline {
	struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	size_t n_verdicts;
	struct buf signatures; /* their packets */
	/* Its own: */
	struct cli_sop_out text;
	int hashed; /* a spool: what a readable text's signatures are over */
	struct buf front;
	bool is_begun, is_clear;
	struct pgp_cleartext clear;
	struct pgp_unarmor armor;
	struct pgp_open *open;
	struct pgp_judge judge;
	struct pgp_cert_ring ring;
};
void cli_sop_inline_init(struct cli_sop_inline *x, const struct cli_sop_line *line);
/* All of standard input. SOP_BAD_DATA. */
int cli_sop_inline_read(struct cli_sop_inline *x, const struct cli_sop_line *line,
	const struct cli_sop_certs *certs);
/* Shows the text if code is 0. Returns code, or what went wrong now. */
int cli_sop_inline_end(struct cli_sop_inline *x, const struct cli_sop_line *line, int code);

#endif
