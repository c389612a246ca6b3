/* demo_sealed: a mail to the partner that must be encrypted, and the partner's sealed answer,
 * by S/MIME. All of it by the documented commands, each run as a process of its own. */
#ifndef CMD_DEMO_SEALED_H
#define CMD_DEMO_SEALED_H

#include "cmd/demo.h"

/* The Message-IDs of both, for their ways. */
#define DEMO_SEALED_OUT "<sealed.ann@company.test>"
#define DEMO_SEALED_IN "<sealed.pat@partner.test>"
/* What is in them. */
#define DEMO_SEALED_TEXT "Content-Type: text/plain\r\n\r\n"
#define DEMO_SEALED_SECRET "The offer stands at 4 million."
#define DEMO_SEALED_ANSWER "We take it."

/* Keys for ann and pat, and the policy. False: said why; so below. */
bool demo_sealed_keys(struct demo *d);
/* Ann writes before the gateways know pat's certificate: it waits, and leaves by itself once
 * they do. */
bool demo_sealed_late(struct demo *d);
/* Ann writes; the partner opens it with its own key. */
bool demo_sealed_out(struct demo *d);
/* The partner answers, signed and encrypted; ann reads it as it is. */
bool demo_sealed_in(struct demo *d);

#endif
