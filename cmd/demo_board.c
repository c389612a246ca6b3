#include "cmd/demo_board.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/demo_mail.h"
#include "core/clock.h"
#include "core/must.h"

enum {
	LOOK_MS = 500,
	PAUSE_US = 20000,
	SAID = 4, /* lines of what happened */
	SAID_MAX = 100,
	SETTLE_TRIES = 200,
	SETTLE_US = 50000
};

/* Between the board and the process that sends. */
struct traffic {
	volatile unsigned accepted[DEMO_BOARD_BOXES_MAX], refused;
	volatile bool may[DEMO_NODES_MAX]; /* be sent to */
};

struct board {
	struct demo *d;
	const struct demo_board_plan *plan;
	struct traffic *traffic;
	struct termios before;
	pid_t sender;
	unsigned chosen, accepted_then;
	int width; /* of the longest name */
	double per_sec;
	uint64_t looked_ms;
	char said[SAID][SAID_MAX];
	bool colour;
};

static volatile sig_atomic_t is_over;

static void
on_signal(int signo)
{
	(void)signo;
	is_over = 1;
}

/* --- the traffic --- */

static unsigned
accepted(const struct board *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->plan->boxes; i++)
		n += b->traffic->accepted[i];
	return n;
}

static bool
send_one(struct board *b, const struct demo_board_lane *l)
{
	const struct demo_board_box *box = &b->plan->box[l->box];
	unsigned number = box->before + b->traffic->accepted[l->box];
	struct demo_talk t;
	bool ok = l->has_login
			  ? demo_mail_login(&t, b->d, l->node, l->from)
			  : demo_talk_greet(&t, l->node->address, demo_port(b->d, DEMO_SMTP));

	ok = ok && demo_mail_send(&t, l->from, box->user, number);
	demo_talk_hang_up(&t);
	return ok;
}

/* The lanes in turn, as far as their nodes run. */
static _Noreturn void
send_for_ever(struct board *b)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t n = 0;; n = (n + 1) % b->plan->lanes) {
		const struct demo_board_lane *l = &b->plan->lane[n];

		usleep(PAUSE_US);
		if (!b->traffic->may[l->node - b->d->node])
			continue;
		if (send_one(b, l))
			b->traffic->accepted[l->box]++;
		else
			b->traffic->refused++;
	}
}

static void
start_traffic(struct board *b)
{
	b->traffic = mmap(NULL, sizeof *b->traffic, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(b->traffic != MAP_FAILED);
	for (unsigned i = 0; i < b->d->shape->nodes; i++)
		b->traffic->may[i] = true;
	fflush(stdout);
	b->sender = fork();
	if (b->sender == 0)
		send_for_ever(b);
}

/* --- what is shown --- */

static void
note(struct board *b, const char *what)
{
	memmove(b->said[0], b->said[1], sizeof b->said - sizeof b->said[0]);
	snprintf(b->said[SAID - 1], SAID_MAX, "%6llu s  %s %s",
		(unsigned long long)((clock_ms() - b->d->started_ms) / 1000),
		b->d->node[b->chosen].role->name, what);
}

static const char *
state_name(enum demo_state state)
{
	static const char *const name[] = {"runs", "killed", "frozen", "cut off"};

	return name[state];
}

static size_t
queue_length(const struct demo_node *node)
{
	json_t *answer = demo_ask(node, "queue list", NULL);
	size_t n = json_array_size(json_object_get(answer, "rows"));

	json_decref(answer);
	return n;
}

static void
show_node(struct board *b, unsigned i)
{
	const struct demo_node *node = &b->d->node[i];
	bool is_chosen = i == b->chosen;
	bool asks = node->state == DEMO_RUNS || node->state == DEMO_CUT;
	json_t *s = asks ? demo_ask(node, "cluster status", NULL) : NULL;
	const char *role = json_string_value(json_object_get(s, "role"));
	char queue[24] = "-";

	if (asks && !node->role->is_arbiter)
		snprintf(queue, sizeof queue, "%zu", queue_length(node));
	printf("%s%c %-*s  %-10s %-8s %-8s %-9s %10lld %10lld %7s%s\r\n",
		b->colour && is_chosen ? "\033[1m" : "", is_chosen ? '>' : ' ', b->width,
		node->role->name, node->address, state_name(node->state), node->role->does,
		role ? role : "-", (long long)json_integer_value(json_object_get(s, "last")),
		(long long)json_integer_value(json_object_get(s, "applied")), queue,
		b->colour ? "\033[0m" : "");
	json_decref(s);
}

static void
show(struct board *b)
{
	uint64_t now_ms = clock_ms(), passed_ms = now_ms - b->looked_ms;
	unsigned sent = accepted(b);

	if (passed_ms >= LOOK_MS) {
		b->per_sec = (sent - b->accepted_then) * 1000.0 / (double)passed_ms;
		b->accepted_then = sent;
		b->looked_ms = now_ms;
	}
	printf("\033[H\033[Jhairpin: %s\r\n\r\n"
	       "  mail %.0f/s, %u accepted, %u refused or lost on the way (never answered "
	       "250)\r\n\r\n"
	       "  %-*s  address    state    roles    raft             log    applied   "
	       "queue\r\n",
		b->plan->title, b->per_sec, sent, b->traffic->refused, b->width, "");
	for (unsigned i = 0; i < b->d->shape->nodes; i++)
		show_node(b, i);
	printf("\r\n  keys: 1 to %u choose   k kill -9   f freeze   c cut off (stops its "
	       "process link)   h heal   q quit\r\n%s\r\n",
		b->d->shape->nodes, b->plan->foot);
	for (unsigned i = 0; i < SAID; i++)
		printf("%s\r\n", b->said[i]);
	fflush(stdout);
}

/* --- the keys --- */

static void
press(struct board *b, char key)
{
	struct demo_node *node = &b->d->node[b->chosen];

	if (key >= '1' && (unsigned)(key - '1') < b->d->shape->nodes)
		b->chosen = (unsigned)(key - '1');
	if (key == 'h' && node->state != DEMO_RUNS)
		note(b, demo_heal(b->d, node) ? "is healed" : "doesn't come back");
	if (node->state == DEMO_RUNS && key == 'k') {
		demo_kill(b->d, node);
		note(b, "is killed with -9");
	} else if (node->state == DEMO_RUNS && key == 'f') {
		demo_freeze(b->d, node);
		note(b, "stands still, as in a long pause of its machine");
	} else if (node->state == DEMO_RUNS && key == 'c' && !demo_is_alone(b->d, node)) {
		demo_cut(b->d, node);
		note(b, "hears no other node any more, nor they it");
	}
	if (key == 'q' || key == 3 || key == 4)
		is_over = 1;
	for (unsigned i = 0; i < b->d->shape->nodes; i++)
		b->traffic->may[i] = b->d->node[i].state == DEMO_RUNS;
}

/* --- the whole --- */

static void
take_terminal(struct board *b)
{
	struct termios raw;
	const char *none = getenv("NO_COLOR");

	b->colour = !none || !*none;
	tcgetattr(STDIN_FILENO, &b->before);
	raw = b->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	for (size_t i = 0; i < 4; i++)
		signal((const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT}[i], on_signal);
}

static void
watch(struct board *b)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char keys[16];
	ssize_t n;

	while (!is_over) {
		show(b);
		if (poll(&in, 1, LOOK_MS) <= 0)
			continue;
		n = read(STDIN_FILENO, keys, sizeof keys);
		if (n <= 0)
			is_over = 1;
		for (ssize_t i = 0; i < n; i++)
			press(b, keys[i]);
	}
}

static bool
settle_box(const struct board *b, size_t i)
{
	const struct demo_board_box *box = &b->plan->box[i];
	unsigned wanted = box->before + b->traffic->accepted[i];
	struct demo_mail_count c = {0};

	for (int n = 0; n < SETTLE_TRIES && c.numbers < wanted; n++)
		if (!demo_mail_count(b->d, box->node, box->user, &c) || c.numbers < wanted)
			usleep(SETTLE_US);
	demo_step(b->d, "%u mails were accepted, %u of them are in %s's mailbox",
		wanted - box->before, c.numbers - box->before, box->user);
	return c.numbers >= wanted;
}

/* Everything that was answered 250 is there, once everybody is. */
static bool
settle(struct board *b)
{
	bool ok = true;

	for (unsigned i = 0; i < b->d->shape->nodes; i++)
		ok = ok &&
		     (b->d->node[i].state == DEMO_RUNS || demo_heal(b->d, &b->d->node[i]));
	for (size_t i = 0; i < b->plan->boxes; i++)
		ok = settle_box(b, i) && ok;
	return ok;
}

bool
demo_board(struct demo *d, const struct demo_board_plan *plan)
{
	static struct board b;
	int errors = dup(STDERR_FILENO);
	bool ok;

	b.d = d;
	b.plan = plan;
	for (unsigned i = 0; i < d->shape->nodes; i++)
		if ((int)strlen(d->node[i].role->name) > b.width)
			b.width = (int)strlen(d->node[i].role->name);
	b.looked_ms = clock_ms();
	start_traffic(&b);
	take_terminal(&b);
	/* What a node that is away makes the command line say would tear the board. */
	if (!freopen("/dev/null", "w", stderr))
		is_over = 1;
	watch(&b);
	kill(b.sender, SIGKILL);
	waitpid(b.sender, NULL, 0);
	tcsetattr(STDIN_FILENO, TCSANOW, &b.before);
	dup2(errors, STDERR_FILENO);
	close(errors);
	ok = settle(&b);
	munmap(b.traffic, sizeof *b.traffic);
	return ok;
}
