#include "core/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
must_fail(const char *cond, const char *file, int line)
{
	fprintf(stderr, "hairpin: panic: %s:%d: %s\n", file, line, cond);
	abort();
}

void
must_fatal(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("hairpin: fatal: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

void *
must_alloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	must(p != NULL);
	return p;
}

void *
must_zalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	must(p != NULL);
	return p;
}

void *
must_realloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	must(p != NULL);
	return p;
}
