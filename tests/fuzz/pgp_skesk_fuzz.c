#include "crypto/pgp_skesk.h"

#include "core/must.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_s2k.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Bodies of symmetric key packets, with "word", at the least cost that they could have: always
 * the same session key, of a size that there is; of versions 5 and 6 none with another word. */

/* Where the specifier stands. */
static size_t
s2k_at(const uint8_t *body)
{
	return body[0] == 4 ? 2 : body[0] == 5 ? 3 : 5;
}

static void
make_cheap(uint8_t *body, size_t n)
{
	enum { COUNT = 10, PASSES = 17, LANES, MEMORY };
	size_t at = n ? s2k_at(body) : 0;

	if (at + COUNT < n && body[at] == PGP_S2K_ITERATED)
		body[at + COUNT] = 0;
	if (at + MEMORY < n && body[at] == PGP_S2K_ARGON2) {
		body[at + PASSES] = body[at + LANES] = 1;
		body[at + MEMORY] = 3;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice word = SLICE_LIT("word"), other = SLICE_LIT("sword"), body;
	uint8_t cheap[PGP_SKESK_BODY_MAX + 1] = {0};
	struct pgp_session s, again;

	if (n > sizeof cheap)
		return 0;
	if (n)
		memcpy(cheap, p, n);
	make_cheap(cheap, n);
	body = slice_of(cheap, n);
	if (pgp_skesk_open(body, word, &s) != ERR_OK)
		return 0;
	must(pgp_skesk_open(body, word, &again) == ERR_OK);
	must(s.n && s.n <= PGP_SESSION_MAX && s.n == again.n && s.cipher == again.cipher &&
		memcmp(s.key, again.key, s.n) == 0);
	if (body.p[0] == 4)
		must(s.n == pgp_algorithm_key_size(s.cipher));
	else
		must(s.cipher == 0 && pgp_skesk_open(body, other, &again) == ERR_AUTH);
	return 0;
}
