/* courier_group: what the engine answered (crypto/gateway.proto) becomes steps, one group of
 * recipients after the other. */
#ifndef CMD_COURIER_GROUP_H
#define CMD_COURIER_GROUP_H

#include "cmd/courier_filter.h"

/* A new text. */
struct courier_filter_made {
	struct courier_filter_made *next;
	uint32_t n; /* from 1 */
	struct courier_step_body body;
	struct slice sealed_index, body_hash;
	bool is_8bit, is_header_8bit;
};

/* f->answer: does it make sense, and has each recipient an answer? */
bool courier_group_are_sound(const struct courier_filter *f);
/* Brings the steps into the order of the groups. */
void courier_group_sort(struct courier_filter *f);
/* Fills the steps of the first group in f->s, and leaves the rest out. */
enum err courier_group_begin(struct courier_filter *f);

#endif
