/* imap_parse: the words of a command (RFC 9051 section 9). Pure. Works over the
 * complete text of one command as imap_lex gives it, its literals inside. Each
 * function reads at the front, moves on and returns true; or returns false and
 * leaves one sentence in `error` for the tagged BAD. What is returned lies in
 * the text or the arena. */
#ifndef IMAP_PARSE_H
#define IMAP_PARSE_H

#include "core/arena.h"
#include "imap/imap_seqset.h"

enum {
	IMAP_PARSE_TAG_MAX = 64,
	IMAP_PARSE_KEYWORDS_MAX = 64, /* flags of one list */
	IMAP_PARSE_KEYWORD_OCTETS_MAX = 64,
	IMAP_PARSE_NAME_MAX = 480 /* octets of a mailbox name (commands check it) */
};

struct imap_parse {
	struct slice text; /* what is left */
	struct arena *arena;
	const char *error; /* NULL until something is wrong; then a sentence, first one kept */
	bool is_utf8;	   /* IMAP4rev2 was enabled: mailbox names are UTF-8, not UTF-7 */
};

struct imap_flags {
	uint8_t system; /* enum imap_flag bits */
	uint16_t n_keywords;
	struct slice *keywords; /* no two alike, ignoring case */
};
/* The bits of the store's message rows. */
enum imap_flag {
	IMAP_SEEN = 1,
	IMAP_ANSWERED = 2,
	IMAP_FLAGGED = 4,
	IMAP_DELETED = 8,
	IMAP_DRAFT = 16
};

struct imap_date_time {
	int64_t sec; /* since 1970, UTC */
	int16_t zone_min;
};

void imap_parse_init(struct imap_parse *p, struct slice text, struct arena *a);
/* Always false. */
bool imap_parse_fail(struct imap_parse *p, const char *error);

bool imap_parse_is(const struct imap_parse *p, uint8_t c); /* is c next? */
bool imap_parse_skip(
	struct imap_parse *p, uint8_t c); /* c was next and is taken; no error else */
bool imap_parse_char(struct imap_parse *p, uint8_t c); /* c must be next */
bool imap_parse_space(struct imap_parse *p);
bool imap_parse_end(struct imap_parse *p); /* CRLF or LF and nothing behind it */
bool imap_parse_is_end(const struct imap_parse *p);
/* True, and taken, when the next word (up to a non-atom octet) is `word` in any case. No
 * error. */
bool imap_parse_word(struct imap_parse *p, const char *word);

bool imap_parse_tag(struct imap_parse *p, struct slice *out);
bool imap_parse_atom(struct imap_parse *p, struct slice *out);
/* Quoted or literal; no NUL; 8-bit only as valid UTF-8 in quoted, anything in a literal. */
bool imap_parse_string(struct imap_parse *p, struct slice *out);
bool imap_parse_astring(struct imap_parse *p, struct slice *out);
bool imap_parse_nstring(struct imap_parse *p, struct slice *out, bool *is_nil);
bool imap_parse_number(struct imap_parse *p, uint32_t *out);
bool imap_parse_nz_number(struct imap_parse *p, uint32_t *out);
bool imap_parse_number64(struct imap_parse *p, uint64_t *out); /* up to 2^63-1 */
bool imap_parse_set(struct imap_parse *p, struct imap_seqset *out);
/* UTF-8 without control characters; INBOX (and what follows INBOX/) in canonical case;
 * at least one octet. */
bool imap_parse_mailbox(struct imap_parse *p, struct slice *out);
/* A LIST pattern: as above, with * and %; may be empty. */
bool imap_parse_pattern(struct imap_parse *p, struct slice *out);
/* "(" flags ")", or without parentheses where is_bare_ok (STORE). */
bool imap_parse_flags(struct imap_parse *p, bool is_bare_ok, struct imap_flags *out);
/* "1-Feb-1994", quoted or not, as days since 1970. */
bool imap_parse_date(struct imap_parse *p, int32_t *days);
/* "17-Jul-1996 02:44:25 -0700", quoted. */
bool imap_parse_date_time(struct imap_parse *p, struct imap_date_time *out);
/* Days since 1970 of a date of the Gregorian calendar; month 1 to 12. */
int32_t imap_parse_days(int year, int month, int day);

/* ATOM-CHAR and ASTRING-CHAR (7 bit). */
bool imap_parse_is_atom_char(uint8_t c);
bool imap_parse_is_astring_char(uint8_t c);

#endif
