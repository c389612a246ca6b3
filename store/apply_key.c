#include "store/apply_key.h"

#include "store/apply_cert.h"
#include "store/apply_row.h"
#include "store/apply_vault.h"
#include "store/view_key.h"

_Static_assert((int)APPLY_KEY_PER_ADDRESS_MAX == (int)VIEW_KEY_MAX, "a view holds all");

/* The n-th address; the first one is the key's own. */
static struct slice
address_of(const Commands__Key *key, size_t n)
{
	return codec_slice(n ? key->also[n - 1] : key->address);
}

/* Else DKIM's, which are a domain's. */
static bool
is_peoples(const Commands__Key *key)
{
	return key->kind == COMMANDS__KEY__KIND__SMIME ||
	       key->kind == COMMANDS__KEY__KIND__OPENPGP;
}

static bool
are_addresses(const Commands__Key *key)
{
	if (key->n_also > APPLY_KEY_ALSO_MAX)
		return false;
	for (size_t i = 0; i <= key->n_also; i++) {
		struct slice address = address_of(key, i);

		if (!schema_is_name(address) || slice_has(address, '@') != is_peoples(key))
			return false;
		for (size_t j = 0; j < i; j++)
			if (slice_eq(address, address_of(key, j)))
				return false;
	}
	return true;
}

static bool
are_certificates(const Commands__Key *key)
{
	size_t sum = 0;

	if (key->n_certificate > APPLY_KEY_CERTIFICATES_MAX)
		return false;
	for (size_t i = 0; i < key->n_certificate; i++) {
		if (!key->certificate[i].len || key->certificate[i].len > APPLY_CERT_DER_MAX)
			return false;
		sum += key->certificate[i].len;
	}
	return sum <= APPLY_KEY_CHAIN_MAX;
}

static const char *
check_new(const Commands__KeyPut *c)
{
	const Commands__Key *key = c->record;

	if (!c->id || c->id >> 56)
		return "not a key's id";
	if (key->kind <= COMMANDS__KEY__KIND__NONE || key->kind > COMMANDS__KEY__KIND__OPENPGP)
		return "no such kind of key";
	if (!are_addresses(key))
		return "not an address";
	if (!key->public_key.len || key->public_key.len > APPLY_KEY_PUBLIC_MAX ||
		!key->sealed.len || key->sealed.len > APPLY_KEY_SEALED_MAX ||
		strlen(key->selector) > APPLY_KEY_SELECTOR_MAX ||
		!apply_vault_fits(codec_slice(c->wrapped_secret)))
		return "not a private key";
	return NULL;
}

/* Has each of its addresses room for one more? */
static enum err
check_room(struct apply *a, const Commands__Key *key, bool *has)
{
	struct view_keys keys = {0};
	enum err e = ERR_OK;

	*has = true;
	for (size_t i = 0; i <= key->n_also && !e; i++) {
		e = view_key_of(a->txn, address_of(key, i), key->kind, a->arena, &keys);
		*has &= keys.n < APPLY_KEY_PER_ADDRESS_MAX;
	}
	return e;
}

static enum err
create(struct apply *a, const Commands__KeyPut *c)
{
	const struct apply_vault_new secret = {
		.kind = VAULT_KEY, .id = c->id, .secret = codec_slice(c->wrapped_secret)};
	const char *why = check_new(c);
	Commands__Key row = *c->record;
	struct schema_name_key name;
	struct schema_key k;
	bool has = false;
	enum err e;

	if (why)
		return apply_refuse(a, COMMAND_INVALID, why);
	e = check_room(a, &row, &has);
	if (!e && !has)
		return apply_refuse(a, COMMAND_LIMIT, "too many keys of this address");
	row.created_sec = a->time_sec;
	for (size_t i = 0; i <= row.n_also && !e; i++)
		e = db_put(a->txn, DB_KEY_OF,
			schema_key_of(&name, address_of(&row, i), (uint8_t)row.kind, c->id),
			SLICE_EMPTY);
	if (!e)
		e = apply_vault_put(a, &secret);
	a->result->id = c->id;
	return e ? e : apply_row_put(a, DB_KEY, schema_u64(&k, c->id), &row);
}

enum err
apply_key_put(struct apply *a, const Commands__KeyPut *c)
{
	struct schema_key k;
	Commands__Key *row;
	enum err e;

	if (!c->record || !are_certificates(c->record))
		return apply_refuse(a, COMMAND_INVALID, "not the certificates of a key");
	e = view_key_get(a->txn, c->id, a->arena, &row);
	if (e == ERR_NOT_FOUND && c->wrapped_secret.len)
		return create(a, c);
	if (e == ERR_NOT_FOUND)
		return apply_refuse(a, COMMAND_NOT_FOUND, "no such key");
	if (e)
		return e;
	if (c->wrapped_secret.len)
		return apply_refuse(a, COMMAND_EXISTS, "the key exists already");
	row->n_certificate = c->record->n_certificate;
	row->certificate = c->record->certificate;
	row->old = c->record->old;
	a->result->id = c->id;
	return apply_row_put(a, DB_KEY, schema_u64(&k, c->id), row);
}

enum err
apply_key_del(struct apply *a, const Commands__KeyDel *c)
{
	struct schema_name_key name;
	struct schema_key k;
	Commands__Key *row;
	enum err e = view_key_get(a->txn, c->id, a->arena, &row);

	if (e == ERR_NOT_FOUND)
		return apply_refuse(a, COMMAND_NOT_FOUND, "no such key");
	if (!e)
		e = apply_vault_del(a, VAULT_KEY, c->id);
	for (size_t i = 0; !e && i <= row->n_also; i++) {
		e = apply_row_del(a, DB_KEY_OF,
			schema_key_of(&name, address_of(row, i), (uint8_t)row->kind, c->id));
		if (!e)
			e = apply_cert_forget_key(a, address_of(row, i), c->id);
	}
	return e ? e : apply_row_del(a, DB_KEY, schema_u64(&k, c->id));
}
