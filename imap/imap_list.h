/* imap_list: the arguments of LIST, LSUB and STATUS, and the matching of names (RFC 9051
 * sections 6.3.9 and 6.3.11, RFC 5258, RFC 5819, RFC 6154). Pure. */
#ifndef IMAP_LIST_H
#define IMAP_LIST_H

#include "imap/imap_parse.h"

enum { IMAP_LIST_PATTERNS_MAX = 64, IMAP_LIST_PATTERN_OCTETS_MAX = 1024 /* of all */ };

enum imap_list_select {
	IMAP_LIST_SUBSCRIBED = 1,
	IMAP_LIST_REMOTE = 2, /* there are none: no effect */
	IMAP_LIST_RECURSIVE = 4,
	IMAP_LIST_SPECIAL = 8
};
enum imap_list_return {
	IMAP_LIST_RETURN_SUBSCRIBED = 1,
	IMAP_LIST_RETURN_CHILDREN = 2,
	IMAP_LIST_RETURN_SPECIAL = 4,
	IMAP_LIST_RETURN_STATUS = 8
};
enum imap_status_item {
	IMAP_STATUS_MESSAGES = 1,
	IMAP_STATUS_RECENT = 2,
	IMAP_STATUS_UIDNEXT = 4,
	IMAP_STATUS_UIDVALIDITY = 8,
	IMAP_STATUS_UNSEEN = 16,
	IMAP_STATUS_DELETED = 32,
	IMAP_STATUS_SIZE = 64,
	IMAP_STATUS_HIGHESTMODSEQ = 128,
	IMAP_STATUS_APPENDLIMIT = 256
};

struct imap_list {
	uint8_t select, returns;
	uint16_t status; /* enum imap_status_item bits */
	bool is_lsub;
	bool is_extended; /* a selection option list, several patterns, or RETURN was there */
	uint32_t n_patterns, octets;		       /* octets of all patterns */
	struct slice patterns[IMAP_LIST_PATTERNS_MAX]; /* with the reference in front */
};

/* Behind "LIST " up to the line end. */
bool imap_list_parse(struct imap_parse *p, struct imap_list *out);
/* Behind "LSUB ": reference and one pattern. */
bool imap_list_parse_lsub(struct imap_parse *p, struct imap_list *out);
/* "(" items ")". */
bool imap_list_parse_status(struct imap_parse *p, uint16_t *out);

/* A special use (enum schema_special_use) and its name: "\Sent"; NULL, UINT32_MAX: there is
 * none. word: without the backslash. */
const char *imap_list_use_name(uint32_t use);
uint32_t imap_list_use(struct slice word);

/* '*' matches anything, '%' anything without '/'; INBOX in any case. Linear in
 * octets of name times octets of pattern. */
bool imap_list_matches(struct slice pattern, struct slice name);
/* Does one of the patterns match? */
bool imap_list_has(const struct imap_list *l, struct slice name);

#endif
