/* The signatures of a message: announced before its text, and settled behind it; or, in the old
 * manner, standing before it. */
#include "crypto/pgp_open_inner.h"

#include "crypto/pgp_algorithm.h"

enum { ONE_PASS_V3 = 13, ONE_PASS_V3_KEY = 4, ONE_PASS_V6_HEAD = 5 };

static enum err
add_signer(struct pgp_open *o, struct pgp_open_signer **signer)
{
	if (o->n_signers == PGP_SIGNATURES_MAX)
		return ERR_LIMIT;
	*signer = &o->signer[o->n_signers++];
	**signer = (struct pgp_open_signer){0};
	buf_init(&(*signer)->salt, PGP_DIGEST_MAX);
	buf_init(&(*signer)->body, PGP_PACKET_BODY_MAX);
	return ERR_OK;
}

static void
begin_hash(struct pgp_open *o, struct pgp_open_signer *s)
{
	const struct pgp_digests_kind kind = {
		s->hash_algorithm, s->type == PGP_SIG_TEXT, buf_slice(&s->salt)};

	s->is_hashed = (kind.is_text || s->type == PGP_SIG_BINARY) &&
		       pgp_digests_add(&o->digests, &kind, &s->digest) == ERR_OK;
}

/* RFC 9580 section 5.4. */
enum err
pgp_open_one_pass(struct pgp_open_layer *l, struct slice body)
{
	struct pgp_open_signer *s;
	size_t salt = 0;
	enum err e;

	if (body.n < ONE_PASS_V6_HEAD)
		return ERR_SYNTAX;
	if (body.p[0] == 6) {
		salt = body.p[4];
		if (body.n != ONE_PASS_V6_HEAD + salt + PGP_FINGERPRINT_MAX + 1 ||
			salt > PGP_DIGEST_MAX)
			return ERR_SYNTAX;
	} else if (body.p[0] == 3 && body.n != ONE_PASS_V3) {
		return ERR_SYNTAX;
	}
	e = add_signer(l->o, &s);
	if (e != ERR_OK)
		return e;
	s->is_one_pass = true;
	s->version = body.p[0];
	/* What another version announces can't be judged; the text and the others can. */
	if (s->version != 3 && s->version != 6)
		return ERR_OK;
	s->type = body.p[1];
	s->hash_algorithm = body.p[2];
	s->algorithm = body.p[3];
	buf_put(&s->salt, body.p + ONE_PASS_V6_HEAD, salt);
	if (s->version == 3)
		memcpy(s->key, body.p + ONE_PASS_V3_KEY, PGP_KEY_ID);
	else
		memcpy(s->key, body.p + ONE_PASS_V6_HEAD + salt, PGP_FINGERPRINT_MAX);
	begin_hash(l->o, s);
	return ERR_OK;
}

static enum err
keep_before(struct pgp_open_layer *l, struct slice body)
{
	struct pgp_open_signer *s;
	struct pgp_sig sig;
	enum err e = add_signer(l->o, &s);

	if (e != ERR_OK)
		return e;
	buf_put_slice(&s->body, body);
	if (pgp_sig_parse(body, &sig) == ERR_OK) {
		s->type = sig.type;
		s->hash_algorithm = sig.hash;
		buf_put_slice(&s->salt, sig.salt);
		begin_hash(l->o, s);
	}
	return ERR_OK;
}

/* Is it what was announced, or stands as it is? Version 6 announces version 6, version 3 all
 * before it. */
static bool
is_announced(const struct pgp_open_signer *s, const struct pgp_sig *sig)
{
	if (sig->type != s->type || sig->hash != s->hash_algorithm ||
		!slice_eq(sig->salt, buf_slice(&s->salt)))
		return false;
	return !s->is_one_pass ||
	       (sig->algorithm == s->algorithm && (sig->version == 6) == (s->version == 6));
}

static bool
is_by_announced(const struct pgp_open_signer *s, const struct pgp_public *key)
{
	if (!s->is_one_pass)
		return true;
	return s->version == 6 ? memcmp(s->key, key->fingerprint, PGP_FINGERPRINT_MAX) == 0
			       : memcmp(s->key, key->key_id, PGP_KEY_ID) == 0;
}

/* The primary key of what opened the encryption that it stands in; NULL: none did. */
static const struct pgp_public *
recipient(const struct pgp_open *o)
{
	const struct pgp_cert_ring *ring = o->setup.keys;

	for (size_t i = 0; o->facts.key && ring && i < ring->n; i++)
		for (size_t k = 0; k < ring->cert[i]->n_keys; k++)
			if (&ring->cert[i]->key[k].public == o->facts.key)
				return &ring->cert[i]->key[0].public;
	return NULL;
}

/* Whom a password or a session key stands for nobody knows. */
static bool
is_for_others(const struct pgp_open *o, const struct pgp_sig *sig)
{
	bool is_anybodys = o->facts.is_encrypted && !o->facts.key;

	return !is_anybodys && pgp_sig_is_for_others(sig, recipient(o));
}

static void
judge(struct pgp_open *o, struct pgp_open_signer *s, const struct pgp_sig *sig,
	struct pgp_verdict *v)
{
	struct pgp_sig_hash hash;

	if (!is_announced(s, sig)) {
		pgp_judge_refuse(sig, PGP_PROBLEM_SIGNATURE, v);
	} else if (!s->is_hashed) {
		pgp_judge_refuse(sig, PGP_PROBLEM_ALGORITHM, v);
	} else {
		pgp_digests_take(&o->digests, s->digest, &hash);
		pgp_judge_signature(&o->setup.judge, sig, &hash, &o->tries, v);
		if (v->cert && !is_by_announced(s, &v->cert->key[v->key].public))
			pgp_judge_refuse(sig, PGP_PROBLEM_SIGNATURE, v);
		else if (v->problem == PGP_PROBLEM_NONE && is_for_others(o, sig))
			v->problem = PGP_PROBLEM_RECIPIENT;
	}
}

static void
settle(struct pgp_open *o, struct pgp_open_signer *s, struct slice body)
{
	struct pgp_verdict *v = &o->facts.verdict[o->facts.n_verdicts++];
	struct pgp_sig sig = {0};

	s->is_settled = true;
	if (o->setup.signatures)
		pgp_packet_put(o->setup.signatures, PGP_TAG_SIGNATURE, body);
	if (pgp_sig_parse(body, &sig) == ERR_OK)
		judge(o, s, &sig, v);
	else
		pgp_judge_refuse(&sig, PGP_PROBLEM_ALGORITHM, v);
}

/* "each ... one-pass signature packet ... the first ... corresponds to the last". */
enum err
pgp_open_signature(struct pgp_open_layer *l, struct slice body)
{
	struct pgp_open *o = l->o;
	size_t i = o->n_signers;

	if (!l->has_body)
		return keep_before(l, body);
	while (i > l->first_signer &&
		(o->signer[i - 1].is_settled || !o->signer[i - 1].is_one_pass))
		i--;
	if (i == l->first_signer)
		return ERR_SYNTAX;
	settle(o, &o->signer[i - 1], body);
	return ERR_OK;
}

void
pgp_open_text_ends(struct pgp_open *o)
{
	for (size_t i = 0; i < o->n_signers; i++)
		if (!o->signer[i].is_one_pass)
			settle(o, &o->signer[i], buf_slice(&o->signer[i].body));
}

/* Each that was announced has come. */
enum err
pgp_open_check_signed(const struct pgp_open_layer *l)
{
	for (size_t i = l->first_signer; i < l->o->n_signers; i++)
		if (!l->o->signer[i].is_settled)
			return ERR_SYNTAX;
	return ERR_OK;
}

void
pgp_open_signers_fini(struct pgp_open *o)
{
	pgp_digests_fini(&o->digests);
	for (size_t i = 0; i < o->n_signers; i++) {
		buf_fini(&o->signer[i].salt);
		buf_fini(&o->signer[i].body);
	}
}
