/* dial: a TCP connection to one address, with a limit of time. */
#ifndef CORE_DIAL_H
#define CORE_DIAL_H

#include "core/loop.h"
#include "core/slice.h"

struct dial;

/* address: 4 octets or 16, in network order. */
struct dial_to {
	struct slice address;
	uint16_t port;
	uint32_t timeout_ms;
};

/* fd: connected, non-blocking, the callee's from now on; or -1, and error is an errno
 * (ETIMEDOUT: nobody answered in time). The dial is gone. */
typedef void (*dial_cb)(void *arg, int fd, int error);

/* cb comes once, never before the return. */
struct dial *dial_begin(struct loop *l, const struct dial_to *to, dial_cb cb, void *arg);
/* No cb comes after it. NULL is fine. */
void dial_cancel(struct dial *d);

#endif
