/* gateway: the encryption engine: what becomes of a mail on its way in or out, for all of
 * its recipients, by the settings that hold for them: decrypt and verify, or sign and
 * encrypt; marks that can be believed. One decision per mail and direction, made from the
 * question alone: no clock, no database, no network. Private keys are used through
 * gateway_keys, new texts made in a room. Pure but for random numbers.
 *
 * In (gateway_in): forged marks are taken out; layers are taken off, outermost first, at
 * most GATEWAY_LAYERS_MAX; the MIME part that is left takes the mail's place; one summary
 * goes into Authentication-Results.
 * Out (gateway_out): marks and triggers are read and taken out; for each recipient the
 * mode decides; those who get the same share one text, a Bcc recipient never shares one.
 * What isn't changed stays as it is, to the octet. */
#ifndef CRYPTO_GATEWAY_H
#define CRYPTO_GATEWAY_H

#include "core/arena.h"
#include "core/text.h"
#include "crypto/gateway_keys.h"

enum {
	GATEWAY_LAYERS_MAX = 8,
	/* Octets of the mail's header. A larger one bounces, either way: no mark, no trigger
	 * and no type could be looked for in it. */
	GATEWAY_HEADER_MAX = 262144,
	GATEWAY_RECIPIENTS_MAX = 64, /* of one question */
	GATEWAY_BODIES_MAX = GATEWAY_RECIPIENTS_MAX
};

struct gateway {
	const Gateway__Question *q;
	const struct text *body; /* the mail as it came, header and all, without q->head */
	const struct gateway_keys *keys;
	struct text_room *room;
	struct arena *arena; /* the answer lives in it */
};
struct gateway_answer {
	Gateway__Answer answer;
	struct text body[GATEWAY_BODIES_MAX]; /* Group.body - 1 */
	size_t bodies;
};
/* ERR_UNAVAILABLE: keyd can't be asked now; ERR_FULL, ERR_IO, ERR_CORRUPT: the body or the
 * room; ERR_LIMIT: too many recipients. All of these: ask again later. Whatever the mail
 * holds is an answer. */
enum err gateway_run(const struct gateway *e, struct gateway_answer *out);

#endif
