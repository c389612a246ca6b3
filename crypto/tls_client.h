/* tls_client: TLS to other servers: what is demanded of a server's certificate, and how the
 * proof went. PKIX by names (RFC 6125: DNS-ID only, a wildcard only as the whole left-most
 * label), DANE for SMTP (RFC 6698, 7671, 7672). TLS 1.2 and 1.3 (RFC 8996). Streams are those
 * of crypto/tls; nothing is resumed.
 *
 * The cipher suites are wider than our servers': any that encrypts and authenticates, with
 * forward secrecy first (Postfix's "medium" without RC4 and 3DES). Where nothing is demanded,
 * weak keys are taken too: a refused handshake would send the mail in the clear. */
#ifndef CRYPTO_TLS_CLIENT_H
#define CRYPTO_TLS_CLIENT_H

#include "crypto/tls.h"

/* WHY_MAX: octets of tls_client_verdict.why. */
enum { TLS_CLIENT_NAME_MAX = 253, TLS_CLIENT_WHY_MAX = 400 };

/* A TLSA record's fields (RFC 6698 section 2.1). */
struct tls_client_tlsa {
	uint8_t usage, selector, matching;
	struct slice data;
};
/* Is it one for SMTP that we know: usage DANE-TA(2) or DANE-EE(3), selector 0 or 1, matching
 * type 0, 1, 2, and data of that type's length, or a whole certificate or key (RFC 7672
 * section 3.1.3: PKIX-TA and PKIX-EE are not)? */
bool tls_client_tlsa_is_usable(const struct tls_client_tlsa *record);
/* Does a usable record name a certificate of that chain, by PEM: DANE-EE the first, DANE-TA any
 * other? */
bool tls_client_tlsa_fits(const struct tls_client_tlsa *record, struct slice chain_pem);
/* Appends what "3 1 1" records have as data for the chain's first certificate: 32 octets.
 * False: there is none. */
bool tls_client_tlsa_of(struct slice chain_pem, struct buf *out);

enum tls_client_check {
	TLS_CLIENT_NO_CHECK, /* encrypt, whoever it is */
	TLS_CLIENT_PKIX,     /* a chain to a trusted root, one of the names, in time */
	TLS_CLIENT_DANE /* a usable TLSA record; DANE-TA wants one of the names too, DANE-EE
				neither name nor time */
};
struct tls_client_demand {
	enum tls_client_check check;
	/* A failed check is only noted in the verdict; the handshake goes on. */
	bool is_noted;
	/* Show our certificate, if there is one, to a server that asks; with TLS 1.3 only. */
	bool shows_certificate;
	struct slice server_name; /* for SNI; empty: none. DANE: the TLSA base domain */
	/* Host names, A-labels, no final dot. */
	const struct slice *names;
	size_t n_names;
	const struct tls_client_tlsa *tlsa;
	size_t n_tlsa;
};

struct tls_client;
/* roots_pem: trusted roots; empty: those of crypto/tls_trust. ERR_SYNTAX: not certificates. */
enum err tls_client_new(struct slice roots_pem, struct tls_client **out);
/* A certificate to show, instead of the one before; copies what it needs but sign_arg. Errors
 * as tls_server_new: then there is none. */
enum err tls_client_identify(struct tls_client *client, const struct tls_identity *id);
/* Streams that were begun with it stay good. NULL is fine. */
void tls_client_free(struct tls_client *client);

/* fd: as for tls_accept. Copies the demand. tls_handshake then fails with ERR_CRYPTO when the
 * demand isn't met. ERR_CONFIG: a name isn't a host name of at most TLS_CLIENT_NAME_MAX
 * octets, or the check needs a name and has none. ERR_UNSUPPORTED: DANE without any usable
 * record; RFC 7672 section 2.2 wants TLS_CLIENT_NO_CHECK then. */
enum err tls_client_connect(struct tls_client *client, int fd,
	const struct tls_client_demand *demand, struct tls_stream **out);

enum tls_client_proof {
	TLS_CLIENT_UNPROVED,
	TLS_CLIENT_BY_PKIX,
	TLS_CLIENT_BY_DANE_TA,
	TLS_CLIENT_BY_DANE_EE
};
enum tls_client_fault {
	TLS_CLIENT_NO_FAULT, /* of the certificate: then tls_why tells of the handshake */
	TLS_CLIENT_EXPIRED,  /* or not yet valid */
	TLS_CLIENT_WRONG_NAME,
	TLS_CLIENT_SELF_SIGNED,
	TLS_CLIENT_UNKNOWN_ISSUER,
	TLS_CLIENT_TLSA_MISMATCH,
	TLS_CLIENT_OTHER_FAULT
};
struct tls_client_verdict {
	enum tls_client_proof proof;
	enum tls_client_fault fault;
	/* Of a fault, for log line and reply: printable ASCII, no full stop; lives as long as
	 * the stream. */
	struct slice why;
};
/* s comes of tls_client_connect; the handshake is over, well or not. */
struct tls_client_verdict tls_client_verdict(const struct tls_stream *s);
/* Appends the certificate that the server showed, as PEM. False: none. */
bool tls_client_certificate(const struct tls_stream *s, struct buf *pem);
/* "none", "pkix", "dane-ta", "dane-ee". */
const char *tls_client_proof_name(enum tls_client_proof proof);

#endif
