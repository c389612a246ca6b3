#include "cmd/link_log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"

enum { LINE = 400 };

static uint64_t since_ms;
static unsigned lines, left_out;

void
link_log_tick(void)
{
	if (clock_ms() - since_ms < LINK_LOG_MS)
		return;
	if (left_out)
		log_warn("link: %u more lines like these", left_out);
	lines = left_out = 0;
	since_ms = clock_ms();
}

void
link_log_warn(const char *format, ...)
{
	char text[LINE];
	va_list ap;

	link_log_tick();
	if (lines >= LINK_LOG_LINES) {
		left_out++;
		return;
	}
	lines++;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	log_warn("link: %s", text);
}
