/* demo_sealed_pgp: the same as demo_sealed by OpenPGP: the partner has `hairpin sop`. */
#ifndef CMD_DEMO_SEALED_PGP_H
#define CMD_DEMO_SEALED_PGP_H

#include "cmd/demo.h"

/* The Message-IDs of both, for their ways. */
#define DEMO_SEALED_PGP_OUT "<openpgp.ann@company.test>"
#define DEMO_SEALED_PGP_IN "<openpgp.pat@partner.test>"

/* Keys for ann and pat, each other's certificate, and the policy. False: said why; so below. */
bool demo_sealed_pgp_keys(struct demo *d);
/* Ann writes; the partner opens it with its own key. */
bool demo_sealed_pgp_out(struct demo *d);
/* The partner answers, signed and encrypted; ann reads it as it is. */
bool demo_sealed_pgp_in(struct demo *d);

#endif
