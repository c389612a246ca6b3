#include "crypto/smime_capability.h"

#include "crypto/cms_der.h"

#define AES "\x60\x86\x48\x01\x65\x03\x04\x01"
#define RSAES_OAEP SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07")

static const struct {
	struct slice oid;
	unsigned bit;
} known[] = {
	{SLICE_LIT(AES "\x02"), SMIME_CAPABILITY_AES128_CBC},
	{SLICE_LIT(AES "\x2a"), SMIME_CAPABILITY_AES256_CBC},
	{SLICE_LIT(AES "\x06"), SMIME_CAPABILITY_AES128_GCM},
	{SLICE_LIT(AES "\x2e"), SMIME_CAPABILITY_AES256_GCM},
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x1f"), SMIME_CAPABILITY_CEK_HKDF},
};

static unsigned
read_one(struct slice oid, struct slice parameters)
{
	if (slice_eq(oid, RSAES_OAEP))
		return slice_eq(parameters, SLICE_LIT("\x30\x00")) ? SMIME_CAPABILITY_OAEP_SHA1
								   : SMIME_CAPABILITY_OAEP;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (slice_eq(oid, known[i].oid))
			return known[i].bit;
	}
	return 0;
}

unsigned
smime_capability_read(struct slice der)
{
	struct slice list, one, oid;
	unsigned set = SMIME_CAPABILITY_KNOWN;

	if (!cms_der_take(&der, CMS_DER_SEQUENCE, &list) || list.n == 0)
		return 0;
	while (list.n) {
		if (!cms_der_take(&list, CMS_DER_SEQUENCE, &one) ||
			!cms_der_take(&one, CMS_DER_OID, &oid))
			return 0;
		set |= read_one(oid, one);
	}
	return set;
}
