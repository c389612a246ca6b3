/* link_log: the log lines that strangers cause, so many in ten seconds and no
 * more; how many were left out is said then. */
#ifndef CMD_LINK_LOG_H
#define CMD_LINK_LOG_H

enum { LINK_LOG_LINES = 20, LINK_LOG_MS = 10000 };

void link_log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Now and then. */
void link_log_tick(void);

#endif
