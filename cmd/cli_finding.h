/* cli_finding: what `hairpin check` found, and reading files of the data folder on the way:
 * what can't be read is a finding itself. */
#ifndef CMD_CLI_FINDING_H
#define CMD_CLI_FINDING_H

#include <jansson.h>
#include <sys/stat.h>

#include "cmd/config.h"
#include "core/buf.h"

enum { CLI_FINDING_PATH = 600, CLI_FINDING_FILE_MAX = 1 << 20 };

struct cli_findings {
	struct config config;
	const char *config_path;
	json_t *list; /* {what, cure} */
};

/* cure: what to do about it. */
void cli_finding_add(struct cli_findings *f, const char *cure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* below: the data folder. */
void cli_finding_path(
	const struct cli_findings *f, const char *below, char path[CLI_FINDING_PATH]);
/* False, and found: it isn't there, or we may not look. */
bool cli_finding_look(
	struct cli_findings *f, const char *below, const char *cure, struct stat *st);
/* Appends the file; false, and found: it can't be read. */
bool cli_finding_read(
	struct cli_findings *f, const char *below, const char *cure, struct buf *out);
/* The same of a file that nobody but its owner may read; found: others may. */
bool cli_finding_read_secret(
	struct cli_findings *f, const char *below, const char *cure, struct buf *out);

#endif
