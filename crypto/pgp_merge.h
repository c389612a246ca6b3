/* pgp_merge: copies of one certificate of OpenPGP put together. Each mail, file or server may
 * have an old copy: what one leaves out, a revocation above all, holds all the same. Pure. */
#ifndef CRYPTO_PGP_MERGE_H
#define CRYPTO_PGP_MERGE_H

#include "crypto/pgp_valid.h"

enum { PGP_MERGE_MAX = 16384 /* octets of a certificate that is kept in the log */ };

/* Appends the certificate that says all that the copies say: keys, user ids, signatures of its
 * own key, each once. What none of these holds is left out, and so are images. The same copies
 * in the same order give the same octets.
 *
 * It has at most max octets: where all isn't to fit, older bindings of each key and user id
 * are left out; never a revocation. *has_news: the last copy, which is the one that comes from
 * outside, says something that the others don't; also true if it is the only one.
 * ERR_TOO_BIG: even so it doesn't fit; ERR_LIMIT: more than PGP_SUBKEYS_MAX, PGP_USER_IDS_MAX
 * or PGP_CERT_SIGNATURES_MAX, or so much junk in the last copy that a revocation in it can't be
 * checked any more; ERR_SYNTAX: they aren't copies of one. */
enum err pgp_merge(
	struct pgp_cert *const *copy, size_t n, size_t max, struct buf *out, bool *has_news);

#endif
