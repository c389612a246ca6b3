#include "crypto/pgp_sign.h"

#include "crypto/pgp_packet.h"

enum { ONE_PASS_MAX = 128 };

static uint8_t
type_of(const struct pgp_sign *s)
{
	return s->setup.is_text ? PGP_SIG_TEXT : PGP_SIG_BINARY;
}

uint8_t
pgp_sign_hash(const struct pgp_sign *s, size_t n)
{
	const struct pgp_signer *signer = &s->setup.signer[n];

	return signer->hash ? signer->hash : pgp_sig_make_hash(signer->key);
}

enum err
pgp_sign_begin(struct pgp_sign *s, const struct pgp_sign_setup *setup)
{
	enum err e = ERR_OK;

	*s = (struct pgp_sign){.setup = *setup};
	if (setup->n > PGP_SIGN_MAX) {
		s->setup.n = 0;
		return ERR_LIMIT;
	}
	for (size_t i = 0; e == ERR_OK && i < setup->n; i++) {
		struct pgp_sig_make_setup one = {.key = setup->signer[i].key,
			.type = type_of(s),
			.hash = pgp_sign_hash(s, i),
			.created_sec = setup->created_sec};

		e = pgp_sig_make_begin(&s->one[i], &one);
	}
	return e;
}

/* RFC 9580 section 5.4: the last octet says that no other announcement follows. */
void
pgp_sign_announce(const struct pgp_sign *s, struct buf *out)
{
	uint8_t room[ONE_PASS_MAX];

	for (size_t i = 0; i < s->setup.n; i++) {
		const struct pgp_public *key = s->setup.signer[i].key;
		struct buf body = {.p = room, .room = sizeof room, .cap = sizeof room};

		buf_put_u8(&body, key->version == 6 ? 6 : 3);
		buf_put_u8(&body, type_of(s));
		buf_put_u8(&body, pgp_sign_hash(s, i));
		buf_put_u8(&body, key->algorithm);
		if (key->version == 6) {
			buf_put_u8(&body, (uint8_t)s->one[i].salt.n);
			buf_put_slice(&body, buf_slice(&s->one[i].salt));
			buf_put(&body, key->fingerprint, PGP_FINGERPRINT_MAX);
		} else {
			buf_put(&body, key->key_id, PGP_KEY_ID);
		}
		buf_put_u8(&body, i + 1 == s->setup.n);
		pgp_packet_put(out, PGP_TAG_ONE_PASS, buf_slice(&body));
	}
}

void
pgp_sign_feed(struct pgp_sign *s, struct slice text)
{
	for (size_t i = 0; i < s->setup.n; i++)
		pgp_sig_hash_feed(&s->one[i].hash, text);
}

enum err
pgp_sign_finish(struct pgp_sign *s, struct buf *out)
{
	struct buf body;
	enum err e = ERR_OK;

	buf_init(&body, PGP_PACKET_BODY_MAX);
	for (size_t i = s->setup.n; e == ERR_OK && i-- > 0;) {
		buf_clear(&body);
		e = pgp_sig_make_finish(&s->one[i], s->setup.signer[i].private, &body);
		if (e == ERR_OK && !pgp_packet_put(out, PGP_TAG_SIGNATURE, buf_slice(&body)))
			e = ERR_TOO_BIG;
	}
	buf_fini(&body);
	return e;
}

void
pgp_sign_fini(struct pgp_sign *s)
{
	for (size_t i = 0; i < s->setup.n; i++)
		pgp_sig_make_fini(&s->one[i]);
}
