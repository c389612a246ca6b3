#include "crypto/smime_open.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "core/must.h"
#include "crypto/cms_content.h"
#include "crypto/cms_recipient.h"
#include "crypto/cms_walk.h"
#include "crypto/gcm_aad.h"
#include "crypto/tls.h"

enum { CHUNK = 16384 };

/* One of our keys, and what the mail has for it. */
struct candidate {
	struct cms_certificate certificate; /* borrows the key's */
	bool is_there;
	struct buf recipient_info; /* empty: the mail doesn't name it */
	const char *name;	   /* of its algorithm */
};

/* How far the structure has come: RFC 5652 section 6.1, RFC 5083 section 2.1. */
enum stage { AT_VERSION, AT_RECIPIENTS, AT_TYPE, AT_ALGORITHM, AT_CONTENT, BEHIND_CONTENT };

struct smime_open {
	struct smime_open_setup setup;
	struct cms_walk *walk;
	struct candidate *candidate; /* setup.n_key */
	size_t recipients;
	enum stage stage;
	const struct candidate *chosen;
	struct buf algorithm; /* what `content` borrows */
	struct cms_content content;
	uint8_t cek[GATEWAY_KEYS_CEK_MAX];
	EVP_CIPHER_CTX *ctx;
	uint64_t size; /* of the ciphertext */
	struct buf attributes, mac;
	enum err problem; /* one that everybody may know, or the sink's */
	bool is_broken;	  /* ends in ERR_CRYPTO */
	uint8_t plain[CHUNK + EVP_MAX_BLOCK_LENGTH];
};

static enum err on_element(void *arg, enum cms_walk_place place, struct slice der);
static enum err on_content(void *arg, struct slice octets);

struct smime_open *
smime_open_new(const struct smime_open_setup *setup)
{
	struct smime_open *o = must_zalloc(sizeof *o);
	struct cms_walk_to to = {on_element, on_content, o};

	tls_init();
	o->setup = *setup;
	o->walk = cms_walk_new(&to);
	o->candidate = must_zalloc((setup->n_key + 1) * sizeof *o->candidate);
	for (size_t i = 0; i < setup->n_key; i++) {
		const Gateway__Key *key = setup->key[i];

		buf_init(&o->candidate[i].recipient_info, GATEWAY_KEYS_RECIPIENT_MAX);
		o->candidate[i].is_there = key->n_certificate &&
					   cms_certificate_parse(
						   slice_of(key->certificate[0].data,
							   key->certificate[0].len),
						   &o->candidate[i].certificate);
	}
	buf_init(&o->algorithm, SMIME_STRUCTURE_MAX);
	buf_init(&o->attributes, SMIME_STRUCTURE_MAX);
	buf_init(&o->mac, CMS_CONTENT_TAG);
	return o;
}

void
smime_open_free(struct smime_open *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->setup.n_key; i++)
		buf_fini(&o->candidate[i].recipient_info);
	free(o->candidate);
	cms_walk_free(o->walk);
	EVP_CIPHER_CTX_free(o->ctx);
	buf_fini(&o->algorithm);
	buf_fini(&o->attributes);
	buf_fini(&o->mac);
	OPENSSL_cleanse(o, sizeof *o);
	free(o);
}

/* --- recipients ------------------------------------------------------------------------ */

/* The same KeyAgreeRecipientInfo with our entry alone: others may be hundreds. */
static void
put_agree(const struct cms_recipient *r, struct slice entry, struct buf *out)
{
	size_t at = out->n;

	buf_put_slice(out, r->version.whole);
	cms_der_put(out, CMS_DER_0, r->originator);
	if (r->ukm.whole.n)
		cms_der_put(out, CMS_DER_1, r->ukm.whole);
	buf_put_slice(out, r->algorithm.whole);
	cms_der_put(out, CMS_DER_SEQUENCE, entry);
	cms_der_wrap(out, at, CMS_DER_1);
}

static const char *
name_of(const struct cms_recipient *r, const struct candidate *c)
{
	if (r->kind == CMS_RECIPIENT_AGREE)
		return cms_certificate_agrees(&c->certificate);
	return slice_ends(r->oid, SLICE_LIT("\x01\x01\x07")) ? "RSA-OAEP" : "RSA";
}

/* A RecipientInfo of the other kind that names our certificate is for another one of the same
 * issuer and number, as self-signed ones are sometimes made. */
static bool
goes_with(const struct cms_recipient *r, const struct candidate *c)
{
	return (cms_certificate_agrees(&c->certificate) != NULL) ==
	       (r->kind == CMS_RECIPIENT_AGREE);
}

/* One that is longer than keyd takes is none of ours. */
static void
note(struct candidate *c, const struct cms_recipient *r, struct slice der)
{
	struct cms_der key;
	struct slice entry;

	if (!c->is_there || c->recipient_info.n || !goes_with(r, c) ||
		!cms_recipient_find(r, &c->certificate, &key, &entry))
		return;
	if (r->kind == CMS_RECIPIENT_AGREE)
		put_agree(r, entry, &c->recipient_info);
	else
		buf_put_slice(&c->recipient_info, der);
	if (c->recipient_info.overflow)
		buf_clear(&c->recipient_info);
	c->name = name_of(r, c);
}

static enum err
take_recipients(struct smime_open *o, struct slice set)
{
	struct cms_recipient r;
	struct cms_der e;

	while (set.n) {
		if (!cms_der_next(&set, &e) || ++o->recipients > SMIME_RECIPIENTS_MAX ||
			!cms_recipient_parse(e.whole, &r))
			return ERR_SYNTAX;
		for (size_t i = 0; i < o->setup.n_key; i++)
			note(&o->candidate[i], &r, e.whole);
	}
	return ERR_OK;
}

/* --- the content's key ----------------------------------------------------------------- */

/* The first of our keys, in their order, whose algorithm we have. What is wrong with what was
 * sent for it doesn't show here, nor before the content's end. */
static enum err
unwrap(struct smime_open *o)
{
	enum err e = ERR_NOT_FOUND;

	for (size_t i = 0; i < o->setup.n_key && !o->chosen; i++) {
		const struct candidate *c = &o->candidate[i];

		if (c->recipient_info.n == 0)
			continue;
		e = o->setup.keys->unwrap(o->setup.keys->arg, o->setup.key[i],
			buf_slice(&c->recipient_info), o->content.key_size, o->cek);
		if (!e)
			o->chosen = c;
		else if (e != ERR_UNSUPPORTED)
			return ERR_UNAVAILABLE;
	}
	return e;
}

static enum err
take_algorithm(struct smime_open *o, struct slice der)
{
	bool wants_gcm = cms_walk_kind(o->walk) == SMIME_AUTH_ENVELOPED;
	enum err e;

	buf_put_slice(&o->algorithm, der);
	e = cms_content_by(buf_slice(&o->algorithm), &o->content);
	if (e)
		return e;
	/* GCM without a tag is a stream cipher that anybody may flip bits in; CBC under a tag
	 * is none of CMS's. */
	if (o->content.is_gcm != wants_gcm)
		return ERR_UNSUPPORTED;
	e = unwrap(o);
	if (!e)
		o->ctx = cms_content_start(&o->content, o->cek, false);
	return e;
}

/* --- the structure --------------------------------------------------------------------- */

static enum err
main_element(struct smime_open *o, const struct cms_der *e)
{
	bool is_auth = cms_walk_kind(o->walk) == SMIME_AUTH_ENVELOPED;

	if (o->stage == AT_VERSION && e->tag == CMS_DER_INTEGER) {
		o->stage = AT_RECIPIENTS;
		return ERR_OK;
	}
	/* OriginatorInfo: certificates and CRLs, which nobody uses. */
	if (o->stage == AT_RECIPIENTS && e->tag == CMS_DER_0)
		return ERR_OK;
	if (o->stage == AT_RECIPIENTS && e->tag == CMS_DER_SET) {
		o->stage = AT_TYPE;
		return take_recipients(o, e->body);
	}
	if (o->stage == AT_CONTENT)
		o->stage = BEHIND_CONTENT;
	if (o->stage != BEHIND_CONTENT)
		return ERR_SYNTAX;
	if (!is_auth)
		return e->tag == CMS_DER_1 ? ERR_OK : ERR_SYNTAX;
	if (e->tag == CMS_DER_1 && o->attributes.n == 0 && o->mac.n == 0) {
		/* RFC 5083 section 2.2: what counts is the encoding as a SET OF. */
		cms_der_put(&o->attributes, CMS_DER_SET, e->body);
		return ERR_OK;
	}
	if ((e->tag & ~0x20) == CMS_DER_OCTET_STRING && o->mac.n == 0)
		return cms_der_octets(e, &o->mac) ? ERR_OK : ERR_SYNTAX;
	return e->tag == CMS_DER_2 && o->mac.n ? ERR_OK : ERR_SYNTAX;
}

static enum err
on_element(void *arg, enum cms_walk_place place, struct slice der)
{
	struct smime_open *o = arg;
	enum smime_kind kind = cms_walk_kind(o->walk);
	struct slice rest = der;
	struct cms_der e;

	if (kind != SMIME_ENVELOPED && kind != SMIME_AUTH_ENVELOPED)
		return ERR_UNSUPPORTED;
	if (!cms_der_next(&rest, &e))
		return ERR_SYNTAX;
	if (place == CMS_WALK_MAIN)
		return main_element(o, &e);
	if (o->stage == AT_TYPE && e.tag == CMS_DER_OID) {
		o->stage = AT_ALGORITHM;
		return ERR_OK;
	}
	if (o->stage != AT_ALGORITHM || e.tag != CMS_DER_SEQUENCE)
		return ERR_SYNTAX;
	o->stage = AT_CONTENT;
	return take_algorithm(o, der);
}

static enum err
put_plain(struct smime_open *o, int n)
{
	return n > 0 ? o->setup.to.put(o->setup.to.arg, slice_of(o->plain, (size_t)n)) : ERR_OK;
}

static enum err
on_content(void *arg, struct slice octets)
{
	struct smime_open *o = arg;
	enum err e = ERR_OK;

	if (o->stage != AT_CONTENT)
		return ERR_SYNTAX;
	o->size += octets.n;
	while (octets.n && !e) {
		size_t n = octets.n < CHUNK ? octets.n : CHUNK;
		int made = 0;

		/* It can only fail beyond GCM's 64 GiB. */
		if (EVP_DecryptUpdate(o->ctx, o->plain, &made, octets.p, (int)n) != 1)
			return ERR_SYNTAX;
		e = put_plain(o, made);
		octets = slice_from(octets, n);
	}
	return e;
}

/* --- the end --------------------------------------------------------------------------- */

static bool
set_tag(struct smime_open *o)
{
	uint8_t block[GCM_AAD_BLOCK], delta[GCM_AAD_BLOCK] = {0};

	if (o->mac.n != o->content.tag_size)
		return false;
	if (o->attributes.n) {
		cms_content_hash_key(&o->content, o->cek, block);
		gcm_aad_delta(block, buf_slice(&o->attributes), o->size, delta);
		OPENSSL_cleanse(block, sizeof block);
	}
	for (size_t i = 0; i < o->mac.n; i++)
		o->mac.p[i] ^= delta[i];
	return EVP_CIPHER_CTX_ctrl(o->ctx, EVP_CTRL_AEAD_SET_TAG, (int)o->mac.n, o->mac.p) == 1;
}

/* The padding, or the tag: one way for both, and for what came of a key that is none. */
static bool
is_good(struct smime_open *o, int *made)
{
	bool ok = cms_walk_finish(o->walk) == ERR_OK && o->ctx &&
		  (!o->content.is_gcm || set_tag(o));

	ok = o->ctx && EVP_DecryptFinal_ex(o->ctx, o->plain, made) == 1 && ok;
	ERR_clear_error();
	return ok;
}

/* What the walk ended with: words for what everybody can see, none for the rest. */
static void
note_end(struct smime_open *o, enum err e)
{
	if (e == ERR_SYNTAX || e == ERR_LIMIT)
		o->is_broken = true;
	else if (!o->problem)
		o->problem = e;
}

enum err
smime_open_feed(struct smime_open *o, struct slice ber)
{
	if (!o->is_broken && !o->problem)
		note_end(o, cms_walk_feed(o->walk, ber));
	return o->problem;
}

enum err
smime_open_finish(struct smime_open *o, struct smime_opened *facts)
{
	int made = 0;
	bool ok;

	if (o->problem)
		return o->problem;
	ok = is_good(o, &made) && !o->is_broken;
	if (!ok)
		return ERR_CRYPTO;
	o->problem = put_plain(o, made);
	if (o->problem)
		return o->problem;
	*facts = (struct smime_opened){
		.key = o->setup.key[o->chosen - o->candidate],
		.algorithm = o->content.name,
		.recipient = o->chosen->name,
		.recipients = o->recipients,
		.is_authenticated = o->content.is_gcm,
	};
	return ERR_OK;
}
