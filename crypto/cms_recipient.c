#include "crypto/cms_recipient.h"

#include <openssl/err.h>
#include <openssl/x509.h>

enum { SKI_TRANSPORT = 0x80, SKI_AGREE = 0xa0, SKI_MAX = 256 };

static bool
take_algorithm(struct slice *rest, struct cms_recipient *r)
{
	struct slice body;

	if (!cms_der_next(rest, &r->algorithm) || r->algorithm.tag != CMS_DER_SEQUENCE)
		return false;
	body = r->algorithm.body;
	if (!cms_der_take(&body, CMS_DER_OID, &r->oid))
		return false;
	r->parameters = body;
	return true;
}

static bool
take_octets(struct slice *rest, struct cms_der *e)
{
	return cms_der_next(rest, e) && (e->tag & ~0x20) == CMS_DER_OCTET_STRING;
}

static bool
take_version(struct slice *rest, struct cms_recipient *r)
{
	return cms_der_next(rest, &r->version) && r->version.tag == CMS_DER_INTEGER;
}

/* KeyTransRecipientInfo ::= SEQUENCE { version, rid, keyEncryptionAlgorithm, encryptedKey } */
static bool
parse_transport(struct slice body, struct cms_recipient *r)
{
	r->kind = CMS_RECIPIENT_TRANSPORT;
	return take_version(&body, r) && cms_der_next(&body, &r->id) &&
	       take_algorithm(&body, r) && take_octets(&body, &r->key) && body.n == 0;
}

/* KeyAgreeRecipientInfo ::= [1] { version, originator [0] EXPLICIT, ukm [1] EXPLICIT OPTIONAL,
 * keyEncryptionAlgorithm, recipientEncryptedKeys } */
static bool
parse_agree(struct slice body, struct cms_recipient *r)
{
	struct slice ukm;

	r->kind = CMS_RECIPIENT_AGREE;
	if (!take_version(&body, r) || !cms_der_take(&body, CMS_DER_0, &r->originator))
		return false;
	if (cms_der_take(&body, CMS_DER_1, &ukm) && !take_octets(&ukm, &r->ukm))
		return false;
	return take_algorithm(&body, r) && cms_der_next(&body, &r->keys) &&
	       r->keys.tag == CMS_DER_SEQUENCE && body.n == 0;
}

bool
cms_recipient_parse(struct slice der, struct cms_recipient *r)
{
	struct cms_der e;

	memset(r, 0, sizeof *r);
	if (!cms_der_next(&der, &e) || der.n)
		return false;
	if (e.tag == CMS_DER_SEQUENCE)
		return parse_transport(e.body, r);
	return e.tag == CMS_DER_1 ? parse_agree(e.body, r) : true;
}

/* --- names ----------------------------------------------------------------------------- */

static bool
is_ski(const struct cms_der *octets, const struct cms_certificate *c)
{
	struct buf ski;
	bool is;

	if (c->ski.n == 0)
		return false;
	buf_init(&ski, SKI_MAX);
	is = cms_der_octets(octets, &ski) && slice_eq(buf_slice(&ski), c->ski);
	buf_fini(&ski);
	return is;
}

/* As RFC 5280 section 7.1 compares names, whatever string types they have. */
static bool
is_same_name(struct slice a, struct slice b)
{
	const uint8_t *p = a.p, *q = b.p;
	X509_NAME *x, *y;
	bool is;

	if (slice_eq(a, b))
		return true;
	x = d2i_X509_NAME(NULL, &p, (long)a.n);
	y = d2i_X509_NAME(NULL, &q, (long)b.n);
	is = x && y && X509_NAME_cmp(x, y) == 0;
	X509_NAME_free(x);
	X509_NAME_free(y);
	ERR_clear_error();
	return is;
}

/* IssuerAndSerialNumber ::= SEQUENCE { issuer, serialNumber } */
static bool
is_issuer_and_serial(struct slice body, const struct cms_certificate *c)
{
	struct cms_der issuer, serial;

	return cms_der_next(&body, &issuer) && cms_der_next(&body, &serial) &&
	       slice_eq(serial.whole, c->serial) && is_same_name(issuer.whole, c->issuer);
}

static bool
is_named(const struct cms_der *name, const struct cms_certificate *c, uint8_t ski_tag)
{
	struct slice key_id = name->body;
	struct cms_der octets;

	if (name->tag == CMS_DER_SEQUENCE)
		return is_issuer_and_serial(name->body, c);
	/* [0] IMPLICIT of an OCTET STRING in pieces is the same as of RecipientKeyIdentifier
	 * ::= SEQUENCE { subjectKeyIdentifier, date, other }: which it is, the kind says. */
	if (ski_tag == SKI_TRANSPORT)
		return (name->tag | 0x20) == CMS_DER_0 && is_ski(name, c);
	return name->tag == SKI_AGREE && take_octets(&key_id, &octets) && is_ski(&octets, c);
}

bool
cms_recipient_find(const struct cms_recipient *r, const struct cms_certificate *c,
	struct cms_der *key, struct slice *entry)
{
	struct slice rest = r->keys.body;
	struct cms_der e, name;

	if (r->kind == CMS_RECIPIENT_TRANSPORT) {
		*key = r->key;
		*entry = SLICE_EMPTY;
		return is_named(&r->id, c, SKI_TRANSPORT);
	}
	/* RecipientEncryptedKey ::= SEQUENCE { rid, encryptedKey } */
	while (r->kind == CMS_RECIPIENT_AGREE && cms_der_next(&rest, &e)) {
		struct slice body = e.body;

		if (e.tag == CMS_DER_SEQUENCE && cms_der_next(&body, &name) &&
			is_named(&name, c, SKI_AGREE) && take_octets(&body, key)) {
			*entry = e.whole;
			return true;
		}
	}
	return false;
}
