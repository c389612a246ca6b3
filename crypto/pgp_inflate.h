/* pgp_inflate: the compressed data packet of OpenPGP (RFC 9580 section 5.6) in a stream: fed
 * its body, the algorithm's octet first. Grows to no more than 1 MiB and PGP_RATIO_MAX times
 * what was fed. ZIP, ZLIB, BZip2, and uncompressed. Pure. */
#ifndef CRYPTO_PGP_INFLATE_H
#define CRYPTO_PGP_INFLATE_H

#include "core/text.h"
#include "crypto/pgp.h"

enum { PGP_INFLATE_FREE = 1048576 };

struct pgp_inflate;
struct pgp_inflate *pgp_inflate_new(struct text_sink to);
void pgp_inflate_free(struct pgp_inflate *z); /* NULL is fine */
/* ERR_SYNTAX; ERR_UNSUPPORTED; ERR_LIMIT: it grows too much; the sink's. The first stays. */
enum err pgp_inflate_feed(struct pgp_inflate *z, struct slice octets);
enum err pgp_inflate_finish(struct pgp_inflate *z);

#endif
