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
	/* Of what follows: its part of the whole, a word; the domain, host or address that it
	 * is about, or NULL. */
	const char *topic, *subject;
	json_t *list;  /* {severity, topic, subject, what, cure} */
	size_t faults; /* errors and warnings in it */
};

/* An error: mail is lost, refused or can't be had. What others said may be in the text: what
 * can't be printed becomes a "?". cure: what to do about it. */
void cli_finding_add(struct cli_findings *f, const char *cure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* It works, but not well, or not for long. */
void cli_finding_warn(struct cli_findings *f, const char *cure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Nothing wrong: what could not be looked at, or may be meant so. */
void cli_finding_note(struct cli_findings *f, const char *cure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Forgets all that came after the first n. */
void cli_finding_cut(struct cli_findings *f, size_t n);
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
