#include "crypto/smime_signer.h"

#include "crypto/cert_address.h"

bool
smime_signer_is(const struct smime_signer *s, struct slice address)
{
	return s->certificate.n && cert_address_is(s->certificate, address);
}
