/* smime_sign: signs, detached or opaque (SignedData). See smime. */
#ifndef CRYPTO_SMIME_SIGN_H
#define CRYPTO_SMIME_SIGN_H

#include "core/text.h"
#include "crypto/gateway_keys.h"
#include "crypto/smime.h"

struct smime_sign;
struct smime_sign_setup {
	const Gateway__Key *key; /* its certificate, then the chain that goes along */
	const struct gateway_keys *keys;
	uint64_t now_sec;
	bool is_opaque;	     /* the content is in it */
	bool is_pss;	     /* RSASSA-PSS with a key that may do either */
	struct text_sink to; /* ContentInfo */
};
/* The name for micalg; "sha-256", static. NULL: no usable certificate (expired, key usage). */
const char *smime_sign_micalg(const struct smime_sign_setup *setup);
/* With the attributes contentType, messageDigest, signingTime, SMIMECapabilities and
 * CMSAlgorithmProtection (RFC 6211). NULL as above. */
struct smime_sign *smime_sign_new(const struct smime_sign_setup *setup);
void smime_sign_free(struct smime_sign *s); /* NULL is fine */
/* Canonical: lines end in CRLF; the caller sees to it. */
enum err smime_sign_feed(struct smime_sign *s, struct slice content);
/* ERR_UNAVAILABLE: keyd; ERR_FULL, ERR_IO: the sink; ERR_CRYPTO. */
enum err smime_sign_finish(struct smime_sign *s);

#endif
