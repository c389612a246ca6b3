#include "cmd/queue_look.h"

#include "core/codec.h"
#include "store/view_hop.h"
#include "store/view_queue.h"

Commands__Item *
queue_look_item(struct slice row, struct arena *a)
{
	Commands__Item *item = codec_unpack(&commands__item__descriptor, row, a);

	return item && item->envelope && item->envelope->body ? item : NULL;
}

uint32_t
queue_look_node(struct db_txn *txn, const Commands__Item *item)
{
	struct schema_owner owner;

	return view_queue_owner(txn, item->owner_node, &owner) ? 0 : owner.runs_node;
}

bool
queue_look_fits(struct db_txn *txn, const struct queue_filter *f, const Commands__Item *item,
	uint64_t now_sec)
{
	struct queue_filter_mail m = {.sender = codec_slice(item->envelope->sender),
		.node = f->has_node ? queue_look_node(txn, item) : 0,
		.is_held = item->held,
		.age_sec = now_sec > item->queued_sec ? now_sec - item->queued_sec : 0};

	return queue_filter_fits_mail(f, &m);
}

struct looking {
	struct db_txn *txn;
	const Commands__Item *item;
	struct arena *a;
	const struct queue_look *look;
};

/* While its hop is rested nobody goes there, whatever the recipient's own time. */
static void
add_hop(const struct looking *l, struct queue_look_rcpt *r)
{
	Commands__Hop *hop;

	if (r->rcpt->stage != COMMANDS__STAGE__STAGE_RELAY || l->item->held ||
		view_hop_get(
			l->txn, l->item->owner_node, codec_slice(r->rcpt->hop), l->a, &hop) ||
		!hop->tries)
		return;
	if (hop->next_try_sec > r->next_try_sec)
		r->next_try_sec = hop->next_try_sec;
	if (!r->status[0])
		r->status = hop->last_status;
}

static bool
on_rcpt(void *arg, uint32_t number, const Commands__RcptRow *row)
{
	const struct looking *l = arg;
	struct queue_look_rcpt r = {.number = number,
		.rcpt = row->rcpt,
		.next_try_sec = row->rcpt->next_try_sec,
		.status = row->rcpt->last_status};
	struct queue_filter_rcpt fit;

	if (row->done)
		return true;
	add_hop(l, &r);
	fit = (struct queue_filter_rcpt){.address = codec_slice(r.rcpt->address),
		.hop = r.rcpt->stage == COMMANDS__STAGE__STAGE_RELAY ? codec_slice(r.rcpt->hop)
								     : SLICE_EMPTY,
		.status = slice_str(r.status),
		.stage = (int)r.rcpt->stage};
	if (l->look->filter && !queue_filter_fits_rcpt(l->look->filter, &fit))
		return true;
	return l->look->each(l->look->arg, &r);
}

enum err
queue_look_rcpts(struct db_txn *txn, const Commands__Item *item, struct arena *a,
	const struct queue_look *look)
{
	struct looking l = {.txn = txn, .item = item, .a = a, .look = look};

	return view_queue_rcpts(txn, item->id, a, on_rcpt, &l);
}
