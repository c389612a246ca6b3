#include <stdlib.h>

#include "cmd/link_join.h"
#include "cmd/link_log.h"
#include "core/big_endian.h"
#include "core/clock.h"
#include "core/must.h"

/* So many requests may come at once, and one more each REFILL_MS. */
enum { BURST = 16, REFILL_MS = 500, HEAD = 4 };

struct guest {
	struct link_strangers *all;
	struct link_conn *conn; /* NULL: a free place */
	struct link_stranger s;
	char from[LINK_ADDRESS_TEXT];
	uint64_t begun_ms;
	bool has_asked, is_answered;
};

struct link_strangers {
	struct link *link;
	struct guest guest[LINK_STRANGERS_MAX];
	uint64_t ids, refilled_ms;
	unsigned tokens;
};

static void
close_guest(struct guest *g)
{
	link_conn_free(g->conn);
	g->conn = NULL;
}

static bool
may_ask(struct link_strangers *s)
{
	uint64_t now = clock_ms();

	while (s->tokens < BURST && now - s->refilled_ms >= REFILL_MS) {
		s->tokens++;
		s->refilled_ms += REFILL_MS;
	}
	if (s->tokens == BURST)
		s->refilled_ms = now;
	if (!s->tokens)
		return false;
	s->tokens--;
	return true;
}

/* One request, whole; whatever comes behind it ends the connection. */
static size_t
on_input(void *arg, struct slice in)
{
	struct guest *g = arg;
	uint32_t n;

	if (g->has_asked) {
		link_log_warn("%s: a stranger that said more than one thing: closed", g->from);
		close_guest(g);
		return 0;
	}
	if (in.n < HEAD)
		return 0;
	n = big_endian_get_u32(in.p);
	if (n == 0 || n > LINK_JOIN_REQUEST_MAX) {
		link_log_warn("%s: a stranger's request of %u octets: closed", g->from, n);
		close_guest(g);
		return 0;
	}
	if (in.n - HEAD < n)
		return 0;
	g->has_asked = true;
	if (may_ask(g->all)) {
		link_join_request(g->all->link, &g->s, slice_of(in.p + HEAD, n));
	} else {
		link_log_warn("%s: too many strangers ask to join: closed", g->from);
		close_guest(g);
	}
	return HEAD + n;
}

static void
on_sent(void *arg)
{
	struct guest *g = arg;

	if (g->is_answered)
		close_guest(g);
}

static void
on_end(void *arg, const char *why)
{
	struct guest *g = arg;

	if (!g->has_asked)
		link_log_warn("%s: a stranger that asked nothing: %s", g->from, why);
	close_guest(g);
}

static const struct link_conn_events events = {NULL, on_input, on_sent, on_end};

static enum err
bind_to(struct guest *g)
{
	struct buf binding;
	enum err e;

	buf_init(&binding, sizeof g->s.binding);
	e = tls_channel_binding(link_conn_tls(g->conn), TLS_BINDING_EXPORTER, &binding);
	if (!e)
		memcpy(g->s.binding, binding.p, sizeof g->s.binding);
	buf_fini_secret(&binding);
	return e;
}

void
link_strangers_take(struct link_strangers *s, struct link_conn *conn,
	const struct link_address *from, uint64_t begun_ms)
{
	struct guest *g = NULL;

	for (size_t i = 0; i < LINK_STRANGERS_MAX && !g; i++)
		if (!s->guest[i].conn)
			g = &s->guest[i];
	if (!g) {
		link_log_warn("more than %d strangers: closed", LINK_STRANGERS_MAX);
		link_conn_free(conn);
		return;
	}
	*g = (struct guest){.all = s, .conn = conn, .begun_ms = begun_ms};
	link_address_format(from, g->from);
	g->s.id = ++s->ids;
	g->s.from = g->from;
	link_conn_hand(conn, &events, g);
	if (bind_to(g))
		close_guest(g);
}

void
link_strangers_tick(struct link_strangers *s)
{
	uint64_t now = clock_ms();

	for (size_t i = 0; i < LINK_STRANGERS_MAX; i++) {
		struct guest *g = &s->guest[i];

		if (!g->conn || now - g->begun_ms < LINK_JOIN_MS)
			continue;
		link_log_warn("%s: a stranger that took too long: closed", g->from);
		close_guest(g);
	}
}

void
link_join_answer(struct link *l, uint64_t stranger, struct slice answer)
{
	struct link_strangers *s = link_strangers(l);
	struct guest *g = NULL;
	uint8_t head[HEAD];

	for (size_t i = 0; i < LINK_STRANGERS_MAX; i++)
		if (s->guest[i].conn && s->guest[i].s.id == stranger)
			g = &s->guest[i];
	if (!g)
		return;
	must(answer.n <= LINK_JOIN_ANSWER_MAX);
	if (!answer.n) {
		close_guest(g);
		return;
	}
	g->is_answered = true;
	big_endian_put_u32(head, (uint32_t)answer.n);
	link_conn_send(g->conn, false, slice_of(head, HEAD), answer);
}

struct link_strangers *
link_strangers_new(struct link *l)
{
	struct link_strangers *s = must_zalloc(sizeof *s);

	s->link = l;
	s->tokens = BURST;
	s->refilled_ms = clock_ms();
	return s;
}
