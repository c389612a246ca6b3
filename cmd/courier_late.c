#include "cmd/courier_late.h"

#include "cmd/courier_relay.h"
#include "core/codec.h"
#include "smtp/smtp_slots.h"
#include "store/schema.h"
#include "store/view_hop.h"

enum { JOB_RCPTS = 64 };

bool
courier_late_is_hop(struct slice hop)
{
	return slice_starts(hop, SLICE_LIT(COURIER_LATE_HOP));
}

bool
courier_late_is_address(struct slice address)
{
	return address.n && address.n + sizeof COURIER_LATE_HOP <= SCHEMA_HOP_MAX &&
	       !slice_has(address, '\0') && slice_has(address, '@');
}

/* --- beginning to wait --- */

/* Is it to be looked at later than now, whoever else comes? */
static bool
is_put_off(struct courier_step *s, struct slice hop)
{
	struct view *view = s->c->view;
	Commands__Hop *row;
	struct db_txn *txn;
	bool is;

	if (view_begin(view, &txn))
		return false;
	is = !view_hop_get(txn, s->item->owner_node, hop, s->arena, &row) && row->tries &&
	     row->next_try_sec > courier_now_sec(s->c);
	view_end(view);
	return is;
}

static Commands__HopStep *
put_off(struct courier_step *s, struct slice hop, const char *status)
{
	Commands__HopStep *h = arena_alloc(s->arena, sizeof *h);
	const struct config *config = &s->c->p->config;

	commands__hop_step__init(h);
	h->node = s->item->owner_node;
	h->epoch = s->owner.epoch;
	h->name = codec_bytes(hop);
	h->failed = true;
	h->next_try_sec = courier_now_sec(s->c) + config->retry_max_sec;
	h->status = (char *)(uintptr_t)status;
	return h;
}

enum err
courier_late_wait(struct courier_step *s, const Gateway__Group *g, const char *status)
{
	uint64_t until_sec = s->item->queued_sec + g->keep_sec;
	struct buf name;
	struct slice hop;

	buf_init(&name, SCHEMA_HOP_MAX);
	buf_printf(&name, COURIER_LATE_HOP "%.*s", SLICE_FMT(codec_slice(g->wait_for)));
	hop = arena_dup(s->arena, buf_slice(&name));
	buf_fini(&name);
	for (size_t i = 0; i < s->n; i++) {
		if (courier_now_sec(s->c) >= until_sec) {
			courier_step_expire(s, s->step[i], status);
			continue;
		}
		s->step[i]->outcome = COMMANDS__OUTCOME__OUTCOME_WAIT;
		s->step[i]->status = (char *)(uintptr_t)status;
		s->step[i]->hop = codec_bytes(hop);
		s->step[i]->deadline_sec = until_sec;
	}
	s->hop = is_put_off(s, hop) ? NULL : put_off(s, hop, status);
	return ERR_OK;
}

void
courier_late_decide(struct courier_step *s, const Commands__Rcpt *r, Commands__RcptStep *one)
{
	if (courier_now_sec(s->c) >= r->deadline_sec) {
		courier_step_expire(s, one, r->last_status);
		return;
	}
	one->outcome = COMMANDS__OUTCOME__OUTCOME_MOVE;
	one->stage = COMMANDS__STAGE__STAGE_FILTER;
}

/* --- going on --- */

struct looking {
	struct courier *c;
	struct db_txn *txn;
	uint64_t item; /* being gathered */
	uint32_t number[JOB_RCPTS];
	size_t n;
};

static void
begin(struct looking *l)
{
	if (l->n)
		courier_job_start(l->c, l->txn, l->item, l->number, l->n);
	l->n = 0;
}

/* The rows of one mail follow each other. */
static bool
gather(void *arg, const struct schema_relay *row)
{
	struct looking *l = arg;

	if (row->item != l->item)
		begin(l);
	l->item = row->item;
	if (l->c->job_count >= COURIER_JOBS_MAX)
		return false;
	if (l->n < JOB_RCPTS && !courier_job_is_busy(l->c, row->item))
		l->number[l->n++] = row->number;
	return true;
}

enum err
courier_late_look(struct courier *c, struct db_txn *txn, uint32_t node, struct slice hop)
{
	struct looking l = {.c = c, .txn = txn};
	enum err e = ERR_OK;

	for (uint8_t lane = 0; lane < SCHEMA_LANES && !e; lane++) {
		struct schema_relay from = {.node = node, .hop = hop, .lane = lane};

		e = view_hop_lane(txn, &from, courier_now_sec(c), gather, &l);
		begin(&l);
	}
	return e;
}
