/* cert_source: where a certificate says that its revocation, or its issuer, can be fetched
 * (RFC 5280 sections 4.2.1.13 and 4.2.2.1), and what is asked there. Whether it is fetched is
 * decided elsewhere. Pure. */
#ifndef CRYPTO_CERT_SOURCE_H
#define CRYPTO_CERT_SOURCE_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"

/* URL: octets. SERIAL: of a serial number (RFC 5280 section 4.1.2.2 has 20). */
enum { CERT_SOURCE_URL_MAX = 460, CERT_SOURCE_PATH_MAX = 200, CERT_SOURCE_SERIAL_MAX = 32 };

/* An address that may be asked: http at port 80, or https at 443; a name with letters, digits,
 * "-" and "." alone, and no user; 1 to CERT_SOURCE_PATH_MAX printable octets of path. */
struct cert_source_url {
	bool plain;		 /* http */
	struct slice host, path; /* borrowed */
};
bool cert_source_url_parse(struct slice text, struct cert_source_url *out);

/* Each url: the first one that cert_source_url_parse takes; empty: there is none. */
struct cert_source {
	struct slice serial; /* the INTEGER's octets without its sign */
	struct slice crl;    /* a complete list: one by its issuer, for all reasons */
	struct slice ocsp;
	struct slice issuer; /* of the issuer's certificate */
	bool is_authority;
	uint64_t until_sec;
};
/* Texts live in a. ERR_SYNTAX: it isn't a certificate; its serial number is too long, negative,
 * or none. */
enum err cert_source_read(struct slice der, struct arena *a, struct cert_source *out);

/* Appends an OCSP request (RFC 6960) for one certificate of that issuer, without a nonce, so
 * that servers may answer from a store. ERR_SYNTAX; ERR_TOO_BIG: out is full. */
enum err cert_source_ask(struct slice issuer_der, struct slice serial, struct buf *out);

#endif
