/* demo_estate_tour: mail out and in through the hairpin, each with its way; a gateway killed in
 * a burst, then the mail server that leads; both back, and equal. */
#ifndef CMD_DEMO_ESTATE_TOUR_H
#define CMD_DEMO_ESTATE_TOUR_H

#include "cmd/demo.h"

/* False: something did not hold; the last line says what. */
bool demo_estate_tour(struct demo *d);
/* Who may log in where; then until a line or the end comes from standard input. */
void demo_estate_stay(struct demo *d);

#endif
