#include "crypto/smime_caps.h"

#include "crypto/cms_der.h"

#define AES "\x60\x86\x48\x01\x65\x03\x04\x01"
/* RFC 4055 section 4.1: rSAES-OAEP-SHA256-Params. Left out they would mean SHA-1. */
#define SHA256 "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
#define MGF1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define OAEP_SHA256 "\x30\x2f\xa0\x0f" SHA256 "\xa1\x1c\x30\x1a" MGF1 SHA256

static const struct {
	struct slice oid, parameters;
} ours[] = {
	{SLICE_LIT(AES "\x2e"), {0}},			      /* AES-256-GCM */
	{SLICE_LIT(AES "\x06"), {0}},			      /* AES-128-GCM */
	{SLICE_LIT(AES "\x2a"), {0}},			      /* AES-256-CBC */
	{SLICE_LIT(AES "\x02"), {0}},			      /* AES-128-CBC */
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x03\x07"), {0}}, /* 3DES, for old programs' sake */
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x1f"), {0}}, /* RFC 9709 */
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07"), SLICE_LIT(OAEP_SHA256)},
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), {0}}, /* RSASSA-PSS */
};

void
smime_caps_put(struct buf *b)
{
	size_t all = b->n;

	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
		size_t at = b->n;

		cms_der_put(b, CMS_DER_OID, ours[i].oid);
		buf_put_slice(b, ours[i].parameters);
		cms_der_wrap(b, at, CMS_DER_SEQUENCE);
	}
	cms_der_wrap(b, all, CMS_DER_SEQUENCE);
}
