/* sandbox: what a process gives up before it hears a stranger: new privileges,
 * core dumps, processes of its own, all of the file system but the named paths
 * (Landlock), and every system call that it doesn't need (seccomp). What the
 * kernel or the container doesn't allow is left out and named in the report.
 * Then it tries the forbidden: nothing is believed to hold that was not seen
 * to. */
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
	bool memory_files; /* makes files in memory (memfd), which no limit bounds */
	bool accept;	   /* takes connections from listening sockets that it was handed */
	bool connect;	   /* makes TCP connections, from ports that the kernel chooses */
	bool datagrams;	   /* with connect: UDP too */
	bool threads;	   /* a library of its own makes threads (LMDB's compacting copy) */
	bool has_own_user, has_own_root; /* the caller saw to that, for the report */
};
struct sandbox_report {
	char missing[256]; /* what isn't in force here, comma-separated; empty: all is */
	char tried[256];   /* what was tried, and the error that each got */
	bool is_leaking;   /* one of those was not refused, though all is in force */
};

/* For the parent, once its ports are bound: of root's powers it keeps those that it needs for
 * its children's users, root folders and end. Does nothing without root. */
void sandbox_keep_little(void);
void sandbox_enter(const struct sandbox_wish *wish, struct sandbox_report *report);

#endif
