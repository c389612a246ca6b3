#include "cmd/keyd_private.h"

#include "core/big_endian.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/must.h"
#include "crypto/private_key.h"

enum { SIGNATURE_MAX = 4096 };

/* By the hash of what it was opened of. */
struct kept {
	struct private_key *key; /* NULL: none */
	uint8_t name[SEAL_HASH];
	uint64_t used, until_ms; /* used: by count */
};

struct keyd_private {
	struct loop *loop;
	struct ipc *ipc;
	const struct keyring *ring;
	struct seal_key permit_key;
	struct kept kept[KEYD_PRIVATE_KEPT];
	uint64_t uses;
	struct loop_timer *timer;
};

/* --- a few keys --- */

static void
drop(struct kept *one)
{
	private_key_free(one->key);
	one->key = NULL;
}

static void
on_timer(void *arg)
{
	struct keyd_private *k = arg;
	uint64_t now_ms = clock_ms();
	bool has_any = false;

	for (size_t i = 0; i < KEYD_PRIVATE_KEPT; i++) {
		if (k->kept[i].key && k->kept[i].until_ms <= now_ms)
			drop(&k->kept[i]);
		has_any |= k->kept[i].key != NULL;
	}
	k->timer = has_any ? loop_after(k->loop, KEYD_PRIVATE_KEPT_MS, on_timer, k) : NULL;
}

static void
name_of(const Ipc__PrivateKey *q, uint8_t name[SEAL_HASH])
{
	uint8_t id[8], n[8];
	const struct slice parts[] = {slice_of(id, sizeof id), slice_of(n, sizeof n),
		codec_slice(q->wrapped), codec_slice(q->sealed)};

	big_endian_put_u64(id, q->id);
	big_endian_put_u64(n, q->wrapped.len);
	seal_hash(NULL, parts, sizeof parts / sizeof *parts, name);
}

/* NULL: it isn't kept, or was for long enough. */
static const struct private_key *
find(struct keyd_private *k, const uint8_t name[SEAL_HASH])
{
	for (size_t i = 0; i < KEYD_PRIVATE_KEPT; i++) {
		struct kept *one = &k->kept[i];

		if (!one->key || !seal_equal(one->name, name, SEAL_HASH))
			continue;
		one->used = ++k->uses;
		if (one->until_ms > clock_ms())
			return one->key;
		drop(one);
	}
	return NULL;
}

/* In the place of none, or of the one that wasn't used for the longest time. Takes key. */
static const struct private_key *
keep(struct keyd_private *k, const uint8_t name[SEAL_HASH], struct private_key *key)
{
	struct kept *at = &k->kept[0];

	for (size_t i = 1; i < KEYD_PRIVATE_KEPT && at->key; i++)
		if (!k->kept[i].key || k->kept[i].used < at->used)
			at = &k->kept[i];
	drop(at);
	*at = (struct kept){
		.key = key, .used = ++k->uses, .until_ms = clock_ms() + KEYD_PRIVATE_KEPT_MS};
	memcpy(at->name, name, SEAL_HASH);
	if (!k->timer)
		k->timer = loop_after(k->loop, KEYD_PRIVATE_KEPT_MS, on_timer, k);
	return key;
}

/* --- questions --- */

/* Lives until the next question. */
static enum err
open_key(struct keyd_private *k, const Ipc__PrivateKey *q, const struct private_key **out)
{
	struct keyring_private pkcs8;
	struct private_key *key;
	uint8_t name[SEAL_HASH];
	enum err e;

	if (!q)
		return ERR_SYNTAX;
	e = permit_check(
		&k->permit_key, PERMIT_KEY, q->id, clock_wall_sec(), codec_slice(q->permit));
	if (e)
		return e;
	name_of(q, name);
	*out = find(k, name);
	if (*out)
		return ERR_OK;
	e = keyring_open_private(
		k->ring, q->id, codec_slice(q->wrapped), codec_slice(q->sealed), &pkcs8);
	if (e)
		return e;
	e = private_key_parse(slice_of(pkcs8.p, pkcs8.n), &key);
	keyring_private_free(&pkcs8);
	if (!e)
		*out = keep(k, name, key);
	return e;
}

static void
answer(struct keyd_private *k, struct ipc_frame *f, enum err e, const ProtobufCMessage *msg)
{
	if (e)
		log_warn("%s from %s: %s", f->type == IPC_KEYD_USE ? "KEYD_USE" : "KEYD_UNWRAP",
			ipc_role_name(ipc_peer_role(f->from)), err_text(e));
	ipc_answer(k->ipc, ipc_ticket(f), e, msg);
}

static void
on_unwrap(void *arg, struct ipc_frame *f)
{
	struct keyd_private *k = arg;
	const Ipc__KeydUnwrap *q = (const Ipc__KeydUnwrap *)f->msg;
	Ipc__KeydSecret a = IPC__KEYD_SECRET__INIT;
	uint8_t cek[GATEWAY_KEYS_CEK_MAX];
	const struct private_key *key = NULL;
	enum err e = ERR_SYNTAX;

	if (q->cek_size && q->cek_size <= sizeof cek &&
		q->recipient_info.len <= GATEWAY_KEYS_RECIPIENT_MAX)
		e = open_key(k, q->key, &key);
	if (!e)
		e = private_key_unwrap(key, codec_slice(q->certificate),
			codec_slice(q->recipient_info), q->cek_size, cek);
	a.secret = (ProtobufCBinaryData){q->cek_size, cek};
	answer(k, f, e, &a.base);
	seal_wipe(cek, sizeof cek);
}

static void
on_use(void *arg, struct ipc_frame *f)
{
	struct keyd_private *k = arg;
	const Ipc__KeydUse *q = (const Ipc__KeydUse *)f->msg;
	Ipc__KeydSigned a = IPC__KEYD_SIGNED__INIT;
	const struct gateway_keys_sign what = {codec_slice(q->message), q->digest, q->pss};
	const struct private_key *key = NULL;
	struct buf signature;
	enum err e = open_key(k, q->key, &key);

	buf_init(&signature, SIGNATURE_MAX);
	if (!e)
		e = (q->is_hash ? private_key_sign_hash : private_key_sign)(
			key, &what, &signature);
	a.signature = codec_bytes(buf_slice(&signature));
	answer(k, f, e, &a.base);
	buf_fini(&signature);
}

struct keyd_private *
keyd_private_new(struct loop *loop, struct ipc *ipc, const struct keyring *ring,
	const struct seal_key *permit_key)
{
	struct keyd_private *k = must_zalloc(sizeof *k);

	*k = (struct keyd_private){
		.loop = loop, .ipc = ipc, .ring = ring, .permit_key = *permit_key};
	ipc_on(ipc, IPC_KEYD_UNWRAP, on_unwrap, k);
	ipc_on(ipc, IPC_KEYD_USE, on_use, k);
	return k;
}
