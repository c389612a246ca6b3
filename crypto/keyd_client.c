#include "crypto/keyd_client.h"

#include "core/ipc.pb-c.h"

static ProtobufCBinaryData
data_of(struct slice s)
{
	return (ProtobufCBinaryData){s.n, (uint8_t *)(uintptr_t)s.p};
}

static struct slice
slice_in(ProtobufCBinaryData d)
{
	return slice_of(d.data, d.len);
}

enum err
keyd_client_sign(void *arg, const struct tls_sign_request *request, struct buf *signature)
{
	struct ipc_peer *keyd = ipc_any(arg, ROLE_KEYD);
	Ipc__KeydSign q = IPC__KEYD_SIGN__INIT;
	ProtobufCMessage *answer;
	struct slice s;
	enum err e;

	if (!keyd)
		return ERR_PEER;
	q.key = request->key;
	q.scheme = request->scheme;
	q.message = data_of(request->message);
	e = ipc_ask_now(keyd, IPC_KEYD_SIGN, &q.base, KEYD_CLIENT_SIGN_MS, &answer);
	if (e)
		return e;
	s = slice_in(((const Ipc__KeydSigned *)answer)->signature);
	e = s.n && buf_put_slice(signature, s) ? ERR_OK : ERR_CRYPTO;
	protobuf_c_message_free_unpacked(answer, NULL);
	return e;
}

struct ipc_question *
keyd_client_ask_named_key(
	struct ipc *ipc, enum keyring_named which, ipc_answer_cb cb, void *arg)
{
	Ipc__KeydNamedKey q = IPC__KEYD_NAMED_KEY__INIT;

	q.which = which;
	return ipc_ask(ipc, IPC_KEYD_NAMED_KEY, &q.base, -1,
		(struct ipc_wait){KEYD_CLIENT_MS, cb, arg});
}

enum err
keyd_client_read_named_key(enum err e, const ProtobufCMessage *answer, struct seal_key *key)
{
	const Ipc__KeydKey *a = (const Ipc__KeydKey *)answer;

	if (e)
		return e;
	if (a->key.len != sizeof key->b)
		return ERR_CORRUPT;
	memcpy(key->b, a->key.data, sizeof key->b);
	return ERR_OK;
}

struct ipc_question *
keyd_client_ask_account(
	struct ipc *ipc, const struct keyd_client_account *of, ipc_answer_cb cb, void *arg)
{
	Ipc__KeydAccount q = IPC__KEYD_ACCOUNT__INIT;

	q.permit = data_of(of->permit);
	q.account = of->account;
	q.wrap_kind = of->wrap_kind;
	q.wrapped_secret = data_of(of->wrapped);
	return ipc_ask(
		ipc, IPC_KEYD_ACCOUNT, &q.base, -1, (struct ipc_wait){KEYD_CLIENT_MS, cb, arg});
}

enum err
keyd_client_read_account(enum err e, const ProtobufCMessage *answer, struct slice public_key,
	struct seal_pair *pair)
{
	const Ipc__KeydSecret *a = (const Ipc__KeydSecret *)answer;

	if (e)
		return e;
	if (a->secret.len != sizeof pair->secret)
		return ERR_CORRUPT;
	memcpy(pair->secret, a->secret.data, sizeof pair->secret);
	seal_pair_public(pair);
	if (slice_eq(slice_of(pair->public_key, sizeof pair->public_key), public_key))
		return ERR_OK;
	seal_wipe(pair, sizeof *pair);
	return ERR_CRYPTO;
}

struct ipc_question *
keyd_client_ask_wrap(
	struct ipc *ipc, const struct keyd_client_wrap *what, ipc_answer_cb cb, void *arg)
{
	Ipc__KeydWrap q = IPC__KEYD_WRAP__INIT;
	Ipc__WrapTarget target = IPC__WRAP_TARGET__INIT, *targets = &target;

	target.account = what->account;
	target.public_key = data_of(what->public_key);
	q.permit = data_of(what->permit);
	q.sealed_key = data_of(slice_of(what->data_key->b, sizeof what->data_key->b));
	q.n_target = 1;
	q.target = &targets;
	q.fresh_epoch = what->fresh;
	return ipc_ask(
		ipc, IPC_KEYD_WRAP, &q.base, -1, (struct ipc_wait){KEYD_CLIENT_MS, cb, arg});
}

enum err
keyd_client_read_wrap(
	enum err e, const ProtobufCMessage *answer, struct keyd_client_wrapped *out)
{
	const Ipc__KeydWrapped *a = (const Ipc__KeydWrapped *)answer;

	if (e)
		return e;
	if (a->n_wrapped != 1 || a->wrapped[0]->wrapped_key.len != SEAL_WRAPPED ||
		a->n_epoch > 1)
		return ERR_CORRUPT;
	*out = (struct keyd_client_wrapped){.epoch = a->wrapped[0]->epoch,
		.wrapped_key = slice_in(a->wrapped[0]->wrapped_key)};
	if (a->n_epoch)
		out->sealed_epoch = slice_in(a->epoch[0]->sealed_key);
	return ERR_OK;
}
