/* must: broken invariants, out of memory, and start-up failures end the
 * process with one line on standard error. Never reachable from wire bytes or
 * from what a less privileged process sent. Stays on in release builds. */
#ifndef CORE_MUST_H
#define CORE_MUST_H

#include <stddef.h>

#define must(cond) ((cond) ? (void)0 : must_fail(#cond, __FILE__, __LINE__))

_Noreturn void must_fail(const char *cond, const char *file, int line);
/* Says a sentence and exits with status 1 (start-up and fail-stop only). */
_Noreturn void must_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* malloc, calloc and realloc that never return NULL. */
void *must_alloc(size_t n);
void *must_zalloc(size_t n);
void *must_realloc(void *p, size_t n);

#endif
