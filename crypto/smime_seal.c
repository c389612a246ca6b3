#include "crypto/smime_seal.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/cms_content.h"
#include "crypto/smime_capability.h"
#include "crypto/smime_recipient.h"
#include "crypto/tls.h"

/* A piece is what goes into one OCTET STRING. */
enum { PIECE = 16384, ALGORITHM_MAX = 128 };

struct smime_seal {
	struct text_sink out;
	EVP_CIPHER_CTX *ctx;
	bool is_gcm;
	struct buf head; /* all before the content, until it is written */
	size_t n;	 /* in `piece` */
	uint8_t piece[PIECE + EVP_MAX_BLOCK_LENGTH];
	enum err error;
};

/* --- which cipher ---------------------------------------------------------------------- */

static unsigned
capabilities_of(const Gateway__Certificate *to)
{
	return smime_capability_read(slice_of(to->capabilities.data, to->capabilities.len));
}

/* What all of them can. */
static unsigned
common(Gateway__Certificate *const *to, size_t n)
{
	unsigned all = ~0U;

	for (size_t i = 0; i < n; i++) {
		unsigned one = capabilities_of(to[i]);

		/* RFC 8551 section 2.7.1.2: of whom nothing is known AES is expected. */
		all &= one ? one : SMIME_CAPABILITY_AES128_CBC | SMIME_CAPABILITY_AES256_CBC;
	}
	return n ? all : 0;
}

Gateway__Settings__Cipher
smime_seal_cipher(Gateway__Certificate *const *to, size_t n, Gateway__Settings__Cipher wanted)
{
	unsigned all = common(to, n);

	if (wanted != GATEWAY__SETTINGS__CIPHER__AUTO)
		return wanted;
	if (all & SMIME_CAPABILITY_AES256_GCM)
		return GATEWAY__SETTINGS__CIPHER__AES256_GCM;
	if (all & SMIME_CAPABILITY_AES128_GCM)
		return GATEWAY__SETTINGS__CIPHER__AES128_GCM;
	if ((all & SMIME_CAPABILITY_AES128_CBC) && !(all & SMIME_CAPABILITY_AES256_CBC))
		return GATEWAY__SETTINGS__CIPHER__AES128_CBC;
	return GATEWAY__SETTINGS__CIPHER__AES256_CBC;
}

static const char *
cipher_name(Gateway__Settings__Cipher cipher)
{
	static const char *const names[] = {
		[GATEWAY__SETTINGS__CIPHER__AES128_CBC] = "AES-128-CBC",
		[GATEWAY__SETTINGS__CIPHER__AES256_CBC] = "AES-256-CBC",
		[GATEWAY__SETTINGS__CIPHER__AES128_GCM] = "AES-128-GCM",
		[GATEWAY__SETTINGS__CIPHER__AES256_GCM] = "AES-256-GCM",
	};

	return (size_t)cipher < sizeof names / sizeof names[0] ? names[cipher] : NULL;
}

enum err
smime_seal_check(const Gateway__Certificate *to)
{
	struct smime_recipient r;
	enum err e;

	tls_init();
	e = smime_recipient_init(&r, slice_of(to->der.data, to->der.len), capabilities_of(to));
	smime_recipient_fini(&r);
	return e;
}

/* --- the head -------------------------------------------------------------------------- */

/* A SET OF RecipientInfo. *is_agreed: one of them isn't version 0. */
static bool
put_recipients(Gateway__Certificate *const *to, size_t n, struct slice cek, struct buf *out,
	bool *is_agreed)
{
	size_t at = out->n;

	*is_agreed = false;
	for (size_t i = 0; i < n; i++) {
		struct smime_recipient r;
		bool ok = smime_recipient_init(&r, slice_of(to[i]->der.data, to[i]->der.len),
				  capabilities_of(to[i])) == ERR_OK &&
			  smime_recipient_put(&r, cek, out);

		*is_agreed |= ok && smime_recipient_is_agreed(&r);
		smime_recipient_fini(&r);
		if (!ok)
			return false;
	}
	cms_der_wrap(out, at, CMS_DER_SET);
	return !out->overflow;
}

/* BER, as the content's size isn't known: what is open here is closed at the end. */
static void
put_head(struct smime_seal *s, bool is_agreed, struct slice recipients, struct slice algorithm)
{
	bool is_two = is_agreed && !s->is_gcm;

	buf_put_slice(&s->head, SLICE_LIT("\x30\x80"));
	cms_der_put(&s->head, CMS_DER_OID,
		s->is_gcm ? SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17")
			  : SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"));
	buf_put_slice(&s->head, SLICE_LIT("\xa0\x80\x30\x80"));
	/* RFC 5083 section 2.1: AuthEnvelopedData is always 0. */
	buf_put_slice(&s->head, is_two ? SLICE_LIT("\x02\x01\x02") : SLICE_LIT("\x02\x01\x00"));
	buf_put_slice(&s->head, recipients);
	buf_put_slice(
		&s->head, SLICE_LIT("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"));
	buf_put_slice(&s->head, algorithm);
	buf_put_slice(&s->head, SLICE_LIT("\xa0\x80"));
}

static bool
begin(struct smime_seal *s, Gateway__Certificate *const *to, size_t n, const char *cipher)
{
	uint8_t cek[CMS_CONTENT_KEY_MAX];
	struct cms_content content;
	struct buf algorithm, recipients;
	bool derives = common(to, n) & SMIME_CAPABILITY_CEK_HKDF, is_agreed, ok;

	buf_init(&algorithm, ALGORITHM_MAX);
	buf_init(&recipients, SMIME_STRUCTURE_MAX - 1024);
	must(cms_content_choose(cipher, derives, &algorithm) &&
		cms_content_by(buf_slice(&algorithm), &content) == ERR_OK);
	rand_bytes(cek, sizeof cek);
	s->is_gcm = content.is_gcm;
	ok = put_recipients(to, n, slice_of(cek, content.key_size), &recipients, &is_agreed);
	if (ok) {
		put_head(s, is_agreed, buf_slice(&recipients), buf_slice(&algorithm));
		s->ctx = cms_content_start(&content, cek, true);
	}
	OPENSSL_cleanse(cek, sizeof cek);
	buf_fini(&algorithm);
	buf_fini(&recipients);
	return ok;
}

struct smime_seal *
smime_seal_new(Gateway__Certificate *const *to, size_t n, Gateway__Settings__Cipher cipher,
	struct text_sink out)
{
	const char *name = cipher_name(smime_seal_cipher(to, n, cipher));
	struct smime_seal *s;

	tls_init();
	if (n == 0 || n > SMIME_RECIPIENTS_MAX || !name)
		return NULL;
	s = must_zalloc(sizeof *s);
	s->out = out;
	buf_init(&s->head, SMIME_STRUCTURE_MAX);
	if (begin(s, to, n, name))
		return s;
	smime_seal_free(s);
	return NULL;
}

void
smime_seal_free(struct smime_seal *s)
{
	if (!s)
		return;
	EVP_CIPHER_CTX_free(s->ctx);
	buf_fini(&s->head);
	free(s);
}

/* --- the content ----------------------------------------------------------------------- */

static void
put(struct smime_seal *s, struct slice octets)
{
	if (!s->error && octets.n)
		s->error = s->out.put(s->out.arg, octets);
}

static void
put_head_once(struct smime_seal *s)
{
	put(s, buf_slice(&s->head));
	buf_fini(&s->head);
}

static void
put_piece(struct smime_seal *s)
{
	struct buf header;

	buf_init(&header, 8);
	cms_der_put_header(&header, CMS_DER_OCTET_STRING, s->n);
	if (s->n) {
		put(s, buf_slice(&header));
		put(s, slice_of(s->piece, s->n));
	}
	s->n = 0;
	buf_fini(&header);
}

enum err
smime_seal_feed(struct smime_seal *s, struct slice plain)
{
	put_head_once(s);
	while (plain.n && !s->error) {
		size_t room = PIECE - s->n, n = plain.n < room ? plain.n : room;
		int made = 0;

		if (EVP_EncryptUpdate(s->ctx, s->piece + s->n, &made, plain.p, (int)n) != 1)
			s->error = ERR_CRYPTO;
		s->n += (size_t)made;
		plain = slice_from(plain, n);
		if (s->n >= PIECE)
			put_piece(s);
	}
	return s->error;
}

enum err
smime_seal_finish(struct smime_seal *s)
{
	uint8_t tag[2 + CMS_CONTENT_TAG] = {CMS_DER_OCTET_STRING, CMS_CONTENT_TAG};
	int made = 0;

	put_head_once(s);
	if (!s->error && EVP_EncryptFinal_ex(s->ctx, s->piece + s->n, &made) != 1)
		s->error = ERR_CRYPTO;
	s->n += (size_t)made;
	put_piece(s);
	/* The ends of the content and of EncryptedContentInfo; the tag; the three others'. */
	put(s, SLICE_LIT("\0\0\0\0"));
	if (s->is_gcm && !s->error) {
		must(EVP_CIPHER_CTX_ctrl(
			     s->ctx, EVP_CTRL_AEAD_GET_TAG, CMS_CONTENT_TAG, tag + 2) == 1);
		put(s, slice_of(tag, sizeof tag));
	}
	put(s, SLICE_LIT("\0\0\0\0\0\0"));
	ERR_clear_error();
	return s->error;
}
