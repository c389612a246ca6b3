#include <inttypes.h>

#include "core/codec.h"
#include "store/check_inner.h"
#include "store/schema.h"

void
check_payload_ref(struct check *c, uint64_t payload)
{
	struct check_payload *p = check_map_put(&c->payloads, payload);

	p->refs++;
}

/* Each entry's payload is named once. */
static void
own(struct check *c, enum check_owner_kind kind, uint64_t id, const uint64_t *index, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct check_owner *o = check_map_put(&c->owners, index[i]);

		if (o->kind)
			check_say(c, "the payload of log entry %" PRIu64 " is named twice",
				index[i]);
		o->kind = kind;
		o->id = id;
	}
}

enum err
check_payload_upload(struct check *c, struct slice k, struct slice v)
{
	Commands__UploadRow *r = codec_unpack(&commands__upload_row__descriptor, v, &c->arena);
	struct check_payload *p;

	if (!r || k.n != 8) {
		check_say(c, "an upload's row is damaged");
		return ERR_OK;
	}
	p = check_map_put(&c->uploads, schema_get_u64(k.p));
	p->sealed_size = r->sealed_size;
	own(c, CHECK_UPLOAD, schema_get_u64(k.p), r->index, r->n_index);
	return ERR_OK;
}

enum err
check_payload_row(struct check *c, struct slice k, struct slice v)
{
	Commands__PayloadRow *r = codec_unpack(
		&commands__payload_row__descriptor, v, &c->arena);
	struct check_payload *p;

	if (!r || k.n != 8 || r->count == 0 || r->n_index == 0) {
		check_say(c, "a payload's row is damaged");
		return ERR_OK;
	}
	p = check_map_put(&c->payloads, schema_get_u64(k.p));
	p->count = r->count;
	p->sealed_size = r->sealed_size;
	own(c, CHECK_PAYLOAD, schema_get_u64(k.p), r->index, r->n_index);
	return ERR_OK;
}

enum err
check_payload_garbage(struct check *c, struct slice k, struct slice v)
{
	uint64_t index;

	if (k.n != 8 || v.n) {
		check_say(c, "a garbage row is damaged");
		return ERR_OK;
	}
	index = schema_get_u64(k.p);
	own(c, CHECK_GARBAGE, index, &index, 1);
	return ERR_OK;
}

enum err
check_payload_body(struct check *c, struct slice k, struct slice v)
{
	struct check_owner *o;
	uint64_t index;

	if (k.n != 12 || v.n == 0) {
		check_say(c, "a payload's octets are damaged");
		return ERR_OK;
	}
	index = schema_get_u64(k.p);
	if (index != c->body_index) {
		c->body_index = index;
		c->body_row = 0;
	}
	/* Garbage goes row by row: its first rows may be gone. */
	o = check_map_get(&c->owners, index);
	if (schema_get_u32(k.p + 8) != c->body_row++ && !(o && o->kind == CHECK_GARBAGE))
		check_say(c, "the payload of log entry %" PRIu64 " has a gap", index);
	if (o)
		o->bytes += v.n;
	else if (index < c->log.first || index > c->log.last || index <= c->log.applied)
		check_say(c, "the payload of log entry %" PRIu64 " is named by nobody", index);
	return ERR_OK;
}

static void
add_bytes(struct check *c)
{
	const struct check_owner *o;
	struct check_payload *p;
	uint64_t index;

	for (size_t at = 0; (o = check_map_next(&c->owners, &at, &index));) {
		p = o->kind == CHECK_PAYLOAD  ? check_map_get(&c->payloads, o->id)
		    : o->kind == CHECK_UPLOAD ? check_map_get(&c->uploads, o->id)
					      : NULL;
		if (p)
			p->bytes += o->bytes;
	}
}

void
check_payload_totals(struct check *c)
{
	const struct check_payload *p;
	uint64_t id;

	add_bytes(c);
	for (size_t at = 0; (p = check_map_next(&c->payloads, &at, &id));) {
		if (p->refs != p->count)
			check_say(c,
				"payload %" PRIu64 " counts %" PRIu64
				" references; it has %" PRIu64,
				id, p->count, p->refs);
		if (p->bytes != p->sealed_size)
			check_say(c,
				"payload %" PRIu64 " should have %" PRIu64
				" octets; it has %" PRIu64,
				id, p->sealed_size, p->bytes);
	}
	for (size_t at = 0; (p = check_map_next(&c->uploads, &at, &id));)
		if (p->bytes != p->sealed_size)
			check_say(c,
				"upload %" PRIu64 " should have %" PRIu64
				" octets; it has %" PRIu64,
				id, p->sealed_size, p->bytes);
}
