/* demo_board: the demo on a terminal: a live board of its nodes, mail without end, and keys
 * that kill, freeze, cut off and heal. */
#ifndef CMD_DEMO_BOARD_H
#define CMD_DEMO_BOARD_H

#include "cmd/demo.h"

enum { DEMO_BOARD_BOXES_MAX = 2 };

/* Whose mail it is, and where it is counted in the end. */
struct demo_board_box {
	const char *user;
	const struct demo_node *node;
	unsigned before; /* so many mails are in it when the board begins, numbered from 0 */
};
/* Who writes to whom, through which node, as long as that one runs. */
struct demo_board_lane {
	const struct demo_node *node;
	const char *from;
	bool has_login; /* by submission; else as a server from outside */
	size_t box;
};
struct demo_board_plan {
	const char *title, *foot;
	const struct demo_board_box *box;
	size_t boxes;
	const struct demo_board_lane *lane; /* that take turns */
	size_t lanes;
};

/* Until q, end of input, or a signal that ends programs; the terminal is then as it was. False:
 * mail that was answered 250 is missing. */
bool demo_board(struct demo *d, const struct demo_board_plan *plan);

#endif
