/* pgp_judge: what a signature of a text is worth: whose it is among the certificates that are
 * given, and whether it and its key are good. For pgp_open and pgp_verify. Pure. */
#ifndef CRYPTO_PGP_JUDGE_H
#define CRYPTO_PGP_JUDGE_H

#include "crypto/pgp_sig_hash.h"
#include "crypto/pgp_valid.h"

struct pgp_verdict {
	enum pgp_problem problem;
	const struct pgp_cert *cert; /* NULL with PGP_PROBLEM_NO_KEY */
	size_t key;		     /* of cert->key: that made it, or is said to have */
	uint8_t type, hash;
	uint32_t created_sec;
	uint8_t key_id[PGP_KEY_ID]; /* that it names; zeros: none */
};
/* What fits a key but for the signature itself is tried, and whoever writes keys and signatures
 * can make each fit each. What comes after so many tries fits nothing. */
enum { PGP_JUDGE_TRIES_MAX = 256 };
/* Who signs, and when is it? */
struct pgp_judge {
	const struct pgp_cert_ring *ring; /* borrowed; NULL: nobody */
	uint64_t now_sec;
};
/* hash has been fed the text, and is ended. *tries: that were for this message, 0 to begin
 * with. */
void pgp_judge_signature(const struct pgp_judge *j, const struct pgp_sig *sig,
	struct pgp_sig_hash *hash, size_t *tries, struct pgp_verdict *verdict);
/* One that can't be judged: its problem alone. */
void pgp_judge_refuse(
	const struct pgp_sig *sig, enum pgp_problem problem, struct pgp_verdict *verdict);

#endif
