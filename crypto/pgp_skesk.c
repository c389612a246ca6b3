#include "crypto/pgp_skesk.h"

#include <openssl/crypto.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/pgp_block.h"
#include "crypto/pgp_public_inner.h"
#include "crypto/pgp_s2k.h"

enum { TAG_OCTET = 0xc0 | PGP_TAG_SKESK, INFO = 4 };

static bool
take_u8(struct slice *rest, uint8_t *v)
{
	struct slice s;

	if (!pgp_public_take_octets(rest, 1, &s))
		return false;
	*v = *s.p;
	return true;
}

/* --- version 4 --------------------------------------------------------------------------- */

static enum err
open_v4(struct slice rest, struct slice password, struct pgp_session *session)
{
	static const uint8_t iv[PGP_ALGORITHM_BLOCK_MAX];
	uint8_t key[PGP_SESSION_MAX], text[1 + PGP_SESSION_MAX], cipher;
	struct pgp_s2k s2k;
	enum err e;

	if (!take_u8(&rest, &cipher))
		return ERR_SYNTAX;
	e = pgp_s2k_take(&rest, &s2k);
	if (e)
		return e == ERR_NOT_FOUND ? ERR_UNSUPPORTED : e;
	if (!pgp_algorithm_key_size(cipher))
		return ERR_UNSUPPORTED;
	if (rest.n > sizeof text)
		return ERR_SYNTAX;
	e = pgp_s2k_key(&s2k, password, key, pgp_algorithm_key_size(cipher));
	if (e)
		return e;
	if (!rest.n) {
		session->cipher = cipher;
		session->n = pgp_algorithm_key_size(cipher);
		memcpy(session->key, key, session->n);
	} else {
		pgp_block_cfb(&(struct pgp_block_cfb){cipher, false, key, iv}, rest, text);
		/* One in twenty passwords gives one of the numbers that are ciphers. */
		if (rest.n > 1 && pgp_algorithm_key_size(text[0]) == rest.n - 1) {
			session->cipher = text[0];
			session->n = rest.n - 1;
			memcpy(session->key, text + 1, session->n);
		} else {
			e = ERR_AUTH;
		}
	}
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(text, sizeof text);
	return e;
}

static void
make_v4(struct slice password, const struct pgp_session *session, struct buf *body)
{
	static const uint8_t iv[PGP_ALGORITHM_BLOCK_MAX];
	uint8_t key[PGP_SESSION_MAX], text[1 + PGP_SESSION_MAX];
	struct pgp_s2k s2k;

	pgp_s2k_choose(PGP_S2K_ITERATED, &s2k);
	must(pgp_s2k_key(&s2k, password, key, pgp_algorithm_key_size(session->cipher)) ==
		ERR_OK);
	text[0] = session->cipher;
	memcpy(text + 1, session->key, session->n);
	pgp_block_cfb(&(struct pgp_block_cfb){session->cipher, true, key, iv},
		slice_of(text, 1 + session->n), text);
	buf_put_u8(body, 4);
	buf_put_u8(body, session->cipher);
	pgp_s2k_put(&s2k, body);
	buf_put(body, text, 1 + session->n);
	OPENSSL_cleanse(key, sizeof key);
}

/* --- version 6, and 5, GnuPG's ------------------------------------------------------------ */

struct sealed {
	uint8_t info[INFO]; /* the packet's tag octet, version, cipher, mode */
	struct pgp_s2k s2k;
	struct slice nonce;
};
enum { VERSION = 1, CIPHER, MODE };

/* Version 6 has a count of what follows, and in it the specifier's size before that. */
static enum err
take_head(struct slice *rest, struct sealed *s)
{
	struct slice fields = *rest, s2k;
	bool is_v6 = s->info[VERSION] == 6;
	uint8_t n;
	enum err e;

	if (is_v6 && (!take_u8(rest, &n) || !pgp_public_take_octets(rest, n, &fields)))
		return ERR_SYNTAX;
	if (!take_u8(&fields, &s->info[CIPHER]) || !take_u8(&fields, &s->info[MODE]))
		return ERR_SYNTAX;
	if (is_v6) {
		if (!take_u8(&fields, &n) || !pgp_public_take_octets(&fields, n, &s2k))
			return ERR_SYNTAX;
		e = pgp_s2k_take(&s2k, &s->s2k);
	} else {
		e = pgp_s2k_take(&fields, &s->s2k);
	}
	if (e)
		return e == ERR_NOT_FOUND ? ERR_UNSUPPORTED : e;
	if (!pgp_algorithm_has_aead(s->info[CIPHER], s->info[MODE]))
		return ERR_UNSUPPORTED;
	if (!pgp_public_take_octets(
		    &fields, pgp_algorithm_nonce_size(s->info[MODE]), &s->nonce))
		return ERR_SYNTAX;
	if (is_v6)
		return s2k.n || fields.n ? ERR_SYNTAX : ERR_OK;
	*rest = fields;
	return ERR_OK;
}

/* Version 5 takes the password's key as it is. */
static enum err
start(const struct sealed *s, struct slice password, bool is_seal, struct pgp_block *block)
{
	const struct pgp_block_how how = {s->info[CIPHER], s->info[MODE], is_seal};
	size_t n = pgp_algorithm_key_size(how.cipher);
	uint8_t key[PGP_SESSION_MAX], derived[PGP_SESSION_MAX];
	const struct pgp_algorithm_hkdf q = {
		.key = slice_of(key, n), .info = slice_of(s->info, INFO)};
	enum err e = pgp_s2k_key(&s->s2k, password, key, n);

	if (e)
		return e;
	if (s->info[VERSION] == 6)
		pgp_algorithm_hkdf(&q, derived, n);
	else
		memcpy(derived, key, n);
	pgp_block_init(block, &how, derived);
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(derived, sizeof derived);
	return ERR_OK;
}

static enum err
open_sealed(
	uint8_t version, struct slice rest, struct slice password, struct pgp_session *session)
{
	uint8_t text[PGP_SESSION_MAX + PGP_ALGORITHM_TAG];
	struct sealed s = {.info = {TAG_OCTET, version}};
	struct pgp_block block;
	bool ok;
	enum err e = take_head(&rest, &s);

	if (e)
		return e;
	if (rest.n > sizeof text || rest.n <= PGP_ALGORITHM_TAG)
		return ERR_SYNTAX;
	e = start(&s, password, false, &block);
	if (e)
		return e;
	ok = pgp_block_open(&block,
		&(struct pgp_block_text){s.nonce.p, slice_of(s.info, INFO), rest}, text);
	pgp_block_fini(&block);
	if (ok) {
		session->cipher = 0;
		session->n = rest.n - PGP_ALGORITHM_TAG;
		memcpy(session->key, text, session->n);
	}
	OPENSSL_cleanse(text, sizeof text);
	return ok ? ERR_OK : ERR_AUTH;
}

static void
make_v6(struct slice password, const struct pgp_session *session, struct buf *body)
{
	uint8_t nonce[PGP_ALGORITHM_NONCE_MAX], text[PGP_SESSION_MAX + PGP_ALGORITHM_TAG];
	struct sealed s = {.info = {TAG_OCTET, 6, PGP_AES256, PGP_OCB}};
	struct pgp_block block;
	struct buf s2k;

	rand_bytes(nonce, sizeof nonce);
	s.nonce = slice_of(nonce, pgp_algorithm_nonce_size(PGP_OCB));
	pgp_s2k_choose(PGP_S2K_ARGON2, &s.s2k);
	must(start(&s, password, true, &block) == ERR_OK);
	pgp_block_seal(&block,
		&(struct pgp_block_text){
			nonce, slice_of(s.info, INFO), slice_of(session->key, session->n)},
		text);
	pgp_block_fini(&block);
	buf_init(&s2k, UINT8_MAX);
	pgp_s2k_put(&s.s2k, &s2k);
	buf_put_u8(body, 6);
	buf_put_u8(body, (uint8_t)(3 + s2k.n + s.nonce.n));
	buf_put(body, s.info + CIPHER, 2);
	buf_put_u8(body, (uint8_t)s2k.n);
	buf_put_slice(body, buf_slice(&s2k));
	buf_put_slice(body, s.nonce);
	buf_put(body, text, session->n + PGP_ALGORITHM_TAG);
	buf_fini(&s2k);
}

/* --- both -------------------------------------------------------------------------------- */

enum err
pgp_skesk_open(struct slice body, struct slice password, struct pgp_session *session)
{
	uint8_t version;

	if (body.n > PGP_SKESK_BODY_MAX || !take_u8(&body, &version))
		return ERR_SYNTAX;
	if (version < 4 || version > 6)
		return ERR_UNSUPPORTED;
	if (password.n > PGP_S2K_PASSWORD_MAX)
		return ERR_AUTH;
	return version == 4 ? open_v4(body, password, session)
			    : open_sealed(version, body, password, session);
}

void
pgp_skesk_make(uint8_t version, struct slice password, const struct pgp_session *session,
	struct buf *body)
{
	must((version == 4 || version == 6) && password.n <= PGP_S2K_PASSWORD_MAX &&
		session->n <= PGP_SESSION_MAX);
	if (version == 4)
		make_v4(password, session, body);
	else
		make_v6(password, session, body);
}
