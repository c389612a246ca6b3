/* demo_way: the way of a mail through several clusters as one story: what `hairpin why` says of
 * it on a node of each, in the order of time. */
#ifndef CMD_DEMO_WAY_H
#define CMD_DEMO_WAY_H

#include "cmd/demo.h"

enum { DEMO_WAY_CLUSTERS_MAX = 3, DEMO_WAY_ROWS_MAX = 64 };

struct demo_way {
	json_t *answer[DEMO_WAY_CLUSTERS_MAX];
	const json_t *row[DEMO_WAY_ROWS_MAX]; /* of the answers, the oldest first */
	size_t rows;
};
/* What has to be there: a node whose name begins so, and a row whose event and place do. */
struct demo_way_step {
	const char *node, *what;
};

/* asked: a node of each cluster, a NULL behind them. Whoever doesn't know the mail says nothing
 * of it. */
void demo_way_read(
	struct demo_way *w, const struct demo_node *const *asked, const char *message_id);
void demo_way_free(struct demo_way *w);
/* A line for each row. */
void demo_way_show(const struct demo_way *w, const struct demo *d);
bool demo_way_has(const struct demo_way *w, const char *event);
/* Are the steps there, in that order, whatever is in between? Else the first that isn't; NULL:
 * all are. */
const struct demo_way_step *demo_way_missing(const struct demo_way *w, const struct demo *d,
	const struct demo_way_step *steps, size_t n);

#endif
