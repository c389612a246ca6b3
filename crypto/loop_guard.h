/* loop_guard: the text of the header field by which a gateway knows a mail that it had in hand
 * before: "v=1; d=in; t=1795531953; m=" and 44 octets of base64: a MAC over direction, time,
 * Message-ID and the body's hash. It says nothing of another mail, and holds for five days. A
 * mail that was changed on its way isn't known by it: the hop limit ends that loop. Pure. */
#ifndef CRYPTO_LOOP_GUARD_H
#define CRYPTO_LOOP_GUARD_H

#include "core/buf.h"
#include "crypto/seal.h"

enum { LOOP_GUARD_LIFE_SEC = 5 * 86400, LOOP_GUARD_TEXT_MAX = 128 };
/* Which ways it went through the engine: bits. */
enum { LOOP_GUARD_IN = 1, LOOP_GUARD_OUT = 2 };

struct loop_guard_mail {
	struct slice message_id; /* the only one; empty: none, or several */
	struct slice body_hash;	 /* of the octets behind the header */
};
enum loop_guard_verdict {
	LOOP_GUARD_VALID,
	LOOP_GUARD_MALFORMED,
	LOOP_GUARD_FORGED, /* of another key, another mail, or bent */
	LOOP_GUARD_EXPIRED
};

/* Appends the text. ways: 1 to 3. */
void loop_guard_format(const struct seal_key *key, const struct loop_guard_mail *m,
	unsigned ways, uint64_t now_sec, struct buf *out);
/* *ways is written on VALID only. */
enum loop_guard_verdict loop_guard_check(const struct seal_key *key, struct slice text,
	const struct loop_guard_mail *m, uint64_t now_sec, unsigned *ways);

#endif
