/* pgp: what the OpenPGP files have in common (RFC 9580, and RFC 4880's keys): numbers of the
 * registries, limits, a session key. OpenPGP stands beside S/MIME in the engine, and its files
 * beside those of S/MIME: pgp_packet and pgp_field read and write octets, pgp_symmetric,
 * pgp_public and pgp_secret have the algorithms, pgp_sig and pgp_cert say which signature and
 * which key holds, pgp_open, pgp_verify, pgp_seal and pgp_sign are machines that are fed
 * octets and write octets. Pure but for random numbers.
 *
 * Everything that is read is hostile. What a machine has written is worth nothing before its
 * finish said ERR_OK; all that is wrong inside an encryption is ERR_CRYPTO, alike. */
#ifndef CRYPTO_PGP_H
#define CRYPTO_PGP_H

#include <stddef.h>
#include <stdint.h>

enum {
	PGP_DEPTH_MAX = 8,	     /* encrypted, compressed, signed layers of one message */
	PGP_PACKETS_MAX = 10000,     /* packets of one message, or of one certificate */
	PGP_PACKET_BODY_MAX = 65536, /* octets of a packet that isn't streamed */
	PGP_RECIPIENTS_MAX = 1000,   /* PKESK and SKESK of one message */
	PGP_SIGNATURES_MAX = 64,     /* of one message */
	PGP_CERT_MAX = 1048576,	     /* octets of one certificate, signatures and all */
	PGP_SUBKEYS_MAX = 64,	     /* of one certificate */
	PGP_USER_IDS_MAX = 256,	     /* of one certificate */
	PGP_USER_ID_MAX = 2048,	     /* octets of one */
	PGP_RATIO_MAX = 1000,	     /* times that a message may grow, beyond 1 MiB */
	PGP_FINGERPRINT_MAX = 32,    /* octets: 20 of version 4, 32 of version 6 */
	PGP_KEY_ID = 8,		     /* octets of a key id */
	PGP_DIGEST_MAX = 64,	     /* octets of a hash */
	PGP_SESSION_MAX = 32	     /* octets of a session key */
};

/* Packet types (RFC 9580 section 5). */
enum pgp_tag {
	PGP_TAG_PKESK = 1,
	PGP_TAG_SIGNATURE = 2,
	PGP_TAG_SKESK = 3,
	PGP_TAG_ONE_PASS = 4,
	PGP_TAG_SECRET_KEY = 5,
	PGP_TAG_PUBLIC_KEY = 6,
	PGP_TAG_SECRET_SUBKEY = 7,
	PGP_TAG_COMPRESSED = 8,
	PGP_TAG_SED = 9, /* without integrity: never opened */
	PGP_TAG_MARKER = 10,
	PGP_TAG_LITERAL = 11,
	PGP_TAG_TRUST = 12,
	PGP_TAG_USER_ID = 13,
	PGP_TAG_PUBLIC_SUBKEY = 14,
	PGP_TAG_USER_ATTRIBUTE = 17,
	PGP_TAG_SEIPD = 18,
	PGP_TAG_MDC = 19,
	PGP_TAG_OCB = 20, /* GnuPG's, read and never written */
	PGP_TAG_PADDING = 21,
	PGP_TAG_CRITICAL_MAX = 39 /* an unknown type up to here rejects what it stands in */
};
enum pgp_algorithm {
	PGP_RSA = 1,
	PGP_RSA_ENCRYPT = 2,
	PGP_RSA_SIGN = 3,
	PGP_ELGAMAL = 16,
	PGP_DSA = 17,
	PGP_ECDH = 18,
	PGP_ECDSA = 19,
	PGP_EDDSA_LEGACY = 22,
	PGP_X25519 = 25,
	PGP_X448 = 26,
	PGP_ED25519 = 27,
	PGP_ED448 = 28
};
enum pgp_cipher {
	PGP_PLAINTEXT = 0,
	PGP_IDEA = 1,
	PGP_3DES = 2,
	PGP_CAST5 = 3,
	PGP_BLOWFISH = 4,
	PGP_AES128 = 7,
	PGP_AES192 = 8,
	PGP_AES256 = 9,
	PGP_TWOFISH = 10,
	PGP_CAMELLIA128 = 11,
	PGP_CAMELLIA192 = 12,
	PGP_CAMELLIA256 = 13
};
enum pgp_aead { PGP_EAX = 1, PGP_OCB = 2, PGP_GCM = 3 };
enum pgp_hash {
	PGP_MD5 = 1,
	PGP_SHA1 = 2,
	PGP_RIPEMD160 = 3,
	PGP_SHA256 = 8,
	PGP_SHA384 = 9,
	PGP_SHA512 = 10,
	PGP_SHA224 = 11,
	PGP_SHA3_256 = 12,
	PGP_SHA3_512 = 14
};
enum pgp_compression { PGP_UNCOMPRESSED = 0, PGP_ZIP = 1, PGP_ZLIB = 2, PGP_BZIP2 = 3 };

/* cipher: enum pgp_cipher; 0 where the encrypted packet itself names it (version 6). Secret:
 * whoever had one wipes it. */
struct pgp_session {
	uint8_t cipher;
	size_t n;
	uint8_t key[PGP_SESSION_MAX];
};

#endif
