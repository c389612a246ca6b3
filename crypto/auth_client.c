#include "crypto/auth_client.h"

#include "core/ipc.pb-c.h"

enum { BINDING_MAX = 64 };

static ProtobufCBinaryData
data_of(struct slice s)
{
	return (ProtobufCBinaryData){s.n, (uint8_t *)(uintptr_t)s.p};
}

struct ipc_question *
auth_client_ask(struct ipc *ipc, const struct sasl *s,
	const struct auth_client_session *session, ipc_answer_cb cb, void *arg)
{
	Ipc__AuthStep q = IPC__AUTH_STEP__INIT;
	struct ipc_question *asked;
	struct buf binding;

	buf_init(&binding, BINDING_MAX);
	/* Without its octets auth refuses a bound exchange. */
	if (session->tls && s->question.binding != TLS_BINDING_NONE &&
		tls_channel_binding(session->tls, s->question.binding, &binding))
		buf_clear(&binding);
	q.session = session->session;
	q.mechanism = s->mechanism;
	q.step = s->question.step;
	q.user = data_of(session->user);
	q.account = session->account;
	q.verifier = data_of(session->verifier);
	q.message = data_of(s->question.message);
	q.channel_binding = data_of(buf_slice(&binding));
	q.channel_kind = s->question.binding;
	q.client_address = data_of(session->client_address);
	q.service = (char *)(uintptr_t)session->service;
	asked = ipc_ask(
		ipc, IPC_AUTH_STEP, &q.base, -1, (struct ipc_wait){AUTH_CLIENT_MS, cb, arg});
	buf_fini(&binding);
	return asked;
}

enum err
auth_client_read(enum err e, const ProtobufCMessage *answer, struct auth_client_result *out)
{
	const Ipc__AuthResult *a = (const Ipc__AuthResult *)answer;

	if (e)
		return e;
	if (a->outcome > SASL_OUTCOME_THROTTLED ||
		(a->outcome == SASL_OUTCOME_ACCEPTED) != (a->permit.len == PERMIT_SIZE))
		return ERR_CORRUPT;
	*out = (struct auth_client_result){.outcome = (enum sasl_outcome)a->outcome,
		.delay_ms = a->delay_ms,
		.message = slice_of(a->message.data, a->message.len),
		.has_permit = a->outcome == SASL_OUTCOME_ACCEPTED};
	if (out->has_permit)
		memcpy(out->permit, a->permit.data, sizeof out->permit);
	return ERR_OK;
}
