#include "cmd/courier_relay.h"

#include <stdlib.h>

#include "cmd/courier_hairpin.h"
#include "cmd/courier_late.h"
#include "cmd/courier_relay_inner.h"
#include "cmd/courier_sts.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/must.h"
#include "store/view_hop.h"

enum { STOP_MS = 5000 };

/* --- hops --- */

static struct courier_hop **
find_hop(const struct courier_relay *r, struct slice name)
{
	uint32_t h = 2166136261u;
	struct courier_hop *const *at;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ name.p[i]) * 16777619u;
	at = &r->bucket[(h ^ h >> 16) % COURIER_HOP_BUCKETS];
	while (*at && !slice_eq((*at)->name, name))
		at = &(*at)->next;
	return (struct courier_hop **)(uintptr_t)at;
}

static struct courier_hop *
take_hop(struct courier_relay *r, struct slice name, uint32_t tries)
{
	struct courier_hop **at = find_hop(r, name), *hop = *at;
	uint8_t *copy;

	if (hop)
		return hop;
	hop = must_zalloc(sizeof *hop);
	copy = must_alloc(name.n);
	memcpy(copy, name.p, name.n);
	hop->relay = r;
	hop->name = slice_of(copy, name.n);
	hop->tries = tries;
	hop->route = config_route_of_hop(&r->c->p->config.relay, name);
	/* One that failed is tried with one mail first. */
	smtp_slots_init(&hop->slots, r->c->p->config.relay_per_hop);
	if (tries)
		hop->slots.window = 1;
	*at = hop;
	return hop;
}

void
courier_relay_forget_hop(struct courier_hop *hop)
{
	struct courier_hop **at;

	if (hop->conns || hop->mails)
		return;
	at = find_hop(hop->relay, hop->name);
	*at = hop->next;
	free((void *)(uintptr_t)hop->name.p);
	free(hop);
}

/* For one more in line: as many as have connections, so that none of these waits for a key.
 * Of a hop that failed each has a connection at once. */
static bool
has_room(const struct courier_hop *hop)
{
	return hop->tries ? hop->mails < hop->slots.window : hop->in_line < hop->slots.window;
}

/* For one more on its way. As many again may be sent, and not in the log: if that is out of
 * reach, another node sends them once more. */
static bool
has_way(const struct courier_hop *hop)
{
	return smtp_slots_is_free(&hop->slots) &&
	       hop->mails - hop->in_line < 2 * hop->slots.window;
}

/* All hops together. */
static bool
is_full(const struct courier_relay *r)
{
	return r->mail_count >= r->c->p->config.relay_connections;
}

bool
courier_relay_hop(struct courier_relay *r, struct slice address, struct buf *out)
{
	return config_route_hop(&r->c->p->config.relay, address, out);
}

bool
courier_relay_is_open(
	struct courier_relay *r, struct db_txn *txn, uint32_t node, struct slice name)
{
	const struct courier_hop *hop = *find_hop(r, name);
	Commands__Hop *row;
	struct arena a;
	bool open = false;
	enum err e;

	if (r->is_stopping || is_full(r) || (hop && (!has_room(hop) || hop->tries)))
		return false;
	arena_init(&a, 0);
	e = view_hop_get(txn, node, name, &a, &row);
	open = e == ERR_NOT_FOUND || (!e && row->tries == 0);
	arena_reset(&a);
	return open;
}

/* --- mails --- */

/* Who is in hand is still due, so every look asks for each of them. */
static struct courier_mail **
bucket_of(const struct courier_relay *r, uint64_t item)
{
	return (struct courier_mail **)(uintptr_t)&r->mails[item % COURIER_MAIL_BUCKETS];
}

bool
courier_relay_has(const struct courier_relay *r, uint64_t item, uint32_t number)
{
	for (const struct courier_mail *m = *bucket_of(r, item); m; m = m->next)
		for (size_t i = 0; m->s.id == item && i < m->s.n; i++)
			if (m->s.step[i]->rcpt == number)
				return true;
	return false;
}

uint32_t
courier_relay_count_of(const struct courier_relay *r, uint32_t owner_node)
{
	uint32_t n = 0;

	for (size_t i = 0; i < COURIER_MAIL_BUCKETS; i++)
		for (const struct courier_mail *m = r->mails[i]; m; m = m->next)
			n += m->s.item->owner_node == owner_node;
	return n;
}

void
courier_relay_start(
	struct courier_relay *r, struct db_txn *txn, const struct courier_relay_work *w)
{
	struct courier_hop *hop = take_hop(r, w->hop, 0);
	struct courier_mail *m = courier_mail_new(r, hop, txn, w), **at;

	if (!m) {
		courier_relay_forget_hop(hop);
		return;
	}
	m->began_ms = clock_ms();
	hop->mails++;
	hop->in_line++;
	at = bucket_of(r, w->item);
	m->next = *at;
	*at = m;
	r->mail_count++;
}

/* Connections that are being made will take those who wait. */
static void
serve(struct courier_hop *hop)
{
	uint32_t conns = 0, waiting = 0;

	for (struct courier_conn *conn = hop->conns; conn;) {
		struct courier_conn *next = courier_conn_next(conn);

		conns++;
		if (hop->waiting && courier_conn_is_idle(conn))
			courier_relay_give(conn);
		conn = next;
	}
	for (const struct courier_mail *m = hop->waiting; m; m = m->next_waiting)
		waiting++;
	for (; hop->calling < waiting && conns < hop->slots.window; conns++)
		courier_conn_new(hop);
}

void
courier_relay_serve(struct courier_hop *hop)
{
	struct courier_conn *conn = hop->conns;

	while (conn && !courier_conn_is_live(conn))
		conn = courier_conn_next(conn);
	if (!conn && !hop->relay->is_stopping)
		serve(hop);
}

void
courier_relay_ready(struct courier_mail *m)
{
	struct courier_mail **at = &m->hop->waiting;

	if (m->hop->relay->is_stopping) {
		courier_mail_free(m);
		return;
	}
	while (*at)
		at = &(*at)->next_waiting;
	*at = m;
	serve(m->hop);
}

bool
courier_relay_give(struct courier_conn *conn)
{
	struct courier_hop *hop = courier_conn_hop(conn);
	struct courier_mail *m = hop->waiting;

	if (!m || !has_way(hop))
		return false;
	hop->waiting = m->next_waiting;
	m->next_waiting = NULL;
	if (!courier_mail_is_ours(m)) {
		courier_mail_free_later(m);
		return false;
	}
	courier_relay_move(m, COURIER_MAIL_ON_ITS_WAY);
	if (hop->has_more && hop->in_line <= hop->slots.window / 2 && !is_full(hop->relay))
		courier_pump_now(hop->relay->c);
	courier_conn_mail(conn, m);
	return true;
}

void
courier_relay_failed(struct courier_hop *hop, uint64_t since_ms, const char *status)
{
	bool is_news = since_ms >= hop->failed_at_ms, is_first;
	struct courier_mail *m;

	smtp_slots_note(&hop->slots, true);
	for (struct courier_conn *conn = hop->conns; conn; conn = courier_conn_next(conn))
		if (courier_conn_is_live(conn))
			return;
	while ((m = hop->waiting)) {
		hop->waiting = m->next_waiting;
		m->next_waiting = NULL;
		/* Who was in hand when it failed before tells nothing new. */
		is_first = is_news && m->began_ms >= hop->failed_at_ms;
		if (is_first)
			hop->failed_at_ms = clock_ms() + 1;
		is_news &= !is_first;
		courier_mail_put_off(m, status, is_first);
	}
}

static void
check_stopped(struct courier_relay *r)
{
	if (!r->is_stopping || r->mail_count)
		return;
	loop_cancel(r->stop_timer);
	r->stop_timer = loop_after(r->c->p->loop, 0, r->stopped, r->stopped_arg);
}

void
courier_relay_move(struct courier_mail *m, enum courier_mail_place place)
{
	struct courier_hop *hop = m->hop;

	if (m->place == COURIER_MAIL_IN_LINE)
		hop->in_line--;
	if (m->place == COURIER_MAIL_ON_ITS_WAY)
		smtp_slots_give(&hop->slots);
	if (place == COURIER_MAIL_IN_LINE)
		hop->in_line++;
	if (place == COURIER_MAIL_ON_ITS_WAY)
		smtp_slots_take(&hop->slots);
	m->place = place;
}

void
courier_relay_done(struct courier_mail *m)
{
	struct courier_relay *r = m->hop->relay;
	struct courier_mail **at = bucket_of(r, m->s.id);

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	r->mail_count--;
	courier_relay_move(m, COURIER_MAIL_TOLD);
	m->hop->mails--;
	m->hop->put_offs -= m->puts_off;
	if (!r->is_stopping)
		serve(m->hop);
	check_stopped(r);
}

/* --- what waits in relay --- */

struct looking {
	struct courier_relay *r;
	uint32_t doubtful, doubtful_max; /* mails in hand for hops that failed */
	struct db_txn *txn;
	uint32_t node;
	uint64_t now_sec;
	struct courier_hop *hop;
	struct courier_relay_work work; /* being gathered */
	uint32_t number[COURIER_RCPT_MAX];
	enum err e;
};

/* The rows of one mail follow each other. */
static bool
gather(void *arg, const struct schema_relay *row)
{
	struct looking *l = arg;

	/* A step that is on its way would make ours stale, and a mail that was sent by then
	 * would go twice. */
	if (courier_relay_has(l->r, row->item, row->number) ||
		courier_job_is_busy(l->r->c, row->item))
		return true;
	if (l->work.n && (row->item != l->work.item || l->work.n == COURIER_RCPT_MAX))
		return false;
	l->work.item = row->item;
	l->number[l->work.n++] = row->number;
	return true;
}

/* The longest due mail of a lane. False: there is none. */
static bool
take_from_lane(struct looking *l, uint8_t lane)
{
	struct schema_relay from = {.node = l->node, .hop = l->hop->name, .lane = lane};
	uint32_t before = l->r->mail_count;

	l->work = (struct courier_relay_work){
		.hop = l->hop->name, .number = l->number, .is_filed = true};
	l->e = view_hop_lane(l->txn, &from, l->now_sec, gather, l);
	if (l->e || !l->work.n)
		return false;
	courier_relay_start(l->r, l->txn, &l->work);
	return l->r->mail_count > before;
}

/* Lane by lane, as long as there is room. */
static void
take_from_hop(struct looking *l)
{
	const uint32_t all = (1u << SCHEMA_LANES) - 1;
	uint32_t empty = 0; /* a bit for each lane */

	while (!l->e && empty != all && has_room(l->hop) && !is_full(l->r)) {
		uint32_t bit = 1u << l->hop->lane;

		if (!(empty & bit) && !take_from_lane(l, l->hop->lane))
			empty |= bit;
		l->hop->lane = (uint8_t)((l->hop->lane + 1) % SCHEMA_LANES);
	}
	l->hop->has_more = empty != all;
}

/* That it failed isn't in the log yet: what waits there looks due, and isn't. */
static bool
is_being_put_off(const struct courier_relay *r, struct slice name)
{
	const struct courier_hop *hop = *find_hop(r, name);

	return hop && hop->put_offs;
}

static uint32_t
count_doubtful(const struct courier_relay *r)
{
	uint32_t n = 0;

	for (size_t i = 0; i < COURIER_MAIL_BUCKETS; i++)
		for (const struct courier_mail *m = r->mails[i]; m; m = m->next)
			n += m->hop->tries > 0;
	return n;
}

static bool
look_at_hop(void *arg, struct slice name)
{
	struct looking *l = arg;
	Commands__Hop *row;
	struct arena a;
	uint32_t tries, before;

	if (courier_late_is_hop(name)) {
		l->e = courier_late_look(l->r->c, l->txn, l->node, name);
		return !l->e;
	}
	if (is_being_put_off(l->r, name))
		return true;
	arena_init(&a, 0);
	l->e = view_hop_get(l->txn, l->node, name, &a, &row);
	tries = l->e ? 0 : row->tries;
	arena_reset(&a);
	if (l->e)
		return false;
	/* Those that don't answer hold a connection until it times out: they never get all. */
	if (tries && l->doubtful >= l->doubtful_max)
		return true;
	l->hop = take_hop(l->r, name, tries);
	l->hop->tries = tries;
	before = l->r->mail_count;
	take_from_hop(l);
	l->doubtful += tries ? l->r->mail_count - before : 0;
	courier_relay_forget_hop(l->hop);
	return !l->e && !is_full(l->r);
}

enum err
courier_relay_look(struct courier_relay *r, struct db_txn *txn, uint32_t node, uint64_t now_sec)
{
	struct looking l = {.r = r,
		.txn = txn,
		.node = node,
		.now_sec = now_sec,
		.doubtful = count_doubtful(r),
		.doubtful_max = (r->c->p->config.relay_connections + 1) / 2};
	enum err e = ERR_OK;

	if (!r->is_stopping)
		e = view_hop_due(txn, node, now_sec, look_at_hop, &l);
	return e ? e : l.e == ERR_NOT_FOUND ? ERR_OK : l.e;
}

/* --- its life --- */

static void
at_most(uint32_t *ms, uint32_t most_sec)
{
	if (*ms / 1000 > most_sec)
		*ms = most_sec * 1000;
}

static void
set_limits(struct courier_relay *r, const struct config *config)
{
	struct smtp_client_limits *l = &r->limits;

	smtp_client_limits_default(l);
	/* The preset is what the RFC has for most of them; who sets more gets it there. */
	l->hello_ms = l->tls_ms = l->xforward_ms = l->mail_ms = l->rcpt_ms =
		config->relay_timeout_sec * 1000;
	at_most(&l->data_init_ms, config->relay_timeout_sec);
	at_most(&l->data_block_ms, config->relay_timeout_sec);
	at_most(&l->rset_ms, config->relay_timeout_sec);
	at_most(&l->quit_ms, config->relay_timeout_sec);
	l->data_done_ms = config->relay_data_done_sec * 1000;
	l->rcpt_max = COURIER_RCPT_MAX;
	r->connect_ms = config->relay_connect_sec * 1000;
}

struct courier_relay *
courier_relay_new(struct courier *c)
{
	struct courier_relay *r = must_zalloc(sizeof *r);

	r->c = c;
	tls_init();
	if (tls_client_new(buf_slice(&c->roots), &r->tls))
		must_fatal("tls_ca in [relay]: not certificates in PEM");
	buf_fini(&c->roots);
	if (!c->p->config.arbiter) {
		c->identity.client = r->tls;
		server_tls_start(&c->identity);
	}
	set_limits(r, &c->p->config);
	r->sts = courier_sts_new(c);
	courier_hairpin_start(c);
	return r;
}

/* What no server has yet is still due at the next start. */
static void
stop_hop(struct courier_hop *hop)
{
	struct courier_mail *m;

	hop->mails++; /* it must not go meanwhile */
	while ((m = hop->waiting)) {
		hop->waiting = m->next_waiting;
		courier_mail_free(m);
	}
	for (struct courier_conn *conn = hop->conns, *next; conn; conn = next) {
		next = courier_conn_next(conn);
		courier_conn_shutdown(conn);
	}
	hop->mails--;
	courier_relay_forget_hop(hop);
}

void
courier_relay_stop(struct courier_relay *r, loop_cb done, void *arg)
{
	struct courier_hop *hop, *next;

	r->is_stopping = true;
	r->stopped = done;
	r->stopped_arg = arg;
	r->stop_timer = loop_after(r->c->p->loop, STOP_MS, done, arg);
	for (size_t i = 0; i < COURIER_HOP_BUCKETS; i++)
		for (hop = r->bucket[i]; hop; hop = next) {
			next = hop->next;
			stop_hop(hop);
		}
	check_stopped(r);
}
