#include "cmd/courier_late.h"

#include "cmd/courier_relay.h"
#include "core/codec.h"
#include "core/log.h"
#include "store/schema.h"
#include "store/view_cert.h"
#include "store/view_hop.h"
#include "store/view_queue.h"

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

static void
on_put_off(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier *c = arg;

	(void)answer;
	c->is_putting_off = false;
	if (e)
		log_warn("hop: %s", err_text(e));
}

/* Still none: the hop alone is put off. One at a time; the others are due still. */
static enum err
put_hop_off(struct courier *c, struct db_txn *txn, uint32_t node, struct slice hop)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__HopStep h = COMMANDS__HOP_STEP__INIT;
	struct schema_owner owner;
	enum err e = c->is_putting_off ? ERR_OK : view_queue_owner(txn, node, &owner);

	if (e || c->is_putting_off)
		return e;
	h.node = node;
	h.epoch = owner.epoch;
	h.name = codec_bytes(hop);
	h.failed = true;
	h.next_try_sec = courier_now_sec(c) + c->p->config.retry_max_sec;
	h.status = "4.7.5 there is no certificate yet";
	cmd.body_case = COMMANDS__COMMAND__BODY_HOP_STEP;
	cmd.hop_step = &h;
	c->is_putting_off = true;
	courier_propose(c, &cmd, SLICE_EMPTY, on_put_off, c);
	return ERR_OK;
}

/* Has anything changed? There is a certificate, or somebody wants to have it tried now. */
static enum err
is_worth_it(struct courier *c, struct db_txn *txn, uint32_t node, struct slice hop, bool *is)
{
	uint64_t now_sec = courier_now_sec(c);
	struct view_certs found;
	Commands__Hop *row;
	struct arena a;
	enum err e;

	arena_init(&a, 0);
	e = view_cert_usable(
		txn, slice_from(hop, sizeof COURIER_LATE_HOP - 1), now_sec, &a, &found);
	if (!e)
		e = view_hop_get(txn, node, hop, &a, &row);
	*is = !e && (found.n > 0 || now_sec < row->last_try_sec + c->p->config.retry_max_sec);
	arena_reset(&a);
	return e;
}

enum err
courier_late_look(struct courier *c, struct db_txn *txn, uint32_t node, struct slice hop)
{
	struct looking l = {.c = c, .txn = txn};
	bool is;
	enum err e = is_worth_it(c, txn, node, hop, &is);

	if (!e && !is)
		return put_hop_off(c, txn, node, hop);
	for (uint8_t lane = 0; lane < SCHEMA_LANES && !e; lane++) {
		struct schema_relay from = {.node = node, .hop = hop, .lane = lane};

		e = view_hop_lane(txn, &from, courier_now_sec(c), gather, &l);
		begin(&l);
	}
	return e;
}
