/* cli_sop: `hairpin sop VERB`: stateless OpenPGP (draft-dkg-openpgp-stateless-cli): keys are
 * files, data is standard input; words, options and exit codes are the draft's, not those of
 * our other verbs. Standard output stays empty unless all went well. */
#ifndef CMD_CLI_SOP_H
#define CMD_CLI_SOP_H

#include "cmd/cli.h"
#include "core/buf.h"

/* The draft's exit codes ("Failure Modes"). */
enum cli_sop_code {
	SOP_OK = 0,
	SOP_FAILURE = 1,
	SOP_NO_SIGNATURE = 3,
	SOP_UNSUPPORTED_ASYMMETRIC_ALGO = 13,
	SOP_CERT_CANNOT_ENCRYPT = 17,
	SOP_MISSING_ARG = 19,
	SOP_INCOMPLETE_VERIFICATION = 23,
	SOP_CANNOT_DECRYPT = 29,
	SOP_PASSWORD_NOT_HUMAN_READABLE = 31,
	SOP_UNSUPPORTED_OPTION = 37,
	SOP_BAD_DATA = 41,
	SOP_EXPECTED_TEXT = 53,
	SOP_OUTPUT_EXISTS = 59,
	SOP_MISSING_INPUT = 61,
	SOP_KEY_IS_PROTECTED = 67,
	SOP_UNSUPPORTED_SUBCOMMAND = 69,
	SOP_UNSUPPORTED_SPECIAL_PREFIX = 71,
	SOP_AMBIGUOUS_INPUT = 73,
	SOP_KEY_CANNOT_SIGN = 79,
	SOP_INCOMPATIBLE_OPTIONS = 83,
	SOP_UNSUPPORTED_PROFILE = 89,
	SOP_PRIMARY_KEY_BAD = 103
};

enum { CLI_SOP_OPTIONS_MAX = 256 };
struct cli_sop_option {
	const char *name;  /* without its dashes */
	const char *value; /* NULL: a flag */
};
struct cli_sop_line {
	const struct cli_sop_verb *verb;
	const char *word[CLI_WORDS_MAX];
	size_t words;
	struct cli_sop_option option[CLI_SOP_OPTIONS_MAX];
	size_t options;
};
struct cli_sop_verb {
	const char *name;
	/* Names, spaces between; with '=' one that has a value, with "=*" one that may be said
	 * again. */
	const char *options;
	const char *args; /* for the help */
	int (*run)(const struct cli_sop_line *line);
};

int cli_sop_run(const struct cli_line *line);

bool cli_sop_has(const struct cli_sop_line *line, const char *name);
/* The first value, or NULL. */
const char *cli_sop_value(const struct cli_sop_line *line, const char *name);
/* Says "hairpin sop VERB: ..."; returns code. */
int cli_sop_fail(const struct cli_sop_line *line, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The version numbers of `sop version`. */
int cli_sop_version(const struct cli_sop_line *line);

#endif
