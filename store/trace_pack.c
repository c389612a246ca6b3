#include "store/trace_pack.h"

#include "core/codec.h"

/* Protobuf's wire format: a field is its tag (number, kind), then a varint, or a length and
 * octets; what has its default isn't there. VARINT: octets of the largest. FIELDS: of Trace and
 * of its Intake, more than there are. */
enum { KIND_VARINT = 0, KIND_OCTETS = 2, VARINT = 10, FIELDS = 40, TAG = 2 };

static uint8_t *
put_varint(uint8_t *p, uint64_t v)
{
	for (; v > 127; v >>= 7)
		*p++ = (uint8_t)(v | 128);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *
put_u64(uint8_t *p, unsigned field, uint64_t v)
{
	return v ? put_varint(put_varint(p, field << 3 | KIND_VARINT), v) : p;
}

static uint8_t *
put_octets(uint8_t *p, unsigned field, const void *octets, size_t n)
{
	if (!n)
		return p;
	p = put_varint(put_varint(p, field << 3 | KIND_OCTETS), n);
	memcpy(p, octets, n);
	return p + n;
}

static uint8_t *
put_bytes(uint8_t *p, unsigned field, ProtobufCBinaryData d)
{
	return put_octets(p, field, d.data, d.len);
}

static uint8_t *
put_text(uint8_t *p, unsigned field, const char *text)
{
	return put_octets(p, field, text, strlen(text));
}

static size_t
most(const Commands__Trace *t)
{
	return FIELDS * (TAG + VARINT) + t->address.len + t->hop.len + t->mailbox.len +
	       t->account.len + t->client_address.len + strlen(t->relay) + strlen(t->tls) +
	       strlen(t->text) + strlen(t->helo) + strlen(t->login) + strlen(t->ident);
}

struct slice
trace_pack_intake(const Commands__Intake *in, struct arena *a)
{
	uint8_t *start = arena_alloc(a, FIELDS * (TAG + VARINT) + strlen(in->kind) +
						strlen(in->at) + strlen(in->tls) +
						in->client_address.len);
	uint8_t *p = start;

	p = put_text(p, 1, in->kind);
	p = put_text(p, 2, in->at);
	p = put_bytes(p, 3, in->client_address);
	p = put_u64(p, 4, in->client_port);
	p = put_text(p, 5, in->tls);
	return slice_of(start, (size_t)(p - start));
}

/* Advances *s. */
static bool
get_varint(struct slice *s, uint32_t *v)
{
	size_t i = 0;

	for (*v = 0; i < s->n && i < 5; i++) {
		*v |= (uint32_t)(s->p[i] & 127) << 7 * i;
		if (s->p[i] < 128) {
			*s = slice_from(*s, i + 1);
			return true;
		}
	}
	return false;
}

bool
trace_pack_is_intake(struct slice s)
{
	uint32_t tag, v;

	if (s.n > TRACE_PACK_INTAKE_MAX)
		return false;
	while (s.n) {
		if (!get_varint(&s, &tag) || !get_varint(&s, &v))
			return false;
		if (tag == (4 << 3 | KIND_VARINT))
			continue;
		if ((tag & 7) != KIND_OCTETS || tag >> 3 == 0 || tag >> 3 == 4 ||
			tag >> 3 > 5 || v > s.n)
			return false;
		s = slice_from(s, v);
	}
	return true;
}

struct slice
trace_pack(const Commands__Trace *t, struct slice intake, struct arena *a)
{
	uint8_t *start = arena_alloc(a, most(t) + intake.n), *p = start;

	p = put_bytes(p, 1, t->address);
	p = put_bytes(p, 2, t->hop);
	p = put_text(p, 3, t->relay);
	p = put_text(p, 4, t->tls);
	p = put_text(p, 5, t->text);
	p = put_u64(p, 6, t->count);
	p = put_u64(p, 7, t->uid);
	p = put_bytes(p, 8, t->mailbox);
	p = put_bytes(p, 9, t->account);
	p = put_u64(p, 10, t->next_try_sec);
	p = put_u64(p, 11, t->report);
	p = put_u64(p, 12, t->owner_node);
	p = put_u64(p, 13, (uint64_t)t->expanded_by);
	p = put_octets(p, 14, intake.p, intake.n);
	p = put_text(p, 15, t->helo);
	p = put_text(p, 16, t->login);
	p = put_u64(p, 17, t->size);
	p = put_text(p, 18, t->ident);
	p = put_bytes(p, 19, t->client_address);
	p = put_u64(p, 20, (uint64_t)t->stage);
	return slice_of(start, (size_t)(p - start));
}
