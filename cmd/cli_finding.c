#include "cmd/cli_finding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
cli_finding_add(struct cli_findings *f, const char *cure, const char *format, ...)
{
	char what[700];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof what, format, ap);
	va_end(ap);
	json_array_append_new(f->list, json_pack("{s:s, s:s}", "what", what, "cure", cure));
}

void
cli_finding_path(const struct cli_findings *f, const char *below, char path[CLI_FINDING_PATH])
{
	snprintf(
		path, CLI_FINDING_PATH, "%s%s%s", f->config.data_dir, *below ? "/" : "", below);
}

bool
cli_finding_look(struct cli_findings *f, const char *below, const char *cure, struct stat *st)
{
	char path[CLI_FINDING_PATH];

	cli_finding_path(f, below, path);
	if (stat(path, st) == 0)
		return true;
	if (errno == EACCES)
		cli_finding_add(f, "run `hairpin check` as root",
			"%s: this user may not look at it", path);
	else
		cli_finding_add(f, cure, "%s: %s", path, strerror(errno));
	return false;
}

bool
cli_finding_read(struct cli_findings *f, const char *below, const char *cure, struct buf *out)
{
	char path[CLI_FINDING_PATH];
	struct stat st;
	ssize_t n;
	int fd;

	if (!cli_finding_look(f, below, cure, &st))
		return false;
	cli_finding_path(f, below, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf_room(out, CLI_FINDING_FILE_MAX), CLI_FINDING_FILE_MAX);
	if (n < 0)
		cli_finding_add(f,
			errno == EACCES ? "run `hairpin check` as root"
					: "restore it from your backup",
			"%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	buf_grow(out, n > 0 ? (size_t)n : 0);
	return n >= 0;
}

bool
cli_finding_read_secret(
	struct cli_findings *f, const char *below, const char *cure, struct buf *out)
{
	char path[CLI_FINDING_PATH], mend[CLI_FINDING_PATH];
	struct stat st;

	cli_finding_path(f, below, path);
	snprintf(mend, sizeof mend, "chmod 600 %.500s", path);
	if (stat(path, &st) == 0 && (st.st_mode & 077))
		cli_finding_add(
			f, mend, "%s: others may read it; the server won't start so", path);
	return cli_finding_read(f, below, cure, out);
}
