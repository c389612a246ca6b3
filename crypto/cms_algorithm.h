/* cms_algorithm: the digests and signatures of CMS that are good enough (RFC 5754, 4056, 8419):
 * SHA-256, 384, 512; RSA PKCS#1 v1.5, RSASSA-PSS, ECDSA, Ed25519. For crypto/ only. Pure. */
#ifndef CRYPTO_CMS_ALGORITHM_H
#define CRYPTO_CMS_ALGORITHM_H

#include <openssl/evp.h>

#include "core/buf.h"

enum { CMS_ALGORITHM_DIGESTS = 3, CMS_ALGORITHM_HASH_MAX = 64 };
enum cms_algorithm_scheme {
	CMS_ALGORITHM_RSA,
	CMS_ALGORITHM_PSS,
	CMS_ALGORITHM_ECDSA,
	CMS_ALGORITHM_ED25519
};
struct cms_algorithm {
	enum cms_algorithm_scheme scheme;
	int digest; /* NID */
	int mgf;    /* NID; PSS */
	int salt;   /* octets; PSS */
};

/* Its place in a table of CMS_ALGORITHM_DIGESTS. nid: one of ours. */
size_t cms_algorithm_index(int nid);
/* By that place: the NID; "SHA-256"; "sha-256", as micalg wants it. */
int cms_algorithm_nid(size_t index);
const char *cms_algorithm_name(int nid);
const char *cms_algorithm_micalg(int nid);

/* All of these read the body of an AlgorithmIdentifier in DER. NID_undef: too weak, or unknown
 * here. */
int cms_algorithm_digest(struct slice identifier);
/* A signatureAlgorithm that goes with this digest. RSASSA-PSS has to name its digests: what it
 * leaves out means SHA-1. False: too weak, unknown, or it doesn't. */
bool cms_algorithm_parse(struct slice identifier, int digest, struct cms_algorithm *out);
/* The one for a key: digest by its strength, PKCS#1 v1.5 for RSA unless is_pss or its
 * certificate demands it. False: there is none. */
bool cms_algorithm_for(EVP_PKEY *key, bool is_pss, struct cms_algorithm *out);

/* AlgorithmIdentifiers. */
void cms_algorithm_put_digest(struct buf *b, int digest);
void cms_algorithm_put(struct buf *b, const struct cms_algorithm *a);

/* tbs: the hash of what was signed; for Ed25519 all of it. */
bool cms_algorithm_verify(
	const struct cms_algorithm *a, EVP_PKEY *key, struct slice tbs, struct slice signature);
/* hash has room for CMS_ALGORITHM_HASH_MAX octets; gives how many it is. */
size_t cms_algorithm_hash(int digest, struct slice octets, uint8_t *hash);

#endif
