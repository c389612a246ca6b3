/* throttle: counts failed logins by client address and by account, in bounded
 * memory. An address (IPv6: its /64) that failed too often waits; an
 * account that was failed at from many addresses is closed to strangers only: an
 * address from which its owner came in lately still gets through. Pure: the time comes in. */
#ifndef CRYPTO_THROTTLE_H
#define CRYPTO_THROTTLE_H

#include "core/slice.h"

struct throttle_settings {
	bool is_on;
	uint32_t failures; /* of one address within the window; of one account
			      THROTTLE_ACCOUNT_FACTOR times as many */
	uint32_t window_sec;
};
enum { THROTTLE_ACCOUNT_FACTOR = 5, THROTTLE_DELAY_MAX_MS = 4000 };

struct throttle;
struct throttle *throttle_new(const struct throttle_settings *settings);
/* NULL is fine. */
void throttle_free(struct throttle *t);
/* May this address try this name now? address: 4 or 16 octets, or empty (a Unix socket: never
 * throttled by address); user: canonical. */
bool throttle_may(
	struct throttle *t, struct slice address, struct slice user, uint64_t now_sec);
/* Counts a failure; milliseconds to wait before it is told: grows with the address's failures,
 * 0 when off. */
uint32_t throttle_failed(
	struct throttle *t, struct slice address, struct slice user, uint64_t now_sec);
/* Counts nothing back: whoever owns one account could else guess at others for ever. */
void throttle_succeeded(
	struct throttle *t, struct slice address, struct slice user, uint64_t now_sec);

#endif
