/* control_policy: what the verbs of the policy share. */
#ifndef CMD_CONTROL_POLICY_H
#define CMD_CONTROL_POLICY_H

#include "cmd/control.h"
#include "cmd/courier_policy.h"

/* How people name it; NULL is the factory's. */
struct slice control_policy_of(const struct policy_level *level);
/* The text of a value, from the arena. */
struct slice control_policy_value(
	enum policy_name name, const struct policy_value *value, struct arena *a);
/* Does it do something at none but our own domains and users (or for all)? */
bool control_policy_is_for_ours(enum policy_name name);
/* Why the levels can't be had. */
void control_policy_fail(struct control_request *r, enum err e);

#endif
