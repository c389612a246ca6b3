/* store_watch: tells the processes of this node what a commit changed (IPC_WATCH). */
#ifndef CMD_STORE_WATCH_H
#define CMD_STORE_WATCH_H

#include "core/ipc.h"
#include "store/apply.h"

/* Each hears what concerns it. */
void store_watch_tell(struct ipc *ipc, uint64_t applied, const struct apply_touched *touched);

#endif
