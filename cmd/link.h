/* link: what the parts of the process link share (proc_link.c is its centre). */
#ifndef CMD_LINK_H
#define CMD_LINK_H

#include "cmd/proc.h"

struct link;
/* For its ipc, its loop and its configuration. */
struct proc *link_proc(struct link *l);

#endif
