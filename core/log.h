/* log: lines on standard error in syslog's shape:
 * `Nov 24 12:00:00 host hairpin/smtpd[123]: text`. Octets of the network may be in
 * the text: all but printable characters in valid UTF-8 become '?'. A line is one
 * write of at most 2,048 octets; what is longer is cut. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdarg.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* name and host are copied. Before it, lines say `hairpin`. */
void log_init(const char *host, const char *process, enum log_level level);
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
