/* scram: the messages of SCRAM-SHA-256 (RFC 5802, RFC 7677) and both sides of
 * the exchange. Pure. */
#ifndef CRYPTO_SCRAM_H
#define CRYPTO_SCRAM_H

#include "crypto/pwhash.h"

enum { SCRAM_MESSAGE_MAX = 2048, SCRAM_NONCE_MAX = 256, SCRAM_SERVER_NONCE = 32 };

/* client-first-message, cut; all borrowed. */
struct scram_first {
	uint8_t flag;		    /* 'n', 'y' or 'p' */
	struct slice binding;	    /* the name after "p=" */
	struct slice header;	    /* gs2-header, with its last comma */
	struct slice bare;	    /* client-first-message-bare */
	struct slice authzid, user; /* still escaped: scram_name */
	struct slice nonce;
};
/* ERR_SYNTAX: not RFC 5802 section 7, or with a mandatory extension (m=). ERR_TOO_BIG. */
enum err scram_parse_first(struct slice message, struct scram_first *out);
/* Undoes =2C and =3D. ERR_SYNTAX: another '='. ERR_LIMIT: out is full. */
enum err scram_name(struct slice escaped, struct buf *out);

/* An exchange between its two messages. Holds secrets; ended by scram_end or scram_cancel. */
struct scram {
	struct buf auth_message; /* client-first-message-bare , server-first-message */
	struct buf nonce, header;
	struct pwhash_scram record;
};
/* Appends the server-first-message. server_nonce: printable, new, unguessable;
 * SCRAM_SERVER_NONCE octets are enough. Errors as scram_parse_first; *s is then untouched. */
enum err scram_begin(struct scram *s, struct slice client_first,
	const struct pwhash_scram *record, struct slice server_nonce, struct buf *out);
/* Takes the client-final-message; appends the server-final-message "v=...". channel_binding:
 * the octets that belong to the name in the first message; empty unless its flag was 'p'.
 * ERR_AUTH: another password, nonce or channel. ERR_SYNTAX. */
enum err scram_end(struct scram *s, struct slice client_final, struct slice channel_binding,
	struct buf *out);
/* Wipes; fine after scram_end. */
void scram_cancel(struct scram *s);

/* What a client works for a server at most, some 0.1 s. */
enum { SCRAM_CLIENT_ITERATIONS_MAX = 200000 };
/* The client's side, without a channel binding. Ended by scram_client_fini, which wipes. */
struct scram_client {
	struct buf bare, nonce;
	uint8_t signature[PWHASH_SHA256]; /* the server's, as it has to be */
	bool is_proven, is_checked;
};
/* Appends the client-first-message. user: prepared (saslprep). nonce: printable without commas,
 * new, unguessable. ERR_LIMIT: user too long, or out is full. */
enum err scram_client_begin(
	struct scram_client *s, struct slice user, struct slice nonce, struct buf *out);
/* Takes the server-first-message, appends the client-final-message. password: prepared.
 * ERR_SYNTAX: not RFC 5802 section 7, or not the answer to our nonce. ERR_LIMIT: iterations
 * below PWHASH_ITERATIONS_MIN (what crosses the wire would be too cheap to guess from) or above
 * SCRAM_CLIENT_ITERATIONS_MAX; or out is full. */
enum err scram_client_prove(struct scram_client *s, struct slice password,
	struct slice server_first, struct buf *out);
/* Takes the server-final-message. ERR_AUTH: it doesn't know the password. */
enum err scram_client_check(struct scram_client *s, struct slice server_final);
void scram_client_fini(struct scram_client *s);

#endif
