#include <openssl/crypto.h>

#include "core/must.h"
#include "crypto/octet_mask.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_secret_inner.h"
#include "crypto/private_key_inner.h"
#include "crypto/pwhash.h"

enum { CHECKSUM = 2, WRAPPED_MAX = 255, WRAP_BLOCK = 8, SIZES = 3 };

static const size_t sizes[SIZES] = {16, 24, 32};

/* What the answer is if there is none: it follows from the key and the octets, so that who asks
 * twice learns nothing either. */
static void
no_session(const struct pgp_secret *s, uint8_t version, struct slice fields,
	struct pgp_session *session)
{
	pwhash_hmac_sha256(
		slice_of(s->key->nothing, sizeof s->key->nothing), &fields, 1, session->key);
	session->n = PGP_SESSION_MAX;
	session->cipher = version == 3 ? PGP_AES256 : 0;
}

/* Is it a cipher with keys of that size? */
static uint32_t
is_cipher(uint8_t octet, size_t size)
{
	uint32_t mask = 0;

	for (uint8_t i = 0; i <= PGP_CAMELLIA256; i++)
		if (pgp_algorithm_key_size(i) == size)
			mask |= octet_mask_zero((uint32_t)(octet ^ i));
	return mask;
}

/* A cipher (version 3), a key of that size, its sum. */
static uint32_t
is_text(uint8_t version, const uint8_t *p, size_t size)
{
	const uint8_t *key = version == 3 ? p + 1 : p;
	uint32_t sum = 0, told = (uint32_t)(key[size] << 8 | key[size + 1]), mask = ~0U;

	for (size_t i = 0; i < size; i++)
		sum += key[i];
	if (version == 3)
		mask = is_cipher(p[0], size);
	return mask & octet_mask_zero((sum & 0xffff) ^ told);
}

/* --- RSA --------------------------------------------------------------------------------- */

/* The sizes that a key can have are tried one after the other, whatever any of them says. So
 * what a stranger could see is one chance in 2^40 or less for what he sends. */
static void
take_padded(uint8_t version, struct slice em, struct pgp_session *session)
{
	uint32_t cipher = session->cipher, n_key = (uint32_t)session->n;

	for (size_t i = 0; i < SIZES; i++) {
		size_t n = sizes[i] + CHECKSUM + (version == 3);
		const uint8_t *text = em.p + em.n - n;
		struct slice key = slice_of(text + (version == 3), sizes[i]);
		uint32_t mask = octet_mask_pkcs1(em, n) & is_text(version, text, sizes[i]);

		octet_mask_take(mask, key, sizes[i], session->key);
		n_key = octet_mask_choose(mask, (uint32_t)sizes[i], n_key);
		if (version == 3)
			cipher = octet_mask_choose(mask, text[0], cipher);
	}
	session->n = n_key;
	session->cipher = (uint8_t)cipher;
}

static void
unwrap_rsa(const struct pgp_secret *s, uint8_t version, struct slice fields,
	struct pgp_session *session)
{
	uint8_t number[PGP_PUBLIC_MODULUS_MAX], em[PRIVATE_KEY_MODULUS_MAX];
	size_t n = s->public.key->number[0].n;
	struct slice mpi;

	if (pgp_public_take_mpi(&fields, s->public.version == 6, &mpi) && !fields.n &&
		pgp_public_pad(mpi, number, n) &&
		private_key_rsa_raw(s->key->use.pkey, slice_of(number, n), em))
		take_padded(version, slice_of(em, n), session);
	OPENSSL_cleanse(em, sizeof em);
}

/* --- agreement --------------------------------------------------------------------------- */

struct agreed {
	struct slice point; /* as pgp_curve_key wants it */
	struct slice wrapped;
	uint8_t cipher; /* in clear; 0: none */
};

static bool
take_point(const struct pgp_public *k, struct slice *rest, struct slice *point)
{
	const struct pgp_curve *c = k->key->curve;

	if (c->form == PGP_CURVE_NATIVE)
		return pgp_public_take_octets(rest, c->octets, point);
	if (!pgp_public_take_mpi(rest, k->version == 6, point))
		return false;
	if (c->form == PGP_CURVE_SEC1)
		return true;
	if (point->n != 1 + c->octets || point->p[0] != 0x40)
		return false;
	*point = slice_from(*point, 1);
	return true;
}

static bool
take_fields(const struct pgp_public *k, uint8_t version, struct slice rest, struct agreed *a)
{
	struct slice n, cipher;

	a->cipher = 0;
	if (!take_point(k, &rest, &a->point) || !pgp_public_take_octets(&rest, 1, &n) ||
		!pgp_public_take_octets(&rest, *n.p, &a->wrapped) || rest.n)
		return false;
	if (k->algorithm == PGP_ECDH || version != 3)
		return true;
	/* RFC 9580 section 5.1.6: AES alone. */
	if (!pgp_public_take_octets(&a->wrapped, 1, &cipher))
		return false;
	a->cipher = *cipher.p;
	return pgp_algorithm_ctr(a->cipher) &&
	       a->wrapped.n == pgp_algorithm_key_size(a->cipher) + WRAP_BLOCK;
}

static size_t
agree_openssl(const struct pgp_secret *s, struct slice point, uint8_t *secret)
{
	EVP_PKEY *peer = pgp_curve_key(s->public.key->curve, point, SLICE_EMPTY);
	size_t n = peer ? pgp_curve_agree(s->key->use.pkey, peer, secret) : 0;

	EVP_PKEY_free(peer);
	return n;
}

static size_t
agree(const struct pgp_secret *s, struct slice point, uint8_t kek[PGP_PUBLIC_KEK_MAX])
{
	const struct pgp_secret_use *use = &s->key->use;
	uint8_t secret[PGP_CURVE_SECRET_MAX];
	size_t n;

	if (!use->is_x25519)
		n = agree_openssl(s, point, secret);
	else /* its point has 32 octets: take_point */
		n = x25519_agree(use->x25519, point.p, secret) ? X25519_SIZE : 0;
	if (n)
		n = pgp_public_kek(&s->public, point, slice_of(secret, n), kek);
	OPENSSL_cleanse(secret, sizeof secret);
	return n;
}

/* The sum and the padding of PKCS#5 (RFC 9580 section 11.5) came authenticated by the wrap:
 * that they can be told from one another tells the sender what he knows. */
static void
take_text(uint8_t version, struct slice text, struct pgp_session *session)
{
	size_t pad = text.p[text.n - 1], n = text.n - pad, head = CHECKSUM + (version == 3);

	if (pad == 0 || pad > text.n || n <= head)
		return;
	for (size_t i = n; i < text.n; i++)
		if (text.p[i] != pad)
			return;
	n -= head;
	if ((n != 16 && n != 24 && n != 32) || !is_text(version, text.p, n))
		return;
	session->n = n;
	if (version == 3)
		session->cipher = *text.p;
	memcpy(session->key, text.p + (version == 3), n);
}

static void
unwrap_agreed(const struct pgp_secret *s, uint8_t version, struct slice fields,
	struct pgp_session *session)
{
	uint8_t kek[PGP_PUBLIC_KEK_MAX], text[WRAPPED_MAX];
	struct agreed a;
	size_t n;

	if (!take_fields(&s->public, version, fields, &a) || a.wrapped.n <= WRAP_BLOCK)
		return;
	n = agree(s, a.point, kek);
	if (n && pgp_public_run_wrap(slice_of(kek, n), false, a.wrapped, text)) {
		n = a.wrapped.n - WRAP_BLOCK;
		if (s->public.algorithm == PGP_ECDH) {
			take_text(version, slice_of(text, n), session);
		} else if (n == 16 || n == 24 || n == 32) {
			session->cipher = a.cipher;
			session->n = n;
			memcpy(session->key, text, n);
		}
	}
	OPENSSL_cleanse(kek, sizeof kek);
	OPENSSL_cleanse(text, sizeof text);
}

enum err
pgp_secret_unwrap(const struct pgp_secret *s, uint8_t version, struct slice fields,
	struct pgp_session *session)
{
	if (!s->public.may_encrypt || (!s->key->use.pkey && !s->key->use.is_x25519) ||
		(version != 3 && version != 6))
		return ERR_UNSUPPORTED;
	no_session(s, version, fields, session);
	if (pgp_public_is_rsa(s->public.algorithm))
		unwrap_rsa(s, version, fields, session);
	else
		unwrap_agreed(s, version, fields, session);
	return ERR_OK;
}
