/* gateway_out: a mail on its way out: triggers, the mode for each recipient, signature,
 * encryption, by S/MIME or OpenPGP as the settings prefer and keys allow. In this order:
 *   1. marks that aren't ours to send are taken out, triggers are read, and taken out of the
 *      subject, whatever the mode.
 *   2. What is encrypted already (in fact, not only by its type) passes as it is; what is
 *   signed
 *      already isn't signed again.
 *   3. A mail must be encrypted if the mode says so, if a trigger asks for it (which mode
 *      `never` refuses: then it bounces), or if it answers a mail that was decrypted here.
 *      Where it must and can't, it waits for a certificate, or bounces. It never leaves
 *      plain.
 *   4. Who is to get the same, by the same cipher, shares a ciphertext; whom neither To nor
 *   Cc
 *      names has one alone, so that nobody learns of him by it. Pure but for random numbers
 *      and what the keys do. */
#ifndef CRYPTO_GATEWAY_OUT_H
#define CRYPTO_GATEWAY_OUT_H

#include "crypto/gateway_answer.h"

/* head: the mail's. Errors as gateway_run's. */
enum err gateway_out_run(struct gateway_work *w, const struct gateway_head *head);

#endif
