/* gateway_build_pgp: as gateway_build, with OpenPGP (RFC 3156): multipart/signed of 7-bit
 * lines, and multipart/encrypted with the signature inside of the encryption. Pure but for
 * random numbers and what the keys do. */
#ifndef CRYPTO_GATEWAY_BUILD_PGP_H
#define CRYPTO_GATEWAY_BUILD_PGP_H

#include "crypto/gateway_build.h"
#include "crypto/gateway_pgp.h"

struct gateway_build_signer {
	struct gateway_pgp_ring *ring;
	struct pgp_cert *cert; /* of the ring */
	size_t key;	       /* of the certificate: that signs */
	uint64_t now_sec;
};
/* Made once. ERR_CRYPTO: it can't be signed, or not be made 7-bit; ERR_UNAVAILABLE: keyd;
 * errors of the room. */
enum err gateway_build_pgp_signed(struct gateway_build *b,
	const struct gateway_build_signer *signer, const struct text **entity);

struct gateway_build_pgp {
	Gateway__Certificate **to;
	size_t n;
	struct gateway_pgp_ring *certs;		   /* of the plan */
	const struct gateway_build_signer *signer; /* NULL: not signed */
	uint64_t now_sec;
	const char *cipher; /* out: "AES-256" */
};
/* Puts Content-* and the two parts. ERR_CRYPTO: not to these; ERR_DENIED: not signed;
 * ERR_UNAVAILABLE: keyd; errors of the sink. */
enum err gateway_build_pgp_sealed(
	const struct text *entity, struct gateway_build_pgp *seal, const struct text_sink *to);

#endif
