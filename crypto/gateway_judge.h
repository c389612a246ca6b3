/* gateway_judge: what the signatures of one layer are worth for the mail as a whole, and the
 * certificates that are learned from them. Pure. */
#ifndef CRYPTO_GATEWAY_JUDGE_H
#define CRYPTO_GATEWAY_JUDGE_H

#include "crypto/gateway_answer.h"
#include "crypto/gateway_mark.h"
#include "crypto/smime_verify.h"

/* The mail's one From, or why it has none that a signature could be for. */
struct gateway_judge_from {
	const char *why;
	struct slice address;
};
void gateway_judge_read(
	const struct gateway_head *h, struct arena *a, struct gateway_judge_from *out);

struct gateway_judge_layer {
	const struct smime_signer *signer;
	size_t n;
};
/* Facts about some; *mark gets worse, or is the first. Rules:
 *   - nobody signed it: none.
 *   - a signature that doesn't fit the text: fail, whatever others say.
 *   - one that is good and for the one From: pass.
 *   - else what is least bad of them; more or fewer than one address in From: none. */
void gateway_judge_signers(struct gateway_work *w, const struct gateway_some *some,
	const struct gateway_judge_from *from, const struct gateway_judge_layer *layer,
	struct gateway_mark *mark);

#endif
