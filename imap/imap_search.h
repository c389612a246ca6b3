/* imap_search: SEARCH's keys as a flat program (RFC 9051 section 6.4.4, RFC
 * 4731, RFC 7162). Pure. Parsing and evaluation use no recursion: depth and
 * number of keys are capped. Evaluation is three-valued, so that a message's
 * text is read only when the cheap keys leave the answer open. */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "imap/imap_parse.h"

enum {
	IMAP_SEARCH_KEYS_MAX = 1024, /* of one SEARCH, NOT, OR and groups included */
	IMAP_SEARCH_DEPTH_MAX = 64,
	IMAP_SEARCH_TEXTS_MAX = 64, /* keys that look for text */
	IMAP_SEARCH_TEXT_OCTETS_MAX = 1024
};

enum imap_search_op {
	IMAP_SEARCH_TRUE,  /* ALL, OLD */
	IMAP_SEARCH_FALSE, /* RECENT, NEW: no message is \Recent here */
	IMAP_SEARCH_FLAGS, /* any of the bits in number */
	IMAP_SEARCH_KEYWORD,
	IMAP_SEARCH_SEQ,
	IMAP_SEARCH_UID,
	IMAP_SEARCH_LARGER,
	IMAP_SEARCH_SMALLER,
	IMAP_SEARCH_BEFORE, /* dates: days since 1970 in number */
	IMAP_SEARCH_ON,
	IMAP_SEARCH_SINCE,
	IMAP_SEARCH_SENTBEFORE,
	IMAP_SEARCH_SENTON,
	IMAP_SEARCH_SENTSINCE,
	IMAP_SEARCH_MODSEQ,
	IMAP_SEARCH_FIELD, /* name and text; FROM, SUBJECT ... too */
	IMAP_SEARCH_BODY,
	IMAP_SEARCH_TEXT,
	IMAP_SEARCH_NOT, /* from here on: of the answers before it */
	IMAP_SEARCH_AND,
	IMAP_SEARCH_OR
};

struct imap_search_key {
	enum imap_search_op op;
	uint16_t text_at; /* FIELD, BODY, TEXT, SENT...: its place among the slow keys */
	int64_t number;
	struct slice field, text; /* text: UTF-8 */
	struct imap_seqset set;
};

/* RETURN options. */
enum imap_search_return {
	IMAP_SEARCH_MIN = 1,
	IMAP_SEARCH_MAX = 2,
	IMAP_SEARCH_ALL = 4,
	IMAP_SEARCH_COUNT = 8,
	IMAP_SEARCH_SAVE = 16
};

struct imap_search {
	struct imap_search_key *keys; /* in the order in which they are evaluated */
	uint32_t n;
	uint32_t n_texts; /* slow keys */
	uint8_t returns;  /* bits; 0 with has_return: ALL */
	bool has_return;
	bool has_modseq;      /* a MODSEQ key: the answer carries one */
	bool has_bad_charset; /* parsed, but NO [BADCHARSET] */
};

/* Behind "SEARCH " up to the line end. */
bool imap_search_parse(struct imap_parse *p, struct imap_search *out);

enum imap_search_answer { IMAP_SEARCH_NO, IMAP_SEARCH_YES, IMAP_SEARCH_OPEN };

/* What is known of a message at once. */
struct imap_search_facts {
	uint32_t seq, uid;
	uint8_t flags;
	uint64_t keywords; /* bits */
	uint64_t modseq, size;
	int64_t internal_sec;
	int16_t zone_min;
	const struct slice *keyword_names; /* of the bits */
	uint32_t n_keyword_names;
};

/* texts: n_texts answers for the slow keys, IMAP_SEARCH_OPEN where not looked at yet. Sets in
 * the keys must be resolved. */
enum imap_search_answer imap_search_eval(
	const struct imap_search *s, const struct imap_search_facts *f, const uint8_t *texts);
/* A slow key of dates over the Date field's local day; has_date false: no match. */
bool imap_search_sent(const struct imap_search_key *k, bool has_date, int32_t days);

#endif
