#include "store/schema_trace.h"

#include "crypto/seal.h"
#include "store/schema.h"

enum { KEY = 12, AT_HASH = SCHEMA_TRACE_FIXED, AT_FROM = AT_HASH + SCHEMA_TRACE_HASH };

static size_t
fixed_of(enum schema_trace_kind kind)
{
	return kind == SCHEMA_TRACE_TAKEN ? SCHEMA_TRACE_TAKEN_FIXED : SCHEMA_TRACE_FIXED;
}

bool
schema_trace_read(struct slice key, struct slice row, struct schema_trace *t)
{
	const uint8_t *p = row.p;

	if (key.n != KEY || row.n < SCHEMA_TRACE_FIXED || p[0] >= SCHEMA_TRACE_KIND_COUNT ||
		p[1] > 1 || row.n < fixed_of((enum schema_trace_kind)p[0]))
		return false;
	*t = (struct schema_trace){.index = schema_get_u64(key.p),
		.n = schema_get_u32(key.p + 8),
		.kind = (enum schema_trace_kind)p[0],
		.is_last = p[1] != 0,
		.node = schema_get_u32(p + 4),
		.time_ms = schema_get_u64(p + 8),
		.item = schema_get_u64(p + 16),
		.rcpt = schema_get_u32(p + 24),
		.life_sec = schema_get_u32(p + 28),
		.rest = slice_from(row, fixed_of((enum schema_trace_kind)p[0]))};
	if (t->kind == SCHEMA_TRACE_TAKEN) {
		t->message_id = p + AT_HASH;
		t->from = schema_get_u64(p + AT_FROM);
	}
	return true;
}

size_t
schema_trace_write(const struct schema_trace *t, uint8_t *row, size_t room)
{
	size_t fixed = fixed_of(t->kind), n = fixed + t->rest.n;

	if (room < n)
		return n;
	memset(row, 0, fixed);
	row[0] = (uint8_t)t->kind;
	row[1] = t->is_last;
	schema_set_u32(row + 4, t->node);
	schema_set_u64(row + 8, t->time_ms);
	schema_set_u64(row + 16, t->item);
	schema_set_u32(row + 24, t->rcpt);
	schema_set_u32(row + 28, t->life_sec);
	if (t->kind == SCHEMA_TRACE_TAKEN) {
		memcpy(row + AT_HASH, t->message_id, SCHEMA_TRACE_HASH);
		schema_set_u64(row + AT_FROM, t->from);
	}
	if (t->rest.n)
		memcpy(row + fixed, t->rest.p, t->rest.n);
	return n;
}

void
schema_trace_hash(struct slice message_id, uint8_t hash[SCHEMA_TRACE_HASH])
{
	uint8_t whole[SEAL_HASH] = {0};

	if (message_id.n)
		seal_hash(NULL, &message_id, 1, whole);
	memcpy(hash, whole, SCHEMA_TRACE_HASH);
}

const char *
schema_trace_name(enum schema_trace_kind kind)
{
	static const char *const names[] = {
#define X(id, name) name,
		SCHEMA_TRACE_KINDS(X)
#undef X
	};

	return names[kind];
}
