/* imap_seqset: sets of message numbers or UIDs (RFC 9051 section 9, sequence-set). Pure. */
#ifndef IMAP_SEQSET_H
#define IMAP_SEQSET_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"

enum { IMAP_SEQSET_MAX = 16384 }; /* ranges of one set as sent */

struct imap_range {
	uint32_t from, to; /* from <= to once resolved; as parsed 0 stands for '*' */
};

struct imap_seqset {
	struct imap_range *ranges; /* in the arena of the parser */
	uint32_t n;
	bool is_saved; /* "$": the saved result of the last SEARCH */
	bool has_star; /* a '*' in it (only before resolve) */
};

/* Reads a set at the front of *text and moves *text behind it. ERR_SYNTAX: no set (0, empty
 * ranges, numbers past 2^32-1); ERR_LIMIT: more than IMAP_SEQSET_MAX ranges. */
enum err imap_seqset_parse(struct arena *a, struct slice *text, struct imap_seqset *out);
/* Replaces '*' by max, sorts, merges. max 0 (an empty mailbox): the set becomes empty. */
void imap_seqset_resolve(struct imap_seqset *s, uint32_t max);
/* The rest: on resolved sets. */
bool imap_seqset_has(const struct imap_seqset *s, uint32_t v);
/* Largest number, 0 when empty. */
uint32_t imap_seqset_last(const struct imap_seqset *s);
/* How many numbers. */
uint64_t imap_seqset_count(const struct imap_seqset *s);

/* Builds a set's text number by number (none is 0), runs joined: "1:3,7". */
struct imap_seqset_writer {
	struct buf *out;
	uint32_t from, to;
	bool has_any;
};
void imap_seqset_write(struct imap_seqset_writer *w, uint32_t v);
void imap_seqset_write_end(struct imap_seqset_writer *w);

#endif
