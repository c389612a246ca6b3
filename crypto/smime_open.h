/* smime_open: takes one encrypting layer off (EnvelopedData, AuthEnvelopedData). See smime. */
#ifndef CRYPTO_SMIME_OPEN_H
#define CRYPTO_SMIME_OPEN_H

#include "core/text.h"
#include "crypto/gateway_keys.h"
#include "crypto/smime.h"

struct smime_open;
struct smime_open_setup {
	Gateway__Key *const *key; /* tried in this order, those that a RecipientInfo names */
	size_t n_key;
	const struct gateway_keys *keys;
	struct text_sink to; /* the content; worthless before finish */
};
struct smime_opened {
	const Gateway__Key *key; /* that opened it */
	const char *algorithm;	 /* "AES-256-GCM", static */
	const char *recipient;	 /* "RSA", "RSA-OAEP", "ECDH P-256", "X25519", static */
	size_t recipients;	 /* RecipientInfos */
	bool is_authenticated;	 /* a tag was checked: else (CBC) anybody may have changed it */
};
struct smime_open *smime_open_new(const struct smime_open_setup *setup);
void smime_open_free(struct smime_open *o); /* NULL is fine */
/* The first error stays. */
enum err smime_open_feed(struct smime_open *o, struct slice ber);
/* ERR_NOT_FOUND: none of the keys is named in it. ERR_UNSUPPORTED: a content or key algorithm
 * that isn't ours (also GCM in EnvelopedData). ERR_UNAVAILABLE: keyd. ERR_FULL, ERR_IO: the
 * sink. ERR_CRYPTO: everything else, alike. */
enum err smime_open_finish(struct smime_open *o, struct smime_opened *facts);

#endif
