/* auth_client: carries a sasl's question to the process auth and its answer back.
 * One ask per SASL_ASK; the callback is ipc's (once, never before the return; ipc_cancel). In
 * it: auth_client_read, wait delay_ms if any, then sasl_answer(&s, outcome, message,
 * &challenge). */
#ifndef CRYPTO_AUTH_CLIENT_H
#define CRYPTO_AUTH_CLIENT_H

#include "core/err.h"
#include "core/ipc.h"
#include "crypto/permit.h"
#include "crypto/sasl.h"

enum { AUTH_CLIENT_MS = 30000 };

/* What the session knows. Borrowed for the call. */
struct auth_client_session {
	uint64_t session; /* unique in this process; the same in each step */
	struct slice
		user; /* sasl.question.user in canonical form (what the directory was asked) */
	uint64_t account;	      /* 0: unknown */
	struct slice verifier;	      /* of the directory; empty: unknown, disabled */
	struct slice client_address;  /* 4 or 16 octets, empty for a Unix socket */
	const char *service;	      /* "smtp", "imap" */
	const struct tls_stream *tls; /* NULL without TLS */
};
struct ipc_question *auth_client_ask(struct ipc *ipc, const struct sasl *s,
	const struct auth_client_session *session, ipc_answer_cb cb, void *arg);

struct auth_client_result {
	enum sasl_outcome outcome;
	uint32_t delay_ms;
	struct slice message; /* for sasl_answer; borrowed from the answer */
	bool has_permit;      /* exactly when ACCEPTED: keep the permit for keyd */
	uint8_t permit[PERMIT_SIZE];
};
/* e, answer: the callback's. Not ERR_OK: auth can't be asked now (SMTP 454 4.7.0, IMAP NO
 * [UNAVAILABLE]). */
enum err auth_client_read(
	enum err e, const ProtobufCMessage *answer, struct auth_client_result *out);

#endif
