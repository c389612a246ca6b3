/* pace: how fast chunks of large bodies go into the log. Pure: time comes in.
 *
 * Alone they go as fast as the disks take them. While others' small commands are about, a round
 * of PACE_ROUND chunks goes, and then none for a rest that is longer than it took until they
 * were applied: so most small commands meet no chunk. A body that is at it for PACE_POLITE_MS
 * no longer waits for company: its asker waits too. */
#ifndef STORE_PACE_H
#define STORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PACE_FLIGHT = 2 << 20,	/* octets handed over and not applied: small commands wait
				  behind them */
	PACE_COMPANY_MS = 1000, /* so long after a small command there is company */
	PACE_ROUND = 2,
	PACE_REST_PERCENT = 200, /* of a round's time */
	PACE_REST_MAX_MS = 100,
	PACE_POLITE_MS = 10000
};

/* Begins as all zeros. */
struct pace {
	uint64_t flight;	  /* octets handed over and not applied */
	uint64_t begun_us, round; /* since none was; chunks handed over since. 0: none */
	uint64_t rest_until_us;
	uint64_t company_us; /* when a small command was applied last; 0: never */
};

/* May the next chunk of a body go whose first one went at since_us? */
bool pace_may(const struct pace *p, uint64_t since_us, uint64_t now_us);
/* In how many ms a rest is over; 0: there is none. */
uint32_t pace_rest_ms(const struct pace *p, uint64_t now_us);
/* A chunk was handed over. */
void pace_sent(struct pace *p, uint64_t octets, uint64_t now_us);
/* A chunk was applied. */
void pace_applied(struct pace *p, uint64_t octets);
/* What was applied is durable. */
void pace_committed(struct pace *p, uint64_t now_us);
/* A small command was applied. */
void pace_company(struct pace *p, uint64_t now_us);
/* What was handed over may be lost, and goes again. */
void pace_anew(struct pace *p);

#endif
