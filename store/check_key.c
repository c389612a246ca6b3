#include <inttypes.h>

#include "core/codec.h"
#include "store/check_inner.h"
#include "store/schema.h"
#include "store/view_cert.h"
#include "store/view_directory.h"
#include "store/view_key.h"
#include "store/view_opened.h"

/* Each address of a key leads to it. */
static enum err
check_addresses(struct check *c, uint64_t id, const Commands__Key *row)
{
	struct schema_name_key k;
	struct slice v;
	enum err e = ERR_OK;

	for (size_t i = 0; i <= row->n_also && !e; i++) {
		struct slice address = codec_slice(i ? row->also[i - 1] : row->address);

		e = ERR_NOT_FOUND;
		if (schema_is_name(address))
			e = db_get(c->txn, DB_KEY_OF,
				schema_key_of(&k, address, (uint8_t)row->kind, id), &v);
		if (e == ERR_NOT_FOUND) {
			check_say(
				c, "an address of private key %" PRIu64 " doesn't know it", id);
			e = ERR_OK;
		}
	}
	return e;
}

enum err
check_key_row(struct check *c, struct slice k, struct slice v)
{
	Commands__Key *row = codec_unpack(&commands__key__descriptor, v, &c->arena);
	struct schema_vault secret;
	uint64_t id;
	enum err e;

	if (k.n != 8 || !row || !row->sealed.len) {
		check_say(c, "a private key's row is damaged");
		return ERR_OK;
	}
	id = schema_get_u64(k.p);
	e = view_directory_vault(c->txn, VAULT_KEY, id, &secret);
	if (e == ERR_NOT_FOUND)
		check_say(c, "private key %" PRIu64 " has no secret", id);
	return e && e != ERR_NOT_FOUND ? e : check_addresses(c, id, row);
}

enum err
check_key_of(struct check *c, struct slice k, struct slice v)
{
	struct slice address;
	Commands__Key *row;
	uint8_t kind;
	uint64_t id;
	enum err e;

	if (!schema_key_of_read(k, &address, &kind, &id) || v.n) {
		check_say(c, "a row of whose a private key is is damaged");
		return ERR_OK;
	}
	e = view_key_get(c->txn, id, &c->arena, &row);
	if (e == ERR_CORRUPT)
		return ERR_OK; /* its own row said so */
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || row->kind != (Commands__Key__Kind)kind || !view_key_is_of(row, address))
		check_say(
			c, "%.*s is said to have private key %" PRIu64, SLICE_FMT(address), id);
	return ERR_OK;
}

/* The address's private key that a certificate names. */
static enum err
check_cert_key(struct check *c, struct slice address, uint64_t id)
{
	Commands__Key *row;
	enum err e = view_key_get(c->txn, id, &c->arena, &row);

	if (e == ERR_NOT_FOUND || (!e && !view_key_is_of(row, address))) {
		check_say(c, "a certificate of %.*s names a private key that isn't its own",
			SLICE_FMT(address));
		return ERR_OK;
	}
	return e == ERR_CORRUPT ? ERR_OK : e;
}

enum err
check_key_cert(struct check *c, struct slice k, struct slice v)
{
	Commands__Cert *row = codec_unpack(&commands__cert__descriptor, v, &c->arena);
	size_t at = slice_find(k, '\0');
	uint8_t sha256[SEAL_HASH];

	if (row)
		seal_sha256(codec_slice(row->der), sha256);
	if (!row || k.n != at + 1 + SCHEMA_SHA256 ||
		!slice_eq(slice_from(k, at + 1), slice_of(sha256, sizeof sha256))) {
		check_say(c, "a certificate's row is damaged");
		return ERR_OK;
	}
	return row->key ? check_cert_key(c, slice_cut(k, 0, at), row->key) : ERR_OK;
}

enum err
check_key_trust(struct check *c, struct slice k, struct slice v)
{
	Commands__Trust *row = codec_unpack(&commands__trust__descriptor, v, &c->arena);

	if (!row || k.n != SCHEMA_SHA256 || (!row->blocked && !row->anchor.len))
		check_say(c, "a row of which certificates are trusted is damaged");
	return ERR_OK;
}

enum err
check_key_policy(struct check *c, struct slice k, struct slice v)
{
	Commands__Policy *row = codec_unpack(&commands__policy__descriptor, v, &c->arena);

	if (!row || !k.n || k.p[0] || !row->n_setting)
		check_say(c, "a level of the policy is damaged");
	return ERR_OK;
}

enum err
check_key_opened(struct check *c, struct slice k, struct slice v)
{
	struct schema_key due;
	struct slice row;
	enum err e;

	if (k.n != SCHEMA_OPENED_HASH || v.n != 8) {
		check_say(c, "a row of which mails were decrypted is damaged");
		return ERR_OK;
	}
	e = db_get(
		c->txn, DB_OPENED_DUE, schema_opened_due(&due, schema_get_u64(v.p), k.p), &row);
	if (e == ERR_NOT_FOUND)
		check_say(c, "that a mail was decrypted is never forgotten");
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
check_key_opened_due(struct check *c, struct slice k, struct slice v)
{
	uint64_t until = 0;
	enum err e = ERR_NOT_FOUND;

	if (k.n == 8 + SCHEMA_OPENED_HASH && v.n == 0)
		e = view_opened_until(c->txn, k.p + 8, &until);
	if (e == ERR_CORRUPT)
		return ERR_OK; /* its own row said so */
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || until != schema_get_u64(k.p))
		check_say(c, "a decrypted mail is to be forgotten that isn't there");
	return ERR_OK;
}
