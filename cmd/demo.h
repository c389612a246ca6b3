/* demo: a few servers on this machine, each on an address of the loopback of its own, made by
 * the documented commands. Which ones, says a shape: a list of nodes, in which each that begins
 * a cluster stands before those that join it. */
#ifndef CMD_DEMO_H
#define CMD_DEMO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { DEMO_NODES_MAX = 7 };
enum demo_port {
	DEMO_SMTP = 25,
	DEMO_CLUSTER = 26,
	DEMO_DNS = 53,
	DEMO_FILTER = 125,
	DEMO_REINJECT = 126,
	DEMO_IMAP = 143,
	DEMO_SUBMISSION = 587
};

/* What was done to a node. */
enum demo_state { DEMO_RUNS, DEMO_KILLED, DEMO_FROZEN, DEMO_CUT };

struct demo_role {
	const char *name; /* of its files, and where it is spoken of */
	const char *host; /* its hostname; behind the first dot its domain */
	/* Who begins a cluster (init) has this first user; who has none joins the next one
	 * above that does. */
	const char *user;
	bool is_arbiter;
	const char *does; /* a word for it, of at most 8 letters */
};

struct demo_node {
	const struct demo_role *role;
	char address[16], conf[128], data[128], log[128];
	pid_t pid; /* its parent process; 0: none */
	enum demo_state state;
};

struct demo;
struct demo_shape {
	const struct demo_role *role;
	unsigned nodes; /* at most DEMO_NODES_MAX; the Nth has the address 127.0.N.1 */
	/* Writes what a node's configuration has beyond init's and join's. May be NULL. */
	void (*configure)(const struct demo *d, const struct demo_node *node, FILE *conf);
};

struct demo {
	const struct demo_shape *shape;
	char dir[64];
	unsigned base;	    /* added to each port */
	pid_t broom, group; /* who tidies up after a sudden end; the group of the demo itself */
	pid_t name_server;  /* 0: none */
	struct demo_node node[DEMO_NODES_MAX];
	uint64_t started_ms;
};

/* A line with the time since the start. */
void demo_step(const struct demo *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A folder and free ports. False: said why. */
bool demo_begin(struct demo *d, const struct demo_shape *shape);
/* Ends all servers; removes the folder, unless it is to be kept. */
void demo_end(struct demo *d, bool keep);
unsigned demo_port(const struct demo *d, enum demo_port port);

/* Who began the cluster that the node is in. */
struct demo_node *demo_first_of(struct demo *d, const struct demo_node *node);
/* Is its cluster it alone? */
bool demo_is_alone(const struct demo *d, const struct demo_node *node);
/* init, or join with a token of the first of its cluster, then serve until it answers. False:
 * said why. */
bool demo_make(struct demo *d, struct demo_node *node);
bool demo_serve(struct demo *d, struct demo_node *node);
/* The verb's answer; NULL: it failed. The caller's to decref. arguments: taken, or NULL. */
json_t *demo_ask(const struct demo_node *node, const char *verb, json_t *arguments);
/* Until every member of that one's cluster votes and has the same. */
bool demo_wait_equal(struct demo *d, const struct demo_node *first, unsigned seconds);

/* Asks that one whether all of its cluster hold the same, and says what it heard. */
bool demo_verify(struct demo *d, const struct demo_node *asked);

/* All processes of a node at once, as when its power fails. */
void demo_kill(struct demo *d, struct demo_node *node);
/* All of its processes stand still. */
void demo_freeze(struct demo *d, struct demo_node *node);
/* Its process `link` stands still: no other node hears from it, its clients still do. */
void demo_cut(struct demo *d, struct demo_node *node);
/* Whatever it was, it runs again. */
bool demo_heal(struct demo *d, struct demo_node *node);

#endif
