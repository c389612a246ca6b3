#include "cmd/keyd_private.h"

#include "core/big_endian.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/must.h"
#include "crypto/pgp_bundle.h"
#include "crypto/pgp_info.h"
#include "crypto/private_key.h"

enum { SIGNATURE_MAX = 4096 };

/* One of them: the private key of S/MIME or DKIM, or OpenPGP's. */
struct opened {
	struct private_key *key;
	struct pgp_bundle *bundle;
};
/* By the hash of what it was opened of. */
struct kept {
	struct opened of;
	bool is_there;
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
	private_key_free(one->of.key);
	pgp_bundle_free(one->of.bundle);
	one->of = (struct opened){NULL, NULL};
	one->is_there = false;
}

static void
on_timer(void *arg)
{
	struct keyd_private *k = arg;
	uint64_t now_ms = clock_ms();
	bool has_any = false;

	for (size_t i = 0; i < KEYD_PRIVATE_KEPT; i++) {
		if (k->kept[i].is_there && k->kept[i].until_ms <= now_ms)
			drop(&k->kept[i]);
		has_any |= k->kept[i].is_there;
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
static const struct opened *
find(struct keyd_private *k, const uint8_t name[SEAL_HASH])
{
	for (size_t i = 0; i < KEYD_PRIVATE_KEPT; i++) {
		struct kept *one = &k->kept[i];

		if (!one->is_there || !seal_equal(one->name, name, SEAL_HASH))
			continue;
		one->used = ++k->uses;
		if (one->until_ms > clock_ms())
			return &one->of;
		drop(one);
	}
	return NULL;
}

/* In the place of none, or of the one that wasn't used for the longest time. Takes it. */
static const struct opened *
keep(struct keyd_private *k, const uint8_t name[SEAL_HASH], const struct opened *of)
{
	struct kept *at = &k->kept[0];

	for (size_t i = 1; i < KEYD_PRIVATE_KEPT && at->is_there; i++)
		if (!k->kept[i].is_there || k->kept[i].used < at->used)
			at = &k->kept[i];
	drop(at);
	*at = (struct kept){.of = *of,
		.is_there = true,
		.used = ++k->uses,
		.until_ms = clock_ms() + KEYD_PRIVATE_KEPT_MS};
	memcpy(at->name, name, SEAL_HASH);
	if (!k->timer)
		k->timer = loop_after(k->loop, KEYD_PRIVATE_KEPT_MS, on_timer, k);
	return &at->of;
}

/* --- questions --- */

/* Lives until the next question. */
static enum err
open_key(struct keyd_private *k, const Ipc__PrivateKey *q, const struct opened **out)
{
	struct keyring_private private;
	struct opened of = {NULL, NULL};
	struct slice octets;
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
		k->ring, q->id, codec_slice(q->wrapped), codec_slice(q->sealed), &private);
	if (e)
		return e;
	octets = slice_of(private.p, private.n);
	e = pgp_info_is(octets) ? pgp_bundle_parse(octets, &of.bundle)
				: private_key_parse(octets, &of.key);
	keyring_private_free(&private);
	if (!e)
		*out = keep(k, name, &of);
	return e;
}

/* The same of S/MIME and DKIM, or of OpenPGP. */
static enum err
open_plain(struct keyd_private *k, const Ipc__PrivateKey *q, const struct private_key **key)
{
	const struct opened *of;
	enum err e = open_key(k, q, &of);

	if (!e)
		*key = of->key;
	return e || *key ? e : ERR_SYNTAX;
}

static enum err
open_pgp(struct keyd_private *k, const Ipc__PrivateKey *q, struct slice fingerprint,
	const struct pgp_secret **secret)
{
	const struct opened *of;
	enum err e = open_key(k, q, &of);

	if (!e)
		*secret = of->bundle ? pgp_bundle_find(of->bundle, fingerprint) : NULL;
	return e || *secret ? e : ERR_NOT_FOUND;
}

static void
answer(struct keyd_private *k, struct ipc_frame *f, enum err e, const ProtobufCMessage *msg)
{
	if (e)
		log_warn("%s from %s: %s", f->type == IPC_KEYD_USE ? "KEYD_USE" : "KEYD_UNWRAP",
			ipc_role_name(ipc_peer_role(f->from)), err_text(e));
	ipc_answer(k->ipc, ipc_ticket(f), e, msg);
}

/* The cipher's octet, then the key. */
static void
unwrap_pgp(struct keyd_private *k, struct ipc_frame *f, const Ipc__KeydUnwrap *q)
{
	Ipc__KeydSecret a = IPC__KEYD_SECRET__INIT;
	struct pgp_session session = {.n = 0};
	const struct pgp_secret *secret = NULL;
	uint8_t octets[1 + PGP_SESSION_MAX];
	enum err e = ERR_SYNTAX;

	if (q->recipient_info.len <= PGP_PUBLIC_FIELDS_MAX &&
		(q->pkesk_version == 3 || q->pkesk_version == 6))
		e = open_pgp(k, q->key, codec_slice(q->fingerprint), &secret);
	if (!e)
		e = pgp_secret_unwrap(secret, (uint8_t)q->pkesk_version,
			codec_slice(q->recipient_info), &session);
	if (!e) {
		octets[0] = session.cipher;
		memcpy(octets + 1, session.key, session.n);
		a.secret = (ProtobufCBinaryData){1 + session.n, octets};
	}
	answer(k, f, e, &a.base);
	seal_wipe(&session, sizeof session);
	seal_wipe(octets, sizeof octets);
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

	if (q->fingerprint.len) {
		unwrap_pgp(k, f, q);
		return;
	}
	if (q->cek_size && q->cek_size <= sizeof cek &&
		q->recipient_info.len <= GATEWAY_KEYS_RECIPIENT_MAX)
		e = open_plain(k, q->key, &key);
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
	const struct pgp_secret *secret = NULL;
	bool is_pgp = q->fingerprint.len > 0;
	struct buf signature;
	enum err e = is_pgp ? open_pgp(k, q->key, codec_slice(q->fingerprint), &secret)
			    : open_plain(k, q->key, &key);

	buf_init(&signature, SIGNATURE_MAX);
	if (!e && is_pgp)
		e = pgp_secret_sign(
			secret, (uint8_t)q->pgp_hash, codec_slice(q->message), &signature);
	else if (!e)
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
