/* cli_sop_file: what `hairpin sop` reads and writes: files, @ENV:, @FD:, standard input; keys
 * and passwords out of them; a spool for what is to come out. All return exit codes of cli_sop,
 * and have said what is wrong. */
#ifndef CMD_CLI_SOP_FILE_H
#define CMD_CLI_SOP_FILE_H

#include "cmd/cli_sop.h"
#include "core/text.h"
#include "crypto/pgp_armor.h"
#include "crypto/pgp_make.h"

enum { CLI_SOP_FILE_MAX = 16 << 20, CLI_SOP_CERTS_MAX = 1000, CLI_SOP_PASSWORDS_MAX = 16 };

/* All of one indirect parameter. SOP_MISSING_INPUT, SOP_UNSUPPORTED_SPECIAL_PREFIX,
 * SOP_AMBIGUOUS_INPUT. */
int cli_sop_file_read(const struct cli_sop_line *line, const char *name, struct buf *out);
/* Might cli_sop_file_write make it? SOP_OUTPUT_EXISTS, SOP_UNSUPPORTED_SPECIAL_PREFIX,
 * SOP_AMBIGUOUS_INPUT. */
int cli_sop_file_check_new(const struct cli_sop_line *line, const char *name);
/* Writes a new one. SOP_OUTPUT_EXISTS. */
int cli_sop_file_write(const struct cli_sop_line *line, const char *name, struct slice octets);
/* Standard input to its end, or until the callback's first error, *e. */
int cli_sop_file_input(const struct cli_sop_line *line,
	enum err (*feed)(void *arg, struct slice octets), void *arg, enum err *e);
/* Standard input into memory. SOP_BAD_DATA: over CLI_SOP_FILE_MAX. */
int cli_sop_file_input_all(const struct cli_sop_line *line, struct buf *out);

/* Octets in armor, or as they are. */
int cli_sop_file_unarmor(
	const struct cli_sop_line *line, const char *what, struct slice in, struct buf *out);

/* Certificates or keys. Owned. */
struct cli_sop_certs {
	struct pgp_cert *cert[CLI_SOP_CERTS_MAX];
	size_t n;
};
/* Adds those of a file. SOP_BAD_DATA: there is none, or one that has its private key, or,
 * wants_secret, one that hasn't. */
int cli_sop_file_certs(const struct cli_sop_line *line, const char *name, bool wants_secret,
	struct cli_sop_certs *certs);
/* Adds those of octets, armored or not; name is for messages. */
int cli_sop_file_parse(const struct cli_sop_line *line, const char *name, struct slice octets,
	struct cli_sop_certs *certs);
void cli_sop_file_certs_fini(struct cli_sop_certs *certs);

/* The passwords of all options of that name, each as it stands and without white space at its
 * end. */
struct cli_sop_passwords {
	struct buf octets[CLI_SOP_PASSWORDS_MAX];
	struct slice word[2 * CLI_SOP_PASSWORDS_MAX];
	size_t n, files;
};
/* is_new: for what is written with it: trimmed, and a line of text that isn't empty
 * (SOP_PASSWORD_NOT_HUMAN_READABLE). */
int cli_sop_file_passwords(const struct cli_sop_line *line, const char *option, bool is_new,
	struct cli_sop_passwords *p);
void cli_sop_file_passwords_fini(struct cli_sop_passwords *p);

/* What comes out: kept until all is well. In armor unless --no-armor was said. */
struct cli_sop_out {
	int fd;
	struct pgp_armor armor;
	struct buf line; /* short pieces, until they are worth a call */
};
void cli_sop_file_out_init(struct cli_sop_out *o, const struct cli_sop_line *line,
	enum pgp_armor_kind kind, bool has_checksum);
/* "The CRC24 footer MUST NOT be generated" with what is of version 6 (RFC 9580 section 6.1). */
bool cli_sop_file_has_checksum(struct slice packets);
struct text_sink cli_sop_file_sink(struct cli_sop_out *o);
/* Forgets what went in. */
int cli_sop_file_out_again(struct cli_sop_out *o, const struct cli_sop_line *line);
/* Without the end of its last line. */
int cli_sop_file_out_cut(struct cli_sop_out *o, const struct cli_sop_line *line);
/* To standard output if code is 0. Returns code, or what went wrong now. */
int cli_sop_file_out_end(struct cli_sop_out *o, const struct cli_sop_line *line, int code);

#endif
