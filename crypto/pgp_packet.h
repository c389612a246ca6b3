/* pgp_packet: the framing of OpenPGP packets (RFC 9580 section 4.2), new and legacy format:
 * read from a stream, in pieces of any size, or one by one from memory; written whole, or in
 * parts as their octets come. What is in a packet is for others. Pure. */
#ifndef CRYPTO_PGP_PACKET_H
#define CRYPTO_PGP_PACKET_H

#include "core/text.h"
#include "crypto/pgp.h"

/* Literal, compressed, encrypted: they alone may come in parts, or end where the input does,
 * and be larger than PGP_PACKET_BODY_MAX. */
bool pgp_packet_is_data(uint8_t tag);
/* An unknown one of these rejects what it stands in (section 4.3). */
bool pgp_packet_is_critical(uint8_t tag);

struct pgp_packet_to {
	enum err (*begin)(void *arg, uint8_t tag);
	enum err (*body)(void *arg, struct slice octets); /* never empty; gone after it */
	enum err (*end)(void *arg);
	void *arg;
};
enum { PGP_PACKET_HEAD_MAX = 6 };
struct pgp_packet {
	struct pgp_packet_to to;
	uint8_t head[PGP_PACKET_HEAD_MAX];
	size_t n_head;
	uint64_t left;			   /* of the body, or of its part */
	size_t packets;			   /* begun */
	bool is_in_body, is_part, is_open; /* is_open: until the input ends */
	enum err error;
};
void pgp_packet_init(struct pgp_packet *p, const struct pgp_packet_to *to);
/* ERR_SYNTAX; ERR_LIMIT: more than PGP_PACKETS_MAX, or a body over PGP_PACKET_BODY_MAX that
 * isn't data, padding or of a type that may be passed over; what the callbacks return. The
 * first error stays. */
enum err pgp_packet_feed(struct pgp_packet *p, struct slice octets);
/* The input's end. ERR_SYNTAX: in the midst of a packet. May call back. */
enum err pgp_packet_finish(struct pgp_packet *p);

struct pgp_packet_whole {
	uint8_t tag;
	struct slice body, raw; /* raw: header and all */
};
/* Takes one off the front; it must be there whole, of one length. ERR_END: there is none;
 * ERR_SYNTAX. */
enum err pgp_packet_next(struct slice *rest, struct pgp_packet_whole *packet);

/* In the new format. */
bool pgp_packet_put(struct buf *out, uint8_t tag, struct slice body);

/* Writes a data packet whose size nobody knows yet; a short one has an ordinary length. */
enum { PGP_PACKET_PART = 8192 };
struct pgp_packet_parts {
	struct text_sink out;
	uint8_t tag;
	bool is_begun;
	size_t n;
	uint8_t part[PGP_PACKET_PART];
};
void pgp_packet_parts_init(struct pgp_packet_parts *w, uint8_t tag, struct text_sink out);
/* The sink's errors. */
enum err pgp_packet_parts_feed(struct pgp_packet_parts *w, struct slice octets);
enum err pgp_packet_parts_finish(struct pgp_packet_parts *w);

#endif
