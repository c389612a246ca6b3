#include "cmd/keyd_private.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/private_key.h"

enum { SIGNATURE_MAX = 4096 };

struct keyd_private {
	struct ipc *ipc;
	const struct keyring *ring;
	struct seal_key permit_key;
};

/* *out is the caller's to free. */
static enum err
open_key(const struct keyd_private *k, const Ipc__PrivateKey *q, struct private_key **out)
{
	struct keyring_private pkcs8;
	enum err e;

	if (!q)
		return ERR_SYNTAX;
	e = permit_check(
		&k->permit_key, PERMIT_KEY, q->id, clock_wall_sec(), codec_slice(q->permit));
	if (!e)
		e = keyring_open_private(k->ring, q->id, codec_slice(q->wrapped),
			codec_slice(q->sealed), &pkcs8);
	if (e)
		return e;
	e = private_key_parse(slice_of(pkcs8.p, pkcs8.n), out);
	keyring_private_free(&pkcs8);
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
	struct private_key *key = NULL;
	enum err e = ERR_SYNTAX;

	if (q->cek_size && q->cek_size <= sizeof cek &&
		q->recipient_info.len <= GATEWAY_KEYS_RECIPIENT_MAX)
		e = open_key(k, q->key, &key);
	if (!e)
		e = private_key_unwrap(key, codec_slice(q->certificate),
			codec_slice(q->recipient_info), q->cek_size, cek);
	a.secret = (ProtobufCBinaryData){q->cek_size, cek};
	answer(k, f, e, &a.base);
	private_key_free(key);
	seal_wipe(cek, sizeof cek);
}

static void
on_use(void *arg, struct ipc_frame *f)
{
	struct keyd_private *k = arg;
	const Ipc__KeydUse *q = (const Ipc__KeydUse *)f->msg;
	Ipc__KeydSigned a = IPC__KEYD_SIGNED__INIT;
	const struct gateway_keys_sign what = {codec_slice(q->message), q->digest, q->pss};
	struct private_key *key = NULL;
	struct buf signature;
	enum err e = open_key(k, q->key, &key);

	buf_init(&signature, SIGNATURE_MAX);
	if (!e)
		e = private_key_sign(key, &what, &signature);
	a.signature = codec_bytes(buf_slice(&signature));
	answer(k, f, e, &a.base);
	private_key_free(key);
	buf_fini(&signature);
}

struct keyd_private *
keyd_private_new(struct ipc *ipc, const struct keyring *ring, const struct seal_key *permit_key)
{
	struct keyd_private *k = must_zalloc(sizeof *k);

	*k = (struct keyd_private){ipc, ring, *permit_key};
	ipc_on(ipc, IPC_KEYD_UNWRAP, on_unwrap, k);
	ipc_on(ipc, IPC_KEYD_USE, on_use, k);
	return k;
}
