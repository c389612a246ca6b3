#include "crypto/pgp_open.h"

#include "tests/pgp_person.h"
#include "tests/pgp_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Messages for a session key that is always the same, and for a key that isn't: at once and in
 * small pieces alike, the text no longer than it may be. */
enum { TEXT_MAX = 1 << 22 };

static struct pgp_person ann;

static enum err
open_in(struct slice all, size_t piece, struct buf *text, struct pgp_opened *facts)
{
	const struct pgp_session session = {PGP_AES128, 16, "0123456789abcdef"};
	struct pgp_open_setup setup = {.keys = &ann.ring,
		.private = &ann.private,
		.session = &session,
		.n_sessions = 1,
		.attempt = all.n % 2,
		.judge = {&ann.ring, PGP_PERSON_NOW},
		.limit_bytes = TEXT_MAX / 2,
		.to = text_into(text)};

	return pgp_read_message(&setup, all, piece, facts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice all = slice_of(p, n);
	struct pgp_opened facts, again;
	struct buf text, other;
	enum err e;

	if (!ann.cert)
		pgp_person_init(&ann, PGP_MAKE_V6);
	buf_init(&text, TEXT_MAX);
	buf_init(&other, TEXT_MAX);
	e = open_in(all, n ? n : 1, &text, &facts);
	/* Which of two limits comes first may depend on the pieces, and no more. */
	must((open_in(all, 3, &other, &again) == ERR_OK) == (e == ERR_OK));
	must(text.n <= TEXT_MAX / 2);
	if (e == ERR_OK) {
		must(slice_eq(buf_slice(&text), buf_slice(&other)));
		must(facts.text_bytes == text.n && facts.n_verdicts == again.n_verdicts);
		for (size_t i = 0; i < facts.n_verdicts; i++)
			must(facts.verdict[i].problem == again.verdict[i].problem);
	}
	buf_fini(&text);
	buf_fini(&other);
	return 0;
}
