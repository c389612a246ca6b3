#include "cmd/filterd_keys.h"

#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "crypto/seal.h"

static void
fill_key(const Gateway__Key *key, Ipc__PrivateKey *out)
{
	ipc__private_key__init(out);
	out->id = key->id;
	out->permit = key->permit;
	out->wrapped = key->wrapped;
	out->sealed = key->sealed;
}

/* What keyd says of the key itself isn't better later. */
static enum err
ask(struct ipc *ipc, enum ipc_type type, const ProtobufCMessage *q, ProtobufCMessage **answer)
{
	struct ipc_peer *keyd = ipc_any(ipc, ROLE_KEYD);
	enum err e = keyd ? ipc_ask_now(keyd, type, q, FILTERD_KEYS_MS, answer) : ERR_PEER;

	if (e == ERR_PEER || e == ERR_TIMEOUT)
		return ERR_UNAVAILABLE;
	return e == ERR_OK || e == ERR_UNSUPPORTED ? e : ERR_DENIED;
}

static enum err
unwrap(void *arg, const Gateway__Key *key, struct slice recipient_info, size_t cek_size,
	uint8_t *cek)
{
	Ipc__KeydUnwrap q = IPC__KEYD_UNWRAP__INIT;
	Ipc__PrivateKey of;
	ProtobufCMessage *answer;
	ProtobufCBinaryData secret;
	enum err e;

	fill_key(key, &of);
	q.key = &of;
	if (key->n_certificate)
		q.certificate = key->certificate[0];
	q.recipient_info = codec_bytes(recipient_info);
	q.cek_size = (uint32_t)cek_size;
	e = ask(arg, IPC_KEYD_UNWRAP, &q.base, &answer);
	if (e)
		return e;
	secret = ((const Ipc__KeydSecret *)answer)->secret;
	if (secret.len == cek_size)
		memcpy(cek, secret.data, cek_size);
	else
		e = ERR_DENIED;
	seal_wipe(secret.data, secret.len);
	protobuf_c_message_free_unpacked(answer, NULL);
	return e;
}

static enum err
sign(void *arg, const Gateway__Key *key, const struct gateway_keys_sign *what,
	struct buf *signature)
{
	Ipc__KeydUse q = IPC__KEYD_USE__INIT;
	Ipc__PrivateKey of;
	ProtobufCMessage *answer;
	struct slice made;
	enum err e;

	fill_key(key, &of);
	q.key = &of;
	q.message = codec_bytes(what->message);
	q.digest = what->digest;
	q.pss = what->pss;
	e = ask(arg, IPC_KEYD_USE, &q.base, &answer);
	if (e)
		return e;
	made = codec_slice(((const Ipc__KeydSigned *)answer)->signature);
	if (!made.n || !buf_put_slice(signature, made))
		e = ERR_DENIED;
	protobuf_c_message_free_unpacked(answer, NULL);
	return e;
}

static enum err
pgp_unwrap(void *arg, const Gateway__Key *key, const struct gateway_keys_pgp *what,
	struct pgp_session *session)
{
	Ipc__KeydUnwrap q = IPC__KEYD_UNWRAP__INIT;
	Ipc__PrivateKey of;
	ProtobufCMessage *answer;
	ProtobufCBinaryData secret;
	enum err e;

	fill_key(key, &of);
	q.key = &of;
	q.recipient_info = codec_bytes(what->octets);
	q.fingerprint = codec_bytes(what->fingerprint);
	q.pkesk_version = what->number;
	e = ask(arg, IPC_KEYD_UNWRAP, &q.base, &answer);
	if (e)
		return e;
	secret = ((const Ipc__KeydSecret *)answer)->secret;
	if (secret.len > 1 && secret.len <= 1 + sizeof session->key) {
		session->cipher = secret.data[0];
		session->n = secret.len - 1;
		memcpy(session->key, secret.data + 1, session->n);
	} else {
		e = ERR_DENIED;
	}
	seal_wipe(secret.data, secret.len);
	protobuf_c_message_free_unpacked(answer, NULL);
	return e;
}

static enum err
pgp_sign(void *arg, const Gateway__Key *key, const struct gateway_keys_pgp *what,
	struct buf *fields)
{
	Ipc__KeydUse q = IPC__KEYD_USE__INIT;
	Ipc__PrivateKey of;
	ProtobufCMessage *answer;
	struct slice made;
	enum err e;

	fill_key(key, &of);
	q.key = &of;
	q.message = codec_bytes(what->octets);
	q.fingerprint = codec_bytes(what->fingerprint);
	q.pgp_hash = what->number;
	e = ask(arg, IPC_KEYD_USE, &q.base, &answer);
	if (e)
		return e;
	made = codec_slice(((const Ipc__KeydSigned *)answer)->signature);
	if (!made.n || !buf_put_slice(fields, made))
		e = ERR_DENIED;
	protobuf_c_message_free_unpacked(answer, NULL);
	return e;
}

struct gateway_keys
filterd_keys(struct ipc *ipc)
{
	return (struct gateway_keys){unwrap, sign, ipc, pgp_unwrap, pgp_sign};
}
