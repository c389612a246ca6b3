/* gateway_in: a mail on its way in: layers are taken off, outermost first, and judged.
 *
 * A layer counts only while there is nothing but layers around it: what is signed or
 * encrypted within multipart/mixed is left as it is, and no mark speaks of it. What can't be
 * opened passes as it came, with a fact and smime=none, since RFC 7281 has no word for it:
 * nothing is known of a signature in it. OpenPGP's layers and those of S/MIME may stand in one
 * another in any order. Each recipient's mail is opened with that recipient's keys alone. A
 * signature's octets are kept where they stand beside the text (multipart/signed); where they
 * are wrapped around it, or around what was decrypted, the text that is left takes their place.
 * Of an opened part only Content-* becomes the mail's.
 * Pure but for what the keys do. */
#ifndef CRYPTO_GATEWAY_IN_H
#define CRYPTO_GATEWAY_IN_H

#include "crypto/gateway_answer.h"

/* head: the mail's. Errors as gateway_run's. */
enum err gateway_in_run(struct gateway_work *w, const struct gateway_head *head);

#endif
