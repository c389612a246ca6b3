#include "core/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/utf8.h"
#include "core/zone.h"

enum { LINE_MAX_OCTETS = 2048 };

static char host_name[256] = "-", process_name[32];
static enum log_level least = LOG_LEVEL_INFO;

void
log_init(const char *host, const char *process, enum log_level level)
{
	snprintf(host_name, sizeof host_name, "%s", host);
	snprintf(process_name, sizeof process_name, "%s", process);
	least = level;
}

static int
stamp(char *line, size_t room)
{
	static const char month[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)clock_wall_sec();
	struct tm t;

	now += zone_offset_min(now) * 60;
	gmtime_r(&now, &t);
	return snprintf(line, room,
		"%.3s %2d %02d:%02d:%02d %s hairpin%s%s[%d]: ", month + 3 * t.tm_mon, t.tm_mday,
		t.tm_hour, t.tm_min, t.tm_sec, host_name, process_name[0] ? "/" : "",
		process_name, (int)getpid());
}

/* Whatever isn't printable, a terminal's commands above all, becomes '?'. */
static void
clean(char *text, size_t n)
{
	uint32_t c;
	size_t used;

	for (size_t i = 0; i < n; i += used) {
		used = utf8_get(slice_of(text + i, n - i), &c);
		if (used && c >= ' ' && (c < 127 || c >= 160))
			continue;
		used = used ? used : 1;
		memset(text + i, '?', used);
	}
}

static void
put(enum log_level level, const char *format, va_list ap)
{
	char line[LINE_MAX_OCTETS];
	static const char *const word[] = {"", "", "warning: ", "error: "};
	int n, start;

	if (level < least)
		return;
	start = n = stamp(line, sizeof line);
	n += snprintf(line + n, sizeof line - (size_t)n, "%s", word[level]);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 1, format, ap);
	if (n > (int)sizeof line - 2)
		n = (int)sizeof line - 2;
	clean(line + start, (size_t)(n - start));
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nobody left to tell */
}

void
log_debug(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put(LOG_LEVEL_DEBUG, format, ap);
	va_end(ap);
}

void
log_info(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put(LOG_LEVEL_INFO, format, ap);
	va_end(ap);
}

void
log_warn(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put(LOG_LEVEL_WARN, format, ap);
	va_end(ap);
}

void
log_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put(LOG_LEVEL_ERROR, format, ap);
	va_end(ap);
}
