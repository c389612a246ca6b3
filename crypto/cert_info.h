/* cert_info: what is said of a certificate: to people, and to the log, which reads no X.509
 * itself. Whether it may be used is crypto/cert_check's. One of OpenPGP is read by pgp_info,
 * which this asks: the first octet tells. Pure. */
#ifndef CRYPTO_CERT_INFO_H
#define CRYPTO_CERT_INFO_H

#include "core/arena.h"
#include "core/err.h"
#include "crypto/cert_address.h"

enum { CERT_INFO_HASH = 32, CERT_INFO_TEXT_MAX = 400 };

struct cert_info {
	uint8_t sha256[CERT_INFO_HASH];	    /* of its octets: its name here */
	uint8_t key_sha256[CERT_INFO_HASH]; /* of its SubjectPublicKeyInfo */
	/* RFC 4514 as UTF-8 that can be printed; at most CERT_INFO_TEXT_MAX octets. */
	struct slice subject, issuer;
	struct slice serial;			/* hexadecimal */
	struct slice address[CERT_ADDRESS_MAX]; /* canonical, each once */
	size_t addresses;
	int64_t from_sec, until_sec; /* 0: can't be said */
	const char *key;	     /* "RSA", "EC P-256", "Ed25519", "X25519", "?" ... */
	unsigned bits;
	bool is_self_signed, is_authority;
	bool may_sign, may_encrypt; /* by key usage and the kind of key */
	bool is_for_mail;	    /* by extended key usage */
	bool is_revoked;	    /* by itself: OpenPGP */
	bool signs_weakly;	    /* it was signed with MD5 or SHA-1, or can't be said */
};
/* der: the whole of one certificate. Texts live in a. ERR_SYNTAX: it isn't one, or its key
 * can't be read. */
enum err cert_info_read(struct slice der, struct arena *a, struct cert_info *out);

/* What kind of key a SubjectPublicKeyInfo (DER), or OpenPGP's packet, has. ERR_SYNTAX. */
enum err cert_info_key(struct slice spki, const char **kind, unsigned *bits);
/* A text of a stranger's, for a terminal: without controls, at most CERT_INFO_TEXT_MAX. */
struct slice cert_info_printable(struct slice raw, struct arena *a);

#endif
