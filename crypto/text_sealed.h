/* text_sealed: texts (core/text) that lie sealed, part by part, as mail does at rest
 * (crypto/seal): in memory or in a file, opened part by part as they are read; and a room in
 * which new ones are made, each under a data key of its own. What is in the clear at one time
 * is one part of a text that is read, and one of each that is written; memory doesn't grow with
 * the mail. No file has a name: what is larger than one part is in a memfd, which nobody can
 * change once it is made. */
#ifndef CRYPTO_TEXT_SEALED_H
#define CRYPTO_TEXT_SEALED_H

#include "core/text.h"
#include "crypto/seal.h"

/* What a sealed text is made of. */
struct text_sealed_octets {
	struct seal_key key;
	uint64_t size;	      /* in the clear */
	uint64_t sealed_size; /* its parts, back to back */
	int fd;		      /* -1: they are in `sealed` */
	struct slice sealed;
};

/* The octets in the clear of a text that has so many sealed. False: no text has. */
bool text_sealed_size(uint64_t sealed_size, uint64_t *size);

struct text_sealed;
/* Of octets that somebody else made (o->size isn't read); what they lie in is borrowed until
 * the end, and may be shorter than it says: that is ERR_IO when it is read. A damaged part is
 * ERR_CORRUPT. NULL: no text has such a size. */
struct text_sealed *text_sealed_new(const struct text_sealed_octets *o);
void text_sealed_free(struct text_sealed *t); /* NULL is fine; wipes */
struct text text_sealed_text(struct text_sealed *t);

/* A room (core/text.h). cap: sealed octets in all; more are ERR_FULL. Several sinks may be open
 * at once; close ends the youngest of them. */
struct text_sealed_room;
struct text_sealed_room *text_sealed_room_new(uint64_t cap);
void text_sealed_room_free(struct text_sealed_room *r); /* NULL is fine; wipes */
struct text_room text_sealed_room(struct text_sealed_room *r);
/* What lies behind a text of the room, borrowed from it. False: it is none of its texts. */
bool text_sealed_room_find(
	const struct text_sealed_room *r, const struct text *t, struct text_sealed_octets *out);

#endif
