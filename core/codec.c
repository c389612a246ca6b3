#include "core/codec.h"

static void *
take(void *arena, size_t n)
{
	return arena_alloc(arena, n);
}

/* The arena's reset frees. */
static void
drop(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

void *
codec_unpack(const ProtobufCMessageDescriptor *type, struct slice raw, struct arena *a)
{
	ProtobufCAllocator from = {.alloc = take, .free = drop, .allocator_data = a};

	if (raw.n > CODEC_MAX)
		return NULL;
	return protobuf_c_message_unpack(type, &from, raw.n, raw.p);
}

struct slice
codec_pack(const void *message, struct arena *a)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	uint8_t *p = arena_alloc(a, n);

	return slice_of(p, protobuf_c_message_pack(message, p));
}
