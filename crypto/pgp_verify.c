#include "crypto/pgp_verify.h"

#include "crypto/pgp_packet.h"

/* One that can't be read, or is of a type or with a hash that isn't ours, or of too many kinds:
 * it is there, and no hash. */
static enum err
add(struct pgp_verify *v, struct slice body)
{
	struct pgp_verify_one *one;

	if (v->n == PGP_SIGNATURES_MAX)
		return ERR_LIMIT;
	one = &v->one[v->n++];
	*one = (struct pgp_verify_one){0};
	if (pgp_sig_parse(body, &one->sig) == ERR_OK &&
		(one->sig.type == PGP_SIG_BINARY || one->sig.type == PGP_SIG_TEXT))
		one->is_hashed = pgp_digests_add(&v->digests,
					 &(struct pgp_digests_kind){one->sig.hash,
						 one->sig.type == PGP_SIG_TEXT, one->sig.salt},
					 &one->digest) == ERR_OK;
	return ERR_OK;
}

enum err
pgp_verify_begin(struct pgp_verify *v, struct slice signatures, const struct pgp_judge *judge)
{
	struct pgp_packet_whole p;
	enum err e = ERR_OK;

	*v = (struct pgp_verify){.judge = *judge};
	while (e == ERR_OK && (e = pgp_packet_next(&signatures, &p)) == ERR_OK) {
		if (p.tag == PGP_TAG_SIGNATURE)
			e = add(v, p.body);
		else if (p.tag != PGP_TAG_MARKER && p.tag != PGP_TAG_PADDING)
			e = pgp_packet_is_critical(p.tag) ? ERR_SYNTAX : ERR_OK;
	}
	if (e == ERR_END)
		e = v->n ? ERR_OK : ERR_SYNTAX;
	return e;
}

void
pgp_verify_feed(struct pgp_verify *v, struct slice text)
{
	pgp_digests_feed(&v->digests, text);
}

void
pgp_verify_finish(struct pgp_verify *v, struct pgp_verdict *verdict)
{
	for (size_t i = 0; i < v->n; i++) {
		struct pgp_verify_one *one = &v->one[i];
		struct pgp_sig_hash hash;

		if (one->is_hashed) {
			pgp_digests_take(&v->digests, one->digest, &hash);
			pgp_judge_signature(
				&v->judge, &one->sig, &hash, &v->tries, &verdict[i]);
			if (verdict[i].problem == PGP_PROBLEM_NONE &&
				pgp_sig_is_for_others(&one->sig, NULL))
				verdict[i].problem = PGP_PROBLEM_RECIPIENT;
		} else {
			pgp_judge_refuse(&one->sig, PGP_PROBLEM_ALGORITHM, &verdict[i]);
		}
	}
}

void
pgp_verify_fini(struct pgp_verify *v)
{
	pgp_digests_fini(&v->digests);
}
