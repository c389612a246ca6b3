#include "crypto/cms_attributes.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/cert_x509.h"
#include "crypto/cms_der.h"

enum {
	UTC_TIME = 0x17,
	GENERALIZED_TIME = 0x18,
	IN_PIECES = 0x24,
	ATTRIBUTES_OCTETS = 1 << 20
};

#define PKCS_9 "\x2a\x86\x48\x86\xf7\x0d\x01\x09"
const struct slice cms_attributes_content_type = SLICE_LIT(PKCS_9 "\x03"),
		   cms_attributes_message_digest = SLICE_LIT(PKCS_9 "\x04"),
		   cms_attributes_signing_time = SLICE_LIT(PKCS_9 "\x05"),
		   cms_attributes_capabilities = SLICE_LIT(PKCS_9 "\x0f"),
		   cms_attributes_protection = SLICE_LIT(PKCS_9 "\x34"),
		   cms_attributes_data = SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");
static const struct slice signing_certificate = SLICE_LIT(PKCS_9 "\x10\x02\x2f");

/* --- DER -------------------------------------------------------------------------------- */

static int
compare(const void *x, const void *y)
{
	const struct slice *p = x, *q = y;

	return slice_cmp(*p, *q);
}

static bool
split(struct slice body, struct slice part[CMS_ATTRIBUTES_MAX], size_t *n)
{
	struct cms_der e;

	for (*n = 0; body.n; (*n)++) {
		if (*n == CMS_ATTRIBUTES_MAX || !cms_der_next(&body, &e))
			return false;
		part[*n] = e.whole;
	}
	return true;
}

static struct slice
join(const struct slice *part, size_t n, struct arena *a)
{
	struct slice all;
	size_t size = 0;
	uint8_t *p;

	for (size_t i = 0; i < n; i++)
		size += part[i].n;
	p = arena_alloc(a, size + 1);
	all = slice_of(p, size);
	for (size_t i = 0; i < n; p += part[i++].n)
		memcpy(p, part[i].p, part[i].n);
	return all;
}

bool
cms_attributes_sort(struct slice body, struct arena *a, struct slice *sorted)
{
	struct slice part[CMS_ATTRIBUTES_MAX];
	size_t n;

	if (!split(body, part, &n))
		return false;
	qsort(part, n, sizeof *part, compare);
	*sorted = join(part, n, a);
	return true;
}

/* An element of `body` octets under a tag, in the arena. */
static struct slice
wrap(uint8_t tag, struct slice body, struct arena *a)
{
	struct slice whole;
	struct buf b;

	buf_init(&b, ATTRIBUTES_OCTETS + 16);
	cms_der_put(&b, tag, body);
	whole = arena_dup(a, buf_slice(&b));
	buf_fini(&b);
	return whole;
}

/* --- one attribute ---------------------------------------------------------------------- */

struct attribute {
	struct slice oid, value, whole; /* value: the first one */
	size_t values;
};

/* An OCTET STRING in pieces, in one. Others stay. */
static bool
unite(struct slice *value, struct arena *a)
{
	struct slice rest = *value;
	struct cms_der e;
	struct buf b;
	bool ok;

	if (!cms_der_next(&rest, &e))
		return false;
	if (e.tag != IN_PIECES)
		return true;
	buf_init(&b, ATTRIBUTES_OCTETS);
	ok = cms_der_octets(&e, &b);
	*value = wrap(CMS_DER_OCTET_STRING, buf_slice(&b), a);
	buf_fini(&b);
	return ok;
}

/* As it would be in DER. */
static bool
read_attribute(struct slice whole, struct arena *a, struct attribute *out)
{
	struct slice sequence, set, part[CMS_ATTRIBUTES_MAX], oid;
	struct cms_der e;

	if (!cms_der_take(&whole, CMS_DER_SEQUENCE, &sequence))
		return false;
	oid = sequence;
	if (!cms_der_take(&sequence, CMS_DER_OID, &out->oid))
		return false;
	oid.n -= sequence.n;
	if (!cms_der_next(&sequence, &e) || e.tag != CMS_DER_SET || sequence.n ||
		!split(e.body, part, &out->values))
		return false;
	for (size_t i = 0; i < out->values; i++)
		if (!unite(&part[i], a))
			return false;
	qsort(part, out->values, sizeof *part, compare);
	set = wrap(CMS_DER_SET, join(part, out->values, a), a);
	out->value = out->values ? part[0] : SLICE_EMPTY;
	out->whole = wrap(CMS_DER_SEQUENCE, join((struct slice[]){oid, set}, 2, a), a);
	return true;
}

static uint64_t
read_time(struct slice value)
{
	const uint8_t *p = value.p;
	ASN1_TIME *t = NULL;
	struct tm tm;
	time_t sec = 0;

	if (value.n && (value.p[0] == UTC_TIME || value.p[0] == GENERALIZED_TIME))
		t = d2i_ASN1_TIME(NULL, &p, (long)value.n);
	if (t && ASN1_TIME_to_tm(t, &tm) == 1)
		sec = timegm(&tm);
	ASN1_TIME_free(t);
	ERR_clear_error();
	return sec > 0 ? (uint64_t)sec : 0;
}

/* --- all of them ------------------------------------------------------------------------ */

/* False: twice, or not one value. */
static bool
note(const struct attribute *at, struct slice oid, struct slice *to)
{
	if (!slice_eq(at->oid, oid))
		return true;
	if (to->n || at->values != 1)
		return false;
	*to = at->value;
	return true;
}

struct raw {
	struct slice type, digest, time, capabilities, protection, certificate;
};

static bool
note_all(const struct attribute *at, struct raw *r)
{
	return note(at, cms_attributes_content_type, &r->type) &&
	       note(at, cms_attributes_message_digest, &r->digest) &&
	       note(at, cms_attributes_signing_time, &r->time) &&
	       note(at, cms_attributes_capabilities, &r->capabilities) &&
	       note(at, cms_attributes_protection, &r->protection) &&
	       note(at, signing_certificate, &r->certificate);
}

static bool
open_all(struct raw *r, struct cms_attributes *out)
{
	out->capabilities = r->capabilities;
	out->protection = r->protection;
	out->certificate = r->certificate;
	out->signed_sec = read_time(r->time);
	return cms_der_take(&r->type, CMS_DER_OID, &out->content_type) &&
	       cms_der_take(&r->digest, CMS_DER_OCTET_STRING, &out->message_digest);
}

bool
cms_attributes_parse(struct slice body, struct arena *a, struct cms_attributes *out)
{
	struct slice part[CMS_ATTRIBUTES_MAX];
	struct raw raw = {0};
	struct attribute at;
	size_t n;

	memset(out, 0, sizeof *out);
	if (body.n > ATTRIBUTES_OCTETS || !split(body, part, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!read_attribute(part[i], a, &at) || !note_all(&at, &raw))
			return false;
		part[i] = at.whole;
	}
	out->as_they_came = wrap(CMS_DER_SET, body, a);
	qsort(part, n, sizeof *part, compare);
	out->der = wrap(CMS_DER_SET, join(part, n, a), a);
	return open_all(&raw, out);
}

void
cms_attributes_put(struct buf *b, struct slice oid, struct slice value)
{
	size_t at = b->n, set;

	cms_der_put(b, CMS_DER_OID, oid);
	set = b->n;
	buf_put_slice(b, value);
	cms_der_wrap(b, set, CMS_DER_SET);
	cms_der_wrap(b, at, CMS_DER_SEQUENCE);
}
