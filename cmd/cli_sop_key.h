/* cli_sop_key: the verbs of `hairpin sop` that make keys, and others of them. */
#ifndef CMD_CLI_SOP_KEY_H
#define CMD_CLI_SOP_KEY_H

#include "cmd/cli_sop_file.h"

int cli_sop_key_profiles(const struct cli_sop_line *line);
int cli_sop_key_generate(const struct cli_sop_line *line);
int cli_sop_key_password(const struct cli_sop_line *line);
int cli_sop_key_revoke(const struct cli_sop_line *line);
int cli_sop_key_extract(const struct cli_sop_line *line);

/* The exit code for an error of making or opening keys, said with `what`. */
int cli_sop_key_fail(const struct cli_sop_line *line, const char *what, enum err e);
/* --profile of `verb`: an index of its list; SOP_UNSUPPORTED_PROFILE. */
int cli_sop_key_profile(const struct cli_sop_line *line, const char *verb, int *profile);
/* What `encrypt` has for profiles. */
enum cli_sop_encrypt_profile { CLI_SOP_RFC9580, CLI_SOP_RFC4880 };

#endif
