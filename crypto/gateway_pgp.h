/* gateway_pgp: OpenPGP for the engine: the certificates and private keys of a question as
 * pgp_open, pgp_verify and pgp_seal take them, and the engine's own rules for them: whose a
 * certificate is, and whether it can be encrypted to or sign now. Pure but for what the keys
 * do. */
#ifndef CRYPTO_GATEWAY_PGP_H
#define CRYPTO_GATEWAY_PGP_H

#include "core/arena.h"
#include "core/mail_encode.h"
#include "crypto/gateway_keys.h"
#include "crypto/gateway_mime.h"
#include "crypto/pgp_open.h"

enum {
	GATEWAY_PGP_CERTS_MAX = 64,
	GATEWAY_PGP_ATTEMPTS_MAX = 4,
	GATEWAY_PGP_TEXT_MAX = 128 << 20 /* octets that a message, unpacked, may have */
};

/* Some certificates, with the private keys that belong to them. */
struct gateway_pgp_one {
	struct pgp_cert *cert;
	struct slice octets;	 /* borrowed */
	const Gateway__Key *key; /* NULL: nobody's here */
	Gateway__Trust trust;	 /* of somebody's */
};
struct gateway_pgp_ring {
	struct arena *arena; /* that frees the certificates */
	const struct gateway_keys *keys;
	struct gateway_pgp_one one[GATEWAY_PGP_CERTS_MAX];
	struct pgp_cert *cert[GATEWAY_PGP_CERTS_MAX];
	struct pgp_cert_ring ring;
};
void gateway_pgp_init(
	struct gateway_pgp_ring *r, struct arena *a, const struct gateway_keys *keys);
/* NULL: not OpenPGP's, or there is no more room. */
struct gateway_pgp_one *gateway_pgp_add_key(
	struct gateway_pgp_ring *r, const Gateway__Key *key);
struct gateway_pgp_one *gateway_pgp_add(
	struct gateway_pgp_ring *r, struct slice octets, Gateway__Trust trust);
/* A newer copy takes the place of one of the ring's, which is trusted as before. */
void gateway_pgp_renew(
	struct gateway_pgp_ring *r, struct gateway_pgp_one *one, struct slice octets);
/* Lives as long as the ring. */
struct pgp_private gateway_pgp_private(struct gateway_pgp_ring *r);
/* The one that has this certificate, or this key. NULL: none. */
const struct gateway_pgp_one *gateway_pgp_of(
	const struct gateway_pgp_ring *r, const struct pgp_cert *cert);
const struct gateway_pgp_one *gateway_pgp_with(
	const struct gateway_pgp_ring *r, const struct pgp_public *key);

/* Has it a valid user id of that one address? */
bool gateway_pgp_is_for(struct pgp_cert *cert, struct slice address, uint64_t at_sec);
/* Has it one, signed or not? No signature is checked. */
bool gateway_pgp_names(struct pgp_cert *cert, struct slice address);
/* What is wrong with a certificate that is to be encrypted to, static; NULL: nothing. NULL for
 * one that can't be read is fine. */
const char *gateway_pgp_fault(struct pgp_cert *cert, uint64_t at_sec);
/* The question's certificate, parsed once for a ring: what its signatures are worth takes
 * longer than to encrypt to it. Lives as long as the arena. NULL: it can't be read. */
struct pgp_cert *gateway_pgp_cert(struct gateway_pgp_ring *r, struct slice octets);
/* The last 16 hexadecimal digits of a fingerprint, which people call the key's id. */
enum { GATEWAY_PGP_PRINT = 17 };
const char *gateway_pgp_print(const struct pgp_public *key, char out[GATEWAY_PGP_PRINT]);

/* Opens a range of a text that is one armored message: what was written into `to` is worth
 * something with ERR_OK alone. Errors as pgp_open_finish's, and the text's; ERR_SYNTAX also
 * where other text stands around the armor; ERR_LIMIT: more than GATEWAY_PGP_TEXT_MAX.
 * facts: see there; the session is wiped. */
struct gateway_pgp_message {
	const struct text *text;
	struct gateway_mime_range range;
	enum mail_encoding encoding;
	struct gateway_pgp_ring *keys;
	const struct gateway_pgp_ring *signers;
	uint64_t now_sec;
	size_t attempt; /* see pgp_open_setup */
	struct text_sink to;
};
enum err gateway_pgp_open(const struct gateway_pgp_message *m, struct pgp_opened *facts);
/* Is such a range one encrypted message, as far as it can be told without a key: session keys,
 * encrypted data with integrity, and nothing beside it? ERR_IO, ERR_CORRUPT: the text. */
enum err gateway_pgp_looks_encrypted(const struct text *t, struct gateway_mime_range range,
	enum mail_encoding encoding, bool *does);

#endif
