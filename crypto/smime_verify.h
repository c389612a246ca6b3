/* smime_verify: who signed it, and what is wrong with that (SignedData). See smime. */
#ifndef CRYPTO_SMIME_VERIFY_H
#define CRYPTO_SMIME_VERIFY_H

#include "core/arena.h"
#include "core/text.h"
#include "crypto/gateway.pb-c.h"
#include "crypto/smime_signer.h"

/* Who is believed, and what is too weak. Borrowed until the machine's end. */
struct smime_trust {
	const Gateway__Question *q; /* anchors, verdicts, intermediates, CRLs, now */
	uint32_t rsa_bits_min;
};
struct smime_verify;
struct smime_verify_setup {
	struct smime_trust trust;
	struct slice detached; /* the signature, whole; empty: opaque, its content is in it */
	struct text_sink to;   /* opaque: the content; worthless before finish */
};
struct smime_verify *smime_verify_new(const struct smime_verify_setup *setup);
void smime_verify_free(struct smime_verify *v); /* NULL is fine */
/* Detached: the content, its lines ending in CRLF. Opaque: the ContentInfo. */
enum err smime_verify_feed(struct smime_verify *v, struct slice octets);
/* *signers: in a, in their order, none if there is none (certs-only, zero SignerInfos): that is
 * no signature. Each is judged by itself. A text of another type than id-data is nobody's mail,
 * and a detached signature with a content inside is none: ERR_SYNTAX, as if it weren't
 * SignedData, or beyond a limit. ERR_FULL, ERR_IO: the sink. */
enum err smime_verify_finish(
	struct smime_verify *v, struct arena *a, struct smime_signer **signers, size_t *n);

#endif
