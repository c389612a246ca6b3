/* pgp_sig_hash: what an OpenPGP signature hashes (RFC 9580 section 5.2.4): a text as it comes,
 * or keys and user ids; then the signature's own hashed part. Pure. */
#ifndef CRYPTO_PGP_SIG_HASH_H
#define CRYPTO_PGP_SIG_HASH_H

#include "crypto/pgp_sig.h"

struct pgp_sig_hash {
	struct evp_md_ctx_st *md; /* NULL: not begun, or ended */
	bool is_text, was_cr;
};
/* salt: version 6's, else empty. is_text: line ends become CRLF. ERR_UNSUPPORTED: a hash that
 * we don't have. */
enum err pgp_sig_hash_begin(
	struct pgp_sig_hash *h, uint8_t hash, struct slice salt, bool is_text);
void pgp_sig_hash_feed(struct pgp_sig_hash *h, struct slice octets);
void pgp_sig_hash_key(struct pgp_sig_hash *h, const struct pgp_public *key);
/* tag: PGP_TAG_USER_ID or PGP_TAG_USER_ATTRIBUTE. */
void pgp_sig_hash_user(struct pgp_sig_hash *h, uint8_t tag, struct slice body);
/* A state that goes on by itself: of two signatures over one text that hash it alike. */
void pgp_sig_hash_copy(const struct pgp_sig_hash *from, struct pgp_sig_hash *to);
/* version, hashed: the signature's. digest: PGP_DIGEST_MAX octets. Ends it. Returns the
 * digest. */
struct slice pgp_sig_hash_finish(
	struct pgp_sig_hash *h, uint8_t version, struct slice hashed, uint8_t *digest);
/* Fine after finish, and for one that is all zeros. */
void pgp_sig_hash_fini(struct pgp_sig_hash *h);

#endif
