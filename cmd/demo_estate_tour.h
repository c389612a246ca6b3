/* demo_estate_tour: mail out and in through the hairpin, each with its way; a gateway killed in
 * a burst, then the mail server that leads; both back, and equal;
 * then a sealed mail each way. */
#ifndef CMD_DEMO_ESTATE_TOUR_H
#define CMD_DEMO_ESTATE_TOUR_H

#include "cmd/demo.h"

/* has_keys: then the board, when a line comes. False: something did not hold; the last line
 * says what. */
bool demo_estate_tour(struct demo *d, bool has_keys);

#endif
