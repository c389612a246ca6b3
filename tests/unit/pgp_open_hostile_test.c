#include <zlib.h>

#include "crypto/pgp_inflate.h"
#include "crypto/pgp_open.h"
#include "crypto/pgp_packet.h"
#include "crypto/pgp_seal.h"
#include "crypto/pgp_sig_make.h"
#include "crypto/pgp_symmetric.h"
#include "tests/pgp_person.h"
#include "tests/pgp_read.h"
#include "tests/test.h"

enum { MAX = 1 << 22, NOW = PGP_PERSON_NOW, MDC = 22 };

static const struct pgp_session session = {PGP_AES128, 16, "0123456789abcdef"};

/* What the session key, if need be, opens. */
static enum err
open_by_session(struct slice message, size_t piece, uint64_t limit_bytes)
{
	struct pgp_opened facts;
	struct buf out;
	struct pgp_open_setup setup = {
		.session = &session, .n_sessions = 1, .limit_bytes = limit_bytes};
	enum err e;

	buf_init(&out, MAX);
	setup.to = text_into(&out);
	e = pgp_read_message(&setup, message, piece, &facts);
	buf_fini(&out);
	return e;
}

/* The body of a SEIPD packet, of version 1 with aead 0. */
static void
encrypt(uint8_t aead, struct slice content, struct buf *body)
{
	struct pgp_symmetric *s;

	buf_clear(body);
	s = pgp_symmetric_encrypt(aead, &session, text_into(body));
	assert_int_equal(pgp_symmetric_feed(s, content), ERR_OK);
	assert_int_equal(pgp_symmetric_finish(s), ERR_OK);
	pgp_symmetric_free(s);
}

static void
put(struct buf *message, uint8_t tag, const struct buf *body)
{
	buf_clear(message);
	assert_true(pgp_packet_put(message, tag, buf_slice(body)));
}

#define LITERAL                                                                                \
	"\xcb\x0b"                                                                             \
	"b\x00\x00\x00\x00\x00"                                                                \
	"hallo"
#define ONE_PASS                                                                               \
	"\xc4\x0d\x03\x00\x08\x01"                                                             \
	"12345678\x01"
#define SEIPD "\xd2\x04\x01xyz"

/* Packets that end in the midst of another, which is compressed in turn, and whose content
 * looks complete. */
#define CUT_WITHIN "\xc8\x11\x00\xc8\x14\x00" LITERAL

static void
content_that_ends_too_early_is_refused_however_deep_it_ends(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 30; piece += 7) {
		assert_int_equal(open_by_session(SLICE_LIT("\xc8\x11\x00\xc8\x0e\x00" LITERAL),
					 piece, 0),
			ERR_OK);
		assert_int_equal(open_by_session(SLICE_LIT(CUT_WITHIN), piece, 0), ERR_SYNTAX);
		assert_int_equal(
			open_by_session(SLICE_LIT("\xc8\x14\x00" CUT_WITHIN), piece, 0),
			ERR_SYNTAX);
		assert_int_equal(open_by_session(SLICE_LIT("\xc8\x20\x00" ONE_PASS
							   "\xc8\x0e\x00" LITERAL),
					 piece, 0),
			ERR_SYNTAX);
	}
}

/* Nothing is left of what was found. */
static void
expect_broken(struct slice message, size_t piece)
{
	struct pgp_open_setup setup = {.session = &session, .n_sessions = 1};
	struct pgp_opened facts;
	struct buf out;

	buf_init(&out, MAX);
	setup.to = text_into(&out);
	assert_int_equal(pgp_read_message(&setup, message, piece, &facts), ERR_CRYPTO);
	assert_int_equal(facts.session.n, 0);
	assert_int_equal(facts.n_verdicts, 0);
	buf_fini(&out);
}

static void
what_is_wrong_inside_an_encryption_is_said_alike(void **state)
{
	const struct slice wrong[] = {SLICE_LIT(""), SLICE_LIT("nothing"),
		SLICE_LIT("\xca\x03PGP"), SLICE_LIT(LITERAL LITERAL),
		SLICE_LIT("\xcd\x01x" LITERAL), SLICE_LIT("\xd6\x01x" LITERAL),
		SLICE_LIT(ONE_PASS LITERAL), SLICE_LIT(LITERAL "\xc2\x03\x04\x00\x00"),
		SLICE_LIT(SEIPD), SLICE_LIT("\xc9\x03xyz"), SLICE_LIT(CUT_WITHIN),
		SLICE_LIT("\xc8\x04\x07xyz"), SLICE_LIT("\xc8\x04\x01xyz"),
		SLICE_LIT("\xcb\x20"
			  "b\x00\x00"),
		SLICE_LIT("\xc1\x01\x03" LITERAL)};
	struct buf body, message;

	(void)state;
	buf_init(&body, MAX);
	buf_init(&message, MAX);
	for (uint8_t aead = 0; aead <= PGP_GCM; aead++) {
		encrypt(aead, SLICE_LIT(LITERAL), &body);
		put(&message, PGP_TAG_SEIPD, &body);
		assert_int_equal(open_by_session(buf_slice(&message), 10, 0), ERR_OK);
		for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
			encrypt(aead, wrong[i], &body);
			put(&message, PGP_TAG_SEIPD, &body);
			for (size_t piece = 1; piece < 100; piece += 40)
				expect_broken(buf_slice(&message), piece);
		}
	}
	buf_fini(&body);
	buf_fini(&message);
}

static void
a_text_that_is_too_long_is_said_only_if_its_integrity_holds(void **state)
{
	struct buf body, message;

	(void)state;
	buf_init(&body, MAX);
	buf_init(&message, MAX);
	for (uint8_t aead = 0; aead <= PGP_GCM; aead++) {
		encrypt(aead, SLICE_LIT(LITERAL), &body);
		put(&message, PGP_TAG_SEIPD, &body);
		assert_int_equal(open_by_session(buf_slice(&message), 9, 5), ERR_OK);
		assert_int_equal(open_by_session(buf_slice(&message), 9, 4), ERR_TOO_BIG);
		message.p[message.n - 1] ^= 1;
		assert_int_equal(open_by_session(buf_slice(&message), 9, 5), ERR_CRYPTO);
		assert_int_equal(open_by_session(buf_slice(&message), 9, 4), ERR_CRYPTO);
	}
	buf_fini(&body);
	buf_fini(&message);
}

static void
a_container_is_opened_as_what_it_is_or_not_at_all(void **state)
{
	struct buf body, message;

	(void)state;
	buf_init(&body, MAX);
	buf_init(&message, MAX);
	encrypt(0, SLICE_LIT(LITERAL), &body);
	/* Without integrity, by another packet type. */
	for (uint8_t tag = 1; tag < 64; tag++) {
		enum err e;

		/* A literal is whatever it is. */
		if (tag == PGP_TAG_LITERAL)
			continue;
		put(&message, tag, &body);
		e = open_by_session(buf_slice(&message), 20, 0);
		assert_int_equal(e == ERR_OK, tag == PGP_TAG_SEIPD);
		if (tag == PGP_TAG_SED)
			assert_int_equal(e, ERR_UNSUPPORTED);
	}
	/* As SED has it: no version octet, no MDC. */
	buf_drop(&body, 1);
	body.n -= MDC;
	put(&message, PGP_TAG_SED, &body);
	assert_int_equal(open_by_session(buf_slice(&message), 20, 0), ERR_UNSUPPORTED);
	/* Cut anywhere, and framed anew. */
	for (uint8_t aead = 0; aead <= PGP_GCM; aead++) {
		size_t n;

		encrypt(aead, SLICE_LIT(LITERAL), &body);
		for (n = body.n; n > (aead ? 36 : 1); n--) {
			body.n = n - 1;
			put(&message, PGP_TAG_SEIPD, &body);
			assert_int_equal(open_by_session(buf_slice(&message), 20, 0),
				aead && n == 36 ? ERR_SYNTAX : ERR_CRYPTO);
		}
		/* As the other version. */
		encrypt(aead, SLICE_LIT(LITERAL), &body);
		body.p[0] = aead ? 1 : 2;
		put(&message, PGP_TAG_SEIPD, &body);
		assert_int_not_equal(open_by_session(buf_slice(&message), 20, 0), ERR_OK);
		body.p[0] = 3;
		put(&message, PGP_TAG_SEIPD, &body);
		assert_int_equal(open_by_session(buf_slice(&message), 20, 0), ERR_UNSUPPORTED);
	}
	buf_fini(&body);
	buf_fini(&message);
}

static void
nothing_stands_beside_a_container(void **state)
{
	const struct slice others[] = {SLICE_LIT(LITERAL), SLICE_LIT(SEIPD),
		SLICE_LIT("\xc9\x03xyz"), SLICE_LIT(ONE_PASS),
		SLICE_LIT("\xc2\x03\x04\x00\x00"), SLICE_LIT("\xc8\x0e\x00" LITERAL),
		SLICE_LIT("\xd3\x02xx"), SLICE_LIT("\xe7\x01x"), SLICE_LIT("x")};
	struct buf body, message, both;

	(void)state;
	buf_init(&body, MAX);
	buf_init(&message, MAX);
	buf_init(&both, MAX);
	for (uint8_t aead = 0; aead <= PGP_OCB; aead++) {
		encrypt(aead, SLICE_LIT(LITERAL), &body);
		put(&message, PGP_TAG_SEIPD, &body);
		for (size_t i = 0; i < 2 * sizeof others / sizeof *others; i++) {
			enum err e;

			buf_clear(&both);
			if (i % 2)
				buf_put_slice(&both, others[i / 2]);
			buf_put_slice(&both, buf_slice(&message));
			if (i % 2 == 0)
				buf_put_slice(&both, others[i / 2]);
			e = open_by_session(buf_slice(&both), 11, 0);
			assert_true(e == ERR_SYNTAX || e == ERR_UNSUPPORTED ||
				    (e == ERR_CRYPTO && i % 2));
		}
		/* What says nothing may. */
		buf_clear(&both);
		buf_put_slice(&both, SLICE_LIT("\xca\x03PGP"));
		buf_put_slice(&both, buf_slice(&message));
		buf_put_slice(&both, SLICE_LIT("\xd5\x02xx\xe8\x01x"));
		assert_int_equal(open_by_session(buf_slice(&both), 11, 0), ERR_OK);
	}
	buf_fini(&body);
	buf_fini(&message);
	buf_fini(&both);
}

static void
a_long_message_is_whole_or_refused(void **state)
{
	static uint8_t text[50000];
	struct buf plain, message;
	struct pgp_packet_parts parts;

	(void)state;
	buf_init(&plain, MAX);
	buf_init(&message, MAX);
	for (uint8_t aead = 0; aead <= PGP_OCB; aead += PGP_OCB) {
		struct pgp_symmetric *s;
		struct buf body;

		buf_init(&body, MAX);
		buf_clear(&plain);
		buf_clear(&message);
		pgp_packet_parts_init(&parts, PGP_TAG_LITERAL, text_into(&plain));
		pgp_packet_parts_feed(&parts, slice_of(text, sizeof text));
		pgp_packet_parts_finish(&parts);
		s = pgp_symmetric_encrypt(aead, &session, text_into(&body));
		pgp_symmetric_feed(s, buf_slice(&plain));
		pgp_symmetric_finish(s);
		pgp_symmetric_free(s);
		pgp_packet_parts_init(&parts, PGP_TAG_SEIPD, text_into(&message));
		pgp_packet_parts_feed(&parts, buf_slice(&body));
		pgp_packet_parts_finish(&parts);
		assert_int_equal(open_by_session(buf_slice(&message), 4096, 0), ERR_OK);
		/* Around each part's length, and in the midst. */
		for (size_t i = 1; i < message.n; i += i % 8193 < 4 ? 1 : 1021) {
			enum err e;

			message.p[i] ^= 0x11;
			e = open_by_session(buf_slice(&message), 4096, 0);
			assert_int_not_equal(e, ERR_OK);
			message.p[i] ^= 0x11;
			e = open_by_session(slice_cut(buf_slice(&message), 0, i), 4096, 0);
			assert_int_not_equal(e, ERR_OK);
		}
		buf_fini(&body);
	}
	buf_fini(&plain);
	buf_fini(&message);
}

/* --- compressed --------------------------------------------------------------------------- */

/* As a packet. */
static void
compress_content(const struct buf *content, struct buf *message)
{
	uLongf n = compressBound(content->n);
	struct buf body;

	buf_init(&body, MAX);
	buf_put_u8(&body, PGP_ZLIB);
	assert_non_null(buf_room(&body, n));
	assert_int_equal(
		compress2(body.p + body.n, &n, content->p, content->n, Z_BEST_COMPRESSION),
		Z_OK);
	buf_grow(&body, n);
	put(message, PGP_TAG_COMPRESSED, &body);
	buf_fini(&body);
}

/* So much padding before a text, compressed so many times. */
static void
make_bomb(size_t padding, int times, struct buf *message)
{
	static const uint8_t zeros[4096];
	struct buf content;

	buf_init(&content, MAX);
	buf_put_u8(&content, 0xc0 | PGP_TAG_PADDING);
	buf_put_u8(&content, 255);
	buf_put_u32(&content, (uint32_t)padding);
	for (size_t n; padding; padding -= n) {
		n = padding < sizeof zeros ? padding : sizeof zeros;
		buf_put(&content, zeros, n);
	}
	buf_put_slice(&content, SLICE_LIT(LITERAL));
	for (int i = 0; i < times; i++) {
		compress_content(&content, message);
		buf_clear(&content);
		buf_put_slice(&content, buf_slice(message));
	}
	buf_fini(&content);
}

static void
what_grows_and_grows_again_grows_no_more_than_once(void **state)
{
	struct buf message, body;

	(void)state;
	buf_init(&message, MAX);
	buf_init(&body, MAX);
	make_bomb(PGP_INFLATE_FREE * 2, 1, &message);
	assert_int_equal(open_by_session(buf_slice(&message), 4096, 0), ERR_OK);
	make_bomb(PGP_INFLATE_FREE * 2, 2, &message);
	assert_true(message.n * PGP_RATIO_MAX < PGP_INFLATE_FREE);
	assert_int_equal(open_by_session(buf_slice(&message), 4096, 0), ERR_LIMIT);
	make_bomb(PGP_INFLATE_FREE / 2, 2, &message);
	assert_int_equal(open_by_session(buf_slice(&message), 4096, 0), ERR_OK);
	/* And inside an encryption it is as wrong as all else. */
	make_bomb(PGP_INFLATE_FREE * 2, 2, &message);
	encrypt(PGP_OCB, buf_slice(&message), &body);
	put(&message, PGP_TAG_SEIPD, &body);
	assert_int_equal(open_by_session(buf_slice(&message), 4096, 0), ERR_CRYPTO);
	buf_fini(&message);
	buf_fini(&body);
}

static void
padding_counts_for_what_a_text_may_have_at_most(void **state)
{
	enum { LIMIT = 100, ALLOWED = 2 * LIMIT + PGP_INFLATE_FREE, AROUND = 6 + 13 };
	struct buf message;

	(void)state;
	buf_init(&message, MAX);
	for (size_t over = 0; over < 2; over++) {
		make_bomb(ALLOWED - AROUND + over, 1, &message);
		assert_int_equal(open_by_session(buf_slice(&message), 4096, LIMIT),
			over ? ERR_TOO_BIG : ERR_OK);
	}
	buf_fini(&message);
}

/* --- signed ------------------------------------------------------------------------------- */

/* A signed message's packets: announcement, text, signature. */
struct signed_message {
	struct pgp_person ann;
	struct buf raw;
	struct slice packet[3];
};

static void
signed_init(struct signed_message *m, enum pgp_make_kind kind)
{
	static struct pgp_seal_plan none;
	struct pgp_signer signer = {.private = &m->ann.private};
	struct pgp_seal_setup setup = {.sign = {&signer, 1, false, NOW},
		.plan = &none,
		.format = 'b',
		.to = text_into(&m->raw)};
	struct pgp_packet_whole p;
	struct pgp_seal *s;
	struct slice rest;

	pgp_person_init(&m->ann, kind);
	signer.key = &m->ann.cert->key[0].public;
	buf_init(&m->raw, MAX);
	s = pgp_seal_new(&setup);
	assert_int_equal(pgp_seal_feed(s, SLICE_LIT("hallo")), ERR_OK);
	assert_int_equal(pgp_seal_finish(s), ERR_OK);
	pgp_seal_free(s);
	rest = buf_slice(&m->raw);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pgp_packet_next(&rest, &p), ERR_OK);
		m->packet[i] = p.raw;
	}
	assert_int_equal(rest.n, 0);
}

static void
signed_fini(struct signed_message *m)
{
	buf_fini(&m->raw);
	pgp_person_fini(&m->ann);
}

static enum err
open_signed(struct signed_message *m, struct slice message, struct pgp_opened *facts)
{
	struct buf out;
	struct pgp_open_setup setup = {.judge = {&m->ann.ring, NOW}};
	enum err e;

	buf_init(&out, MAX);
	setup.to = text_into(&out);
	e = pgp_read_message(&setup, message, 33, facts);
	buf_fini(&out);
	return e;
}

/* --- signed for one reader ---------------------------------------------------------------- */

/* By Ann, for Bob, before "hallo". */
static void
put_for(struct pgp_person *ann, const struct pgp_public *bob, struct buf *out)
{
	uint8_t fingerprint[1 + PGP_FINGERPRINT_MAX] = {bob->version};
	struct pgp_sig_make_setup setup = {.key = &ann->cert->key[0].public,
		.type = PGP_SIG_BINARY,
		.hash = PGP_SHA512,
		.created_sec = NOW};
	struct pgp_sig_make m;
	struct buf subpackets, body;

	memcpy(fingerprint + 1, bob->fingerprint, bob->n_fingerprint);
	buf_init(&subpackets, MAX);
	buf_init(&body, MAX);
	pgp_sig_make_subpacket(&subpackets, PGP_SIG_RECIPIENT, true, SLICE_LIT("\4other"));
	pgp_sig_make_subpacket(&subpackets, PGP_SIG_RECIPIENT, true,
		slice_of(fingerprint, 1 + bob->n_fingerprint));
	setup.subpackets = buf_slice(&subpackets);
	assert_int_equal(pgp_sig_make_begin(&m, &setup), ERR_OK);
	pgp_sig_hash_feed(&m.hash, SLICE_LIT("hallo"));
	assert_int_equal(pgp_sig_make_finish(&m, &ann->private, &body), ERR_OK);
	assert_true(pgp_packet_put(out, PGP_TAG_SIGNATURE, buf_slice(&body)));
	buf_put_slice(out, SLICE_LIT(LITERAL));
	pgp_sig_make_fini(&m);
	buf_fini(&subpackets);
	buf_fini(&body);
}

/* To somebody. */
static void
encrypt_to(const struct pgp_public *key, struct slice content, struct buf *message)
{
	struct buf body, fields;

	buf_init(&body, MAX);
	buf_init(&fields, MAX);
	assert_int_equal(pgp_public_wrap(key, 3, &session, &fields), ERR_OK);
	buf_put_u8(&body, 3);
	buf_put(&body, key->key_id, PGP_KEY_ID);
	buf_put_u8(&body, key->algorithm);
	buf_put_slice(&body, buf_slice(&fields));
	put(message, PGP_TAG_PKESK, &body);
	encrypt(0, content, &body);
	assert_true(pgp_packet_put(message, PGP_TAG_SEIPD, buf_slice(&body)));
	buf_fini(&body);
	buf_fini(&fields);
}

/* reader: NULL: has the session key. */
static enum pgp_problem
read_by(struct pgp_person *reader, struct pgp_person *ann, const struct buf *message)
{
	struct pgp_open_setup setup = {.judge = {&ann->ring, NOW}};
	struct pgp_opened facts;
	struct buf out;

	if (reader) {
		setup.keys = &reader->ring;
		setup.private = &reader->private;
	} else {
		setup.session = &session;
		setup.n_sessions = 1;
	}
	buf_init(&out, MAX);
	setup.to = text_into(&out);
	assert_int_equal(pgp_read_message(&setup, buf_slice(message), 50, &facts), ERR_OK);
	assert_int_equal(facts.n_verdicts, 1);
	buf_fini(&out);
	return facts.verdict[0].problem;
}

static void
what_was_signed_for_one_is_good_for_no_other(void **state)
{
	struct pgp_person ann, bob, eve;
	struct buf content, message;

	(void)state;
	pgp_person_init(&ann, PGP_MAKE_CURVE25519);
	pgp_person_init(&bob, PGP_MAKE_CURVE25519);
	pgp_person_init(&eve, PGP_MAKE_CURVE25519);
	buf_init(&content, MAX);
	buf_init(&message, MAX);
	put_for(&ann, &bob.cert->key[0].public, &content);
	encrypt_to(&bob.cert->key[1].public, buf_slice(&content), &message);
	assert_int_equal(read_by(&bob, &ann, &message), PGP_PROBLEM_NONE);
	assert_int_equal(read_by(NULL, &ann, &message), PGP_PROBLEM_NONE);
	/* Bob passes it on: to Eve; to anybody. */
	encrypt_to(&eve.cert->key[1].public, buf_slice(&content), &message);
	assert_int_equal(read_by(&eve, &ann, &message), PGP_PROBLEM_RECIPIENT);
	assert_int_equal(read_by(&eve, &ann, &content), PGP_PROBLEM_RECIPIENT);
	assert_int_equal(read_by(&bob, &ann, &content), PGP_PROBLEM_RECIPIENT);
	buf_fini(&content);
	buf_fini(&message);
	pgp_person_fini(&ann);
	pgp_person_fini(&bob);
	pgp_person_fini(&eve);
}

/* --- order -------------------------------------------------------------------------------- */

/* Of 1 an announcement, 2 a text, 3 a signature, 0 nothing: four bits each. */
static bool
is_in_order(unsigned row)
{
	static const unsigned good[] = {0x123, 0x032, 0x302, 0x320, 0x332, 0x002, 0x020, 0x200};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (row == good[i])
			return true;
	return false;
}

static void
put_row(const struct signed_message *m, unsigned row, struct buf *message)
{
	buf_clear(message);
	for (unsigned shift = 12; shift;) {
		shift -= 4;
		if (row >> shift & 3)
			buf_put_slice(message, m->packet[(row >> shift & 3) - 1]);
	}
}

static void
packets_stand_in_their_order(void **state)
{
	struct buf message;

	(void)state;
	buf_init(&message, MAX);
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind += PGP_MAKE_V6) {
		struct signed_message m;
		struct pgp_opened facts;

		signed_init(&m, (enum pgp_make_kind)kind);
		for (unsigned i = 0; i < 64; i++) {
			unsigned row = (i & 3) | (i >> 2 & 3) << 4 | (i >> 4) << 8;

			put_row(&m, row, &message);
			assert_int_equal(open_signed(&m, buf_slice(&message), &facts),
				is_in_order(row) ? ERR_OK : ERR_SYNTAX);
			for (size_t k = 0; k < facts.n_verdicts; k++)
				assert_int_equal(facts.verdict[k].problem, PGP_PROBLEM_NONE);
		}
		signed_fini(&m);
	}
	buf_fini(&message);
}

static void
each_of_several_signatures_is_judged(void **state)
{
	struct signed_message m;
	struct pgp_opened facts;
	struct buf message;

	(void)state;
	buf_init(&message, MAX);
	signed_init(&m, PGP_MAKE_CURVE25519);
	for (size_t n = 1; n <= PGP_SIGNATURES_MAX + 1; n += 21) {
		for (size_t bad = 0; bad < n; bad += 7) {
			buf_clear(&message);
			for (size_t i = 0; i < n; i++) {
				buf_put_slice(&message, m.packet[2]);
				/* The last octet of a signature. */
				message.p[message.n - 1] ^= i == bad;
			}
			buf_put_slice(&message, m.packet[1]);
			assert_int_equal(open_signed(&m, buf_slice(&message), &facts),
				n > PGP_SIGNATURES_MAX ? ERR_LIMIT : ERR_OK);
			assert_int_equal(facts.n_verdicts, n > PGP_SIGNATURES_MAX ? 0 : n);
			for (size_t i = 0; i < facts.n_verdicts; i++)
				assert_int_equal(facts.verdict[i].problem,
					i == bad ? PGP_PROBLEM_SIGNATURE : PGP_PROBLEM_NONE);
		}
	}
	signed_fini(&m);
	buf_fini(&message);
}

static void
a_signature_that_was_announced_otherwise_is_none(void **state)
{
	struct buf message;

	(void)state;
	buf_init(&message, MAX);
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind += PGP_MAKE_V6) {
		struct signed_message m;
		struct pgp_opened facts;

		signed_init(&m, (enum pgp_make_kind)kind);
		/* Behind the version: type, hash, algorithm, of version 6 the salt behind its
		 * size; key id or fingerprint; then what follows, which says nothing. */
		for (size_t at = 3; at < m.packet[0].n - 1; at++) {
			buf_clear(&message);
			buf_put_slice(&message, buf_slice(&m.raw));
			message.p[at] ^= 1;
			if (kind == PGP_MAKE_V6 && at == 6)
				continue;
			assert_int_equal(open_signed(&m, buf_slice(&message), &facts), ERR_OK);
			assert_int_equal(facts.n_verdicts, 1);
			assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_SIGNATURE);
		}
		signed_fini(&m);
	}
	buf_fini(&message);
}

enum { UNKNOWN = 9 }; /* octets of put_around's signature */

/* A second signature, of version n, around a good one. */
static void
put_around(const struct signed_message *m, uint8_t announced, uint8_t version, struct buf *out)
{
	const uint8_t one_pass[] = {announced, 0, PGP_SHA512, PGP_ED25519, 0, 1, 2, 3},
		      signature[] = {version, 0, PGP_ED25519, PGP_SHA512, 1, 2, 3};

	buf_clear(out);
	assert_true(pgp_packet_put(out, PGP_TAG_ONE_PASS, slice_of(one_pass, sizeof one_pass)));
	buf_put_slice(out, buf_slice(&m->raw));
	assert_true(
		pgp_packet_put(out, PGP_TAG_SIGNATURE, slice_of(signature, sizeof signature)));
}

static void
an_unknown_version_leaves_the_other_signatures_be(void **state)
{
	struct buf message;

	(void)state;
	buf_init(&message, MAX);
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind += PGP_MAKE_V6) {
		struct signed_message m;
		struct pgp_opened facts;

		signed_init(&m, (enum pgp_make_kind)kind);
		for (uint8_t version = 7; version < 30; version += 11) {
			put_around(&m, version, version, &message);
			assert_int_equal(open_signed(&m, buf_slice(&message), &facts), ERR_OK);
			assert_int_equal(facts.n_verdicts, 2);
			assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_NONE);
			assert_int_equal(facts.verdict[1].problem, PGP_PROBLEM_ALGORITHM);
		}
		/* One that is announced as unknown and is not. */
		put_around(&m, 7, 0, &message);
		message.n -= UNKNOWN;
		buf_put_slice(&message, m.packet[2]);
		assert_int_equal(open_signed(&m, buf_slice(&message), &facts), ERR_OK);
		assert_int_equal(facts.verdict[1].problem, PGP_PROBLEM_SIGNATURE);
		/* Short ones of those that are known aren't packets of theirs. */
		put_around(&m, kind ? 6 : 3, 4, &message);
		assert_int_equal(open_signed(&m, buf_slice(&message), &facts), ERR_SYNTAX);
		signed_fini(&m);
	}
	buf_fini(&message);
}

/* Cut at every length, but framed as it should be. */
static void
nonsense_leaves_the_other_signatures_be(void **state)
{
	struct buf message;

	(void)state;
	buf_init(&message, MAX);
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind += PGP_MAKE_V6) {
		struct signed_message m;
		struct pgp_packet_whole p;
		struct pgp_opened facts;

		signed_init(&m, (enum pgp_make_kind)kind);
		assert_int_equal(
			pgp_packet_next(&(struct slice){m.packet[2].p, m.packet[2].n}, &p),
			ERR_OK);
		for (size_t n = 0; n < p.body.n; n++) {
			buf_clear(&message);
			buf_put_slice(&message, m.packet[0]);
			buf_put_slice(&message, buf_slice(&m.raw));
			pgp_packet_put(&message, PGP_TAG_SIGNATURE, slice_cut(p.body, 0, n));
			assert_int_equal(open_signed(&m, buf_slice(&message), &facts), ERR_OK);
			assert_int_equal(facts.n_verdicts, 2);
			assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_NONE);
			assert_int_not_equal(facts.verdict[1].problem, PGP_PROBLEM_NONE);
		}
		signed_fini(&m);
	}
	buf_fini(&message);
}

static void
a_version_is_announced_by_its_own_kind(void **state)
{
	struct signed_message m;
	struct pgp_opened facts;
	struct buf body, message;

	(void)state;
	buf_init(&body, MAX);
	buf_init(&message, MAX);
	signed_init(&m, PGP_MAKE_CURVE25519);
	/* What version 6 has, with no salt: as version 4 hashes. */
	buf_put(&body, (const uint8_t[]){6, PGP_SIG_BINARY, PGP_SHA512, PGP_EDDSA_LEGACY, 0},
		5);
	buf_put(&body, m.ann.cert->key[0].public.fingerprint, PGP_FINGERPRINT_MAX);
	buf_put_u8(&body, 1);
	put(&message, PGP_TAG_ONE_PASS, &body);
	buf_put_slice(&message, m.packet[1]);
	buf_put_slice(&message, m.packet[2]);
	assert_int_equal(open_signed(&m, buf_slice(&message), &facts), ERR_OK);
	assert_int_equal(facts.n_verdicts, 1);
	assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_SIGNATURE);
	signed_fini(&m);
	buf_fini(&body);
	buf_fini(&message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_that_ends_too_early_is_refused_however_deep_it_ends),
		cmocka_unit_test(what_is_wrong_inside_an_encryption_is_said_alike),
		cmocka_unit_test(a_text_that_is_too_long_is_said_only_if_its_integrity_holds),
		cmocka_unit_test(a_container_is_opened_as_what_it_is_or_not_at_all),
		cmocka_unit_test(nothing_stands_beside_a_container),
		cmocka_unit_test(what_grows_and_grows_again_grows_no_more_than_once),
		cmocka_unit_test(padding_counts_for_what_a_text_may_have_at_most),
		cmocka_unit_test(a_long_message_is_whole_or_refused),
		cmocka_unit_test(what_was_signed_for_one_is_good_for_no_other),
		cmocka_unit_test(packets_stand_in_their_order),
		cmocka_unit_test(each_of_several_signatures_is_judged),
		cmocka_unit_test(a_signature_that_was_announced_otherwise_is_none),
		cmocka_unit_test(an_unknown_version_leaves_the_other_signatures_be),
		cmocka_unit_test(nonsense_leaves_the_other_signatures_be),
		cmocka_unit_test(a_version_is_announced_by_its_own_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
