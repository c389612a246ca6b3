#include "cmd/demo_estate_tour.h"

#include <unistd.h>

#include "cmd/demo_board.h"
#include "cmd/demo_estate.h"
#include "cmd/demo_mail.h"
#include "cmd/demo_sealed.h"
#include "cmd/demo_sealed_pgp.h"
#include "cmd/demo_way.h"
#include "core/clock.h"

enum {
	BURST = 60, /* mails each way */
	KILL_AT = 20,
	WAIT_TRIES = 600,
	WAIT_US = 50000,
	EQUAL_SEC = 30,
	IDLE_LOOKS = 2,
	STEPS = 5,
	REPEATS_MAX = 20 /* as many connections as the relay has to one server */
};

/* One of the two directions: who writes to whom, through the first of these nodes that runs,
 * and where it is read. */
struct lane {
	const char *from, *to;
	const struct demo_node *through[2], *read_on;
	const struct demo_way_step *way; /* of each of its mails */
	size_t steps;
	unsigned next;	     /* the number of the next mail; as many were accepted */
	const char *repeats; /* why a mail may come twice; NULL: none may */
	struct demo_talk t;
};

/* By which ports a mail has to come, in this order. Which of two nodes it is, is open. */
static const struct demo_way_step way_out[] = {{"mail", "taken in submission "},
	{"gw", "taken in filter "}, {"mail", "taken in reinject "}, {"partner", "taken in mx "},
	{"partner", "delivered "}};
static const struct demo_way_step way_in[] = {{"partner", "taken in submission "},
	{"mail", "taken in mx "}, {"gw", "taken in filter "}, {"mail", "taken in reinject "},
	{"mail", "delivered "}};

struct tour {
	struct demo *d;
	struct lane out, in;
};

/* --- sending --- */

static const struct demo_node *
open_node(const struct lane *l)
{
	return l->through[l->through[0]->pid ? 0 : 1];
}

/* One more. False: nobody said 250 to it, so that it is sent again, to whom still runs. */
static bool
send_one(struct demo *d, struct lane *l)
{
	const struct demo_node *node = open_node(l);
	bool ok = (l->t.in || demo_mail_login(&l->t, d, node, l->from)) &&
		  demo_mail_send(&l->t, l->from, l->to, l->next);

	l->next += ok;
	if (ok)
		return true;
	if (l->t.line[0])
		demo_step(d, "    a client hears on %s: %.80s (it sends that mail again)",
			node->role->name, l->t.line);
	demo_talk_hang_up(&l->t);
	return false;
}

/* --- queues --- */

static size_t
queued(const struct demo_node *node)
{
	json_t *answer = demo_ask(node, "queue list", NULL);
	size_t n = answer ? json_array_size(json_object_get(answer, "rows")) : 1;

	json_decref(answer);
	return n;
}

/* Nothing is on its way, and wasn't when we looked before: a mail may have just moved on from
 * whom we hadn't asked to whom we had. */
static bool
wait_idle(struct demo *d)
{
	int empty = 0;

	for (int i = 0; i < WAIT_TRIES && empty < IDLE_LOOKS; i++) {
		size_t n = queued(&d->node[DEMO_ESTATE_MAIL2]) +
			   queued(&d->node[DEMO_ESTATE_GW2]) +
			   queued(&d->node[DEMO_ESTATE_PARTNER]);

		empty = n == 0 ? empty + 1 : 0;
		if (empty < IDLE_LOOKS)
			usleep(WAIT_US);
	}
	if (empty < IDLE_LOOKS)
		demo_step(d, "    some mail is still in a queue");
	return empty == IDLE_LOOKS;
}

/* --- the way of one --- */

static void
read_way_of(struct tour *t, const char *id, struct demo_way *w)
{
	const struct demo_node *node = t->d->node;
	const struct demo_node *const asked[] = {&node[DEMO_ESTATE_MAIL2],
		&node[DEMO_ESTATE_GW2], &node[DEMO_ESTATE_PARTNER], NULL};

	demo_way_read(w, asked, id);
}

static void
read_way(struct tour *t, const struct lane *l, unsigned number, struct demo_way *w)
{
	char id[64];

	snprintf(id, sizeof id, "<%u.%s>", number, l->from);
	read_way_of(t, id, w);
}

static bool
show_way_of(struct tour *t, const struct lane *l, const char *id)
{
	const struct demo_way_step *missing;
	struct demo_way w;

	read_way_of(t, id, &w);
	demo_step(t->d, "    its way, as `hairpin why` tells it on mail2, gw2 and partner:");
	demo_way_show(&w, t->d);
	missing = demo_way_missing(&w, t->d, l->way, l->steps);
	if (missing)
		demo_step(t->d, "    it wasn't %s(by %s) in its turn", missing->what,
			missing->node);
	demo_way_free(&w);
	return !missing;
}

static bool
show_way(struct tour *t, const struct lane *l, unsigned number)
{
	char id[64];

	snprintf(id, sizeof id, "<%u.%s>", number, l->from);
	return show_way_of(t, l, id);
}

/* Of one that another node had to go on with, if there was any. */
static bool
show_adopted(struct tour *t, const struct lane *l, unsigned first, const char *victim)
{
	struct demo_way w;
	bool is_one = false;
	unsigned i;

	for (i = first; i < l->next && !is_one; i++) {
		read_way(t, l, i, &w);
		is_one = demo_way_has(&w, "adopted");
		demo_way_free(&w);
	}
	if (!is_one)
		return true;
	demo_step(t->d, "    one of those that %s had in hand:", victim);
	return show_way(t, l, i - 1);
}

/* --- one each way --- */

static bool
first_mail(struct tour *t, struct lane *l)
{
	struct demo *d = t->d;
	char wanted[32], seen[101];
	bool ok = send_one(d, l);

	demo_step(d, "%s writes to %s, on %s:  S: %.100s", l->from, l->to,
		open_node(l)->role->name, l->t.line);
	snprintf(wanted, sizeof wanted, "mail %u.", l->next - 1);
	if (!ok || !demo_mail_await(d, l->read_on, l->to, wanted, seen)) {
		demo_step(d, "    it doesn't arrive on %s", l->read_on->role->name);
		return false;
	}
	demo_step(d, "    read by %s on %s:  S: %s", l->to, l->read_on->role->name, seen);
	return wait_idle(d) && show_way(t, l, l->next - 1);
}

/* What one gateway was told counts at the other one, too. */
static bool
gateways_know(struct demo *d)
{
	bool ok = demo_wait_equal(d, &d->node[DEMO_ESTATE_GW1], EQUAL_SEC);

	if (!ok)
		demo_step(d, "    gw2 isn't told");
	return ok;
}

/* Encrypted and signed, each way; the ways name the keys. */
static bool
sealed(struct tour *t)
{
	return demo_sealed_keys(t->d) && gateways_know(t->d) && demo_sealed_late(t->d) &&
	       demo_sealed_out(t->d) && wait_idle(t->d) &&
	       show_way_of(t, &t->out, DEMO_SEALED_OUT) && demo_sealed_in(t->d) &&
	       wait_idle(t->d) && show_way_of(t, &t->in, DEMO_SEALED_IN);
}

static bool
sealed_pgp(struct tour *t)
{
	return demo_sealed_pgp_keys(t->d) && gateways_know(t->d) && demo_sealed_pgp_out(t->d) &&
	       wait_idle(t->d) && show_way_of(t, &t->out, DEMO_SEALED_PGP_OUT) &&
	       demo_sealed_pgp_in(t->d) && wait_idle(t->d) &&
	       show_way_of(t, &t->in, DEMO_SEALED_PGP_IN);
}

/* --- counting --- */

/* Until all that was accepted is there; false: it didn't come to that. */
static bool
await_all(struct demo *d, const struct lane *l, const struct demo_node *node,
	struct demo_mail_count *c)
{
	*c = (struct demo_mail_count){0};
	for (int i = 0; i < WAIT_TRIES; i++) {
		if (demo_mail_count(d, node, l->to, c) && c->numbers >= l->next)
			return true;
		usleep(WAIT_US);
	}
	return false;
}

static bool
is_all_there(struct demo *d, const struct lane *l, const struct demo_node *node)
{
	struct demo_mail_count c;
	bool all = await_all(d, l, node, &c);
	unsigned twice = c.mails - c.numbers;

	demo_step(d, "    %u of %u different mails are in %s's mailbox on %s", c.numbers,
		l->next, l->to, node->role->name);
	if (twice)
		demo_step(d, "    %u of them twice%s%s", twice, l->repeats ? ": " : "",
			l->repeats ? l->repeats : "");
	return all && c.numbers == l->next && twice <= (l->repeats ? REPEATS_MAX : 0u);
}

/* Of what comes twice the second one is later: so we look once nothing is on its way. */
static bool
each_once(struct tour *t)
{
	struct demo_mail_count c;

	if (await_all(t->d, &t->out, t->out.read_on, &c) &&
		await_all(t->d, &t->in, t->in.read_on, &c) && !wait_idle(t->d))
		return false;
	return is_all_there(t->d, &t->out, t->out.read_on) &&
	       is_all_there(t->d, &t->in, t->in.read_on);
}

/* --- under load --- */

static void
kill_one(struct demo *d, struct demo_node *victim)
{
	json_t *status = demo_ask(victim, "cluster status", NULL);
	const char *role = json_string_value(json_object_get(status, "role"));

	demo_kill(d, victim);
	demo_step(d, "    %s (%s) is killed with -9, all of its processes at once",
		victim->role->name, role ? role : "?");
	json_decref(status);
}

/* One mail each way, as far as there are to be more. False: none was accepted. */
static bool
send_both(struct tour *t, unsigned out_end, unsigned in_end)
{
	bool sent = t->out.next < out_end && send_one(t->d, &t->out);

	return (t->in.next < in_end && send_one(t->d, &t->in)) || sent;
}

/* Both ways until all was answered 250, over the death of the victim. */
static bool
burst(struct tour *t, struct demo_node *victim)
{
	unsigned out = t->out.next + BURST, in = t->in.next + BURST, left;
	unsigned kill_at = t->out.next + KILL_AT;

	demo_step(t->d, "%d mails out and %d in, at the same time:", BURST, BURST);
	for (int waits = 0; waits < WAIT_TRIES && (t->out.next < out || t->in.next < in);) {
		if (victim->pid && t->out.next >= kill_at)
			kill_one(t->d, victim);
		if (send_both(t, out, in))
			continue;
		usleep(WAIT_US);
		waits++;
	}
	/* What is forked from now on must not hold them open. */
	demo_talk_hang_up(&t->out.t);
	demo_talk_hang_up(&t->in.t);
	left = out - t->out.next + in - t->in.next;
	demo_step(t->d, "    %u of %d were accepted", 2 * BURST - left, 2 * BURST);
	return left == 0;
}

/* The victim dies in the midst of it, and nothing is lost. */
static bool
survive(struct tour *t, struct demo_node *victim)
{
	unsigned first = t->out.next;

	return burst(t, victim) && each_once(t) &&
	       show_adopted(t, &t->out, first, victim->role->name);
}

/* --- and back --- */

static bool
back(struct tour *t)
{
	struct demo *d = t->d;
	struct demo_node *mail1 = &d->node[DEMO_ESTATE_MAIL1];
	struct demo_node *gw1 = &d->node[DEMO_ESTATE_GW1];

	demo_step(d, "gw1 and mail1 come back:");
	if (!demo_heal(d, gw1) || !demo_heal(d, mail1) || !demo_wait_equal(d, gw1, EQUAL_SEC) ||
		!demo_wait_equal(d, mail1, EQUAL_SEC)) {
		demo_step(d, "    they don't catch up");
		return false;
	}
	return wait_idle(d) && is_all_there(d, &t->out, t->out.read_on) &&
	       is_all_there(d, &t->in, mail1) && demo_verify(d, mail1) && demo_verify(d, gw1);
}

/* --- to look around --- */

/* Until a line comes; false: no more will. */
static bool
wait_for_line(void)
{
	int c;

	do
		c = getchar();
	while (c != '\n' && c != EOF);
	return c != EOF;
}

static bool
board(struct tour *t)
{
	struct demo *d = t->d;
	const struct demo_node *mail1 = t->out.through[0], *partner = t->in.through[0];
	const struct demo_board_box boxes[] = {{t->out.to, t->out.read_on, t->out.next},
		{t->in.to, t->in.read_on, t->in.next}};
	const struct demo_board_lane lanes[] = {{mail1, t->out.from, true, 0},
		{partner, t->in.from, true, 1}, {mail1 + 1, t->out.from, true, 0},
		{partner, t->in.from, true, 1}};
	char foot[400];
	struct demo_board_plan plan = {"a company's mail system, its gateways, and a partner",
		foot, boxes, 2, lanes, 4};

	snprintf(foot, sizeof foot,
		"  %s, password demo: IMAP at %s:%u and %s:%u, submission at :%u\r\n"
		"  %s, password demo: IMAP at %s:%u, submission at :%u\r\n"
		"  hairpin cluster status -c %s\r\n",
		t->out.from, mail1->address, demo_port(d, DEMO_IMAP), mail1[1].address,
		demo_port(d, DEMO_IMAP), demo_port(d, DEMO_SUBMISSION), t->in.from,
		partner->address, demo_port(d, DEMO_IMAP), demo_port(d, DEMO_SUBMISSION),
		mail1->conf);
	printf("\nPress Enter for a board, with mail both ways, on which you may kill them.\n");
	fflush(stdout);
	return !wait_for_line() || demo_board(d, &plan);
}

bool
demo_estate_tour(struct demo *d, bool has_keys)
{
	struct demo_node *mail1 = &d->node[DEMO_ESTATE_MAIL1], *mail2 = mail1 + 1;
	struct demo_node *partner = &d->node[DEMO_ESTATE_PARTNER];
	static struct tour t;

	t = (struct tour){d,
		{DEMO_ESTATE_ANN, DEMO_ESTATE_PAT, {mail1, mail2}, partner, way_out, STEPS,
			.next = 0},
		{DEMO_ESTATE_PAT, DEMO_ESTATE_ANN, {partner, partner}, mail2, way_in, STEPS,
			.next = 0}};
	if (!demo_estate_set_up(d) || !first_mail(&t, &t.out) || !first_mail(&t, &t.in) ||
		!survive(&t, &d->node[DEMO_ESTATE_GW1]))
		return false;
	/* RFC 1047: who doesn't hear of the 250 sends again. */
	t.out.repeats = "mail1 died between the partner's 250 and its noting that";
	t.in.repeats = "mail1 died between noting it and its 250 to the partner";
	if (!survive(&t, mail1) || !back(&t) || !sealed(&t) || !sealed_pgp(&t))
		return false;
	demo_step(d, "all of it held");
	return !has_keys || board(&t);
}
