/* pgp_cert: a certificate of OpenPGP, or a private key with its certificate (the "transferable"
 * keys of RFC 9580 section 10.1), taken apart into keys, user ids, and the signatures that the
 * primary key made over them. Signatures of others are passed over: there is no web of trust
 * here. What of it holds at a time is pgp_valid's to say. Pure. */
#ifndef CRYPTO_PGP_CERT_H
#define CRYPTO_PGP_CERT_H

#include "crypto/pgp_sig.h"

enum {
	PGP_CERT_SIGNATURES_MAX = 1000, /* by its own key; more: ERR_LIMIT */
	/* What checks of signatures that fit it may cost; those beyond hold nothing. One by an
	 * ordinary key costs 1, so that all that there may be can be checked, whatever anybody
	 * put between them; one by a key that takes ten times as long costs so much more. */
	PGP_CERT_COST_MAX = 2000,
	PGP_CERT_COSTLY = 10
};

enum pgp_cert_state { PGP_CERT_UNKNOWN, PGP_CERT_GOOD, PGP_CERT_BAD };
struct pgp_cert_sig {
	struct pgp_sig sig;
	struct slice body;		 /* the packet's */
	enum pgp_cert_state state, back; /* pgp_valid's; back: of the embedded one */
};
/* The signatures that follow a packet: [from, from + n) of the certificate's. */
struct pgp_cert_sigs {
	size_t from, n;
};
struct pgp_cert_key {
	struct pgp_public public;
	uint8_t tag;
	struct slice body; /* the packet's: of a private key, with its private part */
	struct pgp_cert_sigs sigs;
};
struct pgp_cert_user {
	uint8_t tag; /* PGP_TAG_USER_ID or PGP_TAG_USER_ATTRIBUTE */
	struct slice text;
	struct pgp_cert_sigs sigs;
};
struct pgp_cert {
	struct buf octets;	  /* all that slices point into */
	struct pgp_cert_key *key; /* 0: the primary key */
	struct pgp_cert_user *user;
	struct pgp_cert_sig *sig;
	size_t n_keys, n_users, n_sigs, cost;
	bool is_secret; /* its primary key came with the private part */
};

/* Takes one off the front, a copy; *rest is then at the next, also after ERR_UNSUPPORTED (a
 * primary key of a version or algorithm that we don't have) and ERR_LIMIT (PGP_CERT_MAX,
 * PGP_SUBKEYS_MAX, PGP_USER_IDS_MAX, PGP_CERT_SIGNATURES_MAX). ERR_END: nothing is left;
 * ERR_SYNTAX: not a certificate. Signatures and subkeys that can't be read are passed over. */
enum err pgp_cert_parse(struct slice *rest, struct pgp_cert **cert);
/* NULL is fine. Wipes, as it may have private keys. */
void pgp_cert_free(struct pgp_cert *cert);

/* Some that belong together: the file that a user gave, the keys of a mailbox. Borrowed. */
struct pgp_cert_ring {
	struct pgp_cert *const *cert;
	size_t n;
};

#endif
