#include "cmd/resolve.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/must.h"

static void
fail(const struct dns_question *q, const char *why)
{
	struct dns_answer answer = {
		.message = {.rcode = DNS_MESSAGE_SERVFAIL, .canonical = q->name}, .why = why};

	q->cb(q->arg, &answer);
}

/* False: the resolver sent what it doesn't send. */
static bool
read_answer(const Ipc__Resolved *in, struct slice *rdata, struct dns_answer *out)
{
	unsigned security = in->security;
	size_t at = 0;

	if (security > DNS_BOGUS || (security == DNS_BOGUS && in->n_rdata) ||
		dns_name_read(codec_slice(in->canonical), &at, &out->message.canonical))
		return false;
	for (size_t i = 0; i < in->n_rdata; i++)
		rdata[i] = codec_slice(in->rdata[i]);
	out->message.rcode = in->rcode;
	out->message.ttl_sec = in->ttl_sec;
	out->message.rdata = rdata;
	out->message.n = in->n_rdata;
	out->security = (enum dns_security)security;
	out->why = in->why;
	return true;
}

static void
on_resolved(void *arg, enum err e, const ProtobufCMessage *msg)
{
	struct dns_question *q = arg;
	const Ipc__Resolved *in = (const Ipc__Resolved *)msg;
	struct dns_answer answer;
	struct slice *rdata;
	char why[100];

	if (e) {
		snprintf(why, sizeof why, "the resolver did not answer: %s", err_text(e));
		fail(q, why);
	} else {
		rdata = must_alloc((in->n_rdata + 1) * sizeof *rdata);
		if (read_answer(in, rdata, &answer))
			q->cb(q->arg, &answer);
		else
			fail(q, "the resolver's answer is malformed");
		free(rdata);
	}
	free(q);
}

void
resolve_ask(struct ipc *ipc, const struct dns_question *question)
{
	struct dns_question *q = must_alloc(sizeof *q);
	Ipc__Resolve msg = IPC__RESOLVE__INIT;

	*q = *question;
	msg.name = (ProtobufCBinaryData){q->name.n, q->name.octets};
	msg.type = q->type;
	ipc_ask(ipc, IPC_RESOLVE, &msg.base, -1,
		(struct ipc_wait){q->timeout_ms, on_resolved, q});
}
