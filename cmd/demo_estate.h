/* demo_estate: a company's whole mail system on this machine, node for node: the cluster that
 * holds its mail, the cluster of gateways that each mail passes, and a partner outside, with
 * whom mail goes both ways. Names come from a name server of the demo's own. */
#ifndef CMD_DEMO_ESTATE_H
#define CMD_DEMO_ESTATE_H

#include "cmd/demo.h"

enum demo_estate_node {
	DEMO_ESTATE_MAIL1,
	DEMO_ESTATE_MAIL2,
	DEMO_ESTATE_MAIL3,
	DEMO_ESTATE_GW1,
	DEMO_ESTATE_GW2,
	DEMO_ESTATE_GW3,
	DEMO_ESTATE_PARTNER,
	DEMO_ESTATE_NODES
};
#define DEMO_ESTATE_ANN "ann@company.test"
#define DEMO_ESTATE_PAT "pat@partner.test"

extern const struct demo_shape demo_estate_shape;

/* Name server, both clusters, the partner, all up and equal. False: the last line says what
 * isn't. */
bool demo_estate_set_up(struct demo *d);

#endif
