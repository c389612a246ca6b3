/* demo_tour: the demo without a hand on the keys: mail in on dc1 and read on dc2; dc1 killed
 * under load, nothing lost; dc1 back, and equal. */
#ifndef CMD_DEMO_TOUR_H
#define CMD_DEMO_TOUR_H

#include "cmd/demo.h"

#define DEMO_TOUR_ANN "ann@demo.test"
#define DEMO_TOUR_CAROL "carol@example.net" /* somebody outside */

/* Three data centres: dc1 and dc2 with all roles, dc3 the arbiter. */
extern const struct demo_shape demo_tour_shape;

/* False: something did not hold; the last line says what. */
bool demo_tour(struct demo *d);
/* Its first part: the three data centres, two users. Also the board's beginning. */
bool demo_tour_set_up(struct demo *d);

#endif
