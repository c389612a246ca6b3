/* sim_play: a story from its seed: a cluster that was made before (once for each shape), a time
 * in which chance does what the weather allows, then all is healed, and all must be well. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/must.h"

enum {
	TRACE_MAX = 32 << 20,
	TAIL = 3500,
	FAST = 20000, /* octets a millisecond that a link takes */
	PREPARE_MS = 60000,
	JOIN_MS = 4000,
	HEAL_MS = 45000,
	REST_MS = 3000,
	SHAPES = SIM_LEARNER + 1,
	SHAPE_SEED = 1000000007 /* no two lives share a boot */
};

struct sim sim;
static char base[64];
static struct sim *prepared[SHAPES];
static bool is_disturbed;

static struct {
	char *text;
	size_t n;
} trace;

/* --- chance and trace --- */

uint64_t
sim_random(uint64_t below)
{
	sim.random ^= sim.random << 13;
	sim.random ^= sim.random >> 7;
	sim.random ^= sim.random << 17;
	return sim.random % below;
}

bool
sim_chance(uint32_t of_1000)
{
	return sim_random(1000) < of_1000;
}

bool
sim_rarely(uint32_t of_10000)
{
	return sim_random(10000) < of_10000;
}

static void
vsay(const char *format, va_list args)
{
	size_t room = TRACE_MAX - trace.n;
	int n;

	if (room < 4096)
		return;
	trace.n += (size_t)snprintf(
		trace.text + trace.n, room, "%7llu ", (unsigned long long)sim.now_ms);
	n = vsnprintf(trace.text + trace.n, 2000, format, args);
	trace.n += n > 1999 ? 1999 : (size_t)n;
	trace.text[trace.n++] = '\n';
	trace.text[trace.n] = '\0';
}

void
sim_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(format, args);
	va_end(args);
}

struct slice
sim_trace(void)
{
	return slice_of(trace.text, trace.n);
}

static void
remove_all(void)
{
	char path[128];

	for (uint32_t id = 1; id <= SIM_NODES; id++) {
		snprintf(path, sizeof path, "%s/n%u", base, id);
		sim_disk_remove(path);
		for (int shape = 0; shape < SHAPES; shape++) {
			snprintf(path, sizeof path, "%s/shape%d-%u", base, shape, id);
			sim_disk_remove(path);
		}
	}
	for (int shape = 0; shape < SHAPES; shape++) {
		snprintf(path, sizeof path, "%s/shape%d-0", base, shape);
		sim_disk_remove(path);
		free(prepared[shape]);
	}
	snprintf(path, sizeof path, "%s/n1-truth", base);
	sim_disk_remove(path);
	rmdir(base);
	free(trace.text);
}

/* TRACE: the file for the story that was told last. */
static void
write_trace(void)
{
	const char *file = getenv("TRACE");
	FILE *f = file ? fopen(file, "w") : NULL;

	if (!f)
		return;
	fwrite(trace.text, 1, trace.n, f);
	fclose(f);
}

void
sim_fail(const char *format, ...)
{
	size_t from = trace.n > TAIL ? trace.n - TAIL : 0;
	va_list args;

	write_trace();
	printf("%s\n", trace.text + from);
	printf("STORY='%s' SEED=%llu, %llu ms: ", sim.story, (unsigned long long)sim.seed,
		(unsigned long long)sim.now_ms);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	/* Engines are open, and in the middle of something: there is no going on. */
	remove_all();
	_exit(1);
}

/* The program's log lines are part of the story. */
#define LOG(name)                                                                              \
	void __wrap_log_##name(const char *format, ...) __attribute__((format(printf, 1, 2))); \
	void __wrap_log_##name(const char *format, ...)                                        \
	{                                                                                      \
		va_list args;                                                                  \
		va_start(args, format);                                                        \
		vsay(format, args);                                                            \
		va_end(args);                                                                  \
	}
LOG(debug)
LOG(info)
LOG(warn)
LOG(error)

/* --- chance's part --- */

static struct sim_node *
any_node(void)
{
	return &sim.node[1 + sim_random(sim.nodes)];
}

static void
turn_clock(void)
{
	struct sim_node *n = any_node();

	n->wall_sec = (uint64_t)((int64_t)n->wall_sec + (int64_t)sim_random(7200) - 3600);
	sim_say("the clock of n%u is turned", n->id);
}

static void
on_changed(void *arg, enum err e, uint32_t node)
{
	(void)arg;
	if (sim_disk_lives())
		sim_say("change of node %u: %s", node, err_text(e));
}

static void
change(enum engine_change_kind kind)
{
	struct sim_node *n = any_node();
	struct engine_change c = {.kind = kind, .node = (uint32_t)sim_random(sim.nodes + 1)};

	if (!n->is_up || n->is_arbiter || (kind != ENGINE_TRANSFER && !c.node))
		return;
	sim_say("n%u is asked for change %d of node %u", n->id, (int)kind, c.node);
	sim_node_set_clock(n);
	engine_change(n->e, &c, on_changed, NULL);
	n->wants_turn = true;
}

static void
disturb_nodes(void)
{
	struct sim_node *n = any_node();
	const struct sim_weather *w = &sim.weather;

	if (!n->is_up && n->exists && !n->was_removed && (sim_chance(w->boot) || sim_rarely(2)))
		sim_node_boot(n->id);
	else if (n->is_up && sim_rarely(w->crash / 8))
		sim_node_crash(n->id);
	else if (n->is_up && sim_rarely(w->pause)) {
		n->paused_ms = sim.now_ms + sim_random(sim_chance(200) ? 8000 : 900);
		sim_say("n%u stands still until %llu", n->id, (unsigned long long)n->paused_ms);
	}
}

static void
on_compacted(void *arg, enum err e)
{
	const struct sim_node *n = arg;

	if (!sim_disk_lives())
		return;
	sim.compacted += !e;
	sim_say("n%u has compacted: %s", n->id, err_text(e));
}

static void
compact(void)
{
	struct sim_node *n = any_node();
	struct engine_log_key next;
	enum err e;

	if (!n->is_up || n->is_arbiter || !engine_is_ready(n->e))
		return;
	seal_key_new(&next.key);
	next.wrapped = slice_of(next.key.b, sizeof next.key.b);
	sim_node_set_clock(n);
	e = engine_tend_compact(n->e, &next, on_compacted, n);
	sim_say("n%u is to compact: %s", n->id, err_text(e));
	if (e && e != ERR_BUSY)
		sim_fail("n%u can't compact: %s", n->id, err_text(e));
	n->wants_turn = true;
}

/* Others write to that disk, too: what is given up is soon gone. */
static void
fill_disk(void)
{
	struct sim_node *n = any_node();

	if (n->disk_bytes && sim.now_ms >= n->full_until_ms) {
		sim_say("n%u has space again", n->id);
		n->disk_bytes = 0;
	} else if (n->disk_bytes ? sim_chance(2) : n->exists && sim_rarely(sim.weather.fill)) {
		if (!n->disk_bytes)
			n->full_until_ms = sim.now_ms + 500 + sim_random(6000);
		n->disk_bytes = sim_disk_used(n) + sim_random(2 << 20);
		sim_say("the disk of n%u is full: %llu", n->id,
			(unsigned long long)n->disk_bytes);
	}
}

static void
disturb(void)
{
	const struct sim_weather *w = &sim.weather;
	struct sim_node *a = any_node(), *b = any_node();

	disturb_nodes();
	if (a != b && sim_rarely(w->cut))
		sim_net_break(a->id, b->id, 100);
	if (a != b && sim_rarely(w->silence))
		sim_net_silence(a->id, b->id, sim_random(sim_chance(w->outage) ? 25000 : 2500));
	if (sim_rarely(w->turn_clock))
		turn_clock();
	if (sim_rarely(w->transfer))
		change(ENGINE_TRANSFER);
	if (sim_rarely(w->compact))
		compact();
	fill_disk();
	if (w->reconfigures && sim_rarely(8))
		change(sim_chance(500) ? ENGINE_DEMOTE : ENGINE_PROMOTE);
}

static void
propose(void)
{
	/* Few are large. */
	static const enum sim_kind often[] = {SIM_APPEND, SIM_APPEND, SIM_APPEND, SIM_ENQUEUE,
		SIM_ENQUEUE, SIM_STEP, SIM_STEP, SIM_FLAGS, SIM_EXPUNGE, SIM_MAILBOX,
		SIM_ACCOUNT_PUT};
	struct sim_node *n = any_node();
	enum sim_kind kind = often[sim_random(sizeof often / sizeof *often)];

	if (sim_chance(40))
		kind = sim_chance(500) ? SIM_APPEND_LARGE : SIM_ENQUEUE_LARGE;
	if (n->is_up && !n->is_arbiter && !n->was_removed)
		sim_client_propose(n, kind);
}

void
sim_pass(void)
{
	sim.now_ms++;
	sim_net_pass();
	for (uint32_t id = 1; id <= sim.nodes; id++)
		sim_node_pass(&sim.node[id]);
	if (!is_disturbed)
		return;
	if (sim_chance(sim.weather.propose))
		propose();
	disturb();
}

/* --- the beginning --- */

/* In some stories the log is so short that who is away for a while falls behind it. */
static void
set_log(const struct sim_story *story)
{
	bool trims = story && story->trims;

	sim.keep_rows = trims ? 1 + sim_random(30) : SIM_LOG;
	sim.tail_rows = trims ? 20 + sim_random(100) : 0;
	sim.has_ballast = story && story->fills;
}

static void
reset(uint64_t seed)
{
	memset(&sim, 0, sizeof sim);
	sim.seed = seed;
	sim.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	sim.weather.octets_a_ms = FAST;
	for (int i = 0; i < 4; i++)
		sim_random(2);
	sim_disk_seed(seed);
	for (uint32_t id = 1; id <= SIM_NODES; id++) {
		struct sim_node *n = &sim.node[id];

		n->id = id;
		snprintf(n->dir, sizeof n->dir, "%s/n%u", base, id);
		sim_disk_forget(id);
		sim_disk_remove(n->dir);
	}
	sim_net_begin();
	trace.n = 0;
	is_disturbed = false;
}

static void
begin_all(void)
{
	if (base[0])
		return;
	snprintf(base, sizeof base, "/dev/shm/engine_sim.XXXXXX");
	must(mkdtemp(base));
	trace.text = must_alloc(TRACE_MAX);
	atexit(remove_all);
}

/* Has everybody become what it is to be, and all that there is? */
static bool
is_settled(void)
{
	struct sim_node *leader = sim_node_leader();

	if (!leader || leader->is_arbiter || leader->members.index > leader->commit)
		return false;
	for (uint32_t i = 0; i < leader->members.n; i++) {
		const struct members_node *m = &leader->members.node[i];
		const struct sim_node *n = &sim.node[m->id];

		if (m->kind == RAFT_LEARNER && m->goal != RAFT_LEARNER)
			return false;
		if (n->commit != leader->last || n->last != leader->last ||
			(!n->is_arbiter && n->applied != leader->last))
			return false;
	}
	return true;
}

static void
settle(uint64_t within_ms)
{
	uint64_t until = sim.now_ms + within_ms;

	while (!is_settled()) {
		if (sim.now_ms >= until)
			sim_fail("after %llu ms in peace not everybody has everything",
				(unsigned long long)within_ms);
		sim_pass();
	}
}

static void
wait(uint64_t at_most_ms)
{
	uint64_t until = sim.now_ms + sim_random(at_most_ms + 1);

	while (sim.now_ms < until)
		sim_pass();
}

static void
grow(enum sim_topology topology, uint64_t pause_ms)
{
	if (topology == SIM_ALONE)
		return;
	wait(pause_ms);
	sim_node_join(2, RAFT_VOTER);
	wait(pause_ms);
	sim_node_join(3, topology == SIM_TWO_AND_ARBITER ? RAFT_ARBITER : RAFT_VOTER);
	wait(pause_ms);
	if (topology == SIM_LEARNER)
		sim_node_join(4, RAFT_LEARNER);
}

static void
create(enum sim_topology topology, const struct sim_story *joins, uint64_t seed)
{
	reset(seed);
	set_log(joins);
	sim.story = "the beginning";
	sim_truth_begin(true);
	sim_node_create(1);
	sim_client_set_up();
	while (!sim_node_leader())
		sim_pass();
	if (!joins) {
		grow(topology, 0);
		settle(PREPARE_MS);
	}
}

static void
copy_shape(enum sim_topology topology, uint32_t id, bool out)
{
	char at[128], shape[128];

	snprintf(at, sizeof at, "%s/n%u", base, id);
	if (!id)
		snprintf(at, sizeof at, "%s/n1-truth", base);
	snprintf(shape, sizeof shape, "%s/shape%d-%u", base, (int)topology, id);
	sim_disk_remove(out ? at : shape);
	sim_disk_copy(out ? shape : at, out ? at : shape);
}

static void
prepare(enum sim_topology topology)
{
	if (prepared[topology])
		return;
	create(topology, NULL, SHAPE_SEED + topology);
	for (uint32_t id = 1; id <= sim.nodes; id++)
		sim_node_crash(id);
	sim_truth_end(false);
	for (uint32_t id = 0; id <= sim.nodes; id++)
		copy_shape(topology, id, false);
	prepared[topology] = must_alloc(sizeof sim);
	memcpy(prepared[topology], &sim, sizeof sim);
}

static void
begin(const struct sim_story *story, uint64_t seed)
{
	if (story->joins) {
		create(story->topology, story, seed);
		return;
	}
	prepare(story->topology);
	reset(seed);
	for (uint32_t id = 0; id <= prepared[story->topology]->nodes; id++)
		copy_shape(story->topology, id, true);
	{
		uint64_t random = sim.random;

		memcpy(&sim, prepared[story->topology], sizeof sim);
		sim.random = random;
		sim.seed = seed;
		sim.crashes = sim.leaders = sim.streamed = sim.compacted = sim.refused = 0;
	}
	set_log(story);
	sim_truth_begin(false);
	for (uint32_t id = 1; id <= sim.nodes; id++)
		sim_node_boot(id);
}

/* --- the end --- */

static bool
are_all_told(void)
{
	for (uint32_t i = 1; i <= sim.ops; i++)
		if (!sim.op[i].is_told && !sim.op[i].is_lost)
			return false;
	return true;
}

/* One that starts anew, because it was given a database, is asked again. */
static void
ask_for_mail(uint32_t last[SIM_NODES + 1])
{
	for (uint32_t id = 1; id <= sim.nodes; id++) {
		struct sim_node *n = &sim.node[id];

		if (n->is_up && !n->is_arbiter && sim_node_is_member(n, NULL) &&
			(!last[id] || sim.op[last[id]].is_lost))
			last[id] = sim_client_propose(n, SIM_APPEND);
	}
}

static bool
has_taken_mail(const struct sim_node *n, uint32_t last)
{
	if (n->is_arbiter || !sim_node_is_member(n, NULL))
		return true;
	return last && sim.op[last].is_told && !sim.op[last].e;
}

static bool
have_all_taken_mail(const uint32_t last[SIM_NODES + 1])
{
	for (uint32_t id = 1; id <= sim.nodes; id++)
		if (!has_taken_mail(&sim.node[id], last[id]))
			return false;
	return true;
}

/* Within a few election times each data node can do all that a client wants, and everybody has
 * it. */
static void
heal(void)
{
	uint64_t until = sim.now_ms + HEAL_MS;
	uint32_t last[SIM_NODES + 1] = {0};

	sim_say("all is healed");
	is_disturbed = false;
	sim.weather.crash = sim.weather.slow_sync = sim.weather.bad_sync = 0;
	sim.weather.octets_a_ms = FAST;
	sim_net_heal();
	for (uint32_t id = 1; id <= sim.nodes; id++) {
		struct sim_node *n = &sim.node[id];

		n->paused_ms = 0;
		n->dies_in = 0;
		n->disk_bytes = 0;
		if (n->exists && !n->is_up && !n->was_removed)
			sim_node_boot(id);
	}
	for (uint64_t rest = sim.now_ms + REST_MS; sim.now_ms < rest;)
		sim_pass();
	while (!(have_all_taken_mail(last) && are_all_told()) && sim.now_ms < until) {
		ask_for_mail(last);
		sim_pass();
	}
	for (uint32_t id = 1; id <= sim.nodes; id++)
		if (!has_taken_mail(&sim.node[id], last[id]))
			sim_fail("in peace n%u takes no mail: %s", id,
				last[id] && sim.op[last[id]].is_told
					? err_text(sim.op[last[id]].e)
					: "no answer");
	sim_owner_end();
	settle(HEAL_MS);
}

static void
set_weather(const struct sim_story *story)
{
	struct sim_weather *w = &sim.weather;

	w->propose = 5 + (uint32_t)sim_random(40);
	w->latency_ms = (uint32_t)sim_random(sim_chance(200) ? 60 : 8);
	w->boot = 1 + (uint32_t)sim_random(6);
	w->crash = sim_chance(700) ? (uint32_t)sim_random(60) : 0;
	w->cut = sim_chance(700) ? (uint32_t)sim_random(30) : 0;
	w->silence = sim_chance(500) ? (uint32_t)sim_random(20) : 0;
	w->pause = sim_chance(500) ? (uint32_t)sim_random(10) : 0;
	w->slow_sync = sim_chance(300) ? (uint32_t)sim_random(40) : 0;
	w->turn_clock = sim_chance(300) ? 5 : 0;
	w->transfer = sim_chance(400) ? (uint32_t)sim_random(8) : 0;
	w->outage = 100;
	w->reconfigures = story->reconfigures;
	w->octets_a_ms = FAST;
	if (story->trims) {
		w->boot = 1;
		w->octets_a_ms = 1000 + (uint32_t)sim_random(8000);
		w->propose = 20 + (uint32_t)sim_random(30);
	}
	if (story->compacts)
		w->compact = 5 + (uint32_t)sim_random(20);
	if (story->fills)
		w->fill = 3 + (uint32_t)sim_random(5);
	if (story->cuts_power) {
		w->power = 500;
		w->bad_sync = 50;
		w->crash = 20 + (uint32_t)sim_random(40);
	}
	if (story->is_deadly) {
		w->crash = 20 + (uint32_t)sim_random(100);
		w->boot = 20;
	}
	if (story->is_long) {
		w->boot = 0;
		w->crash = (uint32_t)sim_random(10);
		w->silence = 10;
		w->outage = 500;
		w->propose = 5;
	}
}

void
sim_play(const struct sim_story *story, uint64_t seed)
{
	uint64_t until;

	begin_all();
	begin(story, seed);
	sim.story = story->name;
	sim.seed = seed;
	set_weather(story);
	until = sim.now_ms + story->ms;
	is_disturbed = true;
	if (story->joins)
		grow(story->topology, story->trims ? JOIN_MS : 0);
	while (sim.now_ms < until)
		sim_pass();
	heal();
	sim_end_check();
	for (uint32_t id = 1; id <= sim.nodes; id++)
		if (sim.node[id].is_up) {
			engine_close(sim.node[id].e);
			sim.node[id].e = NULL;
			sim.node[id].is_up = false;
		}
	sim_truth_end(true);
	write_trace();
}
