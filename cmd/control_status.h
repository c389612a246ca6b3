/* control_status: verbs about certificates' revocation, and what their rows say of it. */
#ifndef CMD_CONTROL_STATUS_H
#define CMD_CONTROL_STATUS_H

#include "cmd/control.h"
#include "store/view_status.h"

/* Puts "revocation", in words, and "revocation_state", "revoked_since", "revocation_looked". */
void control_status_put(json_t *out, const struct view_status *s);

#endif
