/* dkim_canon: the canonical form "relaxed" of RFC 6376 (3.4.2 of header fields, 3.4.4 of the
 * body), of a message that is fed in pieces. Lines are taken as they leave by SMTP
 * (smtp/smtp_client_body): a bare CR and a bare LF are line ends, and the last line has one.
 * Memory: what is kept of the header, which is bounded. Pure. */
#ifndef CRYPTO_DKIM_CANON_H
#define CRYPTO_DKIM_CANON_H

#include "core/buf.h"
#include "core/text.h"

/* KEPT: octets of all kept values together; FIELDS: how many. */
enum {
	DKIM_CANON_NAME_MAX = 40,
	DKIM_CANON_NAMES_MAX = 32,
	DKIM_CANON_KEPT_MAX = 1 << 20,
	DKIM_CANON_FIELDS_MAX = 200,
	DKIM_CANON_ROOM = 4096
};

/* A field that was kept: what is behind the colon, in canonical form, without a line end. */
struct dkim_canon_field {
	uint32_t name; /* its place among those that were asked for */
	size_t at, n;  /* in kept */
};

struct dkim_canon {
	struct buf kept;
	struct dkim_canon_field field[DKIM_CANON_FIELDS_MAX]; /* from the top down */
	size_t fields;
	bool in_body; /* the header is over */
	enum err e;   /* ERR_LIMIT: there were more fields, or octets; else the sink's */
	/* its own */
	const char *const *names;
	size_t n_names;
	struct text_sink body;
	uint8_t state, name[DKIM_CANON_NAME_MAX], room[DKIM_CANON_ROOM];
	size_t name_n, room_n;
	bool after_cr, has_space, has_octets;
	uint64_t line_ends; /* that wait: at the body's end they are dropped */
};

/* names: of the fields to keep, in lower case, at most DKIM_CANON_NAMES_MAX; borrowed until the
 * end. body: gets the canonical body. */
void dkim_canon_init(
	struct dkim_canon *c, const char *const *names, size_t n, struct text_sink body);
void dkim_canon_fini(struct dkim_canon *c);
void dkim_canon_feed(struct dkim_canon *c, struct slice piece);
/* The message is over. What c->e says. */
enum err dkim_canon_finish(struct dkim_canon *c);
static inline struct slice
dkim_canon_value(const struct dkim_canon *c, size_t i)
{
	return slice_cut(buf_slice(&c->kept), c->field[i].at, c->field[i].at + c->field[i].n);
}

#endif
