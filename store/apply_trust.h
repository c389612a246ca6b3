/* apply_trust: what is thought of single certificates whatever their chain says (table trust):
 * blocked, or believed: an authority or one certificate. */
#ifndef STORE_APPLY_TRUST_H
#define STORE_APPLY_TRUST_H

#include "store/apply.h"

enum {
	APPLY_TRUST_MAX = 4096, /* rows */
	APPLY_TRUST_ANCHORS_MAX = 64,
	APPLY_TRUST_COMMENT_MAX = 256
};

/* INVALID: out of limits, or the anchor isn't of that hash. LIMIT: no room for another one. */
enum err apply_trust_put(struct apply *a, const Commands__TrustPut *c);
enum err apply_trust_is_blocked(struct apply *a, struct slice sha256, bool *is_blocked);

#endif
