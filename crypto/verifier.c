#include "crypto/verifier.h"

#include "core/big_endian.h"
#include "crypto/saslprep.h"

enum { FORMAT = 1, SCRAM_OCTETS = PWHASH_SALT + 4 + 2 * PWHASH_SHA256 };

enum err
verifier_new(struct slice password, const struct verifier_cost *cost, struct verifier *out)
{
	struct verifier v = {0};
	struct buf prepared, text;
	enum err e;

	buf_init(&prepared, SASLPREP_MAX);
	buf_init(&text, sizeof v.text);
	e = saslprep(password, SASLPREP_STORED, &prepared);
	if (!e && prepared.n == 0)
		e = ERR_SYNTAX;
	if (!e)
		e = pwhash_new(buf_slice(&prepared), &cost->argon2, &text);
	if (!e && cost->scram)
		e = pwhash_scram_new(buf_slice(&prepared), cost->iterations, &v.scram);
	if (!e) {
		memcpy(v.text, text.p, text.n);
		v.text_n = text.n;
		v.has_scram = cost->scram;
		*out = v;
	}
	buf_fini_secret(&prepared);
	buf_fini_secret(&text);
	return e;
}

struct aad {
	uint8_t b[16];
};

static struct slice
aad_of(uint64_t account, struct aad *aad)
{
	memcpy(aad->b, "hp1verif", 8);
	for (int i = 15; i >= 8; i--, account >>= 8)
		aad->b[i] = (uint8_t)account;
	return slice_of(aad->b, sizeof aad->b);
}

enum err
verifier_seal(
	const struct seal_key *key, uint64_t account, const struct verifier *v, struct buf *out)
{
	struct buf plain;
	struct aad aad;
	enum err e;

	buf_init(&plain, VERIFIER_SEALED_MAX);
	buf_put_u8(&plain, FORMAT);
	buf_put_u8(&plain, (uint8_t)v->text_n);
	buf_put(&plain, v->text, v->text_n);
	buf_put_u8(&plain, v->has_scram);
	if (v->has_scram) {
		buf_put(&plain, v->scram.salt, sizeof v->scram.salt);
		buf_put_u32(&plain, v->scram.iterations);
		buf_put(&plain, v->scram.stored_key, sizeof v->scram.stored_key);
		buf_put(&plain, v->scram.server_key, sizeof v->scram.server_key);
	}
	e = seal_box_key(key, aad_of(account, &aad), buf_slice(&plain), out);
	buf_fini_secret(&plain);
	return e;
}

static enum err
parse_scram(struct slice s, struct pwhash_scram *out)
{
	const uint8_t *p = s.p;

	if (s.n != SCRAM_OCTETS)
		return ERR_CORRUPT;
	memcpy(out->salt, p, PWHASH_SALT);
	p += PWHASH_SALT;
	out->iterations = big_endian_get_u32(p);
	memcpy(out->stored_key, p + 4, PWHASH_SHA256);
	memcpy(out->server_key, p + 4 + PWHASH_SHA256, PWHASH_SHA256);
	return ERR_OK;
}

static enum err
parse(struct slice s, struct verifier *out)
{
	if (s.n < 1 || s.p[0] != FORMAT)
		return ERR_VERSION;
	*out = (struct verifier){0};
	if (s.n < 3 || s.p[1] > PWHASH_TEXT_MAX || s.n < 3u + s.p[1])
		return ERR_CORRUPT;
	out->text_n = s.p[1];
	memcpy(out->text, s.p + 2, out->text_n);
	s = slice_from(s, 2 + out->text_n);
	if (s.p[0] > 1)
		return ERR_CORRUPT;
	out->has_scram = s.p[0];
	s = slice_from(s, 1);
	if (!out->has_scram)
		return s.n ? ERR_CORRUPT : ERR_OK;
	return parse_scram(s, &out->scram);
}

enum err
verifier_open(
	const struct seal_key *key, uint64_t account, struct slice sealed, struct verifier *out)
{
	struct buf plain;
	struct aad aad;
	enum err e;

	if (sealed.n > VERIFIER_SEALED_MAX)
		return ERR_CRYPTO;
	buf_init(&plain, VERIFIER_SEALED_MAX);
	e = seal_box_key_open(key, aad_of(account, &aad), sealed, &plain);
	if (!e)
		e = parse(buf_slice(&plain), out);
	buf_fini_secret(&plain);
	return e;
}
