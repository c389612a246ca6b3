/* smime_seal: encrypts to certificates (EnvelopedData, AuthEnvelopedData). See smime. */
#ifndef CRYPTO_SMIME_SEAL_H
#define CRYPTO_SMIME_SEAL_H

#include "core/text.h"
#include "crypto/gateway.pb-c.h"
#include "crypto/smime.h"

struct smime_seal;
/* The best content cipher that all of them announced (never AUTO in the answer); without
 * capabilities AES-256-CBC. wanted: what the settings say; an explicit one wins over AUTO. */
Gateway__Settings__Cipher smime_seal_cipher(
	Gateway__Certificate *const *to, size_t n, Gateway__Settings__Cipher wanted);
/* Can it be encrypted to? ERR_UNSUPPORTED: no usable algorithm; ERR_SYNTAX. */
enum err smime_seal_check(const Gateway__Certificate *to);
/* ContentInfo goes to `out`. Each recipient's key algorithm by its certificate and
 * capabilities (RSA PKCS#1 v1.5 unless OAEP was announced or the certificate demands it, ECDH,
 * X25519). NULL: one of them can't be encrypted to. */
struct smime_seal *smime_seal_new(Gateway__Certificate *const *to, size_t n,
	Gateway__Settings__Cipher cipher, struct text_sink out);
void smime_seal_free(struct smime_seal *s); /* NULL is fine */
enum err smime_seal_feed(struct smime_seal *s, struct slice plain);
/* ERR_FULL, ERR_IO: the sink; ERR_CRYPTO. */
enum err smime_seal_finish(struct smime_seal *s);

#endif
