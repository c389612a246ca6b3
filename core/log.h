/* log: lines on standard error in syslog's shape:
 * `Nov 24 12:00:00 host hairpin/smtpd[123]: text`. Control and 8-bit octets of
 * the network never get out raw: everything but printable ASCII and UTF-8's
 * octets becomes '?'. A line is one write. */
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
