/* gateway_mark: the marks that say what the engine found. Those that came with the mail are
 * taken out before anything else; ours are one Authentication-Results field (RFC 8601, with
 * the method smime of RFC 7281, or x-openpgp, which nobody has registered) and, where wanted,
 * a tag in the subject (crypto/gateway_subject). Pure.
 *
 * What a verdict is, in RFC 7281's words:
 *   none     no signature that counts: there is none, nobody signed it, a part alone is
 *            signed, more or fewer than one address in From, or it is encrypted and couldn't
 *            be opened here.
 *   pass     it fits the text, its certificate is for the one From, is valid and believed.
 *   fail     it doesn't fit the text, is somebody else's, or the certificate had expired or
 *            was revoked.
 *   policy   it may fit, but isn't accepted here: too weak, blocked, not for mail, or no
 *            authority that is trusted here stands behind it.
 *   neutral  it can't be looked at: malformed, or the certificate isn't there. */
#ifndef CRYPTO_GATEWAY_MARK_H
#define CRYPTO_GATEWAY_MARK_H

#include "core/buf.h"
#include "crypto/gateway_head.h"

#define GATEWAY_MARK_RESULTS(X)                                                                \
	X(NONE, "none")                                                                        \
	X(PASS, "pass")                                                                        \
	X(POLICY, "policy")                                                                    \
	X(NEUTRAL, "neutral")                                                                  \
	X(FAIL, "fail")

enum gateway_mark_result {
#define X(id, text) GATEWAY_MARK_##id,
	GATEWAY_MARK_RESULTS(X)
#undef X
};
const char *gateway_mark_result_text(enum gateway_mark_result r);

struct gateway_mark {
	enum gateway_mark_result result;
	struct slice words;  /* the comment: why; may be empty */
	struct slice signer; /* the address that was signed for; may be empty */
	bool is_openpgp;     /* which of the two it is about */
};

enum gateway_mark_forged {
	GATEWAY_MARK_FORGED_RESULTS = 1, /* an Authentication-Results of our name */
	GATEWAY_MARK_FORGED_FIELD = 2,	 /* X-Hairpin-* */
	GATEWAY_MARK_FORGED_TAG = 4	 /* in the subject */
};
/* Takes out what claims to be ours; gives what it was. authserv_id: ours. */
unsigned gateway_mark_strip(struct gateway_head *h, struct slice authserv_id);
/* Does a field of that name and body claim so? Also inside it, behind a CR that stands alone.
 */
bool gateway_mark_is_ours(const struct gateway_field *f, struct slice authserv_id);
/* The field, its lines ended by CRLF. False: out is full. */
bool gateway_mark_write(
	const struct gateway_mark *m, struct slice authserv_id, struct buf *out);
/* A head (Return-Path, Received …) with a field on top, but behind Return-Path, which stays
 * the first one (RFC 5321 section 4.4). False: out is full. */
bool gateway_mark_put_on_head(struct slice head, struct slice field, struct buf *out);

#endif
