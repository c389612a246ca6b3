#include "crypto/loop_guard.h"

static const char *const names[] = {
	[LOOP_GUARD_IN] = "in",
	[LOOP_GUARD_OUT] = "out",
	[LOOP_GUARD_IN | LOOP_GUARD_OUT] = "both",
};
enum { WAYS_MAX = LOOP_GUARD_IN | LOOP_GUARD_OUT, MAC_TEXT = 44 };

static void
make_mac(const struct seal_key *key, const struct loop_guard_mail *m, unsigned ways,
	uint64_t at_sec, uint8_t mac[SEAL_HASH])
{
	uint8_t numbers[1 + 8 + 8] = {(uint8_t)ways};
	struct slice parts[] = {SLICE_LIT("loop guard 1"), {numbers, sizeof numbers},
		m->message_id, m->body_hash};

	/* The length keeps the Message-ID apart from what follows. */
	for (unsigned i = 0; i < 8; i++) {
		numbers[1 + i] = (uint8_t)(at_sec >> (56 - 8 * i));
		numbers[9 + i] = (uint8_t)((uint64_t)m->message_id.n >> (56 - 8 * i));
	}
	seal_hash(key, parts, sizeof parts / sizeof *parts, mac);
}

void
loop_guard_format(const struct seal_key *key, const struct loop_guard_mail *m, unsigned ways,
	uint64_t now_sec, struct buf *out)
{
	uint8_t mac[SEAL_HASH];

	make_mac(key, m, ways, now_sec, mac);
	buf_printf(out, "v=1; d=%s; t=%llu; m=", names[ways], (unsigned long long)now_sec);
	seal_b64(slice_of(mac, sizeof mac), out);
}

/* Cuts "NAME=value" off, up to a semicolon. */
static bool
take(struct slice *rest, const char *name, struct slice *value)
{
	size_t end = slice_find(*rest, ';');
	struct slice one = slice_trim(slice_cut(*rest, 0, end));

	*rest = slice_from(*rest, end + 1);
	if (!slice_starts(one, slice_str(name)))
		return false;
	*value = slice_from(one, slice_str(name).n);
	return true;
}

static unsigned
find_ways(struct slice name)
{
	unsigned ways = WAYS_MAX;

	while (ways && !slice_eq(name, slice_str(names[ways])))
		ways--;
	return ways;
}

static bool
is_mac(struct slice text, const uint8_t mac[SEAL_HASH])
{
	struct buf given;
	bool is_equal;

	if (text.n != MAC_TEXT)
		return false;
	buf_init(&given, MAC_TEXT);
	is_equal = !seal_b64_open(text, &given) && given.n == SEAL_HASH &&
		   seal_equal(given.p, mac, SEAL_HASH);
	buf_fini(&given);
	return is_equal;
}

enum loop_guard_verdict
loop_guard_check(const struct seal_key *key, struct slice text, const struct loop_guard_mail *m,
	uint64_t now_sec, unsigned *ways)
{
	struct slice version, way, time, given;
	uint8_t mac[SEAL_HASH];
	uint64_t at_sec;
	unsigned found;

	if (!take(&text, "v=", &version) || !take(&text, "d=", &way) ||
		!take(&text, "t=", &time) || !take(&text, "m=", &given) || text.n ||
		!slice_eq(version, SLICE_LIT("1")) ||
		!slice_u64(time, UINT64_MAX - LOOP_GUARD_LIFE_SEC, &at_sec))
		return LOOP_GUARD_MALFORMED;
	found = find_ways(way);
	if (!found)
		return LOOP_GUARD_MALFORMED;
	make_mac(key, m, found, at_sec, mac);
	if (!is_mac(given, mac))
		return LOOP_GUARD_FORGED;
	/* A time to come is that of a node whose clock is ahead. */
	if (now_sec > at_sec + LOOP_GUARD_LIFE_SEC)
		return LOOP_GUARD_EXPIRED;
	*ways = found;
	return LOOP_GUARD_VALID;
}
