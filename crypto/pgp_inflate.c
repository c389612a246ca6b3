#include "crypto/pgp_inflate.h"

#include <bzlib.h>
#include <stdlib.h>
#include <zlib.h>

#include "core/must.h"

enum { PIECE = 16384, RAW_WINDOW = -15, ZLIB_WINDOW = 15 };

struct pgp_inflate {
	struct text_sink to;
	bool is_begun, is_ended;
	uint8_t algorithm;
	uint64_t in, out;
	enum err error;
	z_stream zlib;
	bz_stream bzip2;
	uint8_t piece[PIECE];
};

struct pgp_inflate *
pgp_inflate_new(struct text_sink to)
{
	struct pgp_inflate *z = must_zalloc(sizeof *z);

	z->to = to;
	return z;
}

void
pgp_inflate_free(struct pgp_inflate *z)
{
	if (!z)
		return;
	if (z->is_begun && (z->algorithm == PGP_ZIP || z->algorithm == PGP_ZLIB))
		inflateEnd(&z->zlib);
	if (z->is_begun && z->algorithm == PGP_BZIP2)
		BZ2_bzDecompressEnd(&z->bzip2);
	explicit_bzero(z, sizeof *z);
	free(z);
}

static enum err
begin(struct pgp_inflate *z, uint8_t algorithm)
{
	z->algorithm = algorithm;
	switch (algorithm) {
	case PGP_UNCOMPRESSED:
		break;
	case PGP_ZIP:
	case PGP_ZLIB:
		must(inflateInit2(&z->zlib, algorithm == PGP_ZIP ? RAW_WINDOW : ZLIB_WINDOW) ==
			Z_OK);
		break;
	case PGP_BZIP2:
		must(BZ2_bzDecompressInit(&z->bzip2, 0, 1) == BZ_OK);
		break;
	default:
		return ERR_UNSUPPORTED;
	}
	z->is_begun = true;
	return ERR_OK;
}

static enum err
put(struct pgp_inflate *z, struct slice octets)
{
	z->out += octets.n;
	if (z->out > PGP_INFLATE_FREE + z->in * PGP_RATIO_MAX)
		return ERR_LIMIT;
	return octets.n ? z->to.put(z->to.arg, octets) : ERR_OK;
}

/* One turn: takes from the front of *octets what it wants, and writes a piece. */
static enum err
turn_zlib(struct pgp_inflate *z, struct slice *octets, size_t *written)
{
	int e;

	z->zlib.next_in = (Bytef *)(uintptr_t)octets->p;
	z->zlib.avail_in = (uInt)octets->n;
	z->zlib.next_out = z->piece;
	z->zlib.avail_out = PIECE;
	e = inflate(&z->zlib, Z_NO_FLUSH);
	*octets = slice_from(*octets, octets->n - z->zlib.avail_in);
	*written = PIECE - z->zlib.avail_out;
	z->is_ended = e == Z_STREAM_END;
	return e == Z_OK || e == Z_STREAM_END || e == Z_BUF_ERROR ? ERR_OK : ERR_SYNTAX;
}

static enum err
turn_bzip2(struct pgp_inflate *z, struct slice *octets, size_t *written)
{
	int e;

	z->bzip2.next_in = (char *)(uintptr_t)octets->p;
	z->bzip2.avail_in = (unsigned)octets->n;
	z->bzip2.next_out = (char *)z->piece;
	z->bzip2.avail_out = PIECE;
	e = BZ2_bzDecompress(&z->bzip2);
	*octets = slice_from(*octets, octets->n - z->bzip2.avail_in);
	*written = PIECE - z->bzip2.avail_out;
	z->is_ended = e == BZ_STREAM_END;
	return e == BZ_OK || e == BZ_STREAM_END ? ERR_OK : ERR_SYNTAX;
}

static enum err
run(struct pgp_inflate *z, struct slice octets)
{
	size_t written = PIECE;
	enum err e = ERR_OK;

	/* What follows the end within the packet is nobody's. */
	while (e == ERR_OK && !z->is_ended && (octets.n || written == PIECE)) {
		e = z->algorithm == PGP_BZIP2 ? turn_bzip2(z, &octets, &written)
					      : turn_zlib(z, &octets, &written);
		if (e == ERR_OK)
			e = put(z, slice_of(z->piece, written));
	}
	return e == ERR_OK && octets.n ? ERR_SYNTAX : e;
}

enum err
pgp_inflate_feed(struct pgp_inflate *z, struct slice octets)
{
	if (z->error == ERR_OK && !z->is_begun && octets.n) {
		z->error = begin(z, octets.p[0]);
		octets = slice_from(octets, 1);
	}
	z->in += octets.n;
	if (z->error == ERR_OK && octets.n)
		z->error = z->algorithm == PGP_UNCOMPRESSED ? put(z, octets) : run(z, octets);
	return z->error;
}

enum err
pgp_inflate_finish(struct pgp_inflate *z)
{
	if (z->error == ERR_OK &&
		(!z->is_begun || (z->algorithm != PGP_UNCOMPRESSED && !z->is_ended)))
		z->error = ERR_SYNTAX;
	return z->error;
}
