#include "cmd/smtpd_limits.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "crypto/seal.h"

enum { BUCKETS = 4096, MINUTE_MS = 60000, V6_KEPT = 8 };

struct entry {
	struct entry *next;
	uint8_t who[16];
	uint32_t open, made;
	uint64_t minute_from_ms;
};

struct smtpd_limits {
	uint32_t per_client, per_minute;
	struct seal_key key; /* nobody can choose addresses that share a bucket */
	size_t count;
	uint64_t swept_ms;
	struct entry *bucket[BUCKETS];
};

struct smtpd_limits *
smtpd_limits_new(uint32_t per_client, uint32_t per_minute)
{
	struct smtpd_limits *l = must_zalloc(sizeof *l);

	l->per_client = per_client;
	l->per_minute = per_minute;
	seal_key_new(&l->key);
	return l;
}

static bool
is_idle(const struct entry *e, uint64_t now_ms)
{
	return e->open == 0 && now_ms - e->minute_from_ms >= MINUTE_MS;
}

static void
sweep(struct smtpd_limits *l, uint64_t now_ms)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct entry **at = &l->bucket[i];
		while (*at) {
			struct entry *e = *at;
			if (!is_idle(e, now_ms)) {
				at = &e->next;
				continue;
			}
			*at = e->next;
			free(e);
			l->count--;
		}
	}
	l->swept_ms = now_ms;
}

void
smtpd_limits_free(struct smtpd_limits *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (l->bucket[i]) {
			struct entry *e = l->bucket[i];
			l->bucket[i] = e->next;
			free(e);
		}
	free(l);
}

size_t
smtpd_limits_count(const struct smtpd_limits *l)
{
	return l->count;
}

static struct entry **
find(struct smtpd_limits *l, const uint8_t *address, size_t n, uint8_t who[16])
{
	uint8_t hash[SEAL_HASH];
	struct slice part;
	struct entry **at;

	memset(who, 0, 16);
	memcpy(who, address, n == 16 ? V6_KEPT : n);
	who[15] = (uint8_t)n;
	part = slice_of(who, 16);
	seal_hash(&l->key, &part, 1, hash);
	at = &l->bucket[(hash[0] | (unsigned)hash[1] << 8) % BUCKETS];
	while (*at && memcmp((*at)->who, who, 16) != 0)
		at = &(*at)->next;
	return at;
}

bool
smtpd_limits_enter(struct smtpd_limits *l, const uint8_t *address, size_t n, uint64_t now_ms)
{
	uint8_t who[16];
	struct entry **at, *e;

	if (n == 0)
		return true;
	if (now_ms - l->swept_ms >= MINUTE_MS)
		sweep(l, now_ms);
	at = find(l, address, n, who);
	if (!*at) {
		*at = must_zalloc(sizeof **at);
		memcpy((*at)->who, who, 16);
		(*at)->minute_from_ms = now_ms;
		l->count++;
	}
	e = *at;
	if (now_ms - e->minute_from_ms >= MINUTE_MS) {
		e->minute_from_ms = now_ms;
		e->made = 0;
	}
	e->open++;
	e->made++;
	return e->open <= l->per_client && (l->per_minute == 0 || e->made <= l->per_minute);
}

void
smtpd_limits_leave(struct smtpd_limits *l, const uint8_t *address, size_t n, uint64_t now_ms)
{
	uint8_t who[16];
	struct entry **at;

	if (n == 0)
		return;
	at = find(l, address, n, who);
	must(*at && (*at)->open > 0);
	(*at)->open--;
	if (is_idle(*at, now_ms)) {
		struct entry *e = *at;
		*at = e->next;
		free(e);
		l->count--;
	}
}
