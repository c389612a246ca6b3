#include "cmd/demo_tour.h"

#include <string.h>
#include <unistd.h>

#include "cmd/demo_board.h"
#include "cmd/demo_mail.h"
#include "core/clock.h"

static const struct demo_role roles[] = {{"dc1", "dc1.demo.test", "ann", false, "all"},
	{"dc2", "dc2.demo.test", NULL, false, "all"},
	{"dc3", "dc3.demo.test", NULL, true, "arbiter"}};
const struct demo_shape demo_tour_shape = {roles, sizeof roles / sizeof *roles, NULL};

enum { LOAD = 300, KILL_AT = 100, WAIT_TRIES = 200, WAIT_US = 50000, EQUAL_SEC = 30 };
#define ANN "ann@demo.test"
#define CAROL "carol@example.net" /* somebody outside */
#define BOB "bob@demo.test"

/* --- the beginning --- */

static bool
add_user(const struct demo *d, const char *address)
{
	json_t *answer = demo_ask(&d->node[0], "user add",
		json_pack("{s:s, s:s}", "address", address, "password", "demo"));
	bool ok = answer != NULL;

	json_decref(answer);
	return ok;
}

static bool
set_up(struct demo *d)
{
	demo_step(d, "three data centres on this machine, in %s:", d->dir);
	for (unsigned i = 0; i < d->shape->nodes; i++) {
		struct demo_node *node = &d->node[i];

		if (!demo_make(d, node))
			return false;
		demo_step(d, "    %s at %s, %s: %s", node->role->name, node->address,
			node->role->is_arbiter
				? "arbiter: it votes, and holds neither mail nor keys"
				: "all roles",
			i ? "hairpin cluster token, join, serve" : "hairpin init, serve");
	}
	if (!add_user(d, BOB))
		return false;
	if (!demo_wait_equal(d, &d->node[0], EQUAL_SEC)) {
		demo_step(d, "they did not come together");
		return false;
	}
	demo_step(d,
		"one cluster of three votes; users ann and bob; SMTP on port %u, IMAP on %u",
		demo_port(d, DEMO_SMTP), demo_port(d, DEMO_IMAP));
	return true;
}

/* --- mail --- */

static bool
read_on(struct demo *d, const struct demo_node *node, const char *user, const char *wanted)
{
	char seen[101];

	if (!demo_mail_await(d, node, user, wanted, seen)) {
		demo_step(d, "    %s doesn't see it on %s", user, node->role->name);
		return false;
	}
	demo_step(d, "    read by %s on %s:  S: %s", user, node->role->name, seen);
	return true;
}

static bool
first_mails(struct demo *d)
{
	struct demo_node *dc1 = &d->node[0], *dc2 = &d->node[1];
	struct demo_talk t;
	bool ok = demo_talk_greet(&t, dc1->address, demo_port(d, DEMO_SMTP)) &&
		  demo_mail_send(&t, CAROL, ANN, 0);

	demo_step(d, "mail to ann, in on dc1:  S: %.100s", t.line);
	demo_talk_hang_up(&t);
	if (!ok || !read_on(d, dc2, ANN, "mail 0."))
		return false;
	ok = demo_mail_login(&t, d, dc2, ANN) && demo_mail_send(&t, ANN, BOB, 1);
	demo_step(d, "ann writes to bob, on dc2:  S: %.100s", t.line);
	demo_talk_hang_up(&t);
	return ok && read_on(d, dc1, BOB, "mail 1.");
}

/* --- under load --- */

struct load {
	unsigned next;
	uint64_t killed_ms, first_ms; /* first: the first 250 after it */
};

/* As many as go through that node. */
static void
send_through(struct demo *d, struct load *l, struct demo_node *node)
{
	struct demo_talk t;
	bool ok = demo_talk_greet(&t, node->address, demo_port(d, DEMO_SMTP));

	while (ok && l->next < LOAD) {
		if (l->next == KILL_AT && !l->killed_ms) {
			demo_step(d, "dc1 is killed with -9, all of its processes at once");
			demo_kill(d, &d->node[0]);
			l->killed_ms = clock_ms();
		}
		ok = demo_mail_send(&t, CAROL, ANN, 10 + l->next);
		l->next += ok;
		if (ok && l->killed_ms && !l->first_ms) {
			l->first_ms = clock_ms();
			demo_step(d, "    %s says 250 again, %llu ms later", node->role->name,
				(unsigned long long)(l->first_ms - l->killed_ms));
		}
	}
	if (!ok && node->pid && t.line[0])
		demo_step(d, "    a client hears on %s: %.80s (it sends that mail again)",
			node->role->name, t.line);
	demo_talk_hang_up(&t);
}

/* Sends on and on, over the death of a data centre, until each was answered 250. */
static bool
load(struct demo *d)
{
	struct load l = {0};

	demo_step(d, "%d mails under load, to whichever node answers:", LOAD);
	for (int i = 0; l.next < LOAD && i < WAIT_TRIES; i++) {
		send_through(d, &l, &d->node[l.killed_ms ? 1 : 0]);
		if (l.next < LOAD)
			usleep(WAIT_US);
	}
	demo_step(d, "    %u of %d were accepted", l.next, LOAD);
	return l.next == LOAD;
}

static bool
count_on(struct demo *d, const struct demo_node *node)
{
	struct demo_mail_count c = {0};

	for (int i = 0; i < WAIT_TRIES && c.mails < LOAD + 1; i++) {
		if (!demo_mail_count(d, node, ANN, &c) || c.mails < LOAD + 1)
			usleep(WAIT_US);
	}
	demo_step(d, "    %u mails are in ann's mailbox on %s, %u different ones", c.mails,
		node->role->name, c.numbers);
	return c.mails == LOAD + 1 && c.numbers == LOAD + 1;
}

/* --- and back --- */

static bool
back(struct demo *d)
{
	demo_step(d, "dc1 comes back:");
	if (!demo_heal(d, &d->node[0]) || !demo_wait_equal(d, &d->node[0], EQUAL_SEC)) {
		demo_step(d, "    it does not catch up");
		return false;
	}
	return count_on(d, &d->node[0]) && demo_verify(d, &d->node[1]);
}

bool
demo_tour(struct demo *d)
{
	if (!set_up(d) || !first_mails(d) || !load(d) || !count_on(d, &d->node[1]) || !back(d))
		return false;
	demo_step(d, "all of it held");
	return true;
}

bool
demo_tour_board(struct demo *d)
{
	const struct demo_board_box box = {ANN, &d->node[0], 0};
	const struct demo_board_lane lanes[] = {
		{&d->node[0], CAROL, false, 0}, {&d->node[1], CAROL, false, 0}};
	const struct demo_board_plan plan = {
		"three data centres, one mail system", "", &box, 1, lanes, 2};

	return set_up(d) && demo_board(d, &plan);
}
