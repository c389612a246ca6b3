/* demo_board: the demo on a terminal: a live board of the three data centres, mail that goes
 * between the users without end, and keys that kill, freeze, cut off and heal. */
#ifndef CMD_DEMO_BOARD_H
#define CMD_DEMO_BOARD_H

#include "cmd/demo.h"

/* Until q, end of input, or a signal that ends programs; the terminal is then as it was. False:
 * mail that was answered 250 is missing. */
bool demo_board(struct demo *d);

#endif
