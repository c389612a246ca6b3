#include "store/apply_vault.h"

#include "core/codec.h"
#include "crypto/seal.h"
#include "store/apply_row.h"

bool
apply_vault_fits(struct slice secret)
{
	return secret.n > 0 && secret.n <= VAULT_IMAGE_SECRET;
}

struct slice
apply_vault_secret(const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ACCOUNT_PUT:
		return codec_slice(c->account_put->wrapped_secret);
	case COMMANDS__COMMAND__BODY_QUEUE_KEY:
		return codec_slice(c->queue_key->wrapped_secret);
	case COMMANDS__COMMAND__BODY_KEY_PUT:
		return codec_slice(c->key_put->wrapped_secret);
	case COMMANDS__COMMAND__BODY_REKEY:
		return codec_slice(c->rekey->wrapped_key);
	default:
		return SLICE_EMPTY;
	}
}

static void
note(struct apply *a, struct apply_secret one)
{
	struct apply_secrets *s = a->secrets;
	struct apply_secret *more;

	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 16;
		more = arena_alloc(a->arena, s->room * sizeof *more);
		if (s->n)
			memcpy(more, s->list, s->n * sizeof *more);
		s->list = more;
	}
	s->list[s->n++] = one;
}

enum err
apply_vault_put(struct apply *a, const struct apply_vault_new *v)
{
	uint8_t row[SCHEMA_VAULT_FIXED + SCHEMA_PUBLIC_KEY], hash[SEAL_HASH];
	struct schema_vault value = {.wrap_kind = v->wrap_kind,
		.index = a->index,
		.hash = hash,
		.public_key = v->public_key};
	struct schema_key k;
	struct slice key = schema_u8_u64(&k, (uint8_t)v->kind, v->id);

	seal_hash(NULL, &v->secret, 1, hash);
	note(a, (struct apply_secret){.put = true,
			.kind = (uint8_t)v->kind,
			.wrap_kind = v->wrap_kind,
			.id = schema_vault_id(key.p, a->index),
			.index = a->index,
			.secret = v->secret});
	return db_put(a->txn, DB_VAULT, key, schema_vault_write(&value, row));
}

enum err
apply_vault_rekey(struct apply *a, const Commands__Rekey *c)
{
	const struct apply_vault_new key = {
		.kind = VAULT_LOG, .secret = codec_slice(c->wrapped_key)};

	if (!apply_vault_fits(key.secret))
		return apply_refuse(a, COMMAND_INVALID, "bad log key");
	return apply_vault_put(a, &key);
}

enum err
apply_vault_del(struct apply *a, enum vault_kind kind, uint64_t id)
{
	struct schema_key k;

	note(a, (struct apply_secret){.kind = (uint8_t)kind, .id = id});
	return apply_row_del(a, DB_VAULT, schema_u8_u64(&k, (uint8_t)kind, id));
}
