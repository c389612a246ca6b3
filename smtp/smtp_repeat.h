/* smtp_repeat: what makes a mail equal to an earlier one, so that a client whose
 * 250 was lost on the wire may send again without doubling the mail. Pure; the
 * key itself is a keyed hash of this, made by the driver. What comes by way of a content
 * filter goes by the name that it had where it was queued first (XFORWARD IDENT): two
 * gateways that both have it in hand give it back with different Received fields. */
#ifndef SMTP_REPEAT_H
#define SMTP_REPEAT_H

#include "core/arena.h"
#include "core/buf.h"
#include "smtp/smtp_session.h"

/* Appends sender, recipients (sorted, each once), Message-ID and IDENT, or body_hash if there
 * is none, each behind its length. False: out is full, or the mail has neither IDENT nor
 * exactly one Message-ID of its own, so it can't be recognised. */
bool smtp_repeat_material(const struct smtp_envelope *e, struct slice body_hash,
	struct arena *a, struct buf *out);

#endif
