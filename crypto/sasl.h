/* sasl: the session's side of AUTH: PLAIN (RFC 4616), LOGIN (draft-murchison-
 * sasl-login), SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, with the
 * channel bindings of RFC 9266 and RFC 5929). It decodes lines, asks the process
 * auth (the caller carries question and answer), and encodes challenges. It
 * never sees a verifier. Pure.
 *
 *   verdict = sasl_begin(&s, initial response or NULL, &challenge)
 *   while verdict is SASL_CHALLENGE or SASL_ASK:
 *     CHALLENGE: send "334 "/"+ ", challenge, CRLF; then sasl_step with the client's line
 *     ASK:       look s.question.user up, send AUTH_STEP, then sasl_answer with what came
 *   ACCEPTED, REFUSED, MALFORMED, CANCELLED: the end. */
#ifndef CRYPTO_SASL_H
#define CRYPTO_SASL_H

#include "core/buf.h"
#include "core/err.h"
#include "crypto/tls.h"

enum sasl_mechanism {
	SASL_NONE,
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_SCRAM_SHA_256,
	SASL_SCRAM_SHA_256_PLUS
};
enum sasl_verdict {
	SASL_CHALLENGE,
	SASL_ASK,
	SASL_ACCEPTED,
	SASL_REFUSED,	/* wrong name or password, throttled, or a downgraded channel */
	SASL_MALFORMED, /* not base64, not the mechanism's message, too long */
	SASL_CANCELLED	/* the client sent "*" */
};
/* What auth says (AuthResult.outcome). */
enum sasl_outcome {
	SASL_OUTCOME_REFUSED,
	SASL_OUTCOME_CONTINUE,
	SASL_OUTCOME_ACCEPTED,
	SASL_OUTCOME_THROTTLED
};
enum { SASL_LINE_MAX = 5464, SASL_MESSAGE_MAX = 4096 };

/* For AUTH_STEP. Slices live until the next call of a sasl function with this sasl. */
struct sasl_question {
	uint32_t step;	   /* 0, then 1 with SCRAM */
	struct slice user; /* prepared (saslprep), not yet canonical; the same in each step */
	struct slice message;	  /* password, or SCRAM message */
	enum tls_binding binding; /* send these octets of the connection along */
};
struct sasl {
	enum sasl_mechanism mechanism;
	struct sasl_question question;
	int state;
	unsigned bindings;
	struct buf message, user;
};

/* By name, ASCII case ignored; SASL_NONE: unknown. */
enum sasl_mechanism sasl_find(struct slice name);
/* "PLAIN" ...; static. */
const char *sasl_name(enum sasl_mechanism m);

/* bindings: bits (1 << enum tls_binding) that this connection can give; 0 without TLS, and then
 * -PLUS must not have been offered. */
void sasl_init(struct sasl *s, enum sasl_mechanism m, unsigned bindings);
/* Wipes. */
void sasl_fini(struct sasl *s);
/* initial: the base64 that came with the command ("=" for an empty one), NULL when none.
 * challenge is cleared, then filled (base64, maybe empty) if the verdict is SASL_CHALLENGE. */
enum sasl_verdict sasl_begin(
	struct sasl *s, const struct slice *initial, struct buf *challenge);
/* line: without CRLF. */
enum sasl_verdict sasl_step(struct sasl *s, struct slice line, struct buf *challenge);
/* After SASL_ASK. message: AuthResult.message. */
enum sasl_verdict sasl_answer(
	struct sasl *s, enum sasl_outcome outcome, struct slice message, struct buf *challenge);

#endif
