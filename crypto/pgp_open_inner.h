/* pgp_open_inner: what pgp_open's files share. */
#ifndef CRYPTO_PGP_OPEN_INNER_H
#define CRYPTO_PGP_OPEN_INNER_H

#include "crypto/pgp_digests.h"
#include "crypto/pgp_inflate.h"
#include "crypto/pgp_open.h"
#include "crypto/pgp_packet.h"
#include "crypto/pgp_symmetric.h"

enum {
	PGP_OPEN_KEYS_MAX = 524288, /* octets of all PKESK and SKESK */
	PGP_OPEN_LITERAL_HEAD = 6   /* of a literal's header, beside its name */
};

/* A signature that was announced, or stands before its text. */
struct pgp_open_signer {
	bool is_one_pass, is_hashed, is_settled;
	size_t digest;	 /* of o->digests */
	uint8_t version; /* of the announcement */
	uint8_t type, hash_algorithm, algorithm;
	uint8_t key[PGP_FINGERPRINT_MAX]; /* announced: version 3's key id, 6's fingerprint */
	struct buf salt;		  /* version 6 */
	struct buf body;		  /* of one that stands before its text */
};

/* Where a container's content goes on. */
struct pgp_open_layer {
	struct pgp_open *o;
	struct pgp_packet packets;
	uint8_t tag;		 /* of the packet that is being read; 0: none */
	bool has_keys, has_body; /* ESK packets; what the layer is about */
	size_t first_signer;	 /* of o->signer: those of this layer */
	struct buf body;	 /* of a packet that is kept until its end */
	struct pgp_symmetric *symmetric;
	struct pgp_inflate *inflate;
	size_t n_head; /* of the literal's header */
};

struct pgp_open {
	struct pgp_open_setup setup;
	struct pgp_open_layer layer[PGP_DEPTH_MAX + 1];
	size_t depth;		/* of the layer that is open */
	uint64_t fed, inflated; /* octets: of the message, and what all compression gave */
	struct buf keys;	/* ESK packets, whole, as they came */
	struct pgp_open_signer signer[PGP_SIGNATURES_MAX];
	size_t n_signers, tries; /* tries: of pgp_judge */
	struct pgp_digests digests;
	uint8_t literal[PGP_OPEN_LITERAL_HEAD + PGP_OPEN_NAME_MAX];
	struct pgp_opened facts;
	enum err error;
};

/* The session key that setup.attempt stands for; counts facts.attempts. tag, version, cipher:
 * of the encrypted packet. ERR_NOT_FOUND: there is none. */
enum err pgp_open_find(struct pgp_open *o, uint8_t tag, const struct pgp_symmetric_head *head,
	struct pgp_session *session);

/* Signatures (pgp_open_signed.c): a one-pass packet, a signature packet, the text, the layer's
 * end. ERR_SYNTAX, ERR_LIMIT. */
enum err pgp_open_one_pass(struct pgp_open_layer *l, struct slice body);
enum err pgp_open_signature(struct pgp_open_layer *l, struct slice body);
void pgp_open_text_ends(struct pgp_open *o);
enum err pgp_open_check_signed(const struct pgp_open_layer *l);
void pgp_open_signers_fini(struct pgp_open *o);

#endif
