/* gateway_answer: collects what gateway_run answers: facts, groups, new bodies, certificates.
 * For the engine's own files. Pure. */
#ifndef CRYPTO_GATEWAY_ANSWER_H
#define CRYPTO_GATEWAY_ANSWER_H

#include "crypto/gateway.h"
#include "crypto/gateway_mime.h"

enum { GATEWAY_ANSWER_FACT_MAX = 250, GATEWAY_ANSWER_PRINT = 17 };

/* Some of the question's recipients, by their number, in order. */
struct gateway_some {
	uint32_t i[GATEWAY_RECIPIENTS_MAX];
	size_t n;
};
struct gateway_work {
	const struct gateway *e;
	struct gateway_answer *out;
	size_t fact_room, group_room, harvest_room;
};
void gateway_answer_begin(
	struct gateway_work *w, const struct gateway *e, struct gateway_answer *out);
/* About some recipients; NULL or all of them: about the mail. Cut at
 * GATEWAY_ANSWER_FACT_MAX octets; what isn't printable ASCII becomes "?". */
void gateway_answer_fact(struct gateway_work *w, const struct gateway_some *some,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Its head is the question's. */
Gateway__Group *gateway_answer_group(struct gateway_work *w, const struct gateway_some *some);
/* Once for each certificate. */
void gateway_answer_harvest(struct gateway_work *w, const Gateway__Harvest *h);
/* A new body is begun, and given to a group. Errors of the room. */
enum err gateway_answer_open(struct gateway_work *w, struct text_sink *to);
enum err gateway_answer_close(struct gateway_work *w, Gateway__Group *g);
/* A text between two steps. */
enum err gateway_answer_room(struct gateway_work *w, struct text **text);
/* SHA-256. */
void gateway_answer_hash(struct slice der, uint8_t hash[32]);
/* Did an administrator block this certificate? */
bool gateway_answer_is_blocked(const struct gateway_work *w, struct slice cert);
/* The first 16 hex digits of a certificate's SHA-256. */
const char *gateway_answer_print(struct slice der, char out[GATEWAY_ANSWER_PRINT]);
/* Text from the arena. */
const char *gateway_answer_text(struct gateway_work *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
