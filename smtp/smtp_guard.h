/* smtp_guard: the header fields that a gateway of ours writes, in a message that streams by:
 * taken out where they may not stay, the loop guard's (crypto/loop_guard) kept for a look; and
 * a hash of the body behind the header. Pure; memory bounded whatever comes. */
#ifndef SMTP_GUARD_H
#define SMTP_GUARD_H

#include "core/buf.h"
#include "crypto/seal.h"

#define SMTP_GUARD_FIELD "X-Hairpin-Guard"  /* the loop guard's */
#define SMTP_GUARD_MARK "X-Hairpin-Gateway" /* which way it passed the engine: in, out */

enum { SMTP_GUARD_VALUE_MAX = 200, SMTP_GUARD_NAME_MAX = 32 };
/* What is taken out. */
enum { SMTP_GUARD_STRIP_FIELD = 1, SMTP_GUARD_STRIP_MARK = 2 };

struct smtp_guard {
	unsigned strips;
	uint8_t state;
	bool is_over;  /* the header has ended */
	bool is_guard; /* the field at hand is the loop guard's first one */
	uint8_t held_n;
	uint8_t held[SMTP_GUARD_NAME_MAX]; /* a name that isn't decided yet */
	uint32_t fields;		   /* of the loop guard */
	uint32_t value_n;
	uint8_t value[SMTP_GUARD_VALUE_MAX];
	struct seal_hasher hasher;
};

/* Appends the field that says which way a mail passed an engine. */
void smtp_guard_put_mark(bool is_inward, struct buf *out);

void smtp_guard_init(struct smtp_guard *g, unsigned strips);
/* Message octets in order, in any pieces; the last line ends in LF. Of the header: appends to
 * out what stays, at most in.n + SMTP_GUARD_NAME_MAX octets. Gives how many octets of in are
 * the header's: what is behind them stays as it is, and is hashed. */
size_t smtp_guard_feed(struct smtp_guard *g, struct slice in, struct buf *out);
/* Of the loop guard's first field, if it was taken out; unfolded, trimmed. Empty: there is
 * none, or it is longer than SMTP_GUARD_VALUE_MAX. Borrowed from g. */
struct slice smtp_guard_value(const struct smtp_guard *g);
/* Of all octets behind the header's empty line. Once. */
void smtp_guard_body_hash(struct smtp_guard *g, uint8_t hash[SEAL_HASH]);

#endif
