/* gateway_in_inner: what the files of gateway_in share: gateway_in takes one layer after the
 * other, gateway_in_verify has those that are signed, gateway_in_open those that are
 * encrypted; what they take off, and what is inside, is gateway_in_entity's. */
#ifndef CRYPTO_GATEWAY_IN_INNER_H
#define CRYPTO_GATEWAY_IN_INNER_H

#include "crypto/gateway_in.h"
#include "crypto/gateway_learn.h"
#include "crypto/gateway_show.h"

/* A mail or part whose layers are looked at. */
struct gateway_in_entity {
	const struct text *text;
	struct gateway_head head;
};
/* How far the mail of some recipients was looked into. */
struct gateway_in_reading {
	struct gateway_in_reading *next;
	struct gateway_show show;
	/* What is looked at: shown, or the first part of multipart/signed. */
	struct gateway_in_entity now;
	size_t layers;
	bool is_over; /* no layer any more that could be taken off */
};
struct gateway_in {
	struct gateway_work *w;
	struct gateway_judge_from from;
	struct gateway_in_reading *todo, *done;
	unsigned splits;
	uint32_t rsa_bits_min;
	struct gateway_learn learn; /* OpenPGP's certificates of From */
	struct pgp_opened *pgp;	    /* what the last message was found to be */
	size_t attempt;
};

/* What isn't MIME has no header: all of it is text. */
enum err gateway_in_read(
	struct gateway_in *in, const struct text *t, struct gateway_in_entity *out);
/* It takes the place of all that was around it. A header that is too large (ERR_TOO_BIG): it
 * doesn't, and the reading is over. */
enum err gateway_in_show(
	struct gateway_in *in, struct gateway_in_reading *r, const struct text *t);
/* Of what is looked at now, if it was encrypted. False: it has none. */
bool gateway_in_take_subject(struct gateway_in *in, struct gateway_in_reading *r);
/* A sink of the room, in canonical lines; and what in them is no mail's text. */
enum err gateway_in_begin_text(
	struct gateway_in *in, struct gateway_mime_canon *canon, struct text_sink *to);
void gateway_in_tell_octets(struct gateway_in *in, const struct gateway_in_reading *r,
	const struct gateway_mime_canon *canon);
/* Errors that say nothing of the mail: it is asked for again. */
bool gateway_in_is_ours(enum err e);

/* A layer each: judged, taken off, or the reading is over. Errors are ours. */
enum err gateway_in_verify_detached(struct gateway_in *in, struct gateway_in_reading *r);
enum err gateway_in_verify_opaque(
	struct gateway_in *in, struct gateway_in_reading *r, const struct gateway_mime *m);
enum err gateway_in_verify_pgp(struct gateway_in *in, struct gateway_in_reading *r);
enum err gateway_in_verify_cleartext(
	struct gateway_in *in, struct gateway_in_reading *r, const struct gateway_mime *m);
enum err gateway_in_open(struct gateway_in *in, struct gateway_in_reading *r);

#endif
