/* cert_status: what a CRL (RFC 5280) or an OCSP answer (RFC 6960) says of certificates that are
 * known, if those may say it: by our rules, where OpenSSL's are those of its command line.
 * Fetches nothing. Pure.
 *
 * - Signed by the issuer, with SHA-2 or Ed25519, which may sign lists by its key usage; an OCSP
 *   answer also by a certificate that the issuer's key signed, that is valid now, and has
 *   OCSPSigning.
 * - thisUpdate is at most CERT_STATUS_SKEW_SEC ahead. What is past its nextUpdate still says
 *   who is revoked, and nothing of the others; without one it is good for CERT_STATUS_DAY_SEC.
 * - A list for some reasons, of changes (delta), of several issuers (indirect), or with a
 *   critical extension that isn't known: not read. One for a distribution point must name the
 *   address that it was fetched from, else somebody on the way could put another one in its
 *   place; one for users' or authorities' certificates alone says nothing of the others.
 * - "On hold" is revoked, as long as the list says so. OCSP's "unknown" says nothing. */
#ifndef CRYPTO_CERT_STATUS_H
#define CRYPTO_CERT_STATUS_H

#include "core/err.h"
#include "core/slice.h"

enum {
	CERT_STATUS_LIST_MAX = 4 << 20, /* octets; a larger one isn't read */
	CERT_STATUS_SKEW_SEC = 3600,
	CERT_STATUS_DAY_SEC = 86400,
	CERT_STATUS_HOLD = 6, /* the reason certificateHold */
	CERT_STATUS_WHY_MAX = 100
};

enum cert_status_says { CERT_STATUS_NOTHING, CERT_STATUS_GOOD, CERT_STATUS_REVOKED };

/* A certificate that is known, and, in the answer, what is said of it. */
struct cert_status_known {
	struct slice serial; /* as cert_source has it */
	bool is_authority;
	enum cert_status_says says;
	uint64_t since_sec; /* REVOKED: then; 0: it can't be said */
	uint32_t reason;    /* CRLReason, RFC 5280 section 5.3.1; 0: unspecified */
};
struct cert_status_question {
	struct slice octets; /* DER */
	bool is_ocsp;
	struct slice issuer; /* DER */
	struct slice url;    /* where it comes from */
	uint64_t now_sec;
	struct cert_status_known *known;
	size_t n;
};
struct cert_status_answer {
	uint64_t this_sec,
		next_sec; /* the list's; next_sec: until then GOOD is to be believed */
	char why[CERT_STATUS_WHY_MAX]; /* not ERR_OK: in words */
};
/* Fills known. ERR_SYNTAX: not a list or answer, or not whole. ERR_DENIED: whoever signed it
 * may not. ERR_UNSUPPORTED: of a kind that isn't read. ERR_STALE: of the future.
 * ERR_UNAVAILABLE: an OCSP server that says it can't answer. Not ERR_OK: known says NOTHING. */
enum err cert_status_read(struct cert_status_question *q, struct cert_status_answer *out);

#endif
