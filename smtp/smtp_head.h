/* smtp_head: what the server must know of a message's header while it streams
 * by: how often Received, Message-ID and Date stand in it, the Message-ID, and
 * whether it has octets above 127.
 * Pure; memory bounded whatever comes. It understands field names and folding
 * (RFC 5322 2.2), and nothing else. */
#ifndef SMTP_HEAD_H
#define SMTP_HEAD_H

#include "core/slice.h"

enum { SMTP_HEAD_NAME_MAX = 16, SMTP_HEAD_ID_MAX = 512 };

struct smtp_head {
	uint8_t state, field;
	bool is_over; /* the empty line (or a line that is no field) has come */
	uint8_t name_n;
	uint8_t name[SMTP_HEAD_NAME_MAX];
	uint16_t id_n;
	uint8_t id[SMTP_HEAD_ID_MAX];
	bool id_overflow, is_8bit;
	uint32_t received, message_ids, dates; /* how many */
};

void smtp_head_init(struct smtp_head *h);
/* Message octets in order, in any pieces. */
void smtp_head_feed(struct smtp_head *h, struct slice in);
/* The value of the only Message-ID, trimmed, unfolded; empty when there is none, more
 * than one, or one of more than SMTP_HEAD_ID_MAX octets. Borrowed from h. */
struct slice smtp_head_message_id(const struct smtp_head *h);

#endif
