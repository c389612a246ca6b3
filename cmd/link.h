/* link: what the parts of the process link share (proc_link.c is its centre). */
#ifndef CMD_LINK_H
#define CMD_LINK_H

#include "cmd/link_address.h"
#include "cmd/link_conn.h"
#include "cmd/proc.h"

struct link;
struct link_strangers;
/* For its ipc, its loop and its configuration. */
struct proc *link_proc(struct link *l);
struct link_strangers *link_strangers(struct link *l);

/* --- link_stranger.c: clients without a certificate --- */

enum { LINK_STRANGERS_MAX = 8 };

struct link_strangers *link_strangers_new(struct link *l);
/* Takes conn, whose handshake is done, or closes it. begun_ms: when it was accepted. */
void link_strangers_take(struct link_strangers *s, struct link_conn *conn,
	const struct link_address *from, uint64_t begun_ms);
/* Ends those whose time is over. */
void link_strangers_tick(struct link_strangers *s);

#endif
