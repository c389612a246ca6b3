/* signed: SignedData for unit tests, by hand, with whatever is to be wrong in it; and what
 * smime_verify thinks of it. */
#ifndef TESTS_SIGNED_H
#define TESTS_SIGNED_H

#include "crypto/cms_algorithm.h"
#include "crypto/cms_attributes.h"
#include "crypto/cms_der.h"
#include "crypto/smime_verify.h"
#include "tests/pki.h"
#include "tests/test.h"

enum { SIGNED_MAX = 1 << 20 };

/* A SignerInfo. What isn't set is as it should be. */
struct signed_info {
	const struct pki *by;
	const struct pki *named; /* in its place */
	int digest;		 /* NID; 0: SHA-256 */
	struct slice algorithm;	 /* signatureAlgorithm, whole */
	bool is_pss, has_key_id, no_attributes;
	bool no_type, no_digest, two_types, two_digests, two_values, other_type, other_text;
	struct slice protection; /* value */
	struct slice more;	 /* a further attribute, whole */
	bool is_unsorted;	 /* sent so */
	bool signs_unsorted;	 /* and signed so */
	bool digest_in_pieces;
	bool bent; /* signature */
};
struct signed_data {
	const struct signed_info *info;
	size_t infos;
	const struct pki *certificate[70];
	size_t certificates;
	struct slice text;
	bool is_opaque;
	struct slice type;    /* eContentType, whole; empty: id-data */
	struct slice digests; /* digestAlgorithms, whole; empty: the empty set */
};

static inline void
signed_put_attributes(struct buf *b, const struct signed_info *i, struct slice hash)
{
	static const struct slice other_type = SLICE_LIT("\x06\x03\x2a\x03\x04"),
				  data = SLICE_LIT(
					  "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");
	uint8_t value[160];
	struct buf digest;

	buf_init(&digest, sizeof value);
	if (i->digest_in_pieces) {
		cms_der_put(&digest, CMS_DER_OCTET_STRING, slice_cut(hash, 0, 5));
		cms_der_put(&digest, CMS_DER_OCTET_STRING, slice_from(hash, 5));
		cms_der_wrap(&digest, 0, 0x24);
	} else {
		cms_der_put(&digest, CMS_DER_OCTET_STRING, hash);
	}
	if (i->two_values)
		cms_der_put(&digest, CMS_DER_OCTET_STRING, hash);
	for (int n = i->no_digest ? 0 : 1 + i->two_digests; n > 0; n--)
		cms_attributes_put(b, cms_attributes_message_digest, buf_slice(&digest));
	for (int n = i->no_type ? 0 : 1 + i->two_types; n > 0; n--)
		cms_attributes_put(
			b, cms_attributes_content_type, i->other_type ? other_type : data);
	if (i->protection.n)
		cms_attributes_put(b, cms_attributes_protection, i->protection);
	buf_put_slice(b, i->more);
	buf_fini(&digest);
}

/* With what OpenSSL has, so that ours isn't compared with itself. */
static inline void
signed_make(const struct signed_info *i, struct slice message, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	const EVP_MD *md = EVP_get_digestbynid(i->digest ? i->digest : NID_sha256);
	size_t n = CMS_ALGORITHM_HASH_MAX * 64;
	uint8_t *p = must_alloc(n);

	if (EVP_PKEY_is_a(i->by->key, "ED25519"))
		md = NULL;
	must(EVP_DigestSignInit(ctx, &pctx, md, NULL, i->by->key) == 1);
	if (i->is_pss)
		must(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
			EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1);
	must(EVP_DigestSign(ctx, p, &n, message.p, message.n) == 1);
	EVP_MD_CTX_free(ctx);
	if (i->bent)
		p[n / 2] ^= 1;
	cms_der_put(out, CMS_DER_OCTET_STRING, slice_of(p, n));
	free(p);
}

static inline void
signed_put_who(struct buf *b, const struct signed_info *i)
{
	X509 *cert = i->named ? i->named->cert : i->by->cert;
	uint8_t *der = NULL;
	size_t at = b->n;
	int n;

	if (i->has_key_id) {
		const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(cert);

		cms_der_put(b, 0x80,
			slice_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)));
		return;
	}
	n = i2d_X509_NAME(X509_get_issuer_name(cert), &der);
	buf_put(b, der, (size_t)n);
	OPENSSL_free(der);
	der = NULL;
	n = i2d_ASN1_INTEGER(X509_get0_serialNumber(cert), &der);
	buf_put(b, der, (size_t)n);
	OPENSSL_free(der);
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
}

static inline void
signed_put_digest(struct buf *b, int nid)
{
	size_t at = b->n;
	uint8_t *der = NULL;
	int n = i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &der);

	buf_put(b, der, (size_t)n);
	OPENSSL_free(der);
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
}

static inline void
signed_put_algorithm(struct buf *b, const struct signed_info *i)
{
	struct cms_algorithm a;

	if (i->algorithm.n) {
		buf_put_slice(b, i->algorithm);
		return;
	}
	must(cms_algorithm_for(i->by->key, i->is_pss, &a));
	if (i->digest && a.scheme == CMS_ALGORITHM_ECDSA)
		a.digest = i->digest;
	cms_algorithm_put(b, &a);
}

static inline void
signed_put_info(struct buf *b, const struct signed_info *i, struct slice text)
{
	uint8_t hash[64];
	unsigned n;
	size_t at = b->n;
	struct buf attributes, set;
	struct slice sorted = SLICE_EMPTY;
	struct arena a;

	arena_init(&a, 0);
	buf_init(&attributes, SIGNED_MAX);
	buf_init(&set, SIGNED_MAX);
	if (i->other_text)
		text = SLICE_LIT("another text");
	must(EVP_Digest(text.p, text.n, hash, &n,
		     EVP_get_digestbynid(i->digest ? i->digest : NID_sha256), NULL) == 1);
	signed_put_attributes(&attributes, i, slice_of(hash, n));
	must(cms_attributes_sort(buf_slice(&attributes), &a, &sorted));
	buf_put_slice(b, SLICE_LIT("\x02\x01\x01"));
	signed_put_who(b, i);
	signed_put_digest(b, i->digest ? i->digest : NID_sha256);
	if (!i->no_attributes)
		cms_der_put(b, CMS_DER_0, i->is_unsorted ? buf_slice(&attributes) : sorted);
	signed_put_algorithm(b, i);
	cms_der_put(&set, CMS_DER_SET, i->signs_unsorted ? buf_slice(&attributes) : sorted);
	signed_make(i, i->no_attributes ? text : buf_slice(&set), b);
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
	buf_fini(&attributes);
	buf_fini(&set);
	arena_reset(&a);
}

/* ContentInfo. */
static inline void
signed_put(struct buf *b, const struct signed_data *d)
{
	struct buf whole;
	size_t at;

	buf_put_slice(b, SLICE_LIT("\x02\x01\x01"));
	buf_put_slice(b, d->digests.n ? d->digests : SLICE_LIT("\x31\x00"));
	at = b->n;
	buf_put_slice(b, d->type.n ? d->type
				   : SLICE_LIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"));
	if (d->is_opaque) {
		size_t inner = b->n;

		cms_der_put(b, CMS_DER_OCTET_STRING, d->text);
		cms_der_wrap(b, inner, CMS_DER_0);
	}
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
	at = b->n;
	for (size_t i = 0; i < d->certificates; i++)
		buf_put_slice(b, d->certificate[i]->der);
	if (d->certificates)
		cms_der_wrap(b, at, CMS_DER_0);
	at = b->n;
	for (size_t i = 0; i < d->infos; i++)
		signed_put_info(b, &d->info[i], d->text);
	cms_der_wrap(b, at, CMS_DER_SET);
	cms_der_wrap(b, 0, CMS_DER_SEQUENCE);
	cms_der_wrap(b, 0, CMS_DER_0);
	buf_init(&whole, SIGNED_MAX);
	buf_put_slice(&whole, SLICE_LIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"));
	buf_put_slice(&whole, buf_slice(b));
	cms_der_wrap(&whole, 0, CMS_DER_SEQUENCE);
	buf_clear(b);
	buf_put_slice(b, buf_slice(&whole));
	buf_fini(&whole);
	must(!b->overflow);
}

/* What came of it. */
struct signed_seen {
	enum err error;
	struct smime_signer *signer;
	size_t n;
	struct buf text;
	struct arena arena;
};
static inline void
signed_look(struct signed_seen *s, const Gateway__Question *q, struct slice der,
	const struct slice *detached, size_t step)
{
	struct smime_verify_setup setup = {.trust = {q, 2048}};
	struct smime_verify *v;

	memset(s, 0, sizeof *s);
	arena_init(&s->arena, 0);
	buf_init(&s->text, SIGNED_MAX);
	setup.to = text_into(&s->text);
	if (detached)
		setup.detached = der;
	v = smime_verify_new(&setup);
	if (detached)
		der = *detached;
	for (size_t i = 0; i < der.n; i += step)
		smime_verify_feed(v, slice_cut(der, i, i + step));
	s->error = smime_verify_finish(v, &s->arena, &s->signer, &s->n);
	smime_verify_free(v);
}
static inline void
signed_forget(struct signed_seen *s)
{
	buf_fini(&s->text);
	arena_reset(&s->arena);
}

#endif
