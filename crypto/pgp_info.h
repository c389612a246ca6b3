/* pgp_info: what a certificate of OpenPGP says, in the words that cert_info has for those of
 * X.509, so that whoever keeps or shows certificates needn't know which kind it is. Wherever
 * one may stand, the first octet tells: DER begins with a SEQUENCE, a packet with the highest
 * bit set. Pure. */
#ifndef CRYPTO_PGP_INFO_H
#define CRYPTO_PGP_INFO_H

#include "crypto/cert_info.h"
#include "crypto/pgp_valid.h"

/* A primary key that doesn't end, or that nothing binds: the year 9999's end. */
#define PGP_INFO_NEVER INT64_C(253402300799)

/* Packets: a certificate, or private keys? */
bool pgp_info_is(struct slice octets);
/* As cert_info_read: subject is the primary user id, serial the fingerprint, key_sha256 a hash
 * of that; what holds is judged at the time of its newest signature. One that is
 * revoked ended with that signature; one that nothing binds may be used for nothing.
 * ERR_SYNTAX: it isn't exactly one certificate without private parts. */
enum err pgp_info_read(struct slice octets, struct arena *a, struct cert_info *out);
/* key_sha256 alone, by the first packet, for whoever believes it of nobody. ERR_SYNTAX. */
enum err pgp_info_key_hash(struct slice octets, uint8_t hash[CERT_INFO_HASH]);
/* As cert_info_key, of a public key's packet. ERR_SYNTAX. */
enum err pgp_info_key(struct slice packet, const char **kind, unsigned *bits);
/* "RSA", "Ed25519", "P-256", "?" ..., static. */
const char *pgp_info_kind(const struct pgp_public *key);
/* The time of the newest signature of its own. */
uint64_t pgp_info_newest_sec(const struct pgp_cert *cert);
/* Exactly one certificate. NULL: it isn't. */
struct pgp_cert *pgp_info_parse(struct slice octets);

#endif
