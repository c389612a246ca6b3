#include "crypto/smime_sign.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <time.h>

#include "core/arena.h"
#include "core/codec.h"
#include "core/must.h"
#include "crypto/cert_check.h"
#include "crypto/cert_x509.h"
#include "crypto/cms_algorithm.h"
#include "crypto/cms_attributes.h"
#include "crypto/cms_der.h"
#include "crypto/smime_caps.h"

enum {
	PIECE = 16384, /* octets of an opaque content that become one OCTET STRING */
	STRUCTURE_MAX = SMIME_STRUCTURE_MAX,
	UTC_TIME = 0x17,
	GENERALIZED_TIME = 0x18,
	YEAR_2050 = 2050 - 1900
};

#define OID_SIGNED "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define OID_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define THREE_ENDS SLICE_LIT("\0\0\0\0\0\0")

struct smime_sign {
	struct smime_sign_setup setup;
	struct cms_algorithm algorithm;
	X509 *cert;
	EVP_MD_CTX *digest;
	struct buf piece; /* opaque: content that waits for more */
	enum err error;
};

/* --- with what --------------------------------------------------------------------------- */

static X509 *
usable(const struct smime_sign_setup *setup, struct cms_algorithm *algorithm)
{
	struct cert_check_rules rules = {
		CERT_CHECK_TO_SIGN, setup->now_sec, CERT_CHECK_RSA_MIN};
	struct slice der;
	X509 *cert;

	if (setup->key->n_certificate == 0)
		return NULL;
	der = codec_slice(setup->key->certificate[0]);
	if (cert_check_alone(der, &rules) != SMIME_PROBLEM_NONE)
		return NULL;
	cert = cert_x509_parse(der);
	if (cms_algorithm_for(X509_get0_pubkey(cert), setup->is_pss, algorithm))
		return cert;
	X509_free(cert);
	return NULL;
}

const char *
smime_sign_micalg(const struct smime_sign_setup *setup)
{
	struct cms_algorithm algorithm;
	X509 *cert = usable(setup, &algorithm);

	X509_free(cert);
	return cert ? cms_algorithm_micalg(algorithm.digest) : NULL;
}

/* --- opaque: the content as it comes ----------------------------------------------------- */

static enum err
put(struct smime_sign *s, struct slice octets)
{
	return s->setup.to.put(s->setup.to.arg, octets);
}

static void
put_digests(struct smime_sign *s, struct buf *b)
{
	size_t at = b->n;

	cms_algorithm_put_digest(b, s->algorithm.digest);
	cms_der_wrap(b, at, CMS_DER_SET);
}

/* Its length isn't known: all that is around it is indefinite. */
static void
begin_opaque(struct smime_sign *s)
{
	struct buf b;

	buf_init(&b, 256);
	buf_put_slice(&b, SLICE_LIT("\x30\x80" OID_SIGNED "\xa0\x80\x30\x80\x02\x01\x01"));
	put_digests(s, &b);
	buf_put_slice(&b, SLICE_LIT("\x30\x80" OID_DATA "\xa0\x80\x24\x80"));
	must(!b.overflow);
	s->error = put(s, buf_slice(&b));
	buf_fini(&b);
}

static enum err
put_piece(struct smime_sign *s)
{
	struct buf header;
	enum err e;

	if (s->piece.n == 0)
		return ERR_OK;
	buf_init(&header, 16);
	cms_der_put_header(&header, CMS_DER_OCTET_STRING, s->piece.n);
	e = put(s, buf_slice(&header));
	buf_fini(&header);
	if (!e)
		e = put(s, buf_slice(&s->piece));
	buf_clear(&s->piece);
	return e;
}

static enum err
feed_opaque(struct smime_sign *s, struct slice content)
{
	enum err e = ERR_OK;

	while (content.n && !e) {
		size_t room = PIECE - s->piece.n, n = content.n < room ? content.n : room;

		buf_put_slice(&s->piece, slice_cut(content, 0, n));
		content = slice_from(content, n);
		if (s->piece.n == PIECE)
			e = put_piece(s);
	}
	return e;
}

/* --- its life ---------------------------------------------------------------------------- */

struct smime_sign *
smime_sign_new(const struct smime_sign_setup *setup)
{
	struct cms_algorithm algorithm;
	X509 *cert = usable(setup, &algorithm);
	struct smime_sign *s;

	if (!cert)
		return NULL;
	s = must_zalloc(sizeof *s);
	s->setup = *setup;
	s->algorithm = algorithm;
	s->cert = cert;
	buf_init(&s->piece, PIECE);
	s->digest = EVP_MD_CTX_new();
	must(s->digest &&
		EVP_DigestInit_ex(s->digest, EVP_get_digestbynid(algorithm.digest), NULL) == 1);
	if (setup->is_opaque)
		begin_opaque(s);
	return s;
}

void
smime_sign_free(struct smime_sign *s)
{
	if (!s)
		return;
	X509_free(s->cert);
	EVP_MD_CTX_free(s->digest);
	buf_fini(&s->piece);
	free(s);
}

enum err
smime_sign_feed(struct smime_sign *s, struct slice content)
{
	if (s->error)
		return s->error;
	must(EVP_DigestUpdate(s->digest, content.p, content.n) == 1);
	if (s->setup.is_opaque)
		s->error = feed_opaque(s, content);
	return s->error;
}

/* --- signedAttributes --------------------------------------------------------------------- */

static void
put_time(struct buf *b, uint64_t now_sec)
{
	time_t now = (time_t)now_sec;
	struct tm tm;
	bool is_utc;
	char text[32];
	size_t n;

	gmtime_r(&now, &tm);
	n = strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm);
	/* RFC 5652 section 11.3: UTCTime, which has no century, until 2049. */
	is_utc = tm.tm_year < YEAR_2050;
	cms_der_put(b, is_utc ? UTC_TIME : GENERALIZED_TIME,
		slice_from(slice_of(text, n), is_utc ? 2 : 0));
}

/* RFC 6211: so that nobody can claim other algorithms than those that were used. */
static void
put_protection(struct buf *b, const struct cms_algorithm *algorithm)
{
	size_t all = b->n, at;

	cms_algorithm_put_digest(b, algorithm->digest);
	at = b->n;
	cms_algorithm_put(b, algorithm);
	/* [1] IMPLICIT: the same with another tag. */
	if (b->n > at)
		b->p[at] = CMS_DER_1;
	cms_der_wrap(b, all, CMS_DER_SEQUENCE);
}

static void
put_attribute(struct buf *to, struct slice oid, struct buf *value)
{
	cms_attributes_put(to, oid, buf_slice(value));
	buf_clear(value);
}

/* The body of the SET OF, sorted. */
static struct slice
make_attributes(struct smime_sign *s, struct arena *a)
{
	uint8_t hash[CMS_ALGORITHM_HASH_MAX];
	struct slice sorted;
	struct buf all, one;
	unsigned n = 0;

	buf_init(&all, STRUCTURE_MAX);
	buf_init(&one, STRUCTURE_MAX);
	must(EVP_DigestFinal_ex(s->digest, hash, &n) == 1);
	cms_der_put(&one, CMS_DER_OID, cms_attributes_data);
	put_attribute(&all, cms_attributes_content_type, &one);
	cms_der_put(&one, CMS_DER_OCTET_STRING, slice_of(hash, n));
	put_attribute(&all, cms_attributes_message_digest, &one);
	put_time(&one, s->setup.now_sec);
	put_attribute(&all, cms_attributes_signing_time, &one);
	smime_caps_put(&one);
	put_attribute(&all, cms_attributes_capabilities, &one);
	put_protection(&one, &s->algorithm);
	put_attribute(&all, cms_attributes_protection, &one);
	must(!all.overflow && !one.overflow);
	must(cms_attributes_sort(buf_slice(&all), a, &sorted));
	buf_fini(&all);
	buf_fini(&one);
	return sorted;
}

/* --- SignerInfo --------------------------------------------------------------------------- */

static enum err
make_signature(const struct smime_sign *s, struct slice attributes, struct buf *signature)
{
	struct gateway_keys_sign ask = {.digest = s->algorithm.scheme == CMS_ALGORITHM_ED25519
							  ? 0
							  : s->algorithm.digest,
		.pss = s->algorithm.scheme == CMS_ALGORITHM_PSS};
	const struct gateway_keys *keys = s->setup.keys;
	struct buf set;
	enum err e;

	buf_init(&set, STRUCTURE_MAX);
	cms_der_put(&set, CMS_DER_SET, attributes);
	ask.message = buf_slice(&set);
	e = keys->sign(keys->arg, s->setup.key, &ask, signature);
	buf_fini(&set);
	return e;
}

static void
put_who(struct buf *b, X509 *cert)
{
	uint8_t *der = NULL;
	size_t at = b->n;
	int n = i2d_X509_NAME(X509_get_issuer_name(cert), &der);

	must(n > 0);
	buf_put(b, der, (size_t)n);
	OPENSSL_free(der);
	der = NULL;
	n = i2d_ASN1_INTEGER(X509_get_serialNumber(cert), &der);
	must(n > 0);
	buf_put(b, der, (size_t)n);
	OPENSSL_free(der);
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
}

/* signerInfos, whole. */
static void
put_infos(struct smime_sign *s, struct slice attributes, struct slice signature, struct buf *b)
{
	static const uint8_t version = 1;
	size_t at = b->n;

	cms_der_put(b, CMS_DER_INTEGER, slice_of(&version, 1));
	put_who(b, s->cert);
	cms_algorithm_put_digest(b, s->algorithm.digest);
	cms_der_put(b, CMS_DER_0, attributes);
	cms_algorithm_put(b, &s->algorithm);
	cms_der_put(b, CMS_DER_OCTET_STRING, signature);
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
	cms_der_wrap(b, at, CMS_DER_SET);
}

/* certificates, whole. */
static void
put_certificates(const struct smime_sign *s, struct arena *a, struct buf *b)
{
	const Gateway__Key *key = s->setup.key;
	struct slice sorted;
	struct buf all;

	buf_init(&all, STRUCTURE_MAX);
	for (size_t i = 0; i < key->n_certificate; i++)
		buf_put_slice(&all, codec_slice(key->certificate[i]));
	/* In DER a set is sorted; who receives it doesn't mind if it can't be. */
	if (!cms_attributes_sort(buf_slice(&all), a, &sorted))
		sorted = arena_dup(a, buf_slice(&all));
	cms_der_put(b, CMS_DER_0, sorted);
	buf_fini(&all);
}

/* --- its end ------------------------------------------------------------------------------ */

static enum err
put_detached(struct smime_sign *s, struct slice certificates, struct slice infos)
{
	static const uint8_t version = 1;
	struct buf b, out;
	enum err e = ERR_TOO_BIG;

	buf_init(&b, STRUCTURE_MAX);
	buf_init(&out, STRUCTURE_MAX);
	cms_der_put(&b, CMS_DER_INTEGER, slice_of(&version, 1));
	put_digests(s, &b);
	cms_der_put(&b, CMS_DER_SEQUENCE, SLICE_LIT(OID_DATA));
	buf_put_slice(&b, certificates);
	buf_put_slice(&b, infos);
	cms_der_wrap(&b, 0, CMS_DER_SEQUENCE);
	cms_der_wrap(&b, 0, CMS_DER_0);
	buf_put_slice(&out, SLICE_LIT(OID_SIGNED));
	buf_put_slice(&out, buf_slice(&b));
	cms_der_wrap(&out, 0, CMS_DER_SEQUENCE);
	if (!b.overflow && !out.overflow)
		e = put(s, buf_slice(&out));
	buf_fini(&b);
	buf_fini(&out);
	return e;
}

static enum err
end_opaque(struct smime_sign *s, struct slice certificates, struct slice infos)
{
	enum err e = put_piece(s);

	/* Of the string, the [0] around it, and EncapsulatedContentInfo. */
	if (!e)
		e = put(s, THREE_ENDS);
	if (!e)
		e = put(s, certificates);
	if (!e)
		e = put(s, infos);
	/* Of SignedData, its [0], and ContentInfo. */
	return e ? e : put(s, THREE_ENDS);
}

static enum err
put_end(struct smime_sign *s, struct arena *a, struct slice attributes, struct slice signature)
{
	struct buf certificates, infos;
	enum err e = ERR_CRYPTO;

	buf_init(&certificates, STRUCTURE_MAX);
	buf_init(&infos, STRUCTURE_MAX);
	put_certificates(s, a, &certificates);
	put_infos(s, attributes, signature, &infos);
	if (!certificates.overflow && !infos.overflow)
		e = s->setup.is_opaque
			    ? end_opaque(s, buf_slice(&certificates), buf_slice(&infos))
			    : put_detached(s, buf_slice(&certificates), buf_slice(&infos));
	buf_fini(&certificates);
	buf_fini(&infos);
	return e;
}

enum err
smime_sign_finish(struct smime_sign *s)
{
	struct slice attributes;
	struct buf signature;
	struct arena a;

	if (s->error)
		return s->error;
	arena_init(&a, 4096);
	buf_init(&signature, STRUCTURE_MAX);
	attributes = make_attributes(s, &a);
	s->error = make_signature(s, attributes, &signature);
	/* Whatever is wrong with the key, it is no signature. */
	if (s->error && s->error != ERR_UNAVAILABLE)
		s->error = ERR_CRYPTO;
	if (!s->error)
		s->error = put_end(s, &a, attributes, buf_slice(&signature));
	buf_fini(&signature);
	arena_reset(&a);
	ERR_clear_error();
	return s->error;
}
