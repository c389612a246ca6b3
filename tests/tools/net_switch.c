/* net_switch: an Ethernet switch in user space, for tests: one port in each of some network
 * namespaces, and between any two of them, each way for itself, delay, jitter, loss, or a cut.
 *
 *   net_switch SEED NAMESPACE...
 *
 * It makes the interface `hp0` in each namespace (/run/netns/NAMESPACE), says `ready`, and
 * obeys lines on stdin, each answered with `ok` or `error: WHY`:
 *   delay FROM TO MS, jitter FROM TO MS, loss FROM TO PERCENT, cut FROM TO, heal FROM TO
 * FROM and TO are namespaces, or `*`. heal ends loss and cut, not delay. At the end of stdin it
 * ends, and its interfaces with it. A line keeps the order of what it carries, and drops what
 * comes while LINE_FRAMES are under way. Equal seeds lose and delay equal frames, as far as
 * they come in the same order. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	PORTS_MAX = 8,
	FRAME_MAX = 1600,
	LINE_FRAMES = 4096,
	MAC = 6,
	BURST = 64,
	COMMAND_MAX = 256
};

struct frame {
	int64_t due_ns;
	size_t size;
	uint8_t octets[FRAME_MAX];
};
/* One way from port to port. */
struct line {
	double delay_ms, jitter_ms, loss_percent;
	bool is_cut;
	struct frame *ring;
	size_t first, n;
	int64_t last_due_ns;
};
struct port {
	const char *name;
	int fd;
	uint8_t mac[MAC]; /* who was last heard there */
};
static struct port port[PORTS_MAX];
static struct line line[PORTS_MAX][PORTS_MAX];
static size_t ports;
static uint64_t chance;

static void
die(const char *what)
{
	fprintf(stderr, "net_switch: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* splitmix64; from 0 to below 1. */
static double
random_part(void)
{
	uint64_t z = chance += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ (z >> 31)) >> 11) / (double)(UINT64_C(1) << 53);
}

/* The interface lives where its maker was, and as long as the descriptor. */
static int
open_tap(const char *netns)
{
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	char path[256];
	int ns, fd;

	snprintf(path, sizeof path, "/run/netns/%s", netns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		die(path);
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	strcpy(r.ifr_name, "hp0");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
		die("/dev/net/tun");
	return fd;
}

static void
put(struct line *l, const uint8_t *octets, size_t size)
{
	struct frame *f;
	int64_t due = now_ns() + (int64_t)((l->delay_ms + l->jitter_ms * random_part()) * 1e6);

	if (l->is_cut || l->n == LINE_FRAMES || random_part() * 100 < l->loss_percent)
		return;
	if (due < l->last_due_ns)
		due = l->last_due_ns;
	f = &l->ring[(l->first + l->n++) % LINE_FRAMES];
	f->due_ns = l->last_due_ns = due;
	f->size = size;
	memcpy(f->octets, octets, size);
}

/* To the port where the receiver was heard; to all others when that isn't known. */
static void
pass_on(size_t from, const uint8_t *octets, size_t size)
{
	size_t to = 0;

	memcpy(port[from].mac, octets + MAC, MAC);
	while (to < ports && memcmp(port[to].mac, octets, MAC) != 0)
		to++;
	for (size_t i = 0; i < ports; i++)
		if (i != from && (i == to || to == ports))
			put(&line[from][i], octets, size);
}

static void
take_in(size_t from)
{
	uint8_t octets[FRAME_MAX];

	for (int i = 0; i < BURST; i++) {
		ssize_t n = read(port[from].fd, octets, sizeof octets);

		if (n < 2 * MAC)
			return;
		pass_on(from, octets, (size_t)n);
	}
}

/* What is due leaves; what was under way when the line was cut is lost. Returns when the next
 * is due, or INT64_MAX. */
static int64_t
let_out(struct line *l, int fd, int64_t now)
{
	while (l->n) {
		struct frame *f = &l->ring[l->first];

		if (f->due_ns > now)
			return f->due_ns;
		if (!l->is_cut && write(fd, f->octets, f->size) < 0 && errno == EAGAIN)
			return now + 100000;
		l->first = (l->first + 1) % LINE_FRAMES;
		l->n--;
	}
	return INT64_MAX;
}

static int64_t
let_out_all(void)
{
	int64_t next = INT64_MAX, now = now_ns();

	for (size_t i = 0; i < ports * ports; i++) {
		size_t to = i % ports;
		int64_t due = let_out(&line[i / ports][to], port[to].fd, now);

		next = due < next ? due : next;
	}
	return next;
}

static bool
set(struct line *l, const char *verb, double value)
{
	if (!strcmp(verb, "delay"))
		l->delay_ms = value;
	else if (!strcmp(verb, "jitter"))
		l->jitter_ms = value;
	else if (!strcmp(verb, "loss"))
		l->loss_percent = value;
	else if (!strcmp(verb, "cut"))
		l->is_cut = true;
	else if (!strcmp(verb, "heal"))
		l->is_cut = false, l->loss_percent = 0;
	else
		return false;
	return true;
}

static const char *
obey(const char *text)
{
	char verb[16], from[64], to[64];
	double value = 0;
	int words = sscanf(text, "%15s %63s %63s %lf", verb, from, to, &value);
	bool is_found = false;

	if (words < 3 || value < 0)
		return "error: VERB FROM TO [VALUE]";
	for (size_t a = 0; a < ports; a++)
		for (size_t b = 0; b < ports; b++) {
			if (a == b ||
				(strcmp(from, "*") != 0 && strcmp(from, port[a].name) != 0) ||
				(strcmp(to, "*") != 0 && strcmp(to, port[b].name) != 0))
				continue;
			if (!set(&line[a][b], verb, value))
				return "error: no such verb";
			is_found = true;
		}
	return is_found ? "ok" : "error: no such line";
}

/* False at the end of stdin. */
static bool
hear(void)
{
	static char text[COMMAND_MAX];
	static size_t have;
	ssize_t n = read(STDIN_FILENO, text + have, sizeof text - 1 - have);
	char *end;

	if (n <= 0)
		return false;
	have += (size_t)n;
	text[have] = 0;
	while ((end = strchr(text, '\n'))) {
		*end = 0;
		printf("%s\n", obey(text));
		have -= (size_t)(end + 1 - text);
		memmove(text, end + 1, have + 1);
	}
	fflush(stdout);
	return have < sizeof text - 1;
}

static void
run(void)
{
	struct pollfd p[PORTS_MAX + 1];

	for (;;) {
		int64_t next = let_out_all(), left = next - now_ns();
		struct timespec wait = {left / 1000000000, left % 1000000000};

		if (left < 0)
			wait = (struct timespec){0};
		for (size_t i = 0; i < ports; i++)
			p[i] = (struct pollfd){port[i].fd, POLLIN, 0};
		p[ports] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
		if (ppoll(p, ports + 1, next == INT64_MAX ? NULL : &wait, NULL) < 0)
			die("ppoll");
		for (size_t i = 0; i < ports; i++)
			if (p[i].revents)
				take_in(i);
		if (p[ports].revents && !hear())
			return;
	}
}

int
main(int argc, char **argv)
{
	if (argc < 3 || argc - 2 > PORTS_MAX) {
		fprintf(stderr, "usage: net_switch SEED NAMESPACE... (at most %d)\n",
			PORTS_MAX);
		return 64;
	}
	chance = strtoull(argv[1], NULL, 10);
	ports = (size_t)argc - 2;
	for (size_t i = 0; i < ports; i++) {
		port[i] = (struct port){argv[i + 2], open_tap(argv[i + 2]), {0}};
		for (size_t j = 0; j < ports; j++)
			if (!(line[i][j].ring = malloc(LINE_FRAMES * sizeof(struct frame))))
				die("malloc");
	}
	printf("ready\n");
	fflush(stdout);
	run();
	return 0;
}
