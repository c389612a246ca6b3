#include "crypto/permit.h"

#include "core/big_endian.h"

enum { PLAIN = PERMIT_SIZE - 32 };

void
permit_issue(const struct seal_key *key, const struct permit *p, uint8_t out[PERMIT_SIZE])
{
	struct slice plain = slice_of(out, PLAIN);

	out[0] = p->kind;
	big_endian_put_u64(out + 1, p->id);
	big_endian_put_u64(out + 9, p->detail);
	big_endian_put_u64(out + 17, p->expiry_sec);
	seal_hash(key, &plain, 1, out + PLAIN);
}

enum err
permit_check(const struct seal_key *key, uint8_t kind, uint64_t id, uint64_t now_sec,
	struct slice raw)
{
	struct slice plain = slice_cut(raw, 0, PLAIN);
	uint8_t mac[SEAL_HASH];

	if (raw.n != PERMIT_SIZE)
		return ERR_DENIED;
	seal_hash(key, &plain, 1, mac);
	if (!seal_equal(mac, raw.p + PLAIN, sizeof mac) || raw.p[0] != kind ||
		big_endian_get_u64(raw.p + 1) != id || big_endian_get_u64(raw.p + 17) < now_sec)
		return ERR_DENIED;
	return ERR_OK;
}
