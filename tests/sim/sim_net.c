/* sim_net: between each two nodes a link as TLS gives one: two ordered streams each way, of
 * which the urgent one may overtake bulk. Nothing is lost, doubled or exchanged within it; it
 * breaks, and what was on its way is gone; each end learns of that in its own time. One way
 * may go silent, and the link with it when that is found out. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"

enum { FOUND_OUT_MS = 3000 };

struct frame {
	struct frame *next;
	uint64_t at_ms;
	size_t n;
	uint8_t octets[];
};

struct stream {
	struct frame *first, **end;
	uint64_t last_ms;
};

/* From one node to another. */
struct way {
	struct stream urgent, bulk;
	bool is_up; /* the sender's engine takes it for up */
	uint64_t tell_ms;
	uint64_t silent_until_ms, silent_from_ms;
};

static struct way way[SIM_NODES + 1][SIM_NODES + 1];
/* a < b */
static struct link {
	bool is_up;
	uint64_t retry_ms;
} net[SIM_NODES + 1][SIM_NODES + 1];

static struct link *
link_of(uint32_t a, uint32_t b)
{
	return a < b ? &net[a][b] : &net[b][a];
}

static void
drop(struct stream *s)
{
	struct frame *f;

	while ((f = s->first)) {
		s->first = f->next;
		free(f);
	}
	s->end = &s->first;
	s->last_ms = 0;
}

void
sim_net_begin(void)
{
	for (uint32_t a = 1; a <= SIM_NODES; a++)
		for (uint32_t b = 1; b <= SIM_NODES; b++) {
			drop(&way[a][b].urgent);
			drop(&way[a][b].bulk);
			way[a][b].is_up = false;
			way[a][b].tell_ms = 0;
			way[a][b].silent_until_ms = way[a][b].silent_from_ms = 0;
			net[a][b] = (struct link){0};
		}
}

void
sim_net_post(uint32_t from, uint32_t to, bool bulk, struct slice frame)
{
	struct way *w;
	struct stream *s;
	struct frame *f;
	uint64_t at, takes_ms = frame.n / sim.weather.octets_a_ms;

	must(from != to);
	if (to == 0 || to > SIM_NODES)
		sim_fail("n%u sends a frame to node %u, which isn't there", from, to);
	if (frame.n == 0 || frame.n > ENGINE_FRAME_MAX)
		sim_fail("n%u sends a frame of %zu octets", from, frame.n);
	w = &way[from][to];
	s = bulk ? &w->bulk : &w->urgent;
	/* Into a connection that is gone. */
	if (!link_of(from, to)->is_up || !w->is_up)
		return;
	at = sim.now_ms + sim.node[from].lag_ms + 1 + sim.weather.latency_ms +
	     sim_random(sim_chance(20) ? 60 : 4) + takes_ms;
	f = must_alloc(sizeof *f + frame.n);
	f->next = NULL;
	f->n = frame.n;
	f->at_ms = at > s->last_ms + takes_ms ? at : s->last_ms + takes_ms;
	memcpy(f->octets, frame.p, frame.n);
	s->last_ms = f->at_ms;
	*s->end = f;
	s->end = &f->next;
}

void
sim_net_break(uint32_t a, uint32_t b, uint64_t noticed_within_ms)
{
	struct link *l = link_of(a, b);

	if (!l->is_up)
		return;
	sim_say("link %u-%u breaks", a, b);
	l->is_up = false;
	l->retry_ms = sim.now_ms + 50 + sim_random(500);
	drop(&way[a][b].urgent);
	drop(&way[a][b].bulk);
	drop(&way[b][a].urgent);
	drop(&way[b][a].bulk);
	way[a][b].tell_ms = sim.now_ms + sim_random(noticed_within_ms + 1);
	way[b][a].tell_ms = sim.now_ms + sim_random(noticed_within_ms + 1);
}

void
sim_net_silence(uint32_t from, uint32_t to, uint64_t ms)
{
	struct way *w = &way[from][to];

	if (!link_of(from, to)->is_up || w->silent_until_ms > sim.now_ms)
		return;
	sim_say("silence from %u to %u for %llu ms", from, to, (unsigned long long)ms);
	w->silent_from_ms = sim.now_ms;
	w->silent_until_ms = sim.now_ms + ms;
}

void
sim_net_forget(uint32_t id)
{
	for (uint32_t other = 1; other <= SIM_NODES; other++) {
		if (other == id)
			continue;
		/* Without power nobody says goodbye. */
		sim_net_break(id, other, sim_chance(300) ? FOUND_OUT_MS : 20);
		way[id][other].is_up = false;
	}
}

/* What waits for a slow link leaves at once. */
static void
hurry(struct stream *s)
{
	for (struct frame *f = s->first; f; f = f->next)
		f->at_ms = f->at_ms < sim.now_ms + 1 ? f->at_ms : sim.now_ms + 1;
	s->last_ms = s->last_ms < sim.now_ms + 1 ? s->last_ms : sim.now_ms + 1;
}

void
sim_net_heal(void)
{
	for (uint32_t a = 1; a <= SIM_NODES; a++)
		for (uint32_t b = 1; b <= SIM_NODES; b++) {
			way[a][b].silent_until_ms = 0;
			hurry(&way[a][b].urgent);
			hurry(&way[a][b].bulk);
		}
}

static void
tell(uint32_t id, uint32_t other, bool up)
{
	struct sim_node *n = &sim.node[id];
	struct way *w = &way[id][other];

	if (!n->is_up || w->is_up == up || sim.now_ms < w->tell_ms || n->paused_ms > sim.now_ms)
		return;
	w->is_up = up;
	sim_say("n%u hears that its link to %u is %s", id, other, up ? "up" : "down");
	sim_node_set_clock(n);
	engine_link(n->e, other, up);
	n->wants_turn = true;
}

/* The process link talks to those alone that its own store calls members. */
static bool
knows(uint32_t a, uint32_t b)
{
	return !sim.node[a].is_up || members_find(&sim.node[a].members, b);
}

static bool
may_connect(uint32_t a, uint32_t b)
{
	return knows(a, b) && knows(b, a) && sim.node[a].is_up && sim.node[b].is_up &&
	       !way[a][b].is_up && !way[b][a].is_up && sim.now_ms >= link_of(a, b)->retry_ms &&
	       way[a][b].silent_until_ms <= sim.now_ms &&
	       way[b][a].silent_until_ms <= sim.now_ms && !sim.node[a].was_removed &&
	       !sim.node[b].was_removed;
}

static bool
is_found_out(const struct way *w)
{
	return w->silent_until_ms > sim.now_ms &&
	       sim.now_ms - w->silent_from_ms >= FOUND_OUT_MS;
}

static void
pass_link(uint32_t a, uint32_t b)
{
	struct link *l = link_of(a, b);

	if (l->is_up && (is_found_out(&way[a][b]) || is_found_out(&way[b][a]) || !knows(a, b) ||
				!knows(b, a)))
		sim_net_break(a, b, 50);
	if (!l->is_up && may_connect(a, b)) {
		l->is_up = true;
		way[a][b].tell_ms = sim.now_ms + sim_random(20);
		way[b][a].tell_ms = sim.now_ms + sim_random(20);
	}
	tell(a, b, l->is_up);
	tell(b, a, l->is_up);
}

static void
hand_over(uint32_t from, uint32_t to, struct stream *s)
{
	struct sim_node *n = &sim.node[to];
	struct frame *f;
	enum err e;

	while ((f = s->first) && f->at_ms <= sim.now_ms) {
		e = engine_receive(n->e, from, slice_of(f->octets, f->n));
		if (e && e != ERR_BUSY)
			sim_fail("n%u won't take a frame of n%u: %s", to, from, err_text(e));
		n->wants_turn = true;
		if (e) {
			sim_say("n%u is busy", to);
			sim_net_break(from, to, 10);
			return;
		}
		s->first = f->next;
		if (!s->first)
			s->end = &s->first;
		free(f);
	}
}

void
sim_net_pass(void)
{
	for (uint32_t a = 1; a <= sim.nodes; a++)
		for (uint32_t b = a + 1; b <= sim.nodes; b++)
			pass_link(a, b);
	for (uint32_t a = 1; a <= sim.nodes; a++)
		for (uint32_t b = 1; b <= sim.nodes; b++) {
			struct way *w = &way[a][b];
			struct sim_node *n = &sim.node[b];

			/* Both ends have to know of the connection. */
			if (!n->is_up || !way[b][a].is_up || w->silent_until_ms > sim.now_ms ||
				n->paused_ms > sim.now_ms || n->busy_ms > sim.now_ms)
				continue;
			sim_node_set_clock(n);
			hand_over(a, b, &w->urgent);
			hand_over(a, b, &w->bulk);
		}
}
