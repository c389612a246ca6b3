#include "crypto/pgp_secret.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "core/must.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_secret_inner.h"
#include "crypto/pwhash.h"

/* --- keys in memory ---------------------------------------------------------------------- */

/* From the key alone, so that the same octets have the same answer for ever. */
static void
make_nothing(struct pgp_secret_key *k)
{
	static const uint8_t label[] = "hairpin session key of nothing";
	struct slice material = slice_of(k->material, k->n);

	pwhash_hmac_sha256(slice_of(label, sizeof label), &material, 1, k->nothing);
}

/* Takes the public part over, whatever it answers. */
static enum err
assemble(struct pgp_public *public, struct slice material, struct pgp_secret *s)
{
	struct slice rest = material;
	struct pgp_secret_use use = {0};
	enum err e = pgp_secret_usable(public, &rest, &use);

	if (!e && rest.n)
		e = ERR_SYNTAX;
	if (e) {
		pgp_secret_use_fini(&use);
		pgp_public_fini(public);
		return e;
	}
	memset(s, 0, sizeof *s);
	s->public = *public;
	s->key = must_zalloc(sizeof *s->key + material.n);
	s->key->use = use;
	OPENSSL_cleanse(&use, sizeof use);
	s->key->n = material.n;
	if (material.n)
		memcpy(s->key->material, material.p, material.n);
	make_nothing(s->key);
	return ERR_OK;
}

static enum err
take_public(struct slice *rest, struct pgp_public *public)
{
	enum err e;

	if (rest->n > PGP_SECRET_BODY_MAX)
		return ERR_SYNTAX;
	e = pgp_public_take(rest, public);
	if (!e && public->version == 3) {
		pgp_public_fini(public);
		e = ERR_UNSUPPORTED;
	}
	return e;
}

enum err
pgp_secret_parse(uint8_t tag, struct slice body, struct slice password, struct pgp_secret *s)
{
	struct pgp_secret_lock lock = {.tag = tag, .password = password};
	struct pgp_public public;
	struct buf material;
	bool was_locked;
	enum err e = take_public(&body, &public);

	if (e)
		return e;
	buf_init_secret(&material, PGP_SECRET_BODY_MAX);
	lock.public = &public;
	was_locked = pgp_secret_is_locked(&public, body) != ERR_OK;
	e = pgp_secret_unlock(&lock, body, &material);
	if (e)
		pgp_public_fini(&public);
	else
		e = assemble(&public, buf_slice(&material), s);
	if (!e)
		s->was_locked = was_locked;
	buf_fini_secret(&material);
	return e;
}

enum err
pgp_secret_check(struct slice body)
{
	struct pgp_public public;
	enum err e = take_public(&body, &public);

	if (e)
		return e;
	e = pgp_secret_is_locked(&public, body);
	pgp_public_fini(&public);
	return e;
}

void
pgp_secret_fini(struct pgp_secret *s)
{
	pgp_public_fini(&s->public);
	if (s->key) {
		pgp_secret_use_fini(&s->key->use);
		OPENSSL_cleanse(s->key, sizeof *s->key + s->key->n);
		free(s->key);
	}
	memset(s, 0, sizeof *s);
}

void
pgp_secret_put(const struct pgp_secret *s, uint8_t tag, struct slice password, struct buf *body)
{
	const struct pgp_secret_lock lock = {tag, &s->public, password};

	buf_put_slice(body, s->public.body);
	pgp_secret_lock(&lock, slice_of(s->key->material, s->key->n), body);
}

/* --- new keys ---------------------------------------------------------------------------- */

static enum err
parse_new(const struct pgp_secret_kind *kind, struct slice material, struct pgp_public *public)
{
	struct buf body;
	enum err e;

	buf_init(&body, PGP_PUBLIC_BODY_MAX);
	buf_put_u8(&body, kind->version);
	buf_put_u32(&body, kind->created_sec);
	buf_put_u8(&body, kind->algorithm);
	if (kind->version == 6)
		buf_put_u32(&body, (uint32_t)material.n);
	buf_put_slice(&body, material);
	e = pgp_public_parse(buf_slice(&body), public);
	buf_fini(&body);
	return e;
}

enum err
pgp_secret_generate(const struct pgp_secret_kind *kind, struct pgp_secret *s)
{
	struct pgp_public public;
	struct buf material, secret;
	enum err e;

	if (kind->version != 4 && kind->version != 6)
		return ERR_UNSUPPORTED;
	buf_init(&material, PGP_PUBLIC_BODY_MAX);
	buf_init_secret(&secret, PGP_SECRET_BODY_MAX);
	e = pgp_secret_put_new(kind, &material, &secret);
	if (!e)
		e = parse_new(kind, buf_slice(&material), &public);
	if (!e)
		e = assemble(&public, buf_slice(&secret), s);
	buf_fini(&material);
	buf_fini_secret(&secret);
	return e;
}

/* --- keys as messages use them ----------------------------------------------------------- */

static const struct pgp_secret *
find(void *arg, const struct pgp_public *key)
{
	const struct pgp_secret_ring *ring = arg;

	for (size_t i = 0; i < ring->n; i++) {
		const struct pgp_public *own = &ring->secret[i]->public;

		if (own->n_fingerprint == key->n_fingerprint &&
			memcmp(own->fingerprint, key->fingerprint, own->n_fingerprint) == 0)
			return ring->secret[i];
	}
	return NULL;
}

static enum err
ring_unwrap(void *arg, const struct pgp_public *key, uint8_t version, struct slice fields,
	struct pgp_session *session)
{
	const struct pgp_secret *s = find(arg, key);

	return s ? pgp_secret_unwrap(s, version, fields, session) : ERR_NOT_FOUND;
}

static enum err
ring_sign(void *arg, const struct pgp_public *key, uint8_t hash, struct slice digest,
	struct buf *fields)
{
	const struct pgp_secret *s = find(arg, key);

	return s ? pgp_secret_sign(s, hash, digest, fields) : ERR_NOT_FOUND;
}

struct pgp_private
pgp_secret_private(struct pgp_secret_ring *ring)
{
	return (struct pgp_private){ring_unwrap, ring_sign, ring};
}
