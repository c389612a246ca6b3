/* mail_search: looks for texts in the decoded text of a mail (RFC 9051 section
 * 6.4.4): transfer encoding undone, charset to UTF-8, both sides folded by
 * mail_fold_search, substring matches, also across the borders of chunks. Memory
 * is bounded by the longest key. Pure. */
#ifndef CORE_MAIL_SEARCH_H
#define CORE_MAIL_SEARCH_H

#include "core/charset.h"
#include "core/mail_decode.h"

struct mail_search_key {
	struct slice needle; /* folded by mail_fold_search; empty: found everywhere */
	bool is_found;
};

struct mail_search {
	struct mail_search_key *keys;
	size_t n_keys, n_open, longest;
	struct mail_decode decode;
	struct charset_decoder charset;
	struct buf window, utf8;
};

/* keys: borrowed until fini; is_found is only ever set here. */
void mail_search_init(struct mail_search *s, struct mail_search_key *keys, size_t n);
void mail_search_fini(struct mail_search *s);
/* Another message: no key is found yet. */
void mail_search_reset(struct mail_search *s);

/* A text of its own: a part's body. US-ASCII and CHARSET_UNKNOWN are read as UTF-8,
 * because that is what is mostly in them. */
void mail_search_begin(
	struct mail_search *s, enum mail_encoding encoding, enum charset charset);
/* Raw octets of it, any number. True: all keys are found, no more is needed. */
bool mail_search_feed(struct mail_search *s, struct slice raw);
bool mail_search_end(struct mail_search *s);

/* One header, or a piece of one that ends where a field ends: names and decoded
 * bodies. True: all keys are found. */
bool mail_search_header(struct mail_search *s, struct slice header);

#endif
