#include "crypto/pgp_open.h"

#include "crypto/pgp_packet.h"
#include "crypto/pgp_symmetric.h"
#include "tests/pgp_person.h"
#include "tests/pgp_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Bodies of session key packets, before a message that none of them opens; each with an octet
 * for its kind and one for its length. The first octet of all: which container. Who has the
 * session key reads it whatever they are, and nobody else does, whichever of them he tries. */
enum { OUT_MAX = 1 << 20, TRIES = 4 };

static const struct pgp_session session = {PGP_AES128, 16, "0123456789abcdef"};
static struct pgp_person people[2];

static void
put_container(uint8_t aead, struct buf *out)
{
	struct buf body;
	struct pgp_symmetric *s;

	buf_init(&body, OUT_MAX);
	s = pgp_symmetric_encrypt(aead, &session, text_into(&body));
	must(!pgp_symmetric_feed(s, SLICE_LIT("\xcb\x0b"
					      "b\0\0\0\0\0"
					      "hallo")) &&
		!pgp_symmetric_finish(s));
	pgp_symmetric_free(s);
	must(pgp_packet_put(out, PGP_TAG_SEIPD, buf_slice(&body)));
	buf_fini(&body);
}

static void
put_keys(struct slice rest, struct buf *out)
{
	while (rest.n >= 2) {
		size_t end = 2 + (size_t)rest.p[1];

		must(pgp_packet_put(out, rest.p[0] & 1 ? PGP_TAG_SKESK : PGP_TAG_PKESK,
			slice_cut(rest, 2, end)));
		rest = slice_from(rest, end);
	}
}

static enum err
open_by(struct slice all, size_t attempt, struct pgp_opened *facts)
{
	struct pgp_cert *certs[2] = {people[0].cert, people[1].cert};
	const struct pgp_secret *secret[] = {
		people[0].one[0], people[0].one[1], people[1].one[0], people[1].one[1]};
	struct pgp_cert_ring ring = {certs, 2};
	struct pgp_secret_ring secrets = {secret, 4};
	struct pgp_private private = pgp_secret_private(&secrets);
	struct buf text;
	struct pgp_open_setup setup = {.keys = &ring,
		.private = &private,
		.session = &session,
		.n_sessions = 1,
		.attempt = attempt,
		.to = text_into(&text)};
	enum err e;

	buf_init(&text, OUT_MAX);
	e = pgp_read_message(&setup, all, all.n, facts);
	must(e != ERR_OK || slice_eq(buf_slice(&text), SLICE_LIT("hallo")));
	buf_fini(&text);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pgp_opened facts, other;
	struct buf message;

	if (!people[0].cert) {
		pgp_person_init(&people[0], PGP_MAKE_CURVE25519);
		pgp_person_init(&people[1], PGP_MAKE_V6);
	}
	if (!n || n > PGP_RECIPIENTS_MAX)
		return 0;
	buf_init(&message, OUT_MAX);
	put_keys(slice_of(p + 1, n - 1), &message);
	put_container(p[0] & 1 ? PGP_OCB : 0, &message);
	must(open_by(buf_slice(&message), 0, &facts) == ERR_OK && facts.attempts >= 1);
	for (size_t i = 1; i < facts.attempts && i <= TRIES; i++)
		must(open_by(buf_slice(&message), i, &other) != ERR_OK);
	buf_fini(&message);
	return 0;
}
