/* sandbox: what a process gives up before it hears a stranger: new privileges,
 * core dumps, all of the file system but the named paths (Landlock), and every
 * system call that it doesn't need (seccomp). What the kernel or the
 * container doesn't allow is left out and named in the report. */
#ifndef CORE_SANDBOX_H
#define CORE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct sandbox_path {
	const char *path;
	bool write;
};
struct sandbox_wish {
	const struct sandbox_path *path;
	size_t paths;
	bool accept;	       /* takes connections from listening sockets that it was handed */
	bool threads;	       /* a library of its own makes threads (LMDB's compacting copy) */
	bool seccomp_in_debug; /* builds with sanitizers leave seccomp out unless asked */
};
struct sandbox_report {
	char missing[256]; /* words, comma-separated; empty: all in force */
};

void sandbox_enter(const struct sandbox_wish *wish, struct sandbox_report *report);

#endif
