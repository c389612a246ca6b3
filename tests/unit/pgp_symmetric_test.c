#include "crypto/pgp_symmetric.h"

#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_block.h"
#include "crypto/pgp_secret.h"
#include "crypto/pgp_skesk.h"
#include "crypto/pgp_symmetric_inner.h"
#include "tests/heap.h"
#include "tests/pgp_world.h"

enum { MIB = 1 << 20, CHUNK = 1 << (PGP_SYMMETRIC_CHUNK + 6), ROOM = 3 * MIB };

static const uint8_t ciphers[] = {PGP_AES128, PGP_AES192, PGP_AES256};
static uint8_t text[2 * MIB];

static int
make_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 2654435761U >> 13);
	return 0;
}

/* In pieces of that size; 0: all at once. */
static enum err
feed(struct pgp_symmetric *s, struct slice octets, size_t piece)
{
	enum err e = ERR_OK;

	for (size_t at = 0, n; at < octets.n && !e; at += n) {
		n = piece && piece < octets.n - at ? piece : octets.n - at;
		e = pgp_symmetric_feed(s, slice_of(octets.p + at, n));
	}
	return e;
}

static void
encrypt(uint8_t aead, const struct pgp_session *session, struct slice plain, size_t piece,
	struct buf *out)
{
	struct pgp_symmetric *s = pgp_symmetric_encrypt(aead, session, text_into(out));

	assert_int_equal(feed(s, plain, piece), ERR_OK);
	assert_int_equal(pgp_symmetric_finish(s), ERR_OK);
	pgp_symmetric_free(s);
}

static enum err
decrypt(uint8_t tag, const struct pgp_session *session, struct slice body, size_t piece,
	struct buf *out)
{
	struct pgp_symmetric *s = pgp_symmetric_decrypt(tag, session, text_into(out));
	enum err fed = feed(s, body, piece), e = pgp_symmetric_finish(s);

	if (fed)
		assert_int_equal(e, fed);
	pgp_symmetric_free(s);
	return e;
}

/* --- there and back ---------------------------------------------------------------------- */

static void
what_was_encrypted_is_decrypted_whatever_its_size_and_pieces(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 21, 22, 23, 1000, 16383, 16384,
		16385, 16366, CHUNK - 17, CHUNK - 16, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK,
		MIB + 7};
	static const size_t pieces[] = {0, 1, 17, 4096, 100000};
	struct pgp_session session;
	struct buf body, back;

	(void)state;
	buf_init(&body, ROOM);
	buf_init(&back, ROOM);
	for (size_t i = 0; i < 4 * sizeof sizes / sizeof *sizes; i++) {
		uint8_t aead = (uint8_t)(i % 4);
		struct slice plain = slice_of(text, sizes[i / 4]);

		pgp_symmetric_session(ciphers[i % 3], &session);
		for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
			if (pieces[p] == 1 && plain.n > 2000 && plain.n != CHUNK - 16)
				continue;
			buf_clear(&body);
			buf_clear(&back);
			encrypt(aead, &session, plain, pieces[p], &body);
			assert_int_equal(decrypt(PGP_TAG_SEIPD, &session, buf_slice(&body),
						 pieces[4 - p], &back),
				ERR_OK);
			assert_true(slice_eq(buf_slice(&back), plain));
		}
	}
	buf_fini_secret(&body);
	buf_fini(&back);
}

static void
two_encryptions_of_the_same_differ_everywhere(void **state)
{
	struct pgp_session session;
	struct buf a, b;

	(void)state;
	buf_init(&a, ROOM);
	buf_init(&b, ROOM);
	pgp_symmetric_session(PGP_AES256, &session);
	for (uint8_t aead = 0; aead <= PGP_GCM; aead++) {
		buf_clear(&a);
		buf_clear(&b);
		encrypt(aead, &session, slice_of(text, 64), 0, &a);
		encrypt(aead, &session, slice_of(text, 64), 0, &b);
		assert_int_equal(a.n, b.n);
		assert_memory_not_equal(a.p + a.n - 64, b.p + b.n - 64, 64);
	}
	buf_fini(&a);
	buf_fini(&b);
}

/* --- tampering --------------------------------------------------------------------------- */

static void
each_octet_counts(void **state)
{
	struct pgp_session session;
	struct buf body, back;

	(void)state;
	buf_init(&body, ROOM);
	buf_init(&back, ROOM);
	for (uint8_t aead = 0; aead <= PGP_GCM; aead++) {
		pgp_symmetric_session(PGP_AES256, &session);
		buf_clear(&body);
		encrypt(aead, &session, slice_of(text, 100), 0, &body);
		for (size_t i = 0; i < body.n; i++) {
			enum err e;

			buf_clear(&back);
			body.p[i] ^= 1;
			e = decrypt(PGP_TAG_SEIPD, &session, buf_slice(&body), 0, &back);
			/* Version, cipher and mode stand in clear. */
			assert_true(e == ERR_CRYPTO || (e == ERR_UNSUPPORTED && i < 3));
			if (aead)
				assert_int_equal(back.n, i < body.n - 16 ? 0 : 100);
			body.p[i] ^= 1;
		}
		for (size_t n = 0; n < body.n; n++) {
			buf_clear(&back);
			assert_int_equal(
				decrypt(PGP_TAG_SEIPD, &session, slice_of(body.p, n), 0, &back),
				ERR_CRYPTO);
		}
		buf_clear(&back);
		buf_put_u8(&body, 0);
		assert_int_equal(decrypt(PGP_TAG_SEIPD, &session, buf_slice(&body), 0, &back),
			ERR_CRYPTO);
	}
	buf_fini(&body);
	buf_fini(&back);
}

/* Version 1 of n octets of prefix and text, and what is said to be the head of the MDC, with
 * the hash of the head that should be there. */
static enum err
decrypt_made(size_t n, const char *head)
{
	static const uint8_t zeros[16];
	const struct pgp_session session = {PGP_AES128, 16, "0123456789abcde"};
	struct pgp_block_cfb cfb = {PGP_AES128, true, session.key, zeros};
	uint8_t plain[100], body[101] = {1};
	struct buf back;
	enum err e;

	memset(plain, 'p', n);
	memcpy(plain + n, "\xd3\x14", 2);
	assert_int_equal(EVP_Digest(plain, n + 2, plain + n + 2, NULL, EVP_sha1(), NULL), 1);
	memcpy(plain + n, head, 2);
	pgp_block_cfb(&cfb, slice_of(plain, n + 22), body + 1);
	buf_init(&back, ROOM);
	e = decrypt(PGP_TAG_SEIPD, &session, slice_of(body, 1 + n + 22), 0, &back);
	if (!e)
		assert_int_equal(back.n, n - 18);
	buf_fini(&back);
	return e;
}

static void
the_mdc_has_its_head_and_the_prefix_its_size(void **state)
{
	(void)state;
	assert_int_equal(decrypt_made(30, "\xd3\x14"), ERR_OK);
	assert_int_equal(decrypt_made(30, "\xd3\x15"), ERR_CRYPTO);
	assert_int_equal(decrypt_made(30, "\xd2\x14"), ERR_CRYPTO);
	assert_int_equal(decrypt_made(18, "\xd3\x14"), ERR_OK);
	for (size_t n = 0; n < 18; n++)
		assert_int_equal(decrypt_made(n, "\xd3\x14"), ERR_CRYPTO);
}

/* Swapped, left out, said twice: what was before is given away, and the end fails. */
static void
chunks_stand_in_their_order_and_all_of_them(void **state)
{
	enum { HEAD = PGP_SYMMETRIC_HEAD_MAX, WHOLE = CHUNK + 16 };
	struct pgp_session session;
	struct buf body, back;
	struct pgp_symmetric *s;
	uint8_t *swap = must_alloc(WHOLE);

	(void)state;
	buf_init(&body, ROOM);
	buf_init(&back, ROOM);
	for (uint8_t aead = PGP_EAX; aead <= PGP_GCM; aead++) {
		pgp_symmetric_session(PGP_AES128, &session);
		buf_clear(&body);
		encrypt(aead, &session, slice_of(text, 4 * CHUNK), 0, &body);
		/* The last chunk left out, with its final tag or without. */
		s = pgp_symmetric_decrypt(PGP_TAG_SEIPD, &session, text_into(&back));
		feed(s, slice_of(body.p, HEAD + 3 * WHOLE), 0);
		feed(s, slice_of(body.p + HEAD + 4 * WHOLE, 16), 0);
		assert_int_equal(pgp_symmetric_finish(s), ERR_CRYPTO);
		pgp_symmetric_free(s);
		buf_clear(&back);
		assert_int_equal(decrypt(PGP_TAG_SEIPD, &session,
					 slice_of(body.p, HEAD + 3 * WHOLE), 0, &back),
			ERR_CRYPTO);
		/* The second and third swapped. */
		memcpy(swap, body.p + HEAD + WHOLE, WHOLE);
		memcpy(body.p + HEAD + WHOLE, body.p + HEAD + 2 * WHOLE, WHOLE);
		memcpy(body.p + HEAD + 2 * WHOLE, swap, WHOLE);
		buf_clear(&back);
		assert_int_equal(decrypt(PGP_TAG_SEIPD, &session, buf_slice(&body), 0, &back),
			ERR_CRYPTO);
		assert_int_equal(back.n, CHUNK);
		/* The first again in the second's place. */
		memcpy(body.p + HEAD + WHOLE, body.p + HEAD, WHOLE);
		buf_clear(&back);
		assert_int_equal(decrypt(PGP_TAG_SEIPD, &session, buf_slice(&body), 0, &back),
			ERR_CRYPTO);
		assert_int_equal(back.n, CHUNK);
	}
	free(swap);
	buf_fini(&body);
	buf_fini(&back);
}

/* A body of version 2 with chunks of a coded size, which others may choose. */
static void
encrypt_in(uint8_t aead, uint8_t chunk, const struct pgp_session *session, struct slice plain,
	struct buf *out)
{
	uint8_t head[PGP_SYMMETRIC_HEAD_MAX] = {2, session->cipher, aead, chunk};
	struct pgp_symmetric_chunks *c = pgp_symmetric_chunks_new(true, PGP_TAG_SEIPD,
		slice_of(head, sizeof head), slice_of(session->key, session->n),
		text_into(out));

	buf_put(out, head, sizeof head);
	assert_int_equal(pgp_symmetric_chunks_encrypt(c, plain), ERR_OK);
	assert_int_equal(pgp_symmetric_chunks_encrypt_end(c), ERR_OK);
	pgp_symmetric_chunks_free(c);
}

/* Around the ends of chunks, and of the pieces that large ones are opened in. */
static void
chunks_of_any_size_are_opened_and_their_tags_count(void **state)
{
	static const uint8_t chunks[] = {0, 12, 13, 14, PGP_SYMMETRIC_CHUNK_MAX};
	static const size_t pieces[] = {0, 65536, 99991};
	struct pgp_session session;
	struct buf body, back;

	(void)state;
	buf_init(&body, ROOM);
	buf_init(&back, ROOM);
	for (size_t i = 0; i < 3 * sizeof chunks; i++) {
		const size_t chunk = (size_t)1 << (chunks[i / 3] + 6);
		const size_t sizes[] = {0, 1, 100, PGP_SYMMETRIC_HELD - 1, PGP_SYMMETRIC_HELD,
			PGP_SYMMETRIC_HELD + 1, PGP_SYMMETRIC_HELD + 32, chunk - 1, chunk,
			chunk + 1, 2 * MIB};
		uint8_t aead = (uint8_t)(PGP_EAX + i % 3);

		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
			struct slice plain = slice_of(text, sizes[k]);

			if (sizes[k] > sizeof text || (chunks[i / 3] == 0 && sizes[k] > 1000))
				continue;
			pgp_symmetric_session(PGP_AES256, &session);
			buf_clear(&body);
			encrypt_in(aead, chunks[i / 3], &session, plain, &body);
			buf_clear(&back);
			assert_int_equal(decrypt(PGP_TAG_SEIPD, &session, buf_slice(&body),
						 pieces[k % 3], &back),
				ERR_OK);
			assert_true(slice_eq(buf_slice(&back), plain));
			/* Any octet but the salt, wherever it stands; and what is missing. */
			for (size_t at = PGP_SYMMETRIC_HEAD_MAX; at < body.n;
				at += 1 + body.n / 3) {
				body.p[at] ^= 1;
				buf_clear(&back);
				assert_int_equal(decrypt(PGP_TAG_SEIPD, &session,
							 buf_slice(&body), 0, &back),
					ERR_CRYPTO);
				body.p[at] ^= 1;
			}
			for (size_t less = 1; less < 40 && less < body.n; less += 17) {
				buf_clear(&back);
				assert_int_equal(
					decrypt(PGP_TAG_SEIPD, &session,
						slice_of(body.p, body.n - less), 0, &back),
					ERR_CRYPTO);
			}
		}
	}
	buf_fini(&body);
	buf_fini(&back);
}

/* What is held is given away only with its tag, what is larger isn't held. */
static void
a_large_chunk_is_not_held(void **state)
{
	static const struct {
		uint8_t chunk;
		size_t most; /* octets of heap */
		bool goes_on;
	} rows[] = {{13, 3 * PGP_SYMMETRIC_HELD, false}, {16, 3 * PGP_SYMMETRIC_HELD, true}};
	struct pgp_session session;
	struct buf body, back;

	(void)state;
	buf_init(&body, ROOM);
	buf_init(&back, ROOM);
	for (size_t i = 0; i < 2; i++) {
		const size_t tag = PGP_SYMMETRIC_HEAD_MAX + PGP_SYMMETRIC_HELD;
		struct pgp_symmetric *s;
		size_t before;

		pgp_symmetric_session(PGP_AES256, &session);
		buf_clear(&body);
		buf_clear(&back);
		assert_non_null(buf_room(&back, 2 * MIB));
		encrypt_in(PGP_OCB, rows[i].chunk, &session, slice_of(text, 2 * MIB), &body);
		/* The first chunk's tag, or the last's. */
		body.p[rows[i].goes_on ? body.n - 20 : tag] ^= 1;
		before = heap_octets();
		s = pgp_symmetric_decrypt(PGP_TAG_SEIPD, &session, text_into(&back));
		assert_int_equal(feed(s, slice_of(body.p, tag), 4096), ERR_OK);
		assert_int_equal(back.n, 0);
		feed(s, slice_from(buf_slice(&body), tag), 4096);
		assert_true(heap_octets() - before < rows[i].most);
		assert_int_equal(back.n > 0, rows[i].goes_on);
		assert_int_equal(pgp_symmetric_finish(s), ERR_CRYPTO);
		pgp_symmetric_free(s);
	}
	buf_fini(&body);
	buf_fini(&back);
}

static void
a_wrong_session_key_is_like_any_other_failure(void **state)
{
	struct pgp_session session, wrong;
	struct buf body, back;

	(void)state;
	buf_init(&body, ROOM);
	buf_init(&back, ROOM);
	for (uint8_t aead = 0; aead <= PGP_GCM; aead++) {
		pgp_symmetric_session(PGP_AES128, &session);
		buf_clear(&body);
		encrypt(aead, &session, slice_of(text, 50), 0, &body);
		for (size_t i = 0; i < 6; i++) {
			wrong = session;
			if (i == 0)
				wrong.key[15] ^= 1;
			if (i == 1)
				pgp_symmetric_session(PGP_AES256, &wrong);
			if (i == 2)
				wrong.n = 32;
			if (i == 3)
				wrong.n = 15;
			if (i == 4)
				wrong.cipher = PGP_AES192;
			if (i == 5)
				wrong.cipher = PGP_CAST5;
			buf_clear(&back);
			assert_int_equal(
				decrypt(PGP_TAG_SEIPD, &wrong, buf_slice(&body), 0, &back),
				ERR_CRYPTO);
		}
		/* What names the cipher itself needs no other. */
		session.cipher = 0;
		buf_clear(&back);
		assert_int_equal(decrypt(PGP_TAG_SEIPD, &session, buf_slice(&body), 0, &back),
			aead ? ERR_OK : ERR_CRYPTO);
	}
	buf_fini(&body);
	buf_fini(&back);
}

static void
the_sinks_error_comes_back_and_stays(void **state)
{
	struct pgp_session session;
	struct pgp_symmetric *s;
	struct buf body, little;

	(void)state;
	buf_init(&body, ROOM);
	buf_init(&little, 40000);
	for (uint8_t aead = 0; aead <= PGP_GCM; aead++) {
		pgp_symmetric_session(PGP_AES128, &session);
		buf_clear(&body);
		buf_clear(&little);
		encrypt(aead, &session, slice_of(text, 100000), 0, &body);
		assert_int_equal(decrypt(PGP_TAG_SEIPD, &session, buf_slice(&body), 0, &little),
			ERR_TOO_BIG);
		buf_clear(&little);
		s = pgp_symmetric_encrypt(aead, &session, text_into(&little));
		assert_int_equal(feed(s, slice_of(text, 100000), 0), ERR_TOO_BIG);
		buf_clear(&little);
		assert_int_equal(pgp_symmetric_feed(s, SLICE_LIT("x")), ERR_TOO_BIG);
		assert_int_equal(pgp_symmetric_finish(s), ERR_TOO_BIG);
		pgp_symmetric_free(s);
	}
	buf_fini(&body);
	buf_fini(&little);
	pgp_symmetric_free(NULL);
}

/* --- heads ------------------------------------------------------------------------------- */

static enum err
peek(uint8_t tag, struct slice body, struct pgp_symmetric_head *h)
{
	return pgp_symmetric_peek(tag, body, h);
}

static void
a_head_says_what_it_is(void **state)
{
	static const uint8_t v2[36] = {2, PGP_AES256, PGP_OCB, 10};
	static const uint8_t ocb[19] = {1, PGP_AES128, PGP_OCB, 16};
	struct pgp_symmetric_head h;
	uint8_t other[36];

	(void)state;
	assert_int_equal(peek(PGP_TAG_SEIPD, SLICE_LIT("\1"), &h), ERR_OK);
	assert_int_equal(h.version, 1);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.cipher, 0);
	assert_int_equal(peek(PGP_TAG_SEIPD, slice_of(v2, 36), &h), ERR_OK);
	assert_int_equal(h.version, 2);
	assert_int_equal(h.n, 36);
	assert_int_equal(h.cipher, PGP_AES256);
	assert_int_equal(h.aead, PGP_OCB);
	assert_int_equal(h.chunk, 10);
	for (size_t n = 0; n < 36; n++)
		assert_int_equal(peek(PGP_TAG_SEIPD, slice_of(v2, n), &h), ERR_MORE);
	assert_int_equal(peek(PGP_TAG_OCB, slice_of(ocb, 19), &h), ERR_OK);
	assert_int_equal(h.n, 19);
	for (size_t n = 0; n < 19; n++)
		assert_int_equal(peek(PGP_TAG_OCB, slice_of(ocb, n), &h), ERR_MORE);
	memcpy(other, v2, 36);
	other[3] = PGP_SYMMETRIC_CHUNK_MAX;
	assert_int_equal(peek(PGP_TAG_SEIPD, slice_of(other, 36), &h), ERR_OK);
	other[3] = PGP_SYMMETRIC_CHUNK_MAX + 1;
	assert_int_equal(peek(PGP_TAG_SEIPD, slice_of(other, 36), &h), ERR_SYNTAX);
	other[3] = 10;
	other[2] = 4;
	assert_int_equal(peek(PGP_TAG_SEIPD, slice_of(other, 36), &h), ERR_UNSUPPORTED);
	other[2] = 1;
	other[1] = PGP_CAMELLIA256;
	assert_int_equal(peek(PGP_TAG_SEIPD, slice_of(other, 36), &h), ERR_UNSUPPORTED);
	other[0] = 3;
	assert_int_equal(peek(PGP_TAG_SEIPD, slice_of(other, 36), &h), ERR_UNSUPPORTED);
	other[0] = 0;
	assert_int_equal(peek(PGP_TAG_SEIPD, slice_of(other, 36), &h), ERR_UNSUPPORTED);
	assert_int_equal(peek(PGP_TAG_OCB, slice_of(v2, 36), &h), ERR_UNSUPPORTED);
}

/* --- messages of others ------------------------------------------------------------------ */

static void
assert_hello(struct slice session_packet, struct slice message)
{
	struct pgp_session session;
	struct buf back;
	struct slice rest, body;
	uint8_t tag;

	buf_init(&back, ROOM);
	assert_int_equal(
		pgp_skesk_open(session_packet, SLICE_LIT("passwort"), &session), ERR_AUTH);
	assert_int_equal(
		pgp_skesk_open(session_packet, SLICE_LIT("password"), &session), ERR_OK);
	body = pgp_world_find(message, PGP_TAG_SEIPD, 0);
	assert_int_equal(decrypt(PGP_TAG_SEIPD, &session, body, 5, &back), ERR_OK);
	rest = buf_slice(&back);
	assert_true(pgp_world_packet(&rest, &tag, &body));
	assert_int_equal(tag, PGP_TAG_LITERAL);
	assert_slice(slice_from(body, 6), "Hello, world!");
	buf_fini(&back);
}

/* RFC 9580 appendix A.9 to A.11. */
static void
the_rfcs_messages_with_a_password_are_opened(void **state)
{
	static const char *const samples[] = {PGP_WORLD_EAX, PGP_WORLD_OCB, PGP_WORLD_GCM};
	struct buf b;

	(void)state;
	buf_init(&b, PGP_WORLD_MAX);
	for (size_t i = 0; i < 3; i++) {
		buf_clear(&b);
		pgp_world_decode(samples[i], &b);
		assert_hello(pgp_world_find(buf_slice(&b), PGP_TAG_SKESK, 0), buf_slice(&b));
	}
	buf_fini(&b);
}

/* A.12.1: Argon2 with 2 GiB. */
static void
the_rfcs_message_with_argon2_is_opened(void **state)
{
	struct pgp_session session;
	struct buf b, back;

	(void)state;
	buf_init(&b, PGP_WORLD_MAX);
	buf_init(&back, PGP_WORLD_MAX);
	pgp_world_decode(PGP_WORLD_ARGON2_128, &b);
	assert_int_equal(pgp_skesk_open(pgp_world_find(buf_slice(&b), PGP_TAG_SKESK, 0),
				 SLICE_LIT("password"), &session),
		ERR_OK);
	assert_int_equal(session.cipher, PGP_AES128);
	assert_int_equal(decrypt(PGP_TAG_SEIPD, &session,
				 pgp_world_find(buf_slice(&b), PGP_TAG_SEIPD, 0), 0, &back),
		ERR_OK);
	assert_memory_equal(back.p + back.n - 13, "Hello, world!", 13);
	buf_fini(&b);
	buf_fini(&back);
}

/* A.8: the key of A.4 for the message. */
static void
the_rfcs_message_to_a_key_is_opened(void **state)
{
	struct pgp_session session;
	struct pgp_secret s;
	struct slice pkesk;
	struct buf key, b, back;

	(void)state;
	buf_init(&key, PGP_WORLD_MAX);
	buf_init(&b, PGP_WORLD_MAX);
	buf_init(&back, PGP_WORLD_MAX);
	pgp_world_decode(PGP_WORLD_V6_SECRET, &key);
	pgp_world_decode(PGP_WORLD_TO_X25519, &b);
	assert_int_equal(pgp_secret_parse(PGP_TAG_SECRET_SUBKEY,
				 pgp_world_find(buf_slice(&key), PGP_TAG_SECRET_SUBKEY, 0),
				 SLICE_EMPTY, &s),
		ERR_OK);
	/* Version, the fingerprint with its version and their length, the algorithm. */
	pkesk = pgp_world_find(buf_slice(&b), PGP_TAG_PKESK, 0);
	assert_memory_equal(pkesk.p + 3, s.public.fingerprint, 32);
	assert_int_equal(pgp_secret_unwrap(&s, 6, slice_from(pkesk, 36), &session), ERR_OK);
	assert_int_equal(decrypt(PGP_TAG_SEIPD, &session,
				 pgp_world_find(buf_slice(&b), PGP_TAG_SEIPD, 0), 0, &back),
		ERR_OK);
	assert_memory_equal(back.p + 8, "Hello, world!", 13);
	pgp_secret_fini(&s);
	buf_fini(&key);
	buf_fini(&b);
	buf_fini(&back);
}

/* GnuPG's packet 20, by the samples of draft-koch-openpgp-2015-rfc4880bis appendix A. */
static void
packet_20_is_opened_in_both_modes(void **state)
{
	static const struct {
		const char *key, *body;
	} rows[] = {
		{"86f1efb86952329f24acd3bfd0e5346d",
			"0107010eb732379f73c4928de25facfe6517ec105dc11a81dc0cb8a2f6f3d900"
			"16384a56fc821ae11ae8dbcb49862655dea88d06a81486801b0ff387bd2eab01"
			"3de1259586906eab2476"},
		{"d1f01ba30e130aa7d2582c16e050ae44",
			"0107020e5ed2bc1e470abe8f1d644c7a6c8a567b0f7701196611a154ba9c2574"
			"cd056284a8ef68035c623d93cc708a43211bb6eaf2b27f7c18d571bcd83b20ad"
			"d3a08b73af15b9a098"},
	};
	struct pgp_session session = {PGP_AES128, 16, {0}};
	uint8_t body[80];
	struct buf back;

	(void)state;
	buf_init(&back, ROOM);
	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(rows[i].body) / 2;

		pgp_world_hex(rows[i].key, session.key, 16);
		pgp_world_hex(rows[i].body, body, n);
		buf_clear(&back);
		assert_int_equal(
			decrypt(PGP_TAG_OCB, &session, slice_of(body, n), 7, &back), ERR_OK);
		assert_slice(slice_from(buf_slice(&back), 8), "Hello, world!\n");
		for (size_t at = 0; at < n; at++) {
			body[at] ^= 1;
			assert_int_not_equal(
				decrypt(PGP_TAG_OCB, &session, slice_of(body, n), 0, &back),
				ERR_OK);
			body[at] ^= 1;
			assert_int_equal(
				decrypt(PGP_TAG_OCB, &session, slice_of(body, at), 0, &back),
				ERR_CRYPTO);
		}
		/* As a packet of another kind it is none. */
		assert_int_equal(decrypt(PGP_TAG_SEIPD, &session, slice_of(body, n), 0, &back),
			ERR_CRYPTO);
	}
	buf_fini(&back);
}

static void
assert_hairpin(const struct pgp_session *session, struct slice message)
{
	struct slice rest, body;
	struct buf back;
	uint8_t tag;

	buf_init(&back, ROOM);
	assert_int_equal(decrypt(PGP_TAG_SEIPD, session,
				 pgp_world_find(message, PGP_TAG_SEIPD, 0), 0, &back),
		ERR_OK);
	rest = buf_slice(&back);
	assert_true(pgp_world_packet(&rest, &tag, &body));
	assert_int_equal(tag, PGP_TAG_LITERAL);
	assert_true(slice_ends(body, SLICE_LIT("hairpin\n")));
	buf_fini(&back);
}

static void
gnupgs_messages_with_a_password_are_opened(void **state)
{
	static const char *const names[] = {
		"3DES", "AES", "AES192", "AES256", "CAMELLIA256", "salted", "simple"};
	struct pgp_session session;
	struct buf b;
	char name[32];

	(void)state;
	buf_init(&b, PGP_WORLD_MAX);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(name, sizeof name, "password-%s", names[i]);
		buf_clear(&b);
		pgp_world_file(name, ".enc", &b);
		assert_int_equal(pgp_skesk_open(pgp_world_find(buf_slice(&b), PGP_TAG_SKESK, 0),
					 SLICE_LIT("password"), &session),
			ERR_OK);
		assert_hairpin(&session, buf_slice(&b));
	}
	buf_fini(&b);
}

static void
gnupgs_messages_to_keys_are_opened(void **state)
{
	static const char *const names[] = {
		"rsa", "p256", "p384", "p521", "bp256", "bp384", "bp512", "ed25519"};
	struct pgp_session session;
	struct pgp_secret s;
	struct slice pkesk;
	struct buf key, b;

	(void)state;
	buf_init(&key, PGP_WORLD_MAX);
	buf_init(&b, PGP_WORLD_MAX);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		buf_clear(&key);
		buf_clear(&b);
		pgp_world_file(names[i], ".key", &key);
		pgp_world_file(names[i], ".enc", &b);
		assert_int_equal(
			pgp_secret_parse(PGP_TAG_SECRET_SUBKEY,
				pgp_world_find(buf_slice(&key), PGP_TAG_SECRET_SUBKEY, 0),
				SLICE_EMPTY, &s),
			ERR_OK);
		pkesk = pgp_world_find(buf_slice(&b), PGP_TAG_PKESK, 0);
		assert_memory_equal(pkesk.p + 1, s.public.key_id, PGP_KEY_ID);
		assert_int_equal(
			pgp_secret_unwrap(&s, 3, slice_from(pkesk, 10), &session), ERR_OK);
		assert_hairpin(&session, buf_slice(&b));
		pgp_secret_fini(&s);
	}
	buf_fini(&key);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_encrypted_is_decrypted_whatever_its_size_and_pieces),
		cmocka_unit_test(two_encryptions_of_the_same_differ_everywhere),
		cmocka_unit_test(each_octet_counts),
		cmocka_unit_test(the_mdc_has_its_head_and_the_prefix_its_size),
		cmocka_unit_test(chunks_stand_in_their_order_and_all_of_them),
		cmocka_unit_test(chunks_of_any_size_are_opened_and_their_tags_count),
		cmocka_unit_test(a_large_chunk_is_not_held),
		cmocka_unit_test(a_wrong_session_key_is_like_any_other_failure),
		cmocka_unit_test(the_sinks_error_comes_back_and_stays),
		cmocka_unit_test(a_head_says_what_it_is),
		cmocka_unit_test(the_rfcs_messages_with_a_password_are_opened),
		cmocka_unit_test(the_rfcs_message_with_argon2_is_opened),
		cmocka_unit_test(the_rfcs_message_to_a_key_is_opened),
		cmocka_unit_test(packet_20_is_opened_in_both_modes),
		cmocka_unit_test(gnupgs_messages_with_a_password_are_opened),
		cmocka_unit_test(gnupgs_messages_to_keys_are_opened),
	};

	return cmocka_run_group_tests(tests, make_text, NULL);
}
