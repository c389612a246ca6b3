#include "crypto/private_key.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/must.h"
#include "crypto/cms_agree.h"
#include "crypto/private_key_inner.h"
#include "crypto/tls.h"

enum { RSA_BITS_MIN = 1024, RSA_BITS_MAX = 8192, UKM_MAX = 4096, WRAPPED_MAX = 256 };

/* --- parsing --------------------------------------------------------------------------- */

static bool
is_ours(EVP_PKEY *pkey)
{
	if (EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_is_a(pkey, "RSA-PSS"))
		return EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN &&
		       EVP_PKEY_get_bits(pkey) <= RSA_BITS_MAX;
	return EVP_PKEY_is_a(pkey, "ED25519") || cms_agree_name(pkey);
}

/* From the key alone, so that the same octets have the same answer for ever. */
static void
make_secret(struct slice pkcs8, uint8_t secret[PRIVATE_KEY_SECRET])
{
	static const uint8_t label[] = "hairpin content key of nothing";
	unsigned size = PRIVATE_KEY_SECRET;

	must(HMAC(EVP_sha256(), label, sizeof label, pkcs8.p, pkcs8.n, secret, &size));
}

enum err
private_key_parse(struct slice pkcs8, struct private_key **key)
{
	EVP_PKEY *pkey;
	enum err e;

	tls_init();
	if (pkcs8.n > PRIVATE_KEY_DER_MAX)
		return ERR_SYNTAX;
	e = private_key_read(pkcs8, &pkey);
	if (e)
		return e;
	if (!is_ours(pkey)) {
		EVP_PKEY_free(pkey);
		return ERR_UNSUPPORTED;
	}
	*key = must_zalloc(sizeof **key);
	(*key)->pkey = pkey;
	make_secret(pkcs8, (*key)->secret);
	return ERR_OK;
}

void
private_key_free(struct private_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	OPENSSL_cleanse(k->secret, sizeof k->secret);
	free(k);
}

/* --- unwrapping ------------------------------------------------------------------------ */

/* OriginatorIdentifierOrKey: OriginatorPublicKey [1] { algorithm, publicKey BIT STRING }. */
static enum err
take_peer(const struct private_key *k, struct slice originator, EVP_PKEY **peer)
{
	struct slice key, algorithm, bits;

	*peer = NULL;
	/* A static key of the sender's would have to be looked up; RFC 8551 knows none. */
	if (!cms_der_take(&originator, CMS_DER_1, &key))
		return ERR_UNSUPPORTED;
	if (!cms_der_take(&key, CMS_DER_SEQUENCE, &algorithm) ||
		!cms_der_take(&key, CMS_DER_BIT_STRING, &bits) || bits.n < 2 || bits.p[0] != 0)
		return ERR_OK;
	bits = slice_from(bits, 1);
	if (EVP_PKEY_is_a(k->pkey, "X25519")) {
		*peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, bits.p, bits.n);
		return ERR_OK;
	}
	/* Looks whether the point is on the curve. */
	*peer = EVP_PKEY_new();
	if (EVP_PKEY_copy_parameters(*peer, k->pkey) != 1 ||
		EVP_PKEY_set1_encoded_public_key(*peer, bits.p, bits.n) != 1) {
		EVP_PKEY_free(*peer);
		*peer = NULL;
	}
	return ERR_OK;
}

static void
unwrap_with(const struct cms_agree *a, const struct cms_der *wrapped, const uint8_t *kek,
	size_t cek_size, uint8_t *cek)
{
	struct buf b;

	buf_init(&b, WRAPPED_MAX);
	if (cms_der_octets(wrapped, &b))
		cms_agree_unwrap(a, kek, buf_slice(&b), cek_size, cek);
	buf_fini(&b);
}

static enum err
agree(const struct private_key *k, struct slice certificate, const struct cms_recipient *r,
	size_t cek_size, uint8_t *cek)
{
	struct cms_certificate ours;
	uint8_t kek[CMS_AGREE_KEK_MAX];
	struct cms_agree a;
	struct cms_der wrapped;
	struct slice entry;
	struct buf ukm;
	EVP_PKEY *peer = NULL;
	enum err e = cms_agree_by(r->oid, r->parameters, &a);

	buf_init(&ukm, UKM_MAX);
	if (!e)
		e = take_peer(k, r->originator, &peer);
	if (!e && peer && cms_certificate_parse(certificate, &ours) &&
		cms_recipient_find(r, &ours, &wrapped, &entry) &&
		(r->ukm.whole.n == 0 || cms_der_octets(&r->ukm, &ukm))) {
		a.ukm = buf_slice(&ukm);
		if (cms_agree_kek(&a, k->pkey, peer, kek))
			unwrap_with(&a, &wrapped, kek, cek_size, cek);
	}
	OPENSSL_cleanse(kek, sizeof kek);
	EVP_PKEY_free(peer);
	buf_fini(&ukm);
	ERR_clear_error();
	return e;
}

/* What the answer is if there is none: it follows from the key and the octets, so that who
 * asks twice learns nothing either. */
static void
no_cek(const struct private_key *k, struct slice recipient_info, size_t cek_size, uint8_t *cek)
{
	uint8_t octets[EVP_MAX_MD_SIZE];
	unsigned n = sizeof octets;

	must(HMAC(EVP_sha256(), k->secret, sizeof k->secret, recipient_info.p, recipient_info.n,
		     octets, &n) != NULL);
	memcpy(cek, octets, cek_size);
	OPENSSL_cleanse(octets, sizeof octets);
}

enum err
private_key_unwrap(const struct private_key *k, struct slice certificate,
	struct slice recipient_info, size_t cek_size, uint8_t *cek)
{
	struct cms_recipient r;

	must(cek_size > 0 && cek_size <= GATEWAY_KEYS_CEK_MAX);
	no_cek(k, recipient_info, cek_size, cek);
	if (!cms_recipient_parse(recipient_info, &r))
		return ERR_OK;
	if (r.kind == CMS_RECIPIENT_TRANSPORT && EVP_PKEY_is_a(k->pkey, "RSA"))
		return private_key_rsa(k, &r, cek_size, cek);
	if (r.kind == CMS_RECIPIENT_AGREE && cms_agree_name(k->pkey))
		return agree(k, certificate, &r, cek_size, cek);
	return ERR_UNSUPPORTED;
}

/* --- signing --------------------------------------------------------------------------- */

static const EVP_MD *
digest_of(int nid)
{
	if (nid == NID_sha256)
		return EVP_sha256();
	if (nid == NID_sha384)
		return EVP_sha384();
	return nid == NID_sha512 ? EVP_sha512() : NULL;
}

static bool
may_sign(const struct private_key *k, const struct gateway_keys_sign *q)
{
	if (EVP_PKEY_is_a(k->pkey, "ED25519"))
		return q->digest == 0 && !q->pss;
	if (!digest_of(q->digest) || EVP_PKEY_is_a(k->pkey, "X25519"))
		return false;
	if (EVP_PKEY_is_a(k->pkey, "RSA-PSS"))
		return q->pss;
	return EVP_PKEY_is_a(k->pkey, "RSA") || !q->pss;
}

/* RFC 4056 section 3: MGF1 with the same digest, a salt of its length. */
static bool
set_pss(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

enum err
private_key_sign(
	const struct private_key *k, const struct gateway_keys_sign *q, struct buf *signature)
{
	size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
	EVP_MD_CTX *ctx;
	EVP_PKEY_CTX *how;
	uint8_t *p;
	bool ok;

	if (!may_sign(k, q))
		return ERR_UNSUPPORTED;
	ctx = EVP_MD_CTX_new();
	p = buf_room(signature, n);
	ok = ctx && p &&
	     EVP_DigestSignInit(ctx, &how, digest_of(q->digest), NULL, k->pkey) == 1 &&
	     (!q->pss || set_pss(how)) &&
	     EVP_DigestSign(ctx, p, &n, q->message.p, q->message.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (ok)
		buf_grow(signature, n);
	return ok ? ERR_OK : ERR_CRYPTO;
}

enum err
private_key_sign_hash(
	const struct private_key *k, const struct gateway_keys_sign *q, struct buf *signature)
{
	size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
	EVP_PKEY_CTX *how;
	uint8_t *p;
	bool ok;

	if (!may_sign(k, q) || !q->digest)
		return ERR_UNSUPPORTED;
	how = EVP_PKEY_CTX_new(k->pkey, NULL);
	p = buf_room(signature, n);
	ok = how && p && EVP_PKEY_sign_init(how) == 1 &&
	     EVP_PKEY_CTX_set_signature_md(how, digest_of(q->digest)) == 1 &&
	     (!q->pss || set_pss(how)) &&
	     EVP_PKEY_sign(how, p, &n, q->message.p, q->message.n) == 1;
	EVP_PKEY_CTX_free(how);
	ERR_clear_error();
	if (ok)
		buf_grow(signature, n);
	return ok ? ERR_OK : ERR_CRYPTO;
}
