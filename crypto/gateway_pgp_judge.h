/* gateway_pgp_judge: as gateway_judge, of OpenPGP: what the signatures of one layer are worth
 * for the mail. Nobody stands behind an OpenPGP key but who put it here by hand, so that alone
 * is `pass`; one that was only met in mail is `policy`. Pure. */
#ifndef CRYPTO_GATEWAY_PGP_JUDGE_H
#define CRYPTO_GATEWAY_PGP_JUDGE_H

#include "crypto/gateway_judge.h"
#include "crypto/gateway_pgp.h"

struct gateway_pgp_judge_layer {
	const struct gateway_pgp_ring *signers;
	const struct pgp_verdict *verdict;
	size_t n;
};
/* As gateway_judge_signers. A key counts if it is valid now, too, whenever it says that it
 * signed. */
void gateway_pgp_judge(struct gateway_work *w, const struct gateway_some *some,
	const struct gateway_judge_from *from, const struct gateway_pgp_judge_layer *layer,
	struct gateway_mark *mark);

#endif
