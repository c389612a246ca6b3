#include "crypto/pgp_judge.h"

void
pgp_judge_refuse(
	const struct pgp_sig *sig, enum pgp_problem problem, struct pgp_verdict *verdict)
{
	*verdict = (struct pgp_verdict){.problem = problem,
		.type = sig->type,
		.hash = sig->hash,
		.created_sec = sig->created_sec};
	/* Of version 6 the key id is the fingerprint's front, of version 4 its end. */
	if (sig->issuer_fingerprint.n == PGP_FINGERPRINT_MAX)
		memcpy(verdict->key_id, sig->issuer_fingerprint.p, PGP_KEY_ID);
	else if (sig->issuer_fingerprint.n > PGP_KEY_ID)
		memcpy(verdict->key_id,
			sig->issuer_fingerprint.p + sig->issuer_fingerprint.n - PGP_KEY_ID,
			PGP_KEY_ID);
	else if (sig->issuer.n == PGP_KEY_ID)
		memcpy(verdict->key_id, sig->issuer.p, PGP_KEY_ID);
}

/* A good one beats all; else what a key that fits says beats what none of them made. */
static bool
is_better(enum pgp_problem is, enum pgp_problem was)
{
	if (was == PGP_PROBLEM_NO_KEY || is == PGP_PROBLEM_NONE)
		return true;
	return was == PGP_PROBLEM_SIGNATURE && is != PGP_PROBLEM_SIGNATURE;
}

struct judging {
	const struct pgp_sig *sig;
	struct slice digest;
	size_t *tries;
};

static void
judge_by(const struct judging *q, struct pgp_cert *cert, struct pgp_verdict *v)
{
	for (size_t key = 0;
		v->problem != PGP_PROBLEM_NONE && pgp_valid_find(cert, q->sig, &key); key++) {
		enum pgp_problem p;

		if (pgp_sig_fits(q->sig, &cert->key[key].public, q->digest) &&
			(*q->tries)++ >= PGP_JUDGE_TRIES_MAX)
			return;
		p = pgp_valid_signature(cert, key, q->sig, q->digest);
		if (!is_better(p, v->problem))
			continue;
		v->problem = p;
		v->cert = cert;
		v->key = key;
	}
}

void
pgp_judge_signature(const struct pgp_judge *j, const struct pgp_sig *sig,
	struct pgp_sig_hash *hash, size_t *tries, struct pgp_verdict *verdict)
{
	uint8_t room[PGP_DIGEST_MAX];
	const struct judging q = {
		sig, pgp_sig_hash_finish(hash, sig->version, sig->hashed, room), tries};

	pgp_judge_refuse(sig, PGP_PROBLEM_NO_KEY, verdict);
	for (size_t i = 0; j->ring && i < j->ring->n; i++)
		judge_by(&q, j->ring->cert[i], verdict);
	if (verdict->problem == PGP_PROBLEM_NONE && !pgp_sig_is_current(sig, j->now_sec))
		verdict->problem = PGP_PROBLEM_TIME;
}
