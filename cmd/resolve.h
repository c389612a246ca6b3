/* resolve: dns_ask (core/dns.h) for processes that have no resolver in them: over IPC, of this
 * node's. */
#ifndef CMD_RESOLVE_H
#define CMD_RESOLVE_H

#include "core/dns.h"
#include "core/ipc.h"

/* The resolver itself says SERVFAIL after 25 s (cmd/proc_resolver): wait a little longer. */
enum { RESOLVE_MS = 30000 };

/* question is copied. Its callback comes exactly once, never before the return; a resolver that
 * doesn't answer in timeout_ms, or dies, is an rcode of SERVFAIL too. */
void resolve_ask(struct ipc *ipc, const struct dns_question *question);

#endif
