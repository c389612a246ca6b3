#include "core/codec.h"
#include "crypto/smime_verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct slice text = SLICE_LIT("Content-Type: text/plain\r\n\r\nHello.\r\n");

struct seen {
	enum err error;
	struct smime_signer *signer;
	size_t n;
	struct buf text;
};

static void
look(struct seen *s, const Gateway__Question *q, struct slice in, size_t step, struct arena *a)
{
	/* The first octet: is the text outside? */
	bool is_detached = in.p[0] & 1;
	struct smime_verify_setup setup = {.trust = {q, 2048}, .to = text_into(&s->text)};
	struct slice fed = slice_from(in, 1);
	struct smime_verify *v;

	if (is_detached) {
		setup.detached = fed;
		fed = text;
	}
	v = smime_verify_new(&setup);
	for (size_t i = 0; i < fed.n; i += step)
		smime_verify_feed(v, slice_cut(fed, i, i + step));
	s->error = smime_verify_finish(v, a, &s->signer, &s->n);
	smime_verify_free(v);
}

static void
check(const struct smime_signer *s)
{
	/* Nobody is believed here. */
	if (s->problem == SMIME_PROBLEM_NONE || s->problem >= SMIME_PROBLEM_COUNT ||
		s->is_manual)
		__builtin_trap();
	if (s->problem == SMIME_PROBLEM_NO_CERTIFICATE && s->certificate.n)
		__builtin_trap();
	if (smime_signer_is(s, SLICE_LIT("ann@example.org")) && !s->certificate.n)
		__builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Gateway__Question q = GATEWAY__QUESTION__INIT;
	struct seen whole = {.error = ERR_OK}, pieces = {.error = ERR_OK};
	struct arena a;

	if (n < 2)
		return 0;
	q.now_sec = 1800000000;
	arena_init(&a, 0);
	buf_init(&whole.text, n);
	buf_init(&pieces.text, n);
	look(&whole, &q, slice_of(p, n), n, &a);
	look(&pieces, &q, slice_of(p, n), (size_t)(p[0] >> 1) + 1, &a);
	if (whole.error != pieces.error || (!whole.error && whole.n != pieces.n) ||
		whole.n > SMIME_SIGNERS_MAX)
		__builtin_trap();
	for (size_t i = 0; !whole.error && i < whole.n; i++) {
		check(&whole.signer[i]);
		if (whole.signer[i].problem != pieces.signer[i].problem)
			__builtin_trap();
	}
	if (!whole.error && !slice_eq(buf_slice(&whole.text), buf_slice(&pieces.text)))
		__builtin_trap();
	buf_fini(&whole.text);
	buf_fini(&pieces.text);
	arena_reset(&a);
	return 0;
}
