#include "store/schema.h"

#include "core/big_endian.h"

enum { DELIVERED_TO_FRAME = sizeof("Delivered-To: \r\n") - 1 };

void
schema_set_u64(uint8_t *p, uint64_t v)
{
	big_endian_put_u64(p, v);
}

void
schema_set_u32(uint8_t *p, uint32_t v)
{
	big_endian_put_u32(p, v);
}

uint64_t
schema_get_u64(const uint8_t *p)
{
	return big_endian_get_u64(p);
}

uint32_t
schema_get_u32(const uint8_t *p)
{
	return big_endian_get_u32(p);
}

static uint16_t
get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
set_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

bool
schema_message_read(struct slice row, struct schema_message *m)
{
	const uint8_t *p = row.p;
	size_t to_n, head_n, index_n, sum;

	if (row.n < SCHEMA_MESSAGE_FIXED || p[0] != SCHEMA_MESSAGE_FORMAT)
		return false;
	to_n = get_u16(p + 4);
	head_n = schema_get_u32(p + 64);
	index_n = schema_get_u32(p + 68);
	if (__builtin_add_overflow(to_n + SCHEMA_MESSAGE_FIXED, head_n, &sum) ||
		__builtin_add_overflow(sum, index_n, &sum) || sum != row.n)
		return false;
	*m = (struct schema_message){
		.wrap_kind = p[1],
		.flags = p[2],
		.keywords = schema_get_u64(p + 8),
		.modseq = schema_get_u64(p + 16),
		.internal_date_sec = (int64_t)schema_get_u64(p + 24),
		.zone_min = (int16_t)get_u16(p + 32),
		.head_size = schema_get_u32(p + 36),
		.size = schema_get_u64(p + 40),
		.payload = schema_get_u64(p + 48),
		.epoch = schema_get_u64(p + 56),
		.save_date_sec = schema_get_u64(p + 72),
		.wrapped_key = slice_cut(row, 80, 80 + SCHEMA_WRAPPED_KEY),
		.delivered_to = slice_cut(
			row, SCHEMA_MESSAGE_FIXED, SCHEMA_MESSAGE_FIXED + to_n),
		.sealed_head = slice_cut(row, sum - index_n - head_n, sum - index_n),
		.sealed_index = slice_from(row, sum - index_n),
	};
	return true;
}

size_t
schema_message_write(const struct schema_message *m, uint8_t *p, size_t room)
{
	size_t n = SCHEMA_MESSAGE_FIXED + m->delivered_to.n + m->sealed_head.n +
		   m->sealed_index.n;
	uint8_t *at;
	const struct slice tail[] = {m->delivered_to, m->sealed_head, m->sealed_index};

	if (room < n)
		return n;
	at = p + SCHEMA_MESSAGE_FIXED;
	memset(p, 0, SCHEMA_MESSAGE_FIXED);
	p[0] = SCHEMA_MESSAGE_FORMAT;
	p[1] = m->wrap_kind;
	p[2] = m->flags;
	set_u16(p + 4, (uint16_t)m->delivered_to.n);
	schema_set_u64(p + 8, m->keywords);
	schema_set_u64(p + 16, m->modseq);
	schema_set_u64(p + 24, (uint64_t)m->internal_date_sec);
	set_u16(p + 32, (uint16_t)m->zone_min);
	schema_set_u32(p + 36, m->head_size);
	schema_set_u64(p + 40, m->size);
	schema_set_u64(p + 48, m->payload);
	schema_set_u64(p + 56, m->epoch);
	schema_set_u32(p + 64, (uint32_t)m->sealed_head.n);
	schema_set_u32(p + 68, (uint32_t)m->sealed_index.n);
	schema_set_u64(p + 72, m->save_date_sec);
	if (m->wrapped_key.n == SCHEMA_WRAPPED_KEY)
		memcpy(p + 80, m->wrapped_key.p, SCHEMA_WRAPPED_KEY);
	at = p + SCHEMA_MESSAGE_FIXED;
	for (size_t i = 0; i < sizeof tail / sizeof *tail; at += tail[i++].n)
		if (tail[i].n)
			memcpy(at, tail[i].p, tail[i].n);
	return n;
}

uint64_t
schema_message_size(const struct schema_message *m)
{
	uint64_t frame = m->delivered_to.n ? DELIVERED_TO_FRAME + m->delivered_to.n : 0;

	return m->size + m->head_size + frame;
}

uint64_t
schema_vault_id(const uint8_t key[9], uint64_t index)
{
	return key[0] == 'l' ? index : schema_get_u64(key + 1);
}

bool
schema_vault_read(struct slice row, struct schema_vault *v)
{
	if (row.n != SCHEMA_VAULT_FIXED && row.n != SCHEMA_VAULT_FIXED + SCHEMA_PUBLIC_KEY)
		return false;
	*v = (struct schema_vault){.wrap_kind = row.p[0],
		.flags = row.p[1],
		.index = schema_get_u64(row.p + 2),
		.hash = row.p + 10,
		.public_key = slice_from(row, SCHEMA_VAULT_FIXED)};
	return true;
}

struct slice
schema_vault_write(
	const struct schema_vault *v, uint8_t row[SCHEMA_VAULT_FIXED + SCHEMA_PUBLIC_KEY])
{
	row[0] = v->wrap_kind;
	row[1] = v->flags;
	schema_set_u64(row + 2, v->index);
	memcpy(row + 10, v->hash, SCHEMA_VAULT_FIXED - 10);
	if (v->public_key.n)
		memcpy(row + SCHEMA_VAULT_FIXED, v->public_key.p, SCHEMA_PUBLIC_KEY);
	return slice_of(row, SCHEMA_VAULT_FIXED + (v->public_key.n ? SCHEMA_PUBLIC_KEY : 0));
}

bool
schema_owner_read(struct slice row, struct schema_owner *o)
{
	if (row.n != SCHEMA_OWNER_SIZE)
		return false;
	*o = (struct schema_owner){.runs_node = schema_get_u32(row.p),
		.boot = schema_get_u64(row.p + 4),
		.epoch = schema_get_u64(row.p + 12),
		.since = schema_get_u64(row.p + 20),
		.wants = schema_get_u64(row.p + 28)};
	return true;
}

struct slice
schema_owner_write(const struct schema_owner *o, uint8_t row[SCHEMA_OWNER_SIZE])
{
	schema_set_u32(row, o->runs_node);
	schema_set_u64(row + 4, o->boot);
	schema_set_u64(row + 12, o->epoch);
	schema_set_u64(row + 20, o->since);
	schema_set_u64(row + 28, o->wants);
	return slice_of(row, SCHEMA_OWNER_SIZE);
}

struct slice
schema_u32(struct schema_key *k, uint32_t a)
{
	schema_set_u32(k->b, a);
	return slice_of(k->b, 4);
}

struct slice
schema_u64(struct schema_key *k, uint64_t a)
{
	schema_set_u64(k->b, a);
	return slice_of(k->b, 8);
}

struct slice
schema_u64_u64(struct schema_key *k, uint64_t a, uint64_t b)
{
	schema_set_u64(k->b, a);
	schema_set_u64(k->b + 8, b);
	return slice_of(k->b, 16);
}

struct slice
schema_u64_u32(struct schema_key *k, uint64_t a, uint32_t b)
{
	schema_set_u64(k->b, a);
	schema_set_u32(k->b + 8, b);
	return slice_of(k->b, 12);
}

struct slice
schema_u64_u64_u32(struct schema_key *k, uint64_t a, uint64_t b, uint32_t c)
{
	schema_set_u64(k->b, a);
	schema_set_u64(k->b + 8, b);
	schema_set_u32(k->b + 16, c);
	return slice_of(k->b, 20);
}

struct slice
schema_due(struct schema_key *k, uint32_t node, uint64_t sec, uint64_t item, uint32_t number)
{
	schema_set_u32(k->b, node);
	schema_set_u64(k->b + 4, sec);
	schema_set_u64(k->b + 12, item);
	schema_set_u32(k->b + 20, number);
	return slice_of(k->b, 24);
}

struct slice
schema_u8_u64(struct schema_key *k, uint8_t a, uint64_t b)
{
	k->b[0] = a;
	schema_set_u64(k->b + 1, b);
	return slice_of(k->b, 9);
}

bool
schema_is_hop(struct slice name)
{
	return name.n && name.n <= SCHEMA_HOP_MAX && !memchr(name.p, '\0', name.n);
}

uint8_t
schema_lane(struct slice sender)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sender.n; i++)
		h = (h ^ sender.p[i]) * 16777619u;
	return (uint8_t)((h ^ h >> 16) % SCHEMA_LANES);
}

struct slice
schema_hop(struct schema_hop_key *k, uint32_t node, struct slice hop)
{
	schema_set_u32(k->b, node);
	memcpy(k->b + 4, hop.p, hop.n);
	return slice_of(k->b, 4 + hop.n);
}

struct slice
schema_hop_due(struct schema_hop_key *k, uint32_t node, uint64_t sec, struct slice hop)
{
	schema_set_u32(k->b, node);
	schema_set_u64(k->b + 4, sec);
	memcpy(k->b + 12, hop.p, hop.n);
	return slice_of(k->b, 12 + hop.n);
}

enum { RELAY_TAIL = 1 + 1 + 8 + 8 + 4 };

struct slice
schema_relay_key(struct schema_hop_key *k, const struct schema_relay *r)
{
	uint8_t *p = k->b + 4 + r->hop.n;

	schema_hop(k, r->node, r->hop);
	p[0] = '\0';
	p[1] = r->lane;
	schema_set_u64(p + 2, r->next_try_sec);
	schema_set_u64(p + 10, r->item);
	schema_set_u32(p + 18, r->number);
	return slice_of(k->b, 4 + r->hop.n + RELAY_TAIL);
}

bool
schema_relay_read(struct slice key, struct schema_relay *r)
{
	const uint8_t *p = key.p + key.n - RELAY_TAIL;

	if (key.n < 4 + RELAY_TAIL || key.n > sizeof(struct schema_hop_key))
		return false;
	*r = (struct schema_relay){.node = schema_get_u32(key.p),
		.hop = slice_of(key.p + 4, key.n - 4 - RELAY_TAIL),
		.lane = p[1],
		.next_try_sec = schema_get_u64(p + 2),
		.item = schema_get_u64(p + 10),
		.number = schema_get_u32(p + 18)};
	return p[0] == '\0' && r->lane < SCHEMA_LANES && schema_is_hop(r->hop);
}

struct slice
schema_sts_due(struct schema_sts_due *k, uint64_t until_sec, struct slice domain)
{
	domain = slice_cut(domain, 0, sizeof k->b - 8);
	schema_set_u64(k->b, until_sec);
	memcpy(k->b + 8, domain.p, domain.n);
	return slice_of(k->b, 8 + domain.n);
}

bool
schema_is_name(struct slice name)
{
	return name.n && name.n <= SCHEMA_NAME_MAX && !memchr(name.p, '\0', name.n);
}

struct slice
schema_cert(struct schema_name_key *k, struct slice address, struct slice sha256)
{
	address = slice_cut(address, 0, SCHEMA_NAME_MAX);
	sha256 = slice_cut(sha256, 0, SCHEMA_SHA256);
	memcpy(k->b, address.p, address.n);
	k->b[address.n] = '\0';
	if (sha256.n)
		memcpy(k->b + address.n + 1, sha256.p, sha256.n);
	return slice_of(k->b, address.n + 1 + sha256.n);
}

struct slice
schema_key_of(struct schema_name_key *k, struct slice address, uint8_t kind, uint64_t key)
{
	size_t n = schema_cert(k, address, SLICE_EMPTY).n;

	k->b[n] = kind;
	schema_set_u64(k->b + n + 1, key);
	return slice_of(k->b, n + 9);
}

bool
schema_key_of_read(struct slice k, struct slice *address, uint8_t *kind, uint64_t *key)
{
	if (k.n <= 10 || k.p[k.n - 10] != '\0' || !schema_is_name(slice_cut(k, 0, k.n - 10)))
		return false;
	*address = slice_cut(k, 0, k.n - 10);
	*kind = k.p[k.n - 9];
	*key = schema_get_u64(k.p + k.n - 8);
	return true;
}

struct slice
schema_policy(struct schema_name_key *k, struct slice level)
{
	level = slice_cut(level, 0, SCHEMA_NAME_MAX);
	k->b[0] = '\0';
	if (level.n)
		memcpy(k->b + 1, level.p, level.n);
	return slice_of(k->b, 1 + level.n);
}

struct slice
schema_opened_due(
	struct schema_key *k, uint64_t until_sec, const uint8_t hash[SCHEMA_OPENED_HASH])
{
	schema_set_u64(k->b, until_sec);
	memcpy(k->b + 8, hash, SCHEMA_OPENED_HASH);
	return slice_of(k->b, 8 + SCHEMA_OPENED_HASH);
}

struct slice
schema_status_due(struct schema_status_due *k, uint64_t until_sec, struct slice sha256)
{
	schema_set_u64(k->b, until_sec);
	memcpy(k->b + 8, sha256.p, SCHEMA_SHA256);
	return slice_of(k->b, sizeof k->b);
}
