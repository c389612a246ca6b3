/* pgp_sig: the signature packet of OpenPGP (RFC 9580 section 5.2), versions 3, 4 and 6: what it
 * says, and whether it is the signature of a key. Whose signature counts for what is pgp_cert's
 * to judge. All slices are of the packet's body, borrowed from whoever parsed it. Pure.
 *
 * What isn't hashed says nothing, but who may have made it, and a signature of its own. */
#ifndef CRYPTO_PGP_SIG_H
#define CRYPTO_PGP_SIG_H

#include "crypto/pgp_public.h"

enum pgp_sig_type {
	PGP_SIG_BINARY = 0x00,
	PGP_SIG_TEXT = 0x01,
	PGP_SIG_CERT_GENERIC = 0x10, /* of a user id, as are the next three */
	PGP_SIG_CERT_POSITIVE = 0x13,
	PGP_SIG_SUBKEY = 0x18,	/* binds a subkey to its primary key */
	PGP_SIG_PRIMARY = 0x19, /* the other way: a signing subkey says whose it is */
	PGP_SIG_DIRECT = 0x1f,
	PGP_SIG_KEY_REVOKED = 0x20,
	PGP_SIG_SUBKEY_REVOKED = 0x28,
	PGP_SIG_CERT_REVOKED = 0x30
};
/* Subpackets (section 5.2.3.7 onwards). */
enum pgp_sig_subpacket {
	PGP_SIG_CREATED = 2,
	PGP_SIG_EXPIRES = 3,
	PGP_SIG_KEY_EXPIRES = 9,
	PGP_SIG_CIPHERS = 11,
	PGP_SIG_ISSUER = 16,
	PGP_SIG_NOTATION = 20,
	PGP_SIG_HASHES = 21,
	PGP_SIG_COMPRESSIONS = 22,
	PGP_SIG_PRIMARY_USER_ID = 25,
	PGP_SIG_KEY_FLAGS = 27,
	PGP_SIG_SIGNER = 28,
	PGP_SIG_REASON = 29,
	PGP_SIG_FEATURES = 30,
	PGP_SIG_EMBEDDED = 32,
	PGP_SIG_ISSUER_FINGERPRINT = 33,
	PGP_SIG_RECIPIENT = 35, /* for whom the text is that is signed */
	PGP_SIG_SUITES = 39
};
enum pgp_sig_flags {
	PGP_SIG_MAY_CERTIFY = 0x01,
	PGP_SIG_MAY_SIGN = 0x02,
	PGP_SIG_MAY_ENCRYPT_MAIL = 0x04,
	PGP_SIG_MAY_ENCRYPT_STORAGE = 0x08
};
enum pgp_sig_features { PGP_SIG_SEIPD1 = 0x01, PGP_SIG_SEIPD2 = 0x08 };
enum pgp_sig_reason {
	PGP_SIG_NO_REASON = 0,
	PGP_SIG_SUPERSEDED = 1,
	PGP_SIG_COMPROMISED = 2,
	PGP_SIG_RETIRED = 3,
	PGP_SIG_USER_ID_INVALID = 32
};

struct pgp_sig {
	uint8_t version, type, algorithm, hash;
	uint8_t left[2];     /* the digest's first octets */
	struct slice hashed; /* of it: up to the end of the hashed subpackets */
	struct slice salt;   /* version 6 */
	struct slice fields; /* the algorithm's */
	bool has_created, has_key_expires, has_flags, has_features, has_reason;
	bool is_primary_user_id;
	bool is_unknown; /* something critical is in it that we don't know */
	bool has_recipients;
	struct slice area; /* the hashed subpackets */
	uint8_t flags, features, reason;
	uint32_t created_sec;
	uint32_t expires_sec;	  /* after created_sec; 0: never */
	uint32_t key_expires_sec; /* after the key's own time; 0: never */
	struct slice ciphers, hashes, compressions, suites, signer, reason_words;
	struct slice embedded;			 /* a signature's body */
	struct slice issuer, issuer_fingerprint; /* key id; either may be empty */
};
/* ERR_SYNTAX; ERR_UNSUPPORTED: another version. */
enum err pgp_sig_parse(struct slice body, struct pgp_sig *s);
/* Does it name the key, or no key at all? What it says isn't proved by that. */
bool pgp_sig_names(const struct pgp_sig *s, const struct pgp_public *key);
/* Does it say for whom the text is, and isn't this primary key's owner among them? Such a
 * signature holds within an encryption to one of them alone: elsewhere somebody passed it on as
 * if it had been made for whoever reads it now (RFC 9580 sections 5.2.3.36, 13.12). key: whose
 * encryption it stands in; NULL: none. */
bool pgp_sig_is_for_others(const struct pgp_sig *s, const struct pgp_public *key);
/* At that time: not from the future, not expired. */
bool pgp_sig_is_current(const struct pgp_sig *s, uint64_t at_sec);
/* Could it be this key's? What the packet says and the digest's first octets fit; whoever wants
 * to can make that so. */
bool pgp_sig_fits(const struct pgp_sig *s, const struct pgp_public *key, struct slice digest);
/* Is the digest (pgp_sig_hash) signed by this key? ERR_CRYPTO: no; ERR_UNSUPPORTED. */
enum err pgp_sig_check(
	const struct pgp_sig *s, const struct pgp_public *key, struct slice digest);

#endif
