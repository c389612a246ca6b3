#include "crypto/smime_verify.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/codec.h"
#include "core/must.h"
#include "crypto/cert_check.h"
#include "crypto/cert_x509.h"
#include "crypto/cms_der.h"
#include "crypto/cms_signer.h"
#include "crypto/cms_walk.h"
#include "crypto/tls.h"

enum {
	SETS_MAX = 2 * SMIME_STRUCTURE_MAX,
	/* Certificates with the name or key that a SignerInfo asks for; more are a trick. */
	CANDIDATES_MAX = 4
};

struct smime_verify {
	struct smime_verify_setup setup;
	struct arena arena;
	struct cms_walk *walk;		/* of the signature, detached or around its content */
	struct buf certificates, infos; /* bodies of the sets */
	bool has_type, has_certificates, has_infos;
	EVP_MD_CTX *digest[CMS_ALGORITHM_DIGESTS]; /* NULL: nobody asks for it */
	uint8_t hash[CMS_ALGORITHM_DIGESTS][CMS_ALGORITHM_HASH_MAX];
	size_t hash_n[CMS_ALGORITHM_DIGESTS];
	uint8_t first; /* octet of the content */
	bool has_content;
	struct cms_signer signer[SMIME_SIGNERS_MAX];
	size_t signers;
	struct slice certificate[SMIME_CERTIFICATES_MAX];
	size_t certificate_count;
	enum err error;
};

/* --- the structure as it comes ----------------------------------------------------------- */

static enum err
keep(struct buf *to, bool *has, struct slice der)
{
	struct cms_der e;

	if (*has || !cms_der_next(&der, &e))
		return ERR_SYNTAX;
	*has = true;
	return buf_put_slice(to, e.body) ? ERR_OK : ERR_SYNTAX;
}

static void
start_digest(struct smime_verify *v, size_t index)
{
	if (v->digest[index])
		return;
	v->digest[index] = EVP_MD_CTX_new();
	must(v->digest[index] &&
		EVP_DigestInit_ex(v->digest[index],
			EVP_get_digestbynid(cms_algorithm_nid(index)), NULL) == 1);
}

/* digestAlgorithms: it may say anything, and each SignerInfo, which comes behind the content,
 * has its own. So what most of them use is always hashed by, and all if it says something
 * strange; a signature by another digest than those fits no text. */
static void
start_named(struct smime_verify *v, struct slice set)
{
	struct slice all, one;
	bool is_strange = !cms_der_take(&set, CMS_DER_SET, &all) || all.n == 0;

	start_digest(v, cms_algorithm_index(NID_sha256));
	while (!is_strange && all.n) {
		int nid = cms_der_take(&all, CMS_DER_SEQUENCE, &one) ? cms_algorithm_digest(one)
								     : NID_undef;

		is_strange = nid == NID_undef;
		if (!is_strange)
			start_digest(v, cms_algorithm_index(nid));
	}
	for (size_t i = 0; is_strange && i < CMS_ALGORITHM_DIGESTS; i++)
		start_digest(v, i);
}

static enum err
on_element(void *arg, enum cms_walk_place place, struct slice der)
{
	struct smime_verify *v = arg;
	struct slice oid;

	if (cms_walk_kind(v->walk) != SMIME_SIGNED)
		return ERR_SYNTAX;
	if (place == CMS_WALK_HOLDER) {
		/* All else isn't a mail, whoever signed it. */
		if (!cms_der_take(&der, CMS_DER_OID, &oid) ||
			!slice_eq(oid, cms_attributes_data))
			return ERR_SYNTAX;
		v->has_type = true;
		return ERR_OK;
	}
	if (!v->has_type && der.p[0] == CMS_DER_SET && v->setup.detached.n == 0)
		start_named(v, der);
	if (!v->has_type)
		return ERR_OK;
	if (der.p[0] == CMS_DER_0)
		return keep(&v->certificates, &v->has_certificates, der);
	if (der.p[0] == CMS_DER_SET)
		return keep(&v->infos, &v->has_infos, der);
	return ERR_OK;
}

static enum err
digest_content(struct smime_verify *v, struct slice octets)
{
	if (!v->has_content && octets.n) {
		v->has_content = true;
		v->first = octets.p[0];
	}
	for (size_t i = 0; i < CMS_ALGORITHM_DIGESTS; i++)
		if (v->digest[i])
			must(EVP_DigestUpdate(v->digest[i], octets.p, octets.n) == 1);
	return ERR_OK;
}

static enum err
on_content(void *arg, struct slice octets)
{
	struct smime_verify *v = arg;

	/* The walk has met the digests' set, and the type that comes first. */
	if (!v->has_type)
		return ERR_SYNTAX;
	digest_content(v, octets);
	return v->setup.to.put(v->setup.to.arg, octets);
}

/* A signature beside its content has none inside: that could be another one. */
static enum err
on_content_inside(void *arg, struct slice octets)
{
	(void)arg;
	(void)octets;
	return ERR_SYNTAX;
}

/* --- what is in it ----------------------------------------------------------------------- */

static enum err
read_certificates(struct smime_verify *v)
{
	struct slice rest = buf_slice(&v->certificates);
	struct cms_der e;

	while (rest.n) {
		if (!cms_der_next(&rest, &e) || v->certificate_count == SMIME_CERTIFICATES_MAX)
			return ERR_SYNTAX;
		v->certificate[v->certificate_count++] = e.whole;
	}
	return ERR_OK;
}

static enum err
read_signers(struct smime_verify *v)
{
	struct slice rest = buf_slice(&v->infos);
	struct cms_der e;

	while (rest.n) {
		if (!cms_der_next(&rest, &e) || v->signers == SMIME_SIGNERS_MAX)
			return ERR_SYNTAX;
		cms_signer_read(e.whole, &v->arena, &v->signer[v->signers++]);
	}
	return ERR_OK;
}

static enum err
read_structure(struct smime_verify *v)
{
	enum err e = cms_walk_finish(v->walk);

	if (!e && (!v->has_type || !v->has_infos))
		e = ERR_SYNTAX;
	if (!e)
		e = read_certificates(v);
	return e ? e : read_signers(v);
}

/* --- its life ---------------------------------------------------------------------------- */

static void
begin_detached(struct smime_verify *v)
{
	cms_walk_feed(v->walk, v->setup.detached);
	v->error = v->setup.detached.n > SMIME_SIGNATURE_MAX ? ERR_SYNTAX : read_structure(v);
	if (!v->error && cms_walk_has_content(v->walk))
		v->error = ERR_SYNTAX;
	for (size_t i = 0; !v->error && i < v->signers; i++)
		if (v->signer[i].problem == SMIME_PROBLEM_NONE)
			start_digest(v, cms_algorithm_index(v->signer[i].algorithm.digest));
}

struct smime_verify *
smime_verify_new(const struct smime_verify_setup *setup)
{
	struct smime_verify *v = must_zalloc(sizeof *v);
	bool is_opaque = setup->detached.n == 0;
	struct cms_walk_to to = {on_element, is_opaque ? on_content : on_content_inside, v};

	tls_init();
	v->setup = *setup;
	arena_init(&v->arena, 4096);
	buf_init(&v->certificates, SETS_MAX);
	buf_init(&v->infos, SETS_MAX);
	v->walk = cms_walk_new(&to);
	if (!is_opaque)
		begin_detached(v);
	return v;
}

void
smime_verify_free(struct smime_verify *v)
{
	if (!v)
		return;
	cms_walk_free(v->walk);
	for (size_t i = 0; i < CMS_ALGORITHM_DIGESTS; i++)
		EVP_MD_CTX_free(v->digest[i]);
	buf_fini(&v->certificates);
	buf_fini(&v->infos);
	arena_reset(&v->arena);
	free(v);
}

enum err
smime_verify_feed(struct smime_verify *v, struct slice octets)
{
	if (!v->error)
		v->error = v->setup.detached.n ? digest_content(v, octets)
					       : cms_walk_feed(v->walk, octets);
	return v->error;
}

/* --- who it was -------------------------------------------------------------------------- */

static struct slice
hash_for(const struct smime_verify *v, const struct cms_signer *s)
{
	size_t i = cms_algorithm_index(s->algorithm.digest);

	return slice_of(v->hash[i], v->hash_n[i]);
}

struct judge {
	struct smime_verify *v;
	struct cert_check *check;
	struct cms_signer *signer;
	struct smime_signer *out; /* the best until now */
	struct arena *arena;
	size_t candidates;
};

static void
show_certificate(struct smime_signer *out, const struct smime_verify *v)
{
	struct cert_check_rules rules = {
		CERT_CHECK_TO_ENCRYPT, v->setup.trust.q->now_sec, v->setup.trust.rsa_bits_min};

	cert_x509_sha256(out->certificate, out->sha256);
	cert_check_key(out->certificate, out->key);
	out->may_be_encrypted_to = cert_check_alone(out->certificate, &rules) ==
				   SMIME_PROBLEM_NONE;
}

/* Of several certificates for one SignerInfo (renewed for the same key, or put there to
 * mislead) the one that it is best with. */
static void
try(struct judge *j, struct slice der)
{
	const struct cms_signer *s = j->signer;
	enum smime_problem p = s->problem;
	bool is_manual = false, is_better;
	X509 *cert;

	if (j->candidates == CANDIDATES_MAX || (cert = cert_x509_parse(der)) == NULL)
		return;
	if (!cms_signer_names(s, cert)) {
		X509_free(cert);
		return;
	}
	if (p == SMIME_PROBLEM_NONE && !cms_signer_check_key(s, cert, der, hash_for(j->v, s)))
		p = SMIME_PROBLEM_SIGNATURE;
	if (p == SMIME_PROBLEM_NONE)
		p = cert_check_run(j->check, der, CERT_CHECK_TO_SIGN, &is_manual);
	X509_free(cert);
	is_better = j->candidates == 0 || p == SMIME_PROBLEM_NONE ||
		    (j->out->problem != SMIME_PROBLEM_NONE && p > j->out->problem);
	j->candidates++;
	if (!is_better)
		return;
	j->out->problem = p;
	j->out->is_manual = is_manual;
	j->out->certificate = der;
}

static void
try_all(struct judge *j)
{
	const Gateway__Question *q = j->v->setup.trust.q;

	for (size_t i = 0; i < j->v->certificate_count; i++)
		try(j, j->v->certificate[i]);
	for (size_t i = 0; i < q->n_anchor; i++)
		try(j, codec_slice(q->anchor[i]));
	for (size_t i = 0; i < q->n_intermediate; i++)
		try(j, codec_slice(q->intermediate[i]));
	for (size_t i = 0; q->sender && i < q->sender->n_certificate; i++)
		try(j, codec_slice(q->sender->certificate[i]->der));
}

static void
judge(struct judge *j)
{
	struct cms_signer *s = j->signer;
	struct smime_signer *out = j->out;

	if (s->problem == SMIME_PROBLEM_NONE)
		cms_signer_check_text(s, hash_for(j->v, s), j->v->first);
	out->problem = s->problem;
	out->signed_sec = s->attributes.signed_sec;
	out->capabilities = arena_dup(j->arena, s->attributes.capabilities);
	if (s->algorithm.digest != NID_undef)
		snprintf(out->digest, sizeof out->digest, "%s",
			cms_algorithm_name(s->algorithm.digest));
	try_all(j);
	if (j->candidates == 0 && s->problem == SMIME_PROBLEM_NONE)
		out->problem = SMIME_PROBLEM_NO_CERTIFICATE;
	out->certificate = arena_dup(j->arena, out->certificate);
	if (out->certificate.n)
		show_certificate(out, j->v);
}

static void
finish_digests(struct smime_verify *v)
{
	for (size_t i = 0; i < CMS_ALGORITHM_DIGESTS; i++) {
		unsigned n = 0;

		if (v->digest[i])
			must(EVP_DigestFinal_ex(v->digest[i], v->hash[i], &n) == 1);
		v->hash_n[i] = n;
	}
}

enum err
smime_verify_finish(
	struct smime_verify *v, struct arena *a, struct smime_signer **signers, size_t *n)
{
	struct cert_check *check;

	if (!v->error && v->setup.detached.n == 0)
		v->error = read_structure(v);
	/* The kind that it isn't, and its size, make it no signature either. */
	if (v->error == ERR_LIMIT || v->error == ERR_UNSUPPORTED)
		v->error = ERR_SYNTAX;
	if (v->error)
		return v->error;
	finish_digests(v);
	*signers = arena_zalloc(a, (v->signers + 1) * sizeof **signers);
	*n = v->signers;
	if (v->signers == 0)
		return ERR_OK;
	check = cert_check_new(v->setup.trust.q, v->setup.trust.rsa_bits_min);
	for (size_t i = 0; i < v->certificate_count; i++)
		cert_check_add(check, v->certificate[i]);
	for (size_t i = 0; i < v->signers; i++)
		judge(&(struct judge){v, check, &v->signer[i], *signers + i, a, 0});
	cert_check_free(check);
	ERR_clear_error();
	return ERR_OK;
}
