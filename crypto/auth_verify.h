/* auth_verify: what the process auth knows and does, without its process:
 * passwords, the server's side of SCRAM, a cache of successes, the throttle,
 * LOGIN permits. Somebody unknown gets the same answers, after the same work, as a
 * wrong password gets: a made-up salt that is always the same for a name. Times come in. */
#ifndef CRYPTO_AUTH_VERIFY_H
#define CRYPTO_AUTH_VERIFY_H

#include "crypto/permit.h"
#include "crypto/sasl.h"
#include "crypto/throttle.h"
#include "crypto/verifier.h"

enum {
	AUTH_VERIFY_CACHE_MS = 5 * 60 * 1000,
	AUTH_VERIFY_EXCHANGE_MS = 2 * 60 * 1000, /* between SCRAM's two messages */
	AUTH_VERIFY_EXCHANGES = 1024,		 /* at a time; then the oldest is forgotten */
	/* A session lasts as long as its client keeps it, and holds already what the permit
	   opens. */
	AUTH_VERIFY_PERMIT_SEC = 30 * 86400
};

struct auth_verify;
struct auth_verify_settings {
	struct seal_key verifier_key; /* keyring's AUTH */
	struct seal_key permit_key;
	struct verifier_cost cost;
	struct throttle_settings throttle;
};
/* Copies. Takes the time of one Argon2id. ERR_CONFIG: cost. ERR_SYSTEM: no memory. */
enum err auth_verify_new(const struct auth_verify_settings *settings, struct auth_verify **out);
/* Wipes. NULL is fine. */
void auth_verify_free(struct auth_verify *a);

/* AUTH_STEP; all octets are unchecked. */
struct auth_verify_question {
	uint32_t asker;		  /* one number for a process */
	uint64_t session;	  /* unique per asker */
	uint32_t mechanism, step; /* enum sasl_mechanism; 0, then 1 */
	struct slice user;
	uint64_t account;      /* 0 unknown */
	struct slice verifier; /* sealed; empty: unknown, or may not log in */
	struct slice message, channel_binding, client_address;
	uint64_t now_sec, now_ms; /* wall clock, monotonic */
};
struct auth_verify_answer {
	enum sasl_outcome outcome;
	uint32_t delay_ms;
	struct buf message; /* for SASL_OUTCOME_CONTINUE, and SCRAM's ACCEPTED */
	bool has_permit;    /* exactly when ACCEPTED */
	uint8_t permit[PERMIT_SIZE];
	bool is_damaged; /* the verifier doesn't open: worth a log line */
};
/* Always answers; the caller ends it. May take the time of one Argon2id. */
void auth_verify_step(struct auth_verify *a, const struct auth_verify_question *q,
	struct auth_verify_answer *out);
void auth_verify_answer_fini(struct auth_verify_answer *out);

/* AUTH_HASH: a sealed verifier for a new password; appends. Errors of verifier_new. */
enum err auth_verify_hash(
	struct auth_verify *a, uint64_t account, struct slice password, struct buf *out);

#endif
