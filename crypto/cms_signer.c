#include "crypto/cms_signer.h"

#include <openssl/err.h>

#include "core/must.h"
#include "crypto/cms_der.h"

enum {
	KEY_ID = 0x80, /* [0] IMPLICIT OCTET STRING */
	KEY_ID_IN_PIECES = 0xa0,
	HASH_MAX = CMS_ALGORITHM_HASH_MAX
};

/* --- reading ---------------------------------------------------------------------------- */

static bool
take_octets(struct slice *rest, struct arena *a, struct slice *out)
{
	struct cms_der e;
	struct buf b;
	bool ok;

	if (!cms_der_next(rest, &e))
		return false;
	if ((e.tag & 0x1f) != CMS_DER_OCTET_STRING)
		return false;
	buf_init(&b, CMS_SIGNER_SIGNATURE_MAX);
	ok = cms_der_octets(&e, &b);
	*out = arena_dup(a, buf_slice(&b));
	buf_fini(&b);
	return ok && out->n;
}

/* SignerIdentifier */
static bool
take_who(struct slice *rest, struct arena *a, struct cms_signer *out)
{
	struct cms_der e, name;
	struct buf b;
	bool ok;

	if (!cms_der_next(rest, &e))
		return false;
	if (e.tag == CMS_DER_SEQUENCE) {
		if (!cms_der_next(&e.body, &name) || name.tag != CMS_DER_SEQUENCE)
			return false;
		out->issuer = name.whole;
		return cms_der_take(&e.body, CMS_DER_INTEGER, &out->serial) && e.body.n == 0;
	}
	if (e.tag != KEY_ID && e.tag != KEY_ID_IN_PIECES)
		return false;
	buf_init(&b, CMS_SIGNER_SIGNATURE_MAX);
	ok = cms_der_octets(&e, &b);
	out->key_id = arena_dup(a, buf_slice(&b));
	buf_fini(&b);
	return ok && out->key_id.n;
}

/* RFC 6211: the signed copy of both algorithms is the one outside; only NULL for parameters
 * that aren't there is forgiven. */
static bool
is_same_algorithm(struct slice x, struct slice y)
{
	struct slice null = SLICE_LIT("\x05\x00");

	if (slice_ends(x, null))
		x.n -= 2;
	if (slice_ends(y, null))
		y.n -= 2;
	return slice_eq(x, y);
}

static bool
is_protected(struct slice protection, struct slice digest, struct slice algorithm)
{
	struct slice its_digest, its_algorithm, in;

	return cms_der_take(&protection, CMS_DER_SEQUENCE, &in) &&
	       cms_der_take(&in, CMS_DER_SEQUENCE, &its_digest) &&
	       cms_der_take(&in, CMS_DER_1, &its_algorithm) && in.n == 0 &&
	       is_same_algorithm(its_digest, digest) &&
	       is_same_algorithm(its_algorithm, algorithm);
}

struct parts {
	struct slice digest, algorithm; /* bodies of AlgorithmIdentifier */
	struct slice attributes;
};

static bool
take_parts(struct slice whole, struct arena *a, struct cms_signer *out, struct parts *p)
{
	struct slice in, version, unsigned_attributes;

	if (!cms_der_take(&whole, CMS_DER_SEQUENCE, &in) ||
		!cms_der_take(&in, CMS_DER_INTEGER, &version) || !take_who(&in, a, out) ||
		!cms_der_take(&in, CMS_DER_SEQUENCE, &p->digest))
		return false;
	out->has_attributes = cms_der_take(&in, CMS_DER_0, &p->attributes);
	if (!cms_der_take(&in, CMS_DER_SEQUENCE, &p->algorithm) ||
		!take_octets(&in, a, &out->signature))
		return false;
	cms_der_take(&in, CMS_DER_1, &unsigned_attributes);
	return in.n == 0;
}

void
cms_signer_read(struct slice whole, struct arena *a, struct cms_signer *out)
{
	struct parts p = {0};
	int digest;

	*out = (struct cms_signer){.problem = SMIME_PROBLEM_SIGNATURE};
	if (!take_parts(whole, a, out, &p) ||
		(out->has_attributes &&
			!cms_attributes_parse(p.attributes, a, &out->attributes)))
		return;
	if (out->attributes.protection.n &&
		!is_protected(out->attributes.protection, p.digest, p.algorithm))
		return;
	digest = cms_algorithm_digest(p.digest);
	out->problem = SMIME_PROBLEM_ALGORITHM;
	if (digest != NID_undef && cms_algorithm_parse(p.algorithm, digest, &out->algorithm))
		out->problem = SMIME_PROBLEM_NONE;
}

/* --- the text --------------------------------------------------------------------------- */

void
cms_signer_check_text(struct cms_signer *s, struct slice hash, uint8_t first)
{
	if (s->problem != SMIME_PROBLEM_NONE)
		return;
	if (s->has_attributes) {
		/* eContentType is id-data, or nobody gets here. */
		if (!slice_eq(s->attributes.content_type, cms_attributes_data) ||
			!slice_eq(s->attributes.message_digest, hash))
			s->problem = SMIME_PROBLEM_SIGNATURE;
		return;
	}
	/* Without attributes the signature is one of the text itself: then it could be that of
	 * somebody's attributes, shown as a text. Those begin with SET OF. */
	if (first == CMS_DER_SET)
		s->problem = SMIME_PROBLEM_SIGNATURE;
	/* RFC 8419 section 3.1: it would be of the whole text, which isn't kept. */
	if (s->algorithm.scheme == CMS_ALGORITHM_ED25519)
		s->problem = SMIME_PROBLEM_ALGORITHM;
}

/* --- the key ---------------------------------------------------------------------------- */

static bool
is_serial(struct slice body, X509 *cert)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	uint8_t *der = NULL;
	int n = i2d_ASN1_INTEGER(serial, &der);
	struct slice in = slice_of(der, n > 0 ? (size_t)n : 0), its;
	bool is = cms_der_take(&in, CMS_DER_INTEGER, &its) && slice_eq(its, body);

	OPENSSL_free(der);
	return is;
}

static bool
is_issuer(struct slice whole, X509 *cert)
{
	const uint8_t *p = whole.p;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)whole.n);
	bool is = name && X509_NAME_cmp(name, X509_get_issuer_name(cert)) == 0;

	X509_NAME_free(name);
	ERR_clear_error();
	return is;
}

bool
cms_signer_names(const struct cms_signer *s, X509 *cert)
{
	const ASN1_OCTET_STRING *id;

	if (s->serial.n)
		return is_serial(s->serial, cert) && is_issuer(s->issuer, cert);
	id = X509_get0_subject_key_id(cert);
	return id && s->key_id.n &&
	       slice_eq(s->key_id,
		       slice_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)));
}

/* RFC 5035: the first ESSCertIDv2 is the signer's, so that no other certificate for the same
 * key can be put in its place. */
static bool
is_meant(struct slice attribute, struct slice der)
{
	struct slice in, list, first, algorithm, hash;
	uint8_t own[HASH_MAX];
	int digest = NID_sha256;

	if (!cms_der_take(&attribute, CMS_DER_SEQUENCE, &in) ||
		!cms_der_take(&in, CMS_DER_SEQUENCE, &list) ||
		!cms_der_take(&list, CMS_DER_SEQUENCE, &first))
		return false;
	if (cms_der_take(&first, CMS_DER_SEQUENCE, &algorithm))
		digest = cms_algorithm_digest(algorithm);
	return digest != NID_undef && cms_der_take(&first, CMS_DER_OCTET_STRING, &hash) &&
	       slice_eq(hash, slice_of(own, cms_algorithm_hash(digest, der, own)));
}

static bool
is_signed(const struct cms_signer *s, EVP_PKEY *key, struct slice attributes)
{
	uint8_t hash[HASH_MAX];
	struct slice tbs = attributes;

	if (s->algorithm.scheme != CMS_ALGORITHM_ED25519)
		tbs = slice_of(hash, cms_algorithm_hash(s->algorithm.digest, attributes, hash));
	return cms_algorithm_verify(&s->algorithm, key, tbs, s->signature);
}

bool
cms_signer_check_key(
	const struct cms_signer *s, X509 *cert, struct slice der, struct slice hash)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	const struct cms_attributes *at = &s->attributes;

	if (!key || s->problem != SMIME_PROBLEM_NONE)
		return false;
	if (!s->has_attributes)
		return cms_algorithm_verify(&s->algorithm, key, hash, s->signature);
	if (at->certificate.n && !is_meant(at->certificate, der))
		return false;
	if (is_signed(s, key, at->der))
		return true;
	/* Old programs sign their attributes as they send them, sorted or not: they are the
	 * same attributes, whichever of it the signature covers. */
	return !slice_eq(at->der, at->as_they_came) && is_signed(s, key, at->as_they_came);
}
