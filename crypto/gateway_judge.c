#include "crypto/gateway_judge.h"

#include "core/codec.h"
#include "core/mail_addr.h"
#include "crypto/gateway_from.h"

void
gateway_judge_read(
	const struct gateway_head *h, struct arena *a, struct gateway_judge_from *out)
{
	*out = (struct gateway_judge_from){0};
	out->why = gateway_from_read(h, a, &out->address);
}

static enum gateway_mark_result
result_of(enum smime_problem p)
{
	switch (p) {
	case SMIME_PROBLEM_NONE:
		return GATEWAY_MARK_PASS;
	case SMIME_PROBLEM_ALGORITHM:
	case SMIME_PROBLEM_BLOCKED:
	case SMIME_PROBLEM_PURPOSE:
	case SMIME_PROBLEM_CHAIN:
		return GATEWAY_MARK_POLICY;
	case SMIME_PROBLEM_NO_CERTIFICATE:
		return GATEWAY_MARK_NEUTRAL;
	case SMIME_PROBLEM_SIGNATURE:
	case SMIME_PROBLEM_REVOKED:
	case SMIME_PROBLEM_EXPIRED:
	case SMIME_PROBLEM_ADDRESS:
	case SMIME_PROBLEM_COUNT:
		break;
	}
	return GATEWAY_MARK_FAIL;
}

/* With the one that only the mail's From can show. */
static enum smime_problem
problem_of(const struct smime_signer *s, const struct gateway_judge_from *from)
{
	if (s->problem == SMIME_PROBLEM_NONE && !from->why &&
		!smime_signer_is(s, from->address))
		return SMIME_PROBLEM_ADDRESS;
	return s->problem;
}

/* The enum has the worst first, NONE aside: a text that was changed counts whoever else
 * signed it, otherwise the least bad does. */
static const struct smime_signer *
deciding(const struct gateway_judge_layer *layer, const struct gateway_judge_from *from)
{
	const struct smime_signer *best = NULL;

	for (size_t i = 0; i < layer->n; i++) {
		const struct smime_signer *s = &layer->signer[i];

		if (s->problem == SMIME_PROBLEM_SIGNATURE)
			return s;
		if (!best || problem_of(s, from) == SMIME_PROBLEM_NONE ||
			(problem_of(best, from) != SMIME_PROBLEM_NONE &&
				problem_of(s, from) > problem_of(best, from)))
			best = s;
	}
	return best;
}

/* Since when, and who says so; or "". */
static const char *
revoked_words(const struct gateway_work *w, const struct smime_signer *s)
{
	const Gateway__Question *q = w->e->q;
	uint8_t hash[32];

	gateway_answer_hash(s->certificate, hash);
	for (size_t i = 0; i < q->n_revoked; i++)
		if (slice_eq(codec_slice(q->revoked[i]->sha256), slice_of(hash, sizeof hash)))
			return q->revoked[i]->words;
	return "";
}

static void
say(struct gateway_work *w, const struct gateway_some *some, const struct smime_signer *s,
	const struct gateway_judge_from *from)
{
	enum smime_problem problem = problem_of(s, from);
	const char *words = problem == SMIME_PROBLEM_REVOKED ? revoked_words(w, s) : "";

	gateway_answer_fact(w, some, "signature: %s, %s, certificate %.16s: %s%s%s",
		*s->key ? s->key : "unknown key", *s->digest ? s->digest : "unknown digest",
		*s->sha256 ? s->sha256 : "none", smime_problem_text(problem),
		*words ? ": " : "", words);
}

/* Of a signature that fits, for the one From; whether an authority stands behind it is what
 * its trust says. */
static void
learn(struct gateway_work *w, const struct smime_signer *s,
	const struct gateway_judge_from *from)
{
	Gateway__Harvest h;
	struct slice canonical;

	if (from->why || !s->may_be_encrypted_to || !s->certificate.n ||
		(s->problem != SMIME_PROBLEM_NONE && s->problem != SMIME_PROBLEM_CHAIN) ||
		!smime_signer_is(s, from->address) ||
		mail_addr_canonical_text(from->address, w->e->arena, &canonical))
		return;
	gateway__harvest__init(&h);
	h.address = codec_bytes(canonical);
	h.der = codec_bytes(arena_dup(w->e->arena, s->certificate));
	h.capabilities = codec_bytes(arena_dup(w->e->arena, s->capabilities));
	h.signed_sec = s->signed_sec;
	h.trust = s->problem == SMIME_PROBLEM_NONE && !s->is_manual ? GATEWAY__TRUST__VERIFIED
								    : GATEWAY__TRUST__HARVESTED;
	gateway_answer_harvest(w, &h);
}

static struct gateway_mark
mark_of(struct gateway_work *w, const struct smime_signer *s,
	const struct gateway_judge_from *from)
{
	enum smime_problem problem = s ? problem_of(s, from) : SMIME_PROBLEM_NONE;
	struct gateway_mark m = {.result = GATEWAY_MARK_NONE};

	if (!s) {
		m.words = SLICE_LIT("nobody signed it");
		return m;
	}
	/* What doesn't fit is said whoever it claims to be from. */
	if (from->why && problem != SMIME_PROBLEM_SIGNATURE) {
		m.words = slice_str(from->why);
		return m;
	}
	m.result = result_of(problem);
	m.words = slice_str(smime_problem_text(problem));
	if (problem == SMIME_PROBLEM_NONE) {
		m.words = slice_str(gateway_answer_text(
			w, "%s, %s, certificate %.16s", s->key, s->digest, s->sha256));
		m.signer = from->address;
	}
	return m;
}

void
gateway_judge_signers(struct gateway_work *w, const struct gateway_some *some,
	const struct gateway_judge_from *from, const struct gateway_judge_layer *layer,
	struct gateway_mark *mark)
{
	struct gateway_mark m = mark_of(w, deciding(layer, from), from);

	if (layer->n == 0)
		gateway_answer_fact(w, some, "signature: none, although it says signed");
	for (size_t i = 0; i < layer->n; i++) {
		say(w, some, &layer->signer[i], from);
		learn(w, &layer->signer[i], from);
	}
	if (layer->n && from->why)
		gateway_answer_fact(w, some, "signature: it counts for nobody: %s", from->why);
	/* Of several layers the worst says what the mail is worth; of two that are as good,
	 * the inner one, which is nearer to the text. */
	if (m.result >= mark->result)
		*mark = m;
}
