/* pgp_read: a message of OpenPGP out of memory, in pieces, as pgp_open_message wants it. */
#ifndef TESTS_PGP_READ_H
#define TESTS_PGP_READ_H

#include "crypto/pgp_open.h"

struct pgp_read {
	struct slice message;
	size_t piece;
};

static inline enum err
pgp_read_pieces(void *arg, struct text_sink to)
{
	const struct pgp_read *r = arg;
	enum err e = ERR_OK;

	for (struct slice s = r->message; e == ERR_OK && s.n; s = slice_from(s, r->piece))
		e = to.put(to.arg, slice_cut(s, 0, r->piece));
	return e;
}

static inline enum err
pgp_read_message(const struct pgp_open_setup *setup, struct slice message, size_t piece,
	struct pgp_opened *facts)
{
	struct pgp_read r = {message, piece};

	return pgp_open_message(setup, &(struct pgp_open_source){pgp_read_pieces, &r}, facts);
}

#endif
