/* queue_filter: which mails of the queue, and which of their recipients, a verb of the command
 * line means. Every filter that is given must fit. Pure. */
#ifndef CMD_QUEUE_FILTER_H
#define CMD_QUEUE_FILTER_H

#include <jansson.h>

#include "core/arena.h"
#include "core/slice.h"

enum { QUEUE_FILTER_ANY_STAGE = -1, QUEUE_FILTER_STATUS_MAX = 200 };

struct queue_filter {
	/* Of the mail: */
	bool has_sender;
	struct slice sender; /* an address, "@domain", or empty: the null path */
	bool has_node;
	uint32_t node; /* that works on it */
	bool is_held;  /* only those that are */
	uint64_t older_than_sec;
	/* Of a recipient; empty: any. */
	struct slice to;  /* an address or "@domain" */
	struct slice hop; /* smtp_hop_parse takes it */
	int stage;	  /* enum Commands__Stage, or ANY_STAGE */
	struct slice status;
	bool has_any;  /* at least one was given */
	bool has_rcpt; /* at least one of a recipient */
};

/* From a request's sender, to, hop, stage, node, held, older_than, status. NULL, or words that
 * say what is wrong (they live in a). *out borrows from in and a. */
const char *queue_filter_parse(const json_t *in, struct arena *a, struct queue_filter *out);
/* A next hop as people write it: "smtp:" may be left out. Empty: it is none. */
struct slice queue_filter_hop(const char *text, struct arena *a);

struct queue_filter_mail {
	struct slice sender;
	uint32_t node;
	bool is_held;
	uint64_t age_sec;
};
struct queue_filter_rcpt {
	struct slice address, hop, status; /* hop: empty: none */
	int stage;
};
bool queue_filter_fits_mail(const struct queue_filter *f, const struct queue_filter_mail *m);
/* Without a filter of recipients: every one. */
bool queue_filter_fits_rcpt(const struct queue_filter *f, const struct queue_filter_rcpt *r);

/* "relay"; "unknown" for what is no stage. */
const char *queue_filter_stage_name(int stage);

#endif
