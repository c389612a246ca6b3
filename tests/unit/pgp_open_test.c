#include "crypto/pgp_open.h"

#include <time.h>
#include <zlib.h>

#include "crypto/pgp_packet.h"
#include "crypto/pgp_seal.h"
#include "crypto/pgp_skesk.h"
#include "crypto/pgp_symmetric.h"
#include "tests/heap.h"
#include "tests/pgp_person.h"
#include "tests/pgp_read.h"
#include "tests/test.h"

enum { MAX = 1 << 22, NOW = PGP_PERSON_NOW };

struct how {
	bool is_encrypted, is_signed, is_text;
	const char *password;
};

static void
seal(struct pgp_person *p, struct how how, struct slice text, struct buf *out)
{
	struct pgp_signer signer = {&p->cert->key[0].public, &p->private, 0};
	struct slice password = slice_str(how.password);
	static struct pgp_seal_plan plan;
	struct pgp_seal_setup setup = {.sign = {&signer, how.is_signed, how.is_text, NOW},
		.plan = &plan,
		.password = &password,
		.n_passwords = how.password != NULL,
		.format = 'b',
		.to = text_into(out)};
	struct pgp_seal *s;

	plan = (struct pgp_seal_plan){0};
	if (how.is_encrypted)
		assert_int_equal(pgp_seal_choose(&p->cert, 1, NOW, true, &plan), ERR_OK);
	else if (how.password)
		plan = (struct pgp_seal_plan){.seipd = 1, .cipher = PGP_AES256};
	s = pgp_seal_new(&setup);
	assert_non_null(s);
	for (; text.n; text = slice_from(text, 5000))
		assert_int_equal(pgp_seal_feed(s, slice_cut(text, 0, 5000)), ERR_OK);
	assert_int_equal(pgp_seal_finish(s), ERR_OK);
	pgp_seal_free(s);
}

static struct pgp_open_setup
setup_of(struct pgp_person *p, struct buf *text)
{
	return (struct pgp_open_setup){.keys = &p->ring,
		.private = &p->private,
		.judge = {&p->ring, NOW + 1},
		.to = text_into(text)};
}

static void
make_text(struct buf *text, size_t n)
{
	buf_init(text, MAX);
	for (size_t i = 0; text->n < n; i++)
		buf_printf(text, "line %zu of the text\r\n", i);
	text->n = n;
}

static void
what_is_sealed_is_opened_in_pieces_of_any_size(void **state)
{
	static const size_t sizes[] = {0, 1, 300, 20000, 200000}, pieces[] = {1, 333, 1 << 20};
	struct buf text, message, out;

	(void)state;
	make_text(&text, 200000);
	buf_init(&message, MAX);
	buf_init(&out, MAX);
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind++) {
		struct pgp_person p;

		pgp_person_init(&p, (enum pgp_make_kind)kind);
		for (size_t i = 0; i < 4 * 5 * 3; i++) {
			struct how how = {.is_encrypted = i % 2, .is_signed = i / 2 % 2};
			struct slice part = slice_cut(buf_slice(&text), 0, sizes[i / 4 % 5]);
			struct pgp_open_setup setup = setup_of(&p, &out);
			struct pgp_opened facts;

			if (part.n > 20000 && i / 20 == 0)
				continue;
			buf_clear(&message);
			buf_clear(&out);
			seal(&p, how, part, &message);
			assert_int_equal(pgp_read_message(&setup, buf_slice(&message),
						 pieces[i / 20], &facts),
				ERR_OK);
			assert_true(slice_eq(buf_slice(&out), part));
			assert_int_equal(facts.is_encrypted, how.is_encrypted);
			assert_int_equal(facts.n_verdicts, how.is_signed);
			if (how.is_signed)
				assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_NONE);
			if (how.is_encrypted) {
				assert_int_equal(facts.seipd, kind == PGP_MAKE_V6 ? 2 : 1);
				assert_int_equal(facts.cipher, PGP_AES256);
				assert_ptr_equal(facts.key, &p.cert->key[1].public);
			}
		}
		pgp_person_fini(&p);
	}
	buf_fini(&text);
	buf_fini(&message);
	buf_fini(&out);
}

/* Where the packets of a message begin, and the encrypted one's content. */
static size_t
visible_head(struct slice message)
{
	struct slice rest = message;
	struct pgp_packet_whole p;

	while (pgp_packet_next(&rest, &p) == ERR_OK && p.tag != PGP_TAG_SEIPD)
		;
	return message.n - rest.n - (rest.n ? 0 : p.raw.n);
}

static void
a_changed_octet_is_one_uniform_failure(void **state)
{
	struct buf text, message, out;

	(void)state;
	make_text(&text, 100);
	buf_init(&message, MAX);
	buf_init(&out, MAX);
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind += PGP_MAKE_V6) {
		struct pgp_person p;
		struct pgp_open_setup setup;
		struct pgp_opened facts;
		size_t head;

		pgp_person_init(&p, (enum pgp_make_kind)kind);
		buf_clear(&message);
		seal(&p, (struct how){.is_encrypted = true, .is_signed = true},
			buf_slice(&text), &message);
		head = visible_head(buf_slice(&message));
		assert_in_range(head, 50, 400);
		/* Version, and of version 2 cipher, mode and chunks, are there to be seen. */
		for (size_t i = head + (kind ? 7 : 4); i < message.n; i++) {
			setup = setup_of(&p, &out);
			buf_clear(&out);
			message.p[i] ^= 1;
			assert_int_equal(
				pgp_read_message(&setup, buf_slice(&message), 77, &facts),
				ERR_CRYPTO);
			message.p[i] ^= 1;
		}
		/* What is wrong with the key's octets is the same failure, or it isn't ours.
		 * That an MPI of version 4 says another bit count of as many octets is none. */
		for (size_t i = 0; i < head; i++) {
			enum err e;

			setup = setup_of(&p, &out);
			buf_clear(&out);
			message.p[i] ^= 1;
			e = pgp_read_message(&setup, buf_slice(&message), 1000, &facts);
			assert_true(e == ERR_CRYPTO || e == ERR_NOT_FOUND || e == ERR_SYNTAX ||
				    e == ERR_LIMIT || e == ERR_UNSUPPORTED || e == ERR_OK);
			if (e == ERR_OK)
				assert_true(slice_eq(buf_slice(&out), buf_slice(&text)));
			message.p[i] ^= 1;
		}
		for (size_t n = 0; n < message.n; n++) {
			setup = setup_of(&p, &out);
			assert_int_not_equal(
				pgp_read_message(&setup, slice_cut(buf_slice(&message), 0, n),
					50, &facts),
				ERR_OK);
		}
		pgp_person_fini(&p);
	}
	buf_fini(&text);
	buf_fini(&message);
	buf_fini(&out);
}

static enum err
count_call(void *arg, struct slice octets)
{
	(void)octets;
	++*(size_t *)arg;
	return ERR_OK;
}

static void
encrypt_literal(uint8_t aead, const struct pgp_session *session, size_t n, struct buf *message)
{
	struct buf text, literal, body;
	struct pgp_symmetric *s;

	make_text(&text, n);
	text.p[0] = 'b';
	text.p[1] = 0;
	buf_init(&literal, MAX);
	buf_init(&body, MAX);
	pgp_packet_put(&literal, PGP_TAG_LITERAL, buf_slice(&text));
	s = pgp_symmetric_encrypt(aead, session, text_into(&body));
	assert_int_equal(pgp_symmetric_feed(s, buf_slice(&literal)), ERR_OK);
	assert_int_equal(pgp_symmetric_finish(s), ERR_OK);
	pgp_symmetric_free(s);
	pgp_packet_put(message, PGP_TAG_SEIPD, buf_slice(&body));
	buf_fini(&text);
	buf_fini(&literal);
	buf_fini(&body);
}

/* Is it still a message, can it be inflated? Nobody looks, so no time tells. */
static void
of_what_was_changed_nothing_is_looked_at(void **state)
{
	struct pgp_session session;
	size_t calls = 0;
	struct pgp_open_setup setup = {.session = &session,
		.n_sessions = 1,
		.limit_bytes = MAX,
		.to = {count_call, &calls}};
	struct pgp_opened facts;
	struct buf message;

	(void)state;
	pgp_symmetric_session(PGP_AES256, &session);
	buf_init(&message, MAX);
	for (uint8_t aead = 0; aead <= PGP_GCM; aead++) {
		buf_clear(&message);
		encrypt_literal(aead, &session, MAX / 4, &message);
		assert_int_equal(
			pgp_read_message(&setup, buf_slice(&message), 5000, &facts), ERR_OK);
		assert_true(calls > 0);
		/* From the last octet of the integrity to the first that is encrypted. */
		for (size_t at = message.n - 1; at > 60; at -= at > 90 ? at / 30 : 1) {
			calls = 0;
			message.p[at] ^= 0x14;
			assert_int_equal(
				pgp_read_message(&setup, buf_slice(&message), 5000, &facts),
				ERR_CRYPTO);
			message.p[at] ^= 0x14;
			assert_int_equal(calls, 0);
		}
	}
	buf_fini(&message);
}

static enum err
open_once(const struct pgp_open_setup *setup, struct slice message, struct pgp_opened *facts)
{
	struct pgp_open *o = pgp_open_new(setup);
	enum err e;

	(void)pgp_open_feed(o, message);
	e = pgp_open_finish(o, facts);
	pgp_open_free(o);
	return e;
}

static void
the_first_time_nothing_is_written_and_the_second_nothing_sought(void **state)
{
	static const struct pgp_opened plain;
	struct pgp_session session;
	struct buf message, out;
	struct pgp_open_setup setup = {
		.session = &session, .n_sessions = 1, .to = text_into(&out)};
	struct pgp_opened first, second;

	(void)state;
	pgp_symmetric_session(PGP_AES256, &session);
	buf_init(&message, MAX);
	buf_init(&out, MAX);
	encrypt_literal(0, &session, 100, &message);
	assert_int_equal(open_once(&setup, buf_slice(&message), &first), ERR_OK);
	assert_int_equal(out.n, 0);
	assert_true(first.is_encrypted && first.seipd == 1 && first.text_bytes == 0);
	setup.n_sessions = 0;
	setup.proved = &first;
	assert_int_equal(open_once(&setup, buf_slice(&message), &second), ERR_OK);
	assert_int_equal(out.n, 100 - 6);
	assert_int_equal(open_once(&setup,
				 SLICE_LIT("\xcb\x0b"
					   "b\x00\x00\x00\x00\x00"
					   "hallo"),
				 &second),
		ERR_SYNTAX);
	setup.proved = &plain;
	assert_int_equal(open_once(&setup, buf_slice(&message), &second), ERR_NOT_FOUND);
	buf_fini(&message);
	buf_fini(&out);
}

/* A try is one password with one packet, and the tries have a limit: each may take seconds. */
static void
passwords_are_tried_one_at_a_time_and_not_for_ever(void **state)
{
	struct slice word = SLICE_LIT("wrong");
	struct pgp_session session = {PGP_AES128, 16, {0}};
	struct pgp_open_setup setup = {.password = &word, .n_passwords = 1};
	struct buf skesk, message, out;
	struct pgp_opened facts;

	(void)state;
	buf_init(&skesk, MAX);
	buf_init(&message, MAX);
	buf_init(&out, MAX);
	setup.to = text_into(&out);
	pgp_skesk_make(4, SLICE_LIT("right"), &session, &skesk);
	for (size_t i = 0; i < 3 * PGP_OPEN_ATTEMPTS_MAX; i++) {
		pgp_packet_put(&message, PGP_TAG_SKESK, buf_slice(&skesk));
		if (i % PGP_OPEN_ATTEMPTS_MAX)
			continue;
		pgp_packet_put(&message, PGP_TAG_SEIPD, SLICE_LIT("\1not encrypted, but long"));
		assert_int_equal(pgp_read_message(&setup, buf_slice(&message), 1000, &facts),
			ERR_CRYPTO);
		assert_int_equal(facts.attempts, i ? PGP_OPEN_ATTEMPTS_MAX : 1);
		message.n -= 2 + 24;
	}
	setup.attempt = PGP_OPEN_ATTEMPTS_MAX;
	pgp_packet_put(&message, PGP_TAG_SEIPD, SLICE_LIT("\1not encrypted, but long"));
	assert_int_equal(
		pgp_read_message(&setup, buf_slice(&message), 1000, &facts), ERR_NOT_FOUND);
	buf_fini(&skesk);
	buf_fini(&message);
	buf_fini(&out);
}

static void
a_password_opens_and_another_does_not(void **state)
{
	struct slice words[] = {{(const uint8_t *)"wrong", sizeof "wrong" - 1},
		{(const uint8_t *)"right", sizeof "right" - 1}};
	struct buf text, message, out;
	struct pgp_person p;

	(void)state;
	make_text(&text, 1000);
	buf_init(&message, MAX);
	buf_init(&out, MAX);
	pgp_person_init(&p, PGP_MAKE_CURVE25519);
	seal(&p, (struct how){.password = "right"}, buf_slice(&text), &message);
	for (size_t n = 0; n <= 2; n++) {
		enum err e = ERR_CRYPTO;
		size_t attempts = 1;

		for (size_t i = 0; e != ERR_OK && i < attempts; i++) {
			struct pgp_open_setup setup = {.password = words,
				.n_passwords = n,
				.attempt = i,
				.to = text_into(&out)};
			struct pgp_opened facts;

			buf_clear(&out);
			e = pgp_read_message(&setup, buf_slice(&message), 100, &facts);
			attempts = facts.attempts;
		}
		if (n < 2)
			assert_true(e == ERR_NOT_FOUND || e == ERR_CRYPTO);
		else
			assert_int_equal(e, ERR_OK);
	}
	assert_true(slice_eq(buf_slice(&out), buf_slice(&text)));
	pgp_person_fini(&p);
	buf_fini(&text);
	buf_fini(&message);
	buf_fini(&out);
}

static void
expect(struct slice message, enum err want)
{
	struct pgp_opened facts;
	struct buf out;

	buf_init(&out, MAX);
	for (size_t n = 1; n < 100; n += 30) {
		struct pgp_open_setup setup = {.to = text_into(&out)};

		buf_clear(&out);
		assert_int_equal(pgp_read_message(&setup, message, n, &facts), want);
	}
	buf_fini(&out);
}
#define EXPECT(octets, want) expect(SLICE_LIT(octets), want)
#define LITERAL                                                                                \
	"\xcb\x0b"                                                                             \
	"b\x00\x00\x00\x00\x00"                                                                \
	"hallo"
#define MARKER "\xca\x03PGP"

static void
the_grammar_is_held(void **state)
{
	(void)state;
	EXPECT(LITERAL, ERR_OK);
	EXPECT(MARKER LITERAL MARKER, ERR_OK);
	EXPECT("\xd5\x02xx" LITERAL "\xfc\x01x", ERR_OK);
	EXPECT("", ERR_SYNTAX);
	EXPECT(MARKER, ERR_SYNTAX);
	EXPECT(LITERAL LITERAL, ERR_SYNTAX);
	/* A user id, an unknown type that must be known, one that needn't. */
	EXPECT("\xcd\x01x" LITERAL, ERR_SYNTAX);
	EXPECT("\xd6\x01x" LITERAL, ERR_SYNTAX);
	EXPECT("\xe8\x01x" LITERAL, ERR_OK);
	/* An announced signature that doesn't come, one that nobody announced. */
	EXPECT("\xc4\x0d\x03\x00\x08\x01"
	       "12345678\x01" LITERAL,
		ERR_SYNTAX);
	EXPECT(LITERAL "\xc2\x03\x04\x00\x00", ERR_SYNTAX);
	/* Keys without what they open, text behind keys, a message without integrity. */
	EXPECT("\xc1\x01\x03", ERR_SYNTAX);
	EXPECT("\xc1\x01\x03" LITERAL, ERR_SYNTAX);
	EXPECT("\xc9\x03xyz", ERR_UNSUPPORTED);
	EXPECT("\xd2\x04\x01xyz", ERR_NOT_FOUND);
	EXPECT("\xd2\x04\x03xyz", ERR_UNSUPPORTED);
	EXPECT("\xd2\x00", ERR_SYNTAX);
	/* Literals that end in their header. */
	EXPECT("\xcb\x00", ERR_SYNTAX);
	EXPECT("\xcb\x05"
	       "b\x00\x00\x00\x00",
		ERR_SYNTAX);
	EXPECT("\xcb\x06"
	       "b\x00\x00\x00\x00\x00",
		ERR_OK);
	EXPECT("\xcb\x06"
	       "b\x01\x00\x00\x00\x00",
		ERR_SYNTAX);
}

/* Stored, in the way of the uncompressed kind, n deep. */
static void
nest(struct buf *out, size_t n)
{
	struct buf one;

	buf_init(&one, MAX);
	buf_put_slice(out, SLICE_LIT(LITERAL));
	for (size_t i = 0; i < n; i++) {
		buf_clear(&one);
		buf_put_u8(&one, PGP_UNCOMPRESSED);
		buf_put_slice(&one, buf_slice(out));
		buf_clear(out);
		pgp_packet_put(out, PGP_TAG_COMPRESSED, buf_slice(&one));
	}
	buf_fini(&one);
}

static void
layers_end_at_their_limit_however_many_there_are(void **state)
{
	static const size_t depths[] = {1, PGP_DEPTH_MAX, PGP_DEPTH_MAX + 1, 10000};
	struct buf message;

	(void)state;
	buf_init(&message, MAX);
	for (size_t i = 0; i < 4; i++) {
		buf_clear(&message);
		nest(&message, depths[i]);
		expect(buf_slice(&message), depths[i] > PGP_DEPTH_MAX ? ERR_LIMIT : ERR_OK);
	}
	buf_fini(&message);
}

/* A compressed literal of n zeros. */
static void
bomb(struct buf *message, size_t n)
{
	struct buf literal, packed;
	uLongf room = compressBound(n + 100);

	buf_init(&literal, 64 * MAX);
	buf_init(&packed, 64 * MAX);
	buf_put_slice(&literal, SLICE_LIT("b\x00\x00\x00\x00\x00"));
	assert_non_null(buf_room(&literal, n));
	memset(buf_room(&literal, n), 0, n);
	buf_grow(&literal, n);
	buf_clear(message);
	pgp_packet_put(message, PGP_TAG_LITERAL, buf_slice(&literal));
	buf_put_u8(&packed, PGP_ZLIB);
	assert_non_null(buf_room(&packed, room));
	assert_int_equal(
		compress2(buf_room(&packed, room), &room, message->p, message->n, 9), Z_OK);
	buf_grow(&packed, room);
	buf_clear(message);
	pgp_packet_put(message, PGP_TAG_COMPRESSED, buf_slice(&packed));
	buf_fini(&literal);
	buf_fini(&packed);
}

static enum err
swallow(void *arg, struct slice octets)
{
	*(uint64_t *)arg += octets.n;
	return ERR_OK;
}

static void
a_bomb_is_stopped(void **state)
{
	struct buf message;
	struct pgp_opened facts;
	uint64_t n = 0;
	struct pgp_open_setup setup = {.to = {swallow, &n}};

	(void)state;
	buf_init(&message, 64 * MAX);
	/* Zeros shrink to a thousandth and a bit. */
	bomb(&message, 100000);
	assert_int_equal(pgp_read_message(&setup, buf_slice(&message), 64, &facts), ERR_OK);
	assert_int_equal(n, 100000);
	bomb(&message, 30 * MAX);
	n = 0;
	assert_int_equal(pgp_read_message(&setup, buf_slice(&message), 64, &facts), ERR_LIMIT);
	assert_true(n < 30 * MAX);
	setup.limit_bytes = 100000;
	bomb(&message, 100000);
	assert_int_equal(pgp_read_message(&setup, buf_slice(&message), 64, &facts), ERR_OK);
	bomb(&message, 100001);
	assert_int_equal(
		pgp_read_message(&setup, buf_slice(&message), 64, &facts), ERR_TOO_BIG);
	buf_fini(&message);
}

static void
a_text_has_its_signature_whatever_ends_its_lines(void **state)
{
	struct buf message, out;
	struct pgp_person p;

	(void)state;
	buf_init(&message, MAX);
	buf_init(&out, MAX);
	pgp_person_init(&p, PGP_MAKE_CURVE25519);
	for (int is_text = 0; is_text < 2; is_text++) {
		struct pgp_open_setup setup = setup_of(&p, &out);
		struct pgp_opened facts;
		struct slice text = SLICE_LIT("one\ntwo\r\nthree\n");
		size_t at;

		buf_clear(&message);
		seal(&p, (struct how){.is_signed = true, .is_text = is_text}, text, &message);
		/* "three" with the same end in another fashion. */
		at = slice_find_slice(buf_slice(&message), SLICE_LIT("two\r\n"));
		assert_true(at < message.n);
		message.p[at + 3] = '\n';
		message.p[at + 4] = '\n';
		assert_int_equal(
			pgp_read_message(&setup, buf_slice(&message), 1, &facts), ERR_OK);
		assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_SIGNATURE);
		message.p[at + 3] = '\r';
		at = slice_find_slice(buf_slice(&message), SLICE_LIT("one\n"));
		message.p[at + 3] = '\r';
		assert_int_equal(
			pgp_read_message(&setup, buf_slice(&message), 1, &facts), ERR_OK);
		assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_SIGNATURE);
		message.p[at + 3] = '\n';
		assert_int_equal(
			pgp_read_message(&setup, buf_slice(&message), 1, &facts), ERR_OK);
		assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_NONE);
	}
	pgp_person_fini(&p);
	buf_fini(&message);
	buf_fini(&out);
}

static void
what_is_wrong_with_a_signer_is_said(void **state)
{
	struct buf message, out;
	struct pgp_person ann, eve;
	struct pgp_open_setup setup;
	struct pgp_opened facts;

	(void)state;
	buf_init(&message, MAX);
	buf_init(&out, MAX);
	pgp_person_init(&ann, PGP_MAKE_CURVE25519);
	pgp_person_init(&eve, PGP_MAKE_CURVE25519);
	seal(&ann, (struct how){.is_signed = true}, SLICE_LIT("hallo"), &message);
	setup = setup_of(&eve, &out);
	assert_int_equal(pgp_read_message(&setup, buf_slice(&message), 9, &facts), ERR_OK);
	assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_NO_KEY);
	setup.judge.ring = NULL;
	assert_int_equal(pgp_read_message(&setup, buf_slice(&message), 9, &facts), ERR_OK);
	assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_NO_KEY);
	assert_memory_equal(
		facts.verdict[0].key_id, ann.cert->key[0].public.key_id, PGP_KEY_ID);
	setup = setup_of(&ann, &out);
	setup.judge.now_sec = NOW - 3600;
	assert_int_equal(pgp_read_message(&setup, buf_slice(&message), 9, &facts), ERR_OK);
	assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_TIME);
	pgp_person_fini(&ann);
	pgp_person_fini(&eve);
	buf_fini(&message);
	buf_fini(&out);
}

enum { LARGE = 50 << 20, AT_ONCE = 65504, HEAP_MAX = 2 << 20 };

struct pipe {
	FILE *message;
	uint64_t plain;
	size_t most;
};

static enum err
into_file(void *arg, struct slice octets)
{
	struct pipe *p = arg;
	size_t now = heap_octets();

	p->most = now > p->most ? now : p->most;
	assert_int_equal(fwrite(octets.p, 1, octets.n, p->message), octets.n);
	return ERR_OK;
}

static enum err
out_of_file(void *arg, struct text_sink to)
{
	static uint8_t chunk[AT_ONCE];
	struct pipe *p = arg;
	enum err e = ERR_OK;
	size_t n, now;

	rewind(p->message);
	while (e == ERR_OK && (n = fread(chunk, 1, sizeof chunk, p->message)) > 0) {
		e = to.put(to.arg, slice_of(chunk, n));
		now = heap_octets();
		p->most = now > p->most ? now : p->most;
	}
	return e;
}

static enum err
into_nothing(void *arg, struct slice octets)
{
	struct pipe *p = arg;

	p->plain += octets.n;
	return ERR_OK;
}

static void
memory_does_not_grow_with_the_message(void **state)
{
	static uint8_t chunk[AT_ONCE];
	static struct pgp_seal_plan plan;

	(void)state;
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind += PGP_MAKE_V6) {
		struct pgp_person p;
		struct pipe pipe = {.message = tmpfile()};
		struct pgp_open_source source = {out_of_file, &pipe};
		struct pgp_opened facts;
		size_t before;

		assert_non_null(pipe.message);
		/* Its buffer is no part of what is measured. */
		setvbuf(pipe.message, NULL, _IONBF, 0);
		pgp_person_init(&p, (enum pgp_make_kind)kind);
		before = heap_octets();
		struct pgp_signer signer = {&p.cert->key[0].public, &p.private, 0};
		struct pgp_open_setup setup = {.keys = &p.ring,
			.private = &p.private,
			.judge = {&p.ring, NOW},
			.to = {into_nothing, &pipe}};
		struct pgp_seal_setup how = {.sign = {&signer, 1, false, NOW},
			.plan = &plan,
			.format = 'b',
			.to = {into_file, &pipe}};
		assert_int_equal(pgp_seal_choose(&p.cert, 1, NOW, true, &plan), ERR_OK);
		struct pgp_seal *s = pgp_seal_new(&how);

		for (size_t n = 0; n < LARGE; n += AT_ONCE)
			assert_int_equal(
				pgp_seal_feed(s, slice_of(chunk, sizeof chunk)), ERR_OK);
		assert_int_equal(pgp_seal_finish(s), ERR_OK);
		assert_int_equal(pgp_open_message(&setup, &source, &facts), ERR_OK);
		assert_true(pipe.plain >= LARGE);
		assert_int_equal(facts.verdict[0].problem, PGP_PROBLEM_NONE);
		assert_true(pipe.most - before < HEAP_MAX);
		print_message(
			"version %d: %zu octets of heap\n", kind ? 6 : 4, pipe.most - before);
		pgp_seal_free(s);
		fclose(pipe.message);
		pgp_person_fini(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_is_opened_in_pieces_of_any_size),
		cmocka_unit_test(a_changed_octet_is_one_uniform_failure),
		cmocka_unit_test(of_what_was_changed_nothing_is_looked_at),
		cmocka_unit_test(
			the_first_time_nothing_is_written_and_the_second_nothing_sought),
		cmocka_unit_test(passwords_are_tried_one_at_a_time_and_not_for_ever),
		cmocka_unit_test(a_password_opens_and_another_does_not),
		cmocka_unit_test(the_grammar_is_held),
		cmocka_unit_test(layers_end_at_their_limit_however_many_there_are),
		cmocka_unit_test(a_bomb_is_stopped),
		cmocka_unit_test(a_text_has_its_signature_whatever_ends_its_lines),
		cmocka_unit_test(what_is_wrong_with_a_signer_is_said),
		cmocka_unit_test(memory_does_not_grow_with_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
