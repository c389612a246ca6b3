#include "store/apply_payload.h"

#include "store/apply_row.h"
#include "store/view_mailbox.h"

static enum err
get_upload(struct apply *a, uint64_t id, Commands__UploadRow **out)
{
	struct schema_key k;
	struct slice raw;
	enum err e = db_get(a->txn, DB_UPLOAD, schema_u64(&k, id), &raw);

	if (e)
		return e;
	*out = codec_unpack(&commands__upload_row__descriptor, raw, a->arena);
	return *out ? ERR_OK : ERR_CORRUPT;
}

static enum err
put_garbage(struct apply *a, const uint64_t *index, size_t n)
{
	struct schema_key k;
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && !e; i++)
		e = db_put(a->txn, DB_GARBAGE, schema_u64(&k, index[i]), SLICE_EMPTY);
	return e;
}

static enum err
drop_upload(struct apply *a, uint64_t id)
{
	struct schema_key k;
	Commands__UploadRow *u;
	enum err e = get_upload(a, id, &u);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	e = put_garbage(a, u->index, u->n_index);
	return e ? e : apply_row_del(a, DB_UPLOAD, schema_u64(&k, id));
}

enum err
apply_payload_check(struct apply *a, const Commands__Body *body, bool *fits)
{
	Commands__UploadRow *u;
	enum err e;

	*fits = false;
	if (!body || body->sealed_size == 0)
		return ERR_OK;
	if (!body->upload) {
		*fits = body->sealed_size == a->body_sealed_size;
		return ERR_OK;
	}
	e = get_upload(a, body->upload, &u);
	if (!e)
		*fits = u->sealed_size == body->sealed_size;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
apply_payload_make(struct apply *a, const Commands__Body *body)
{
	Commands__PayloadRow row = COMMANDS__PAYLOAD_ROW__INIT;
	Commands__UploadRow *u;
	struct schema_key k;
	enum err e;

	row.count = 1;
	row.size = body->size;
	row.sealed_size = body->sealed_size;
	row.n_index = 1;
	row.index = &a->index;
	if (body->upload) {
		e = get_upload(a, body->upload, &u);
		if (!e)
			e = apply_row_del(a, DB_UPLOAD, schema_u64(&k, body->upload));
		if (e)
			return e;
		row.n_index = u->n_index;
		row.index = u->index;
	}
	return apply_row_put(a, DB_PAYLOAD, schema_u64(&k, a->index), &row);
}

enum err
apply_payload_ref(struct apply *a, uint64_t payload)
{
	struct schema_key k;
	Commands__PayloadRow *row;
	enum err e = view_mailbox_payload(a->txn, payload, a->arena, &row);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	row->count++;
	return apply_row_put(a, DB_PAYLOAD, schema_u64(&k, payload), row);
}

enum err
apply_payload_unref(struct apply *a, uint64_t payload)
{
	struct schema_key k;
	Commands__PayloadRow *row;
	enum err e = view_mailbox_payload(a->txn, payload, a->arena, &row);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	if (--row->count)
		return apply_row_put(a, DB_PAYLOAD, schema_u64(&k, payload), row);
	e = put_garbage(a, row->index, row->n_index);
	return e ? e : apply_row_del(a, DB_PAYLOAD, schema_u64(&k, payload));
}

enum err
apply_payload_refuse(struct apply *a, const Commands__Body *body)
{
	enum err e = ERR_OK;

	if (a->body_sealed_size)
		e = put_garbage(a, &a->index, 1);
	if (!e && body && body->upload)
		e = drop_upload(a, body->upload);
	return e;
}

enum err
apply_payload_chunk(struct apply *a, const Commands__Chunk *c)
{
	Commands__UploadRow fresh = COMMANDS__UPLOAD_ROW__INIT, *u = &fresh;
	struct schema_key k;
	uint64_t *index;
	enum err e = get_upload(a, c->upload, &u);

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e)
		u = &fresh;
	/* A repeated or odd chunk changes nothing. */
	if (c->n != u->n_index || a->body_sealed_size == 0) {
		e = apply_payload_refuse(a, NULL);
		return e ? e : apply_refuse(a, COMMAND_STALE, "chunk out of order");
	}
	index = arena_alloc(a->arena, (u->n_index + 1) * sizeof *index);
	if (u->n_index)
		memcpy(index, u->index, u->n_index * sizeof *index);
	index[u->n_index++] = a->index;
	u->index = index;
	u->sealed_size += a->body_sealed_size;
	u->node = a->node;
	u->boot = a->boot;
	return apply_row_put(a, DB_UPLOAD, schema_u64(&k, c->upload), u);
}

/* Those of a node, but for one boot. */
static enum err
drop_uploads(struct apply *a, uint32_t node, uint64_t but_boot)
{
	struct schema_key from;
	struct slice k, v;
	Commands__UploadRow *u;
	uint64_t id = 0;
	enum err e;

	for (;; id++) {
		e = db_first_from(a->txn, DB_UPLOAD, schema_u64(&from, id), &k, &v);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		id = schema_get_u64(k.p);
		u = codec_unpack(&commands__upload_row__descriptor, v, a->arena);
		if (!u)
			return ERR_CORRUPT;
		e = u->node == node && u->boot != but_boot ? drop_upload(a, id) : ERR_OK;
		if (e)
			return e;
	}
}

enum err
apply_payload_boot(struct apply *a)
{
	return drop_uploads(a, a->node, a->boot);
}

enum err
apply_payload_orphan(struct apply *a, uint32_t node)
{
	return drop_uploads(a, node, 0);
}
