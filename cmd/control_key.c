/* control_key: verbs of private keys. What was read from a file comes from the command line's
 * process, which alone parses such files; keyd seals the key (KEYD_SEAL_KEY), the log keeps it,
 * then the certificate becomes the known one of each address (CertPut, by hand). Nothing here
 * can open a key: export reads the data folder itself (cmd/cli_key_export). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/control_cert_row.h"
#include "cmd/control_list.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/rand.h"
#include "crypto/keyring.h"
#include "crypto/pgp_info.h"
#include "store/apply_cert.h"
#include "store/apply_key.h"
#include "store/view_key.h"

struct import {
	Commands__KeyPut put;
	Commands__Key record;
	struct slice cert[APPLY_KEY_CERTIFICATES_MAX]; /* its own, then its chain */
	ProtobufCBinaryData bytes[APPLY_KEY_CERTIFICATES_MAX];
	size_t certs;
	struct cert_info info; /* of its own */
	struct slice pkcs8;    /* empty: the key is known, a certificate comes for it */
	size_t next;	       /* whose certificate is put next */
	bool is_expired;
};

/* --- rows --- */

static const char *
state_of(const Commands__Key *key, uint64_t now_sec, const struct cert_info *info)
{
	if (key->kind == COMMANDS__KEY__KIND__DKIM_RSA ||
		key->kind == COMMANDS__KEY__KIND__DKIM_ED25519)
		return key->old ? "retired" : "signs";
	if (!info)
		return "no certificate";
	if ((uint64_t)info->until_sec <= now_sec)
		return "expired";
	return key->old ? "retired" : "signs";
}

static json_t *
key_row(struct control_request *r, uint64_t id, const Commands__Key *key)
{
	static const char *const kinds[] = {
		"?", "smime", "dkim-rsa", "dkim-ed25519", "openpgp"};
	struct slice own = key->n_certificate ? codec_slice(key->certificate[0]) : SLICE_EMPTY;
	struct cert_info info;
	bool has = own.n && !cert_info_read(own, &r->arena, &info);
	char text[CONTROL_CERT_ID + 1];
	json_t *out = json_object(), *addresses = control_list_texts(key->n_also, key->also);

	json_array_insert_new(addresses, 0, control_json(codec_slice(key->address)));
	control_cert_id_text(id, text);
	json_object_set_new(out, "id", json_string(text));
	json_object_set_new(out, "kind", json_string(kinds[key->kind <= 4 ? key->kind : 0]));
	json_object_set_new(out, "addresses", addresses);
	json_object_set_new(out, "key", control_cert_key_text(codec_slice(key->public_key)));
	json_object_set_new(out, "state",
		json_string(state_of(key, courier_now_sec(r->courier), has ? &info : NULL)));
	json_object_set_new(out, "created", json_integer((json_int_t)key->created_sec));
	json_object_set_new(out, "ends", json_integer(has ? info.until_sec : 0));
	json_object_set_new(out, "certificate",
		has ? control_cert_hex(slice_of(info.sha256, sizeof info.sha256), SIZE_MAX)
		    : json_string(""));
	if (*key->selector)
		json_object_set_new(out, "selector", json_string(key->selector));
	return out;
}

static json_t *
list_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	const Commands__Key *key = codec_unpack(&commands__key__descriptor, v, &r->arena);

	(void)txn;
	/* The address asked for, or all. */
	if (!key || k.n != 8 || (r->state && !view_key_is_of(key, *(struct slice *)r->state)))
		return NULL;
	return key_row(r, schema_get_u64(k.p), key);
}

static void
key_list(struct control_request *r)
{
	struct slice *address = arena_alloc(&r->arena, sizeof *address);

	const char *said = control_text(r, "address");

	if (said) {
		/* DKIM keys are a domain's. */
		*address = strchr(said, '@') ? control_address(r, "address", true)
					     : control_domain(r, "address");
		if (!address->n)
			return;
		r->state = address;
	}
	control_list(r, DB_KEY, list_row);
}

/* The key of the request's id; NULL: failed, and said so. */
static Commands__Key *
find(struct control_request *r, uint64_t *id)
{
	struct db_txn *txn;
	Commands__Key *key;
	enum err e;

	*id = control_cert_id(r, "id");
	if (!*id || !(txn = control_read(r)))
		return NULL;
	e = view_key_get(txn, *id, &r->arena, &key);
	view_end(r->courier->view);
	if (!e)
		return key;
	if (e == ERR_NOT_FOUND)
		control_fail(r, EX_NOUSER, "no such key (`hairpin key list` shows them)");
	else
		control_fail(r, EX_TEMPFAIL, "the key can't be read now: %s; try again",
			err_text(e));
	return NULL;
}

static void
key_show(struct control_request *r)
{
	uint64_t id;
	const Commands__Key *key = find(r, &id);
	json_t *out, *chain;

	if (!key)
		return;
	out = key_row(r, id, key);
	if (key->n_certificate)
		control_cert_put(out, codec_slice(key->certificate[0]), &r->arena);
	chain = json_array();
	for (size_t i = 1; i < key->n_certificate; i++) {
		struct cert_info info;

		if (!cert_info_read(codec_slice(key->certificate[i]), &r->arena, &info))
			json_array_append_new(chain, control_json(info.subject));
	}
	json_object_set_new(out, "chain", chain);
	control_reply(r, out);
}

static void
key_delete(struct control_request *r)
{
	Commands__KeyDel *del = arena_alloc(&r->arena, sizeof *del);

	commands__key_del__init(del);
	if (!find(r, &del->id))
		return;
	r->command.body_case = COMMANDS__COMMAND__BODY_KEY_DEL;
	r->command.key_del = del;
	r->done = json_pack("{s:s, s:s}", "key", "destroyed", "still_owed",
		"its octets are in log entries and free pages until `hairpin store compact`");
	control_propose(r);
}

static void
key_retire(struct control_request *r)
{
	Commands__KeyPut *put = arena_alloc(&r->arena, sizeof *put);

	commands__key_put__init(put);
	put->record = find(r, &put->id);
	if (!put->record)
		return;
	put->record->old = true;
	r->command.body_case = COMMANDS__COMMAND__BODY_KEY_PUT;
	r->command.key_put = put;
	control_propose(r);
}

/* --- import --- */

static void
finish(struct control_request *r)
{
	struct import *i = r->state;
	json_t *out;

	/* As the log stamped it, or nearly. */
	i->record.created_sec = courier_now_sec(r->courier);
	out = key_row(r, i->put.id, &i->record);
	control_reply(r, out);
}

static void put_certificate(struct control_request *r);

static void
on_certificate(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	struct import *i = r->state;

	if (!control_is_done(r, e, answer))
		return;
	i->next++;
	put_certificate(r);
}

/* Of the next of its addresses. An expired one is only there to open old mail. */
static void
put_certificate(struct control_request *r)
{
	struct import *i = r->state;
	Commands__CertPut *put = arena_alloc(&r->arena, sizeof *put);
	Commands__Cert *cert = arena_alloc(&r->arena, sizeof *cert);

	if (i->next > i->record.n_also || !i->certs || i->is_expired) {
		finish(r);
		return;
	}
	commands__cert_put__init(put);
	commands__cert__init(cert);
	put->address = i->next ? i->record.also[i->next - 1] : i->record.address;
	put->cert = cert;
	cert->der = i->bytes[0];
	cert->trust = SCHEMA_TRUST_MANUAL;
	cert->key = i->put.id;
	cert->public_key = (ProtobufCBinaryData){sizeof i->info.key_sha256, i->info.key_sha256};
	cert->until_sec = (uint64_t)i->info.until_sec;
	cert->from_sec = i->info.from_sec > 0 ? (uint64_t)i->info.from_sec : 0;
	r->command.body_case = COMMANDS__COMMAND__BODY_CERT_PUT;
	r->command.cert_put = put;
	courier_propose(r->courier, &r->command, SLICE_EMPTY, on_certificate, r);
}

static void
on_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;

	if (control_is_done(r, e, answer))
		put_certificate(r);
}

static void
propose_key(struct control_request *r)
{
	struct import *i = r->state;

	r->command.body_case = COMMANDS__COMMAND__BODY_KEY_PUT;
	r->command.key_put = &i->put;
	courier_propose(r->courier, &r->command, SLICE_EMPTY, on_key, r);
}

static void
on_sealed(void *arg, enum err e, const ProtobufCMessage *answer)
{
	const Ipc__KeydSealedKey *a = (const Ipc__KeydSealedKey *)answer;
	struct control_request *r = arg;
	struct import *i = r->state;

	if (e) {
		control_fail(r, EX_TEMPFAIL, "keyd: %s; try again", err_text(e));
		return;
	}
	i->put.wrapped_secret = codec_bytes(
		arena_dup(&r->arena, codec_slice(a->wrapped_secret)));
	i->record.sealed = codec_bytes(arena_dup(&r->arena, codec_slice(a->sealed)));
	propose_key(r);
}

struct search {
	struct slice public_key, address; /* address: empty: any */
	uint64_t id;
	Commands__Key *key;
};

static bool
same_key(void *arg, uint64_t id, Commands__Key *key)
{
	struct search *s = arg;

	if (!slice_eq(codec_slice(key->public_key), s->public_key) ||
		(s->address.n && !view_key_is_of(key, s->address)))
		return true;
	s->id = id;
	s->key = key;
	return false;
}

/* Is the key there already? False: failed, and said so. */
static bool
look_for(struct control_request *r, struct search *s)
{
	struct db_txn *txn = control_read(r);
	enum err e;

	if (!txn)
		return false;
	e = view_key_each(txn, &r->arena, same_key, s);
	view_end(r->courier->view);
	if (!e)
		return true;
	control_fail(r, EX_TEMPFAIL, "the keys can't be read now: %s; try again", err_text(e));
	return false;
}

static bool
has_certificate(const Commands__Key *key, const struct import *i)
{
	return !i->certs ||
	       (key->n_certificate && slice_eq(codec_slice(key->certificate[0]), i->cert[0]));
}

/* A certificate without its key: of one that was made here (`key create --csr`), or renewed. */
static void
import_certificate(struct control_request *r, struct import *i)
{
	struct search s = {.public_key = codec_slice(i->record.public_key)};

	if (!look_for(r, &s))
		return;
	if (!s.key) {
		control_fail(r, EX_DATAERR,
			"there is no private key in it, and none here that it belongs to: "
			"import "
			"the .p12 or the key itself, or, if it is somebody else's certificate, "
			"say `hairpin cert add`");
		return;
	}
	i->put.id = s.id;
	s.key->n_certificate = i->record.n_certificate;
	s.key->certificate = i->record.certificate;
	s.key->old = i->is_expired;
	i->record = *s.key;
	propose_key(r);
}

static void
import_key(struct control_request *r, struct import *i)
{
	struct search s = {.public_key = codec_slice(i->record.public_key),
		.address = codec_slice(i->record.address)};
	Ipc__KeydSealKey q = IPC__KEYD_SEAL_KEY__INIT;
	char id[CONTROL_CERT_ID + 1];

	if (!look_for(r, &s))
		return;
	if (s.key && has_certificate(s.key, i)) {
		control_cert_id_text(s.id, id);
		control_fail(r, EX_CANTCREAT, "it is here already, as key %s", id);
		return;
	}
	i->put.id = rand_u64() >> 8 | 1;
	q.id = i->put.id;
	q.pkcs8 = codec_bytes(i->pkcs8);
	ipc_ask(r->courier->p->ipc, IPC_KEYD_SEAL_KEY, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_sealed, r});
}

/* False: failed, and said so. */
static bool
read_import(struct control_request *r, struct import *i)
{
	ProtobufCBinaryData *list;
	struct slice public_key;
	size_t n;

	commands__key_put__init(&i->put);
	commands__key__init(&i->record);
	i->put.record = &i->record;
	if (!control_cert_octets(
		    r, "certificates", i->cert, APPLY_KEY_CERTIFICATES_MAX, &i->certs) ||
		!control_cert_octets(r, "public_key", &public_key, 1, &n) ||
		!control_addresses(r, "addresses", &list, &i->record.n_also))
		return false;
	if (n != 1 || (i->certs && cert_info_read(i->cert[0], &r->arena, &i->info))) {
		control_fail(r, EX_DATAERR, "not a key, or not its certificate");
		return false;
	}
	for (size_t c = 0; c < i->certs; c++)
		i->bytes[c] = codec_bytes(i->cert[c]);
	i->pkcs8 = control_cert_secret(r, "pkcs8", KEYRING_PRIVATE_MAX);
	if (i->pkcs8.n && !i->record.n_also) {
		control_fail(r, EX_USAGE, "an address is needed");
		return false;
	}
	i->is_expired = i->certs && (uint64_t)i->info.until_sec <= courier_now_sec(r->courier);
	i->record.kind = pgp_info_is(public_key) ? COMMANDS__KEY__KIND__OPENPGP
						 : COMMANDS__KEY__KIND__SMIME;
	i->record.public_key = codec_bytes(public_key);
	i->record.certificate = i->bytes;
	i->record.n_certificate = i->certs;
	i->record.old = i->is_expired;
	if (i->record.n_also) {
		i->record.address = list[0];
		i->record.also = list + 1;
		i->record.n_also--;
	}
	return true;
}

static void
key_import(struct control_request *r)
{
	struct import *i = arena_zalloc(&r->arena, sizeof *i);

	r->state = i;
	if (!read_import(r, i))
		return;
	if (i->pkcs8.n)
		import_key(r, i);
	else
		import_certificate(r, i);
}

const struct control_verb control_key_verbs[] = {
	{"key import", key_import},
	{"key list", key_list},
	{"key show", key_show},
	{"key delete", key_delete},
	{"key retire", key_retire},
	{NULL, NULL},
};
