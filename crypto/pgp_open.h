/* pgp_open: reads a message of OpenPGP (RFC 9580 section 10.3) in a stream: takes off what it
 * is encrypted, compressed and signed with, writes its text, and judges its signatures. Fed
 * packets, not armor. The grammar is held strictly, with these limits of ours: one encryption
 * of a message, which stands outside all else; signatures are of the text, not of packets. Pure
 * but for what the private keys do.
 *
 * A message is read twice. The first time what is encrypted is decrypted to see whether it is
 * whole, and no octet of it is looked at: so whoever changed it learns neither from an answer
 * nor from the time what became of it. The second time it is read as a message. Memory doesn't
 * grow with it. What was written is worth nothing before finish. */
#ifndef CRYPTO_PGP_OPEN_H
#define CRYPTO_PGP_OPEN_H

#include "core/text.h"
#include "crypto/pgp_judge.h"
#include "crypto/pgp_private.h"

enum {
	PGP_OPEN_ATTEMPTS_MAX = 32,
	PGP_OPEN_NAME_MAX = 255 /* octets of a literal's file name */
};

struct pgp_open_setup {
	/* What opens; each may be absent. */
	const struct pgp_cert_ring *keys; /* whose private keys `private` has */
	const struct pgp_private *private;
	const struct slice *password;
	size_t n_passwords;
	const struct pgp_session *session;
	size_t n_sessions;
	/* Of all that might open it, which is to be tried. Where a message names no key, or has
	 * a password, only a try tells: then finish says ERR_CRYPTO, and `attempts`, how many
	 * there are, at most PGP_OPEN_ATTEMPTS_MAX. 0 is the first. */
	size_t attempt;
	/* NULL: it is read for the first time, and what stands below isn't used. Else what the
	 * first time found, without an error; or all zeros: nothing may be encrypted. */
	const struct pgp_opened *proved;
	struct pgp_judge judge;
	uint64_t limit_bytes; /* of the text; 0: none */
	struct text_sink to;
	struct buf *signatures; /* or NULL: gets the signature packets, in their order */
};
struct pgp_opened {
	bool is_encrypted;
	uint8_t seipd; /* 1, 2; 0: GnuPG's packet */
	uint8_t cipher, aead;
	struct pgp_session session;   /* whoever asks wipes it */
	const struct pgp_public *key; /* NULL: a password, a session key */
	size_t attempts, recipients;  /* recipients: PKESK packets */
	struct pgp_verdict verdict[PGP_SIGNATURES_MAX];
	size_t n_verdicts;
	uint8_t format; /* of the literal: 'b', 't', 'u' */
	uint8_t name[PGP_OPEN_NAME_MAX];
	size_t n_name;
	uint64_t text_bytes;
};

struct pgp_open;
struct pgp_open *pgp_open_new(const struct pgp_open_setup *setup);
void pgp_open_free(struct pgp_open *o); /* NULL is fine; wipes */
/* The first error stays. */
enum err pgp_open_feed(struct pgp_open *o, struct slice octets);
/* ERR_SYNTAX: not a message; ERR_NOT_FOUND: nothing that we have opens it; ERR_UNSUPPORTED: an
 * encryption that isn't ours, or without integrity; ERR_LIMIT, ERR_TOO_BIG: limit_bytes, too
 * many packets; ERR_UNAVAILABLE, ERR_DENIED: keyd; the sink's. ERR_CRYPTO: everything that is
 * wrong within an encryption, alike. Bad signatures are no error: see the verdicts. facts is
 * written in all cases; of a failure it says is_encrypted, attempts, recipients alone. */
enum err pgp_open_finish(struct pgp_open *o, struct pgp_opened *facts);

/* Where a message can be read from its beginning, as often as one wants. */
struct pgp_open_source {
	/* All its octets; the sink's error, or its own. */
	enum err (*read)(void *arg, struct text_sink to);
	void *arg;
};
/* Both times; setup->proved isn't used. Errors as pgp_open_finish's, then the source's; its
 * ERR_IO and ERR_CORRUPT come before all others. */
enum err pgp_open_message(const struct pgp_open_setup *setup,
	const struct pgp_open_source *source, struct pgp_opened *facts);

#endif
