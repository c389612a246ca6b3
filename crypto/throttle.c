#include "crypto/throttle.h"

#include <stdlib.h>

#include "core/must.h"
#include "crypto/seal.h"

enum { WAYS = 4, SETS = 4096, KNOWN_SEC = 30 * 86400, DELAY_FIRST_MS = 250, DELAY_STEPS = 4 };

/* count 0: free. */
struct row {
	uint64_t tag, since_sec;
	uint32_t count;
};

struct throttle {
	struct throttle_settings settings;
	struct seal_key key; /* so that nobody can aim at a set */
	struct row failed[SETS][WAYS], known[SETS][WAYS];
};

struct throttle *
throttle_new(const struct throttle_settings *settings)
{
	struct throttle *t = must_zalloc(sizeof *t);

	t->settings = *settings;
	seal_key_new(&t->key);
	return t;
}

void
throttle_free(struct throttle *t)
{
	free(t);
}

static uint64_t
tag_of(const struct throttle *t, const char *kind, struct slice a, struct slice b)
{
	uint8_t n = (uint8_t)a.n;
	struct slice parts[] = {slice_str(kind), {&n, 1}, a, b};
	uint8_t hash[SEAL_HASH];
	uint64_t tag;

	seal_hash(&t->key, parts, sizeof parts / sizeof *parts, hash);
	memcpy(&tag, hash, sizeof tag);
	return tag;
}

/* A customer of IPv6 has a /64 at least. */
static struct slice
network_of(struct slice address)
{
	return address.n == 16 ? slice_cut(address, 0, 8) : address;
}

static struct row *
find(struct row *set, uint64_t tag, uint64_t now_sec, uint64_t life_sec)
{
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].count && set[i].tag == tag)
			return now_sec - set[i].since_sec < life_sec ? &set[i] : NULL;
	return NULL;
}

/* The tag's row, made if need be in place of the one that says least. */
static struct row *
take(struct row *set, uint64_t tag, uint64_t now_sec, uint64_t life_sec)
{
	struct row *r = find(set, tag, now_sec, life_sec), *least = set;

	if (r)
		return r;
	for (size_t i = 0; i < WAYS; i++) {
		bool over = now_sec - set[i].since_sec >= life_sec;

		if (!set[i].count || set[i].tag == tag || over) {
			least = &set[i];
			break;
		}
		if (set[i].count < least->count)
			least = &set[i];
	}
	*least = (struct row){.tag = tag, .since_sec = now_sec};
	return least;
}

static uint32_t
failures(struct throttle *t, uint64_t tag, uint64_t now_sec)
{
	struct row *r = find(t->failed[tag % SETS], tag, now_sec, t->settings.window_sec);

	return r ? r->count : 0;
}

static uint32_t
count(struct throttle *t, uint64_t tag, uint64_t now_sec)
{
	struct row *r = take(t->failed[tag % SETS], tag, now_sec, t->settings.window_sec);

	if (r->count < UINT32_MAX)
		r->count++;
	return r->count;
}

bool
throttle_may(struct throttle *t, struct slice address, struct slice user, uint64_t now_sec)
{
	struct slice network = network_of(address);
	uint64_t tag;

	if (!t->settings.is_on)
		return true;
	tag = tag_of(t, "address", network, SLICE_EMPTY);
	if (network.n && failures(t, tag, now_sec) >= t->settings.failures)
		return false;
	tag = tag_of(t, "user", SLICE_EMPTY, user);
	if (failures(t, tag, now_sec) / THROTTLE_ACCOUNT_FACTOR < t->settings.failures)
		return true;
	tag = tag_of(t, "known", network, user);
	return find(t->known[tag % SETS], tag, now_sec, KNOWN_SEC) != NULL;
}

uint32_t
throttle_failed(struct throttle *t, struct slice address, struct slice user, uint64_t now_sec)
{
	struct slice network = network_of(address);
	uint32_t n = 1;

	if (!t->settings.is_on)
		return 0;
	if (network.n)
		n = count(t, tag_of(t, "address", network, SLICE_EMPTY), now_sec);
	count(t, tag_of(t, "user", SLICE_EMPTY, user), now_sec);
	return n > DELAY_STEPS ? THROTTLE_DELAY_MAX_MS : (uint32_t)DELAY_FIRST_MS << (n - 1);
}

void
throttle_succeeded(
	struct throttle *t, struct slice address, struct slice user, uint64_t now_sec)
{
	struct row *r;
	uint64_t tag;

	if (!t->settings.is_on)
		return;
	tag = tag_of(t, "known", network_of(address), user);
	r = take(t->known[tag % SETS], tag, now_sec, KNOWN_SEC);
	r->since_sec = now_sec;
	r->count = 1;
}
