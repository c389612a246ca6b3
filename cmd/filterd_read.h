/* filterd_read: what is found out about a mail by reading it once: where its parts are, its
 * header, what octets it has. Pure. */
#ifndef CMD_FILTERD_READ_H
#define CMD_FILTERD_READ_H

#include "core/mail_scan.h"
#include "core/text.h"
#include "crypto/seal.h"

/* HEADER_MAX: octets of a header that are kept. ANSWERED_MAX: ids in In-Reply-To and
 * References that count, the last ones. */
enum { FILTERD_READ_HEADER_MAX = 262144, FILTERD_READ_ANSWERED_MAX = 20 };

struct filterd_read {
	struct mail_scan *scan;
	struct buf kept; /* the beginning of the mail */
	bool is_8bit;
};

/* To be ended in any case. */
enum err filterd_read(struct filterd_read *r, const struct text *mail);
void filterd_read_fini(struct filterd_read *r); /* wipes */
/* Up to and with its empty line; borrowed. */
struct slice filterd_read_header(const struct filterd_read *r);
bool filterd_read_is_header_8bit(const struct filterd_read *r);
/* Appends the sealed index of a mail in a mailbox. */
enum err filterd_read_index(
	const struct filterd_read *r, const struct seal_key *key, struct buf *sealed);
/* The one address of the one From field, canonical; empty: there is no such. Memory of a. */
struct slice filterd_read_from(const struct filterd_read *r, struct arena *a);
/* Appends the hashes (schema_trace_hash) of the mails that it answers, each once or more. */
void filterd_read_answered(const struct filterd_read *r, struct buf *hashes);

#endif
