/* publish: the records that the DNS of a mail domain is to have. What `hairpin init` prints and
 * what `hairpin check` looks for is this one list. Pure. */
#ifndef CMD_PUBLISH_H
#define CMD_PUBLISH_H

#include <jansson.h>

#include "core/arena.h"
#include "core/buf.h"
#include "crypto/dkim_key.h"

/* KEYS: enum dkim_key_kind; LINE: octets of a record's line. */
enum { PUBLISH_KEYS = 2, PUBLISH_MAX = 4 + PUBLISH_KEYS, PUBLISH_LINE = 4096 };

enum publish_kind { PUBLISH_MX, PUBLISH_ADDRESS, PUBLISH_SPF, PUBLISH_DKIM, PUBLISH_DMARC };

struct publish_key {
	struct slice selector, text; /* of the record; empty: there is no key */
};
struct publish_domain {
	struct slice domain, hostname; /* A-labels, no final dot */
	struct publish_key dkim[PUBLISH_KEYS];
};
struct publish_record {
	enum publish_kind kind;
	struct slice name; /* of the record; no final dot */
	const char *type;
	struct slice data; /* TXT: the text; else as a zone file has it */
	const char *why;   /* one line or two of a zone file's comment */
};

/* Those of the rows of `dkim list` that sign; texts are borrowed of the rows. */
void publish_take_keys(const json_t *rows, struct publish_key out[PUBLISH_KEYS]);
/* In the order in which they are shown; returns how many. Texts are from the arena. */
size_t publish_list(const struct publish_domain *d, struct arena *a,
	struct publish_record out[PUBLISH_MAX]);
/* Appends the record as a zone file has it, without the line's end. */
void publish_format(const struct publish_record *r, struct buf *out);
/* The selector under which a domain's first keys are published. */
const char *publish_selector(enum dkim_key_kind kind);

#endif
