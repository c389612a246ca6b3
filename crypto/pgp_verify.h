/* pgp_verify: detached signatures (RFC 9580 section 10.4): judged with the text that is fed, in
 * a stream. Pure. */
#ifndef CRYPTO_PGP_VERIFY_H
#define CRYPTO_PGP_VERIFY_H

#include "crypto/pgp_digests.h"
#include "crypto/pgp_judge.h"

struct pgp_verify_one {
	struct pgp_sig sig;
	bool is_hashed;
	size_t digest; /* of digests */
};
struct pgp_verify {
	struct pgp_judge judge;
	struct pgp_digests digests;
	struct pgp_verify_one one[PGP_SIGNATURES_MAX];
	size_t n, tries;
};
/* signatures: packets, borrowed until finish; what one of them says, be it nonsense, is no
 * error but its verdict's. ERR_SYNTAX: they are none, or something else is among them;
 * ERR_LIMIT: more than PGP_SIGNATURES_MAX. To be ended by fini in any case. */
enum err pgp_verify_begin(
	struct pgp_verify *v, struct slice signatures, const struct pgp_judge *judge);
void pgp_verify_feed(struct pgp_verify *v, struct slice text);
/* verdict: v->n of them. */
void pgp_verify_finish(struct pgp_verify *v, struct pgp_verdict *verdict);
void pgp_verify_fini(struct pgp_verify *v);

#endif
