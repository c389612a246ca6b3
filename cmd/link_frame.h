/* link_frame: the octets between two nodes inside TLS. First, both ways, a hello:
 *
 *   0  "hairpin peer"  12 octets
 *  12  u32             version of what follows
 *  16                  cluster id, 16 octets
 *
 * then frames: u32 length (1 to 65,536; of a ping 0), u8 flags, octets. Whoever
 * sends anything else is cut off. Pure. */
#ifndef CMD_LINK_FRAME_H
#define CMD_LINK_FRAME_H

#include "core/err.h"
#include "core/slice.h"

enum {
	LINK_FRAME_HELLO = 32,
	LINK_FRAME_HEAD = 5,
	LINK_FRAME_MAX = 64 << 10,
	LINK_FRAME_VERSION = 1,
	LINK_FRAME_CLUSTER = 16
};
/* BULK, MORE: as in IPC_LINK_PART. A PING has no other flag. */
enum { LINK_FRAME_BULK = 1, LINK_FRAME_MORE = 2, LINK_FRAME_PING = 4 };

struct link_frame {
	unsigned flags;
	struct slice octets; /* borrowed */
};
/* *used: how many octets of in it took. ERR_MORE: it isn't whole yet. ERR_TOO_BIG: longer than
 * LINK_FRAME_MAX. ERR_SYNTAX: unknown flags, or a length that doesn't go with them. */
enum err link_frame_parse(struct slice in, struct link_frame *f, size_t *used);
/* n: at most LINK_FRAME_MAX. */
void link_frame_head(unsigned flags, size_t n, uint8_t head[LINK_FRAME_HEAD]);

void link_frame_hello(
	const uint8_t cluster[LINK_FRAME_CLUSTER], uint8_t hello[LINK_FRAME_HELLO]);
/* In place of a hello: who shows this certificate is no member, or not any more. */
void link_frame_gone(uint8_t hello[LINK_FRAME_HELLO]);
/* ERR_DENIED: that one. ERR_MORE: not whole yet. ERR_SYNTAX: no hello; said as soon as an octet
 * shows it. ERR_VERSION. ERR_STALE: of another cluster. */
enum err link_frame_parse_hello(struct slice in, const uint8_t cluster[LINK_FRAME_CLUSTER]);

#endif
