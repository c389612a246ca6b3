/* demo: three data centres on this machine: dc1 and dc2 with all roles, dc3 the arbiter, each a
 * server of its own on an address of the loopback, made by the documented commands. */
#ifndef CMD_DEMO_H
#define CMD_DEMO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { DEMO_NODES = 3 };
enum demo_port { DEMO_SMTP = 25, DEMO_CLUSTER = 26, DEMO_IMAP = 143, DEMO_SUBMISSION = 587 };

/* What was done to a data centre. */
enum demo_state { DEMO_RUNS, DEMO_KILLED, DEMO_FROZEN, DEMO_CUT };

struct demo_node {
	unsigned n; /* dcN */
	char address[16], conf[128], data[128], log[128];
	pid_t pid; /* its parent process; 0: none */
	enum demo_state state;
};

struct demo {
	char dir[64];
	unsigned base;	    /* added to each port */
	pid_t broom, group; /* who tidies up after a sudden end; the group of the demo itself */
	struct demo_node node[DEMO_NODES];
	uint64_t started_ms;
};

/* A line with the time since the start. */
void demo_step(const struct demo *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A folder and free ports. False: said why. */
bool demo_begin(struct demo *d);
/* Ends all servers; removes the folder, unless it is to be kept. */
void demo_end(struct demo *d, bool keep);
unsigned demo_port(const struct demo *d, enum demo_port port);

/* init (the first) or join (with a token of the first), then serve until it answers. False:
 * said why. */
bool demo_make(struct demo *d, struct demo_node *node);
bool demo_serve(struct demo *d, struct demo_node *node);
/* The verb's answer; NULL: it failed. The caller's to decref. arguments: taken, or NULL. */
json_t *demo_ask(const struct demo_node *node, const char *verb, json_t *arguments);
/* Until every member votes and has the same. */
bool demo_wait_equal(struct demo *d, unsigned seconds);

/* All processes of a data centre at once, as when its power fails. */
void demo_kill(struct demo *d, struct demo_node *node);
/* All of its processes stand still. */
void demo_freeze(struct demo *d, struct demo_node *node);
/* Its process `link` stands still: no other node hears from it, its clients still do. */
void demo_cut(struct demo *d, struct demo_node *node);
/* Whatever it was, it runs again. */
bool demo_heal(struct demo *d, struct demo_node *node);

#endif
