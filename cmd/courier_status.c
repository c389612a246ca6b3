#include "cmd/courier_status.h"

#include <stdlib.h>

#include "cmd/status_look.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/must.h"
#include "core/rand.h"
#include "crypto/pgp_info.h"
#include "store/floor.h"
#include "store/view_cert.h"
#include "store/view_status.h"

/* PAGE: rows of table cert that one transaction reads. FIRST_MS: the first round is soon, and
 * without pauses: what ended while nobody looked is looked for. */
enum {
	PAGE = 200,
	FIRST_MS = 5000,
	LATER_MS = 2000,
	ROUND_MS = 3600000,
	AGAIN_MS = 200,
	TRIES_MAX = 25
};

/* What is to be looked at is gathered page by page, then looked at. */
struct walk {
	struct courier_status *s;
	struct walk **place;
	struct arena arena, page;
	struct slice only; /* this address; empty: any that is due */
	bool in_haste;
	struct slice from; /* the next page's first address */
	struct status_look_cert cert[STATUS_LOOK_CERTS_MAX];
	size_t n, seen; /* seen: rows of the page */
	unsigned tries; /* pages that couldn't be read */
	bool is_over;
	struct db_txn *txn;
	uint64_t now_sec;
	struct status_look *look;
	void (*done)(void *arg);
	void *arg;
};
struct courier_status {
	struct courier *c;
	struct loop_timer *timer;
	bool was_round; /* there was one since the start */
	struct walk *round, *by_hand;
};

/* --- gathering --- */

static bool
has(const struct walk *w, struct slice sha256)
{
	for (size_t i = 0; i < w->n; i++)
		if (slice_eq(w->cert[i].sha256, sha256))
			return true;
	return false;
}

static bool
is_due(struct walk *w, struct slice sha256)
{
	Commands__Status *row;
	enum err e;

	if (w->only.n)
		return true;
	e = view_status_get(w->txn, sha256, &w->page, &row);
	return e == ERR_NOT_FOUND || (!e && row->look_sec <= w->now_sec);
}

/* A page ends where the next address begins. */
static bool
take(void *arg, struct slice address, struct slice sha256, Commands__Cert *cert)
{
	struct walk *w = arg;

	if (w->only.n && !slice_eq(address, w->only))
		return false;
	if (w->seen >= PAGE && !slice_eq(address, w->from)) {
		w->from = arena_dup(&w->arena, address);
		w->is_over = false;
		return false;
	}
	if (!slice_eq(address, w->from))
		w->from = arena_dup(&w->arena, address);
	w->seen++;
	/* OpenPGP's say it themselves. */
	if (pgp_info_is(codec_slice(cert->der)) || cert->until_sec <= w->now_sec ||
		has(w, sha256) || !is_due(w, sha256))
		return true;
	w->cert[w->n++] = (struct status_look_cert){
		arena_dup(&w->arena, sha256), arena_dup(&w->arena, address)};
	return w->n < STATUS_LOOK_CERTS_MAX;
}

static void
end_walk(void *arg)
{
	struct walk *w = arg;
	void (*done)(void *arg) = w->done;
	void *of_done = w->arg;

	*w->place = NULL;
	arena_reset(&w->arena);
	arena_reset(&w->page);
	free(w);
	done(of_done);
}

/* Does the other one ask there now? */
static bool
is_busy(void *arg, struct slice host)
{
	const struct walk *w = arg;
	const struct walk *other = w->place == &w->s->round ? w->s->by_hand : w->s->round;

	return other && other->look && slice_eq_nocase(status_look_host(other->look), host);
}

static void
read_page(void *arg)
{
	struct walk *w = arg;
	struct courier *c = w->s->c;
	struct status_look_how how = {c, w->in_haste, is_busy, end_walk, w};
	struct slice from = w->only.n ? w->only : w->from;
	enum err e;

	w->now_sec = courier_now_sec(c);
	w->seen = 0;
	w->is_over = true;
	e = courier_open_view(c) ? view_begin(c->view, &w->txn) : ERR_UNAVAILABLE;
	if (!e) {
		e = view_cert_all(w->txn, from, &w->page, take, w);
		/* What a torn read showed may not be there: nothing comes of that. */
		if (!view_is_valid(c->view)) {
			w->from = from;
			e = ERR_BUSY;
		}
		view_end(c->view);
	}
	arena_reset(&w->page);
	if (e && w->tries++ < TRIES_MAX)
		loop_after(c->p->loop, AGAIN_MS, read_page, w);
	else if (!e && !w->is_over)
		loop_after(c->p->loop, 0, read_page, w);
	else
		w->look = status_look_start(&how, w->cert, w->n);
}

static struct walk *
begin_walk(struct courier_status *s, struct walk **place, struct slice only, bool in_haste)
{
	struct walk *w = must_zalloc(sizeof *w);

	w->s = s;
	w->place = place;
	w->in_haste = in_haste;
	arena_init(&w->arena, 16384);
	arena_init(&w->page, 16384);
	w->only = arena_dup(&w->arena, only);
	*place = w;
	loop_after(s->c->p->loop, 0, read_page, w);
	return w;
}

/* --- each hour --- */

static void on_time(void *arg);

static void
wait(struct courier_status *s, uint32_t ms)
{
	loop_cancel(s->timer);
	s->timer = loop_after(s->c->p->loop, ms, on_time, s);
}

static void
on_round(void *arg)
{
	struct courier_status *s = arg;

	s->was_round = true;
	wait(s, ROUND_MS / 2 + rand_below(ROUND_MS));
}

static void
on_time(void *arg)
{
	struct courier_status *s = arg;
	const struct floor_page *page = s->c->p->floor_page;
	struct walk *w;

	s->timer = NULL;
	if (!page->leads || !courier_leases(s->c, COURIER_LEASE_MS)) {
		wait(s, LATER_MS);
		return;
	}
	w = begin_walk(s, &s->round, SLICE_EMPTY, !s->was_round);
	w->done = on_round;
	w->arg = s;
}

struct courier_status *
courier_status_new(struct courier *c)
{
	struct courier_status *s = must_zalloc(sizeof *s);

	s->c = c;
	if (c->p->config.gateway_revocation)
		wait(s, FIRST_MS);
	return s;
}

enum err
courier_status_refresh(
	struct courier_status *s, struct slice address, void (*done)(void *arg), void *arg)
{
	struct walk *w;

	if (!s->c->p->config.gateway_revocation)
		return ERR_DENIED;
	if (s->by_hand)
		return ERR_BUSY;
	w = begin_walk(s, &s->by_hand, address, true);
	w->done = done;
	w->arg = arg;
	return ERR_OK;
}
