/* apply_policy: the levels of the encryption engine's policy (table policy). What the settings
 * mean, and whether a value is one, is the proposer's (crypto/policy.h). */
#ifndef STORE_APPLY_POLICY_H
#define STORE_APPLY_POLICY_H

#include "store/apply.h"

enum {
	APPLY_POLICY_SETTINGS_MAX = 64, /* of a level */
	APPLY_POLICY_NAME_MAX = 64,
	APPLY_POLICY_VALUE_MAX = 1024
};

/* INVALID: out of those limits, or a setting twice. */
enum err apply_policy_put(struct apply *a, const Commands__PolicyPut *c);

#endif
