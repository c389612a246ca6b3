#include "cmd/cli_finding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/utf8.h"

/* CURE_MAX: a DKIM record fits. */
enum { WHAT_MAX = 900, CURE_MAX = 1800 };

static const char note[] = "note";

/* JSON takes UTF-8 alone, and a terminal obeys control characters. */
static void
clean(char *text)
{
	bool is_valid = utf8_is_valid(slice_str(text));

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127 || (!is_valid && (*c & 0x80)))
			*c = '?';
}

static void __attribute__((format(printf, 4, 0))) add(struct cli_findings *f,
	const char *severity, const char *cure, const char *format, va_list ap)
{
	char what[WHAT_MAX], mend[CURE_MAX];

	vsnprintf(what, sizeof what, format, ap);
	snprintf(mend, sizeof mend, "%s", cure);
	clean(what);
	clean(mend);
	f->faults += strcmp(severity, note) != 0;
	json_array_append_new(
		f->list, json_pack("{s:s, s:s, s:s?, s:s, s:s}", "severity", severity, "topic",
				 f->topic, "subject", f->subject, "what", what, "cure", mend));
}

void
cli_finding_add(struct cli_findings *f, const char *cure, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(f, "error", cure, format, ap);
	va_end(ap);
}

void
cli_finding_warn(struct cli_findings *f, const char *cure, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(f, "warning", cure, format, ap);
	va_end(ap);
}

void
cli_finding_note(struct cli_findings *f, const char *cure, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(f, note, cure, format, ap);
	va_end(ap);
}

void
cli_finding_cut(struct cli_findings *f, size_t n)
{
	json_t *last;

	while (json_array_size(f->list) > n) {
		last = json_array_get(f->list, json_array_size(f->list) - 1);
		f->faults -= strcmp(note,
				     json_string_value(json_object_get(last, "severity"))) != 0;
		json_array_remove(f->list, json_array_size(f->list) - 1);
	}
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
