#include "crypto/gateway_pgp_judge.h"

#include "core/codec.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_info.h"

/* What one signature is worth. */
struct found {
	const struct pgp_verdict *verdict;
	enum gateway_mark_result result;
	const char *words;
};
struct judging {
	struct gateway_work *w;
	const struct gateway_judge_from *from;
	const struct gateway_pgp_judge_layer *layer;
};

static enum gateway_mark_result
result_of(enum pgp_problem p)
{
	switch (p) {
	case PGP_PROBLEM_NONE:
		return GATEWAY_MARK_PASS;
	case PGP_PROBLEM_NO_KEY:
		return GATEWAY_MARK_NEUTRAL;
	case PGP_PROBLEM_ALGORITHM:
	case PGP_PROBLEM_UNBOUND:
	case PGP_PROBLEM_PURPOSE:
	case PGP_PROBLEM_RECIPIENT:
		return GATEWAY_MARK_POLICY;
	case PGP_PROBLEM_SIGNATURE:
	case PGP_PROBLEM_REVOKED:
	case PGP_PROBLEM_EXPIRED:
	case PGP_PROBLEM_TIME:
	case PGP_PROBLEM_COUNT:
		break;
	}
	return GATEWAY_MARK_FAIL;
}

/* Of one that fits the text: is its key good now, for the one From, and believed? */
static struct found
judge_good(const struct judging *j, const struct pgp_verdict *v)
{
	const struct gateway_pgp_one *one = gateway_pgp_of(j->layer->signers, v->cert);
	uint64_t now_sec = j->w->e->q->now_sec;
	struct pgp_cert *cert = one->cert;
	enum pgp_problem now = pgp_valid_key(cert, v->key, PGP_USE_SIGN, now_sec);

	if (now != PGP_PROBLEM_NONE)
		return (struct found){v, result_of(now), pgp_valid_text(now)};
	if (gateway_answer_is_blocked(j->w, one->octets))
		return (struct found){v, GATEWAY_MARK_POLICY, "the key is blocked"};
	if (!j->from->why && !gateway_pgp_is_for(cert, j->from->address, now_sec))
		return (struct found){v, GATEWAY_MARK_FAIL,
			"the key is somebody else's than the one in From"};
	if (one->trust < GATEWAY__TRUST__MANUAL)
		return (struct found){
			v, GATEWAY_MARK_POLICY, "nobody here vouches for the key"};
	return (struct found){v, GATEWAY_MARK_PASS, pgp_valid_text(PGP_PROBLEM_NONE)};
}

static struct found
judge_one(const struct judging *j, const struct pgp_verdict *v)
{
	if (v->problem == PGP_PROBLEM_NONE)
		return judge_good(j, v);
	return (struct found){v, result_of(v->problem), pgp_valid_text(v->problem)};
}

/* A text that was changed counts whoever else signed it, otherwise the least bad does. */
static bool
decides(const struct found *f, const struct found *best)
{
	if (!best->verdict || f->verdict->problem == PGP_PROBLEM_SIGNATURE)
		return true;
	return best->verdict->problem != PGP_PROBLEM_SIGNATURE && f->result < best->result;
}

static const char *
describe(const struct judging *j, const struct pgp_verdict *v)
{
	const char *hash = pgp_algorithm_hash_name(v->hash);
	const struct pgp_public *key = v->cert ? &v->cert->key[v->key].public : NULL;
	struct pgp_public named = {.version = 0};
	char print[GATEWAY_PGP_PRINT];

	memcpy(named.key_id, v->key_id, sizeof named.key_id);
	return gateway_answer_text(j->w, "%s, %s, key %s",
		key ? pgp_info_kind(key) : "unknown key", hash ? hash : "unknown digest",
		gateway_pgp_print(key ? key : &named, print));
}

static struct gateway_mark
mark_of(const struct judging *j, const struct found *f)
{
	struct gateway_mark m = {.result = GATEWAY_MARK_NONE, .is_openpgp = true};

	if (!f->verdict) {
		m.words = SLICE_LIT("nobody signed it");
		return m;
	}
	/* What doesn't fit is said whoever it claims to be from. */
	if (j->from->why && f->verdict->problem != PGP_PROBLEM_SIGNATURE) {
		m.words = slice_str(j->from->why);
		return m;
	}
	m.result = f->result;
	m.words = slice_str(f->words);
	if (f->result == GATEWAY_MARK_PASS) {
		m.words = slice_str(describe(j, f->verdict));
		m.signer = j->from->address;
	}
	return m;
}

void
gateway_pgp_judge(struct gateway_work *w, const struct gateway_some *some,
	const struct gateway_judge_from *from, const struct gateway_pgp_judge_layer *layer,
	struct gateway_mark *mark)
{
	const struct judging j = {w, from, layer};
	struct found best = {.verdict = NULL};
	struct gateway_mark m;

	if (layer->n == 0)
		gateway_answer_fact(
			w, some, "OpenPGP signature: none, although it says signed");
	for (size_t i = 0; i < layer->n; i++) {
		struct found f = judge_one(&j, &layer->verdict[i]);

		gateway_answer_fact(
			w, some, "OpenPGP signature: %s: %s", describe(&j, f.verdict), f.words);
		if (decides(&f, &best))
			best = f;
	}
	if (layer->n && from->why)
		gateway_answer_fact(w, some, "signature: it counts for nobody: %s", from->why);
	m = mark_of(&j, &best);
	if (m.result >= mark->result)
		*mark = m;
}
