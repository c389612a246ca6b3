#include "crypto/pgp_open.h"

#include "crypto/pgp_packet.h"
#include "crypto/pgp_sign.h"
#include "tests/pgp_person.h"
#include "tests/pgp_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Bodies of a one-pass packet, a signature packet and a literal packet. First octet: whose text
 * it is, and whether a text or octets; then the lengths of the first two. Around and about what
 * somebody did sign: his signature is good whatever stands beside it, and nothing else is. */
enum { HEAD = 3, OUT_MAX = 1 << 20, LITERAL_HEAD = 6 };

static struct pgp_person people[2];

struct parts {
	uint8_t how;
	struct slice one_pass, signature, literal;
};

static void
write_message(const struct parts *q, struct buf *out)
{
	const struct pgp_person *by = &people[q->how & 1];
	struct pgp_signer signer = {&by->cert->key[0].public, &by->private, 0};
	struct pgp_sign_setup setup = {&signer, 1, (q->how & 2) != 0, PGP_PERSON_NOW};
	struct pgp_sign s;

	must(pgp_sign_begin(&s, &setup) == ERR_OK);
	must(pgp_packet_put(out, PGP_TAG_ONE_PASS, q->one_pass));
	pgp_sign_announce(&s, out);
	must(pgp_packet_put(out, PGP_TAG_LITERAL, q->literal));
	if (q->literal.n >= 2)
		pgp_sign_feed(
			&s, slice_from(q->literal, LITERAL_HEAD + (size_t)q->literal.p[1]));
	must(pgp_sign_finish(&s, out) == ERR_OK);
	must(pgp_packet_put(out, PGP_TAG_SIGNATURE, q->signature));
	pgp_sign_fini(&s);
}

static enum err
open_in(struct slice all, size_t piece, struct pgp_opened *facts)
{
	struct pgp_cert *certs[2] = {people[0].cert, people[1].cert};
	struct pgp_cert_ring ring = {certs, 2};
	struct buf text;
	struct pgp_open_setup setup = {
		.judge = {&ring, PGP_PERSON_NOW}, .to = text_into(&text)};
	enum err e;

	buf_init(&text, OUT_MAX);
	e = pgp_read_message(&setup, all, piece, facts);
	buf_fini(&text);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice rest = slice_of(p, n);
	struct pgp_opened facts, again;
	struct parts q;
	struct buf message;
	enum err e;

	if (!people[0].cert) {
		pgp_person_init(&people[0], PGP_MAKE_CURVE25519);
		pgp_person_init(&people[1], PGP_MAKE_V6);
	}
	if (n < HEAD || n > OUT_MAX / 2)
		return 0;
	q.how = p[0];
	rest = slice_from(rest, HEAD);
	q.one_pass = slice_cut(rest, 0, p[1]);
	rest = slice_from(rest, p[1]);
	q.signature = slice_cut(rest, 0, p[2]);
	q.literal = slice_from(rest, p[2]);
	buf_init(&message, OUT_MAX);
	write_message(&q, &message);
	e = open_in(buf_slice(&message), message.n, &facts);
	must(e == ERR_OK || e == ERR_SYNTAX);
	must(open_in(buf_slice(&message), 1 + n % 11, &again) == e);
	if (e == ERR_OK) {
		must(facts.n_verdicts == 2);
		must(facts.verdict[0].problem == PGP_PROBLEM_NONE);
		must(facts.verdict[1].problem != PGP_PROBLEM_NONE);
		must(again.verdict[0].problem == facts.verdict[0].problem &&
			again.verdict[1].problem == facts.verdict[1].problem);
	}
	buf_fini(&message);
	return 0;
}
