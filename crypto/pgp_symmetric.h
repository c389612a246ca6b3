/* pgp_symmetric: the encrypted data packets of OpenPGP, in a stream: SEIPD version 1 (CFB and a
 * SHA-1, RFC 9580 section 5.13.1), version 2 (EAX, OCB, GCM in chunks, section 5.13.2), and
 * GnuPG's packet 20, which is only read. Fed octets of the packet's body, its version octet
 * first; writes text into a sink. Pure but for random numbers.
 *
 * Of chunks of up to PGP_SYMMETRIC_HELD octets nothing goes on before its tag was checked;
 * larger ones go on as they come. Version 1 has one check, at the end: until finish said
 * ERR_OK, what it wrote is worthless, as it is with chunks before the last. CFB's repeated
 * octets are no check and aren't looked at. Memory: 64 KiB; of chunks, PGP_SYMMETRIC_HELD. */
#ifndef CRYPTO_PGP_SYMMETRIC_H
#define CRYPTO_PGP_SYMMETRIC_H

#include "core/text.h"
#include "crypto/pgp.h"

enum {
	PGP_SYMMETRIC_HEAD_MAX = 36,  /* octets of a body before the encrypted ones */
	PGP_SYMMETRIC_CHUNK_MAX = 16, /* a coded size: 2^(16 + 6) octets */
	PGP_SYMMETRIC_CHUNK = 10,     /* what we write: 64 KiB */
	PGP_SYMMETRIC_HELD = 524288
};

/* What the front of a body says. */
struct pgp_symmetric_head {
	uint8_t version; /* of a SEIPD: 1 or 2; of packet 20: 1 */
	uint8_t cipher;	 /* 0 in SEIPD version 1: the session key's */
	uint8_t aead;	 /* 0: none */
	uint8_t chunk;	 /* coded */
	size_t n;	 /* octets of it */
};
/* tag: PGP_TAG_SEIPD or PGP_TAG_OCB. ERR_MORE; ERR_SYNTAX: a chunk size over
 * PGP_SYMMETRIC_CHUNK_MAX; ERR_UNSUPPORTED. */
enum err pgp_symmetric_peek(uint8_t tag, struct slice body, struct pgp_symmetric_head *head);

struct pgp_symmetric;
/* The session is copied. Its cipher may be 0 where the packet names it. */
struct pgp_symmetric *pgp_symmetric_decrypt(
	uint8_t tag, const struct pgp_session *session, struct text_sink to);
/* aead: 0 for version 1. The session's cipher says which; AES alone. */
struct pgp_symmetric *pgp_symmetric_encrypt(
	uint8_t aead, const struct pgp_session *session, struct text_sink to);
/* ERR_CRYPTO: everything that is wrong with the encryption, alike; a session key that doesn't
 * go with the packet, too. ERR_UNSUPPORTED: a version, cipher or mode in clear that isn't ours.
 * Else the sink's. The first error stays. */
enum err pgp_symmetric_feed(struct pgp_symmetric *s, struct slice octets);
enum err pgp_symmetric_finish(struct pgp_symmetric *s);
/* Wipes. NULL is fine. */
void pgp_symmetric_free(struct pgp_symmetric *s);
/* A new session key for a cipher. */
void pgp_symmetric_session(uint8_t cipher, struct pgp_session *session);

#endif
