/* smtp_repeat: what makes a mail equal to an earlier one, so that a client whose
 * 250 was lost on the wire may send again without doubling the mail. Pure; the
 * key itself is a keyed hash of this, made by the driver. */
#ifndef SMTP_REPEAT_H
#define SMTP_REPEAT_H

#include "core/arena.h"
#include "core/buf.h"
#include "smtp/smtp_session.h"

/* Appends sender, recipients (sorted, each once), Message-ID and body_hash, each
 * behind its length. False: out is full, or the mail has not exactly one
 * Message-ID of its own, so it can't be recognised. */
bool smtp_repeat_material(const struct smtp_envelope *e, struct slice body_hash,
	struct arena *a, struct buf *out);

#endif
