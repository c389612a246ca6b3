/* cert_check: what a certificate is worth (RFC 5280, 8550): our rules, where OpenSSL's are
 * those of its command line. It takes octets and the question, and fetches nothing: whoever
 * wants an issuer or a CRL to count brings it along. Pure.
 *
 * - Time: all of the chain has to be valid at the question's now, not at the time that the
 *   signer claims: a key that was taken from somebody may be used with any date.
 * - Strength: RSA (and RSASSA-PSS) of rsa_bits_min and more, named curves of 256 bits and more,
 *   Ed25519 (to encrypt: X25519); no signature by MD5 or SHA-1 between leaf and authority.
 * - Purpose: digitalSignature or nonRepudiation to sign, keyEncipherment (RSA) or keyAgreement
 *   to encrypt; extendedKeyUsage, also of each authority below the trusted one, has
 *   emailProtection or any. What isn't there forbids nothing.
 * - Chain: to one of the question's anchors, or, if it says so, to a built-in authority, with
 *   basic constraints, path length and name constraints as OpenSSL checks them. An anchor need
 *   not be a root.
 * - Trust list: a certificate with a verdict that isn't `blocked`, and one that is itself an
 *   anchor, is believed by hand: that stands for its chain and nothing else. It still expires,
 *   can be revoked, too weak, or for another purpose or address.
 * - A blocked one is never good, believed by hand or not; a blocked authority stands behind
 *   nothing.
 * - Revoked: if the question says so, of it or of an authority in its chain, or if a CRL of the
 *   question, signed by the issuer in the chain, names it, however old that CRL is. No CRL says
 *   nothing. */
#ifndef CRYPTO_CERT_CHECK_H
#define CRYPTO_CERT_CHECK_H

#include "core/arena.h"
#include "crypto/gateway.pb-c.h"
#include "crypto/smime.h"

enum {
	CERT_CHECK_RSA_MIN = 1024, /* whatever rsa_bits_min says */
	CERT_CHECK_DEPTH_MAX = 8,  /* authorities between a certificate and its anchor */
	CERT_CHECK_KEY_TEXT = 24
};
enum cert_check_use { CERT_CHECK_TO_SIGN, CERT_CHECK_TO_ENCRYPT };

struct cert_check_rules {
	enum cert_check_use use;
	uint64_t now_sec;
	uint32_t rsa_bits_min;
};
/* What the certificate says of itself, whoever made it: ALGORITHM, EXPIRED, PURPOSE, or
 * NONE; NO_CERTIFICATE: der isn't one. */
enum smime_problem cert_check_alone(struct slice der, const struct cert_check_rules *rules);
/* One whole CRL? Not whose, nor whether it is signed. */
bool cert_check_is_crl(struct slice der);
/* "RSA 2048", "P-256", "Ed25519"; "unknown". */
void cert_check_key(struct slice der, char text[CERT_CHECK_KEY_TEXT]);

struct cert_check;
/* Borrows q. What can't be read in it is left out. */
struct cert_check *cert_check_new(const Gateway__Question *q, uint32_t rsa_bits_min);
void cert_check_free(struct cert_check *c); /* NULL is fine */
/* Certificates that came along (DER): they may stand in a chain, and prove nothing. */
void cert_check_add(struct cert_check *c, struct slice der);
/* The worst that is wrong with it, of ALGORITHM, NO_CERTIFICATE (it isn't one), BLOCKED,
 * REVOKED, EXPIRED, PURPOSE, CHAIN; or NONE. */
enum smime_problem cert_check_run(
	struct cert_check *c, struct slice der, enum cert_check_use use, bool *is_manual);

/* DER: the certificate, its issuer, and so on, up to an anchor; in a's memory. */
enum { CERT_CHECK_LINKS_MAX = CERT_CHECK_DEPTH_MAX + 2 };
struct cert_check_links {
	struct slice der[CERT_CHECK_LINKS_MAX];
	size_t n;
};
/* Does its chain end at a trusted authority now, whatever it is for itself, and whoever
 * believes it by hand? NONE; else what is wrong, and the links as far as they are there. */
enum smime_problem cert_check_chain(
	struct cert_check *c, struct slice der, struct arena *a, struct cert_check_links *out);

#endif
