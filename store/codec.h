/* codec: protobuf records to and from octets, memory from an arena. Pure.
 * Input is capped at CODEC_MAX octets and, through the arena, bounded. */
#ifndef STORE_CODEC_H
#define STORE_CODEC_H

#include <protobuf-c/protobuf-c.h>

#include "core/arena.h"

enum { CODEC_MAX = 4 << 20 };

/* NULL when malformed or too large. Lives as long as the arena; never freed by itself. */
void *codec_unpack(const ProtobufCMessageDescriptor *type, struct slice raw, struct arena *a);
struct slice codec_pack(const void *message, struct arena *a);
/* For protobuf-c's own calls. */
ProtobufCAllocator codec_allocator(struct arena *a);

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
