/* codec: protobuf messages to and from octets, memory from an arena; and their
 * octets as slices. Knows no message by name. Pure. */
#ifndef CORE_CODEC_H
#define CORE_CODEC_H

#include <protobuf-c/protobuf-c.h>

#include "core/arena.h"

enum { CODEC_MAX = 4 << 20 };

/* NULL when malformed or longer than CODEC_MAX octets. Lives as long as the arena; never freed
 * by itself. Keeps nothing of raw. */
void *codec_unpack(const ProtobufCMessageDescriptor *type, struct slice raw, struct arena *a);
/* message: any that was initialised. */
struct slice codec_pack(const void *message, struct arena *a);

/* Both borrow. */
static inline struct slice
codec_slice(ProtobufCBinaryData d)
{
	return slice_of(d.data, d.len);
}

static inline ProtobufCBinaryData
codec_bytes(struct slice s)
{
	return (ProtobufCBinaryData){s.n, (uint8_t *)(uintptr_t)s.p};
}

#endif
