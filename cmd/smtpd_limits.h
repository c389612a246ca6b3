/* smtpd_limits: how many connections each client has here, and how many it made
 * this minute. IPv6 clients are told apart by their /64. Memory is bounded by
 * the connections that are open and those of the last minute. Pure: time comes in. */
#ifndef CMD_SMTPD_LIMITS_H
#define CMD_SMTPD_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smtpd_limits;
/* per_client: at once. per_minute: 0 = any. */
struct smtpd_limits *smtpd_limits_new(uint32_t per_client, uint32_t per_minute);
void smtpd_limits_free(struct smtpd_limits *l);
/* address: n octets, 4 or 16; n = 0 (a local socket) has no limits. Counts the connection
 * whatever the answer is: call smtpd_limits_leave once for each. False: it is one too many. */
bool smtpd_limits_enter(
	struct smtpd_limits *l, const uint8_t *address, size_t n, uint64_t now_ms);
void smtpd_limits_leave(
	struct smtpd_limits *l, const uint8_t *address, size_t n, uint64_t now_ms);
/* Clients that it remembers now. */
size_t smtpd_limits_count(const struct smtpd_limits *l);

#endif
