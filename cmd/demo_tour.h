/* demo_tour: the demo without a hand on the keys: mail in on dc1 and read on dc2; dc1 killed
 * under load, nothing lost; dc1 back, and equal. */
#ifndef CMD_DEMO_TOUR_H
#define CMD_DEMO_TOUR_H

#include "cmd/demo.h"

/* Three data centres: dc1 and dc2 with all roles, dc3 the arbiter. */
extern const struct demo_shape demo_tour_shape;

/* False: something did not hold; the last line says what. */
bool demo_tour(struct demo *d);
/* Its first part, three data centres and two users; then the board. False: something did not
 * hold. */
bool demo_tour_board(struct demo *d);

#endif
