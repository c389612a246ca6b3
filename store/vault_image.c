#include "store/vault_image.h"

#include "crypto/seal.h"
#include "store/schema.h"

enum { FORMAT = 1, BODY = VAULT_IMAGE_SLOT - SEAL_HASH, SECRET_AT = 24, GONE = 0xff };

static const char magic[16] = "hairpin-vault";

static void
put_hash(uint8_t *slot)
{
	seal_hash(NULL, &(struct slice){slot, BODY}, 1, slot + BODY);
}

static bool
has_hash(const uint8_t *slot)
{
	uint8_t hash[SEAL_HASH];

	seal_hash(NULL, &(struct slice){slot, BODY}, 1, hash);
	return memcmp(slot + BODY, hash, sizeof hash) == 0;
}

void
vault_image_write_head(uint8_t slot[VAULT_IMAGE_SLOT],
	const uint8_t cluster[VAULT_IMAGE_CLUSTER], uint64_t slots)
{
	memset(slot, 0, VAULT_IMAGE_SLOT);
	memcpy(slot, magic, sizeof magic);
	schema_set_u32(slot + 16, FORMAT);
	memcpy(slot + 24, cluster, VAULT_IMAGE_CLUSTER);
	schema_set_u64(slot + 40, slots);
	put_hash(slot);
}

void
vault_image_write_row(uint8_t slot[VAULT_IMAGE_SLOT], const struct vault_row *row)
{
	memset(slot, 0, VAULT_IMAGE_SLOT);
	slot[0] = 1;
	slot[1] = row->kind;
	slot[2] = row->wrap_kind;
	schema_set_u32(slot + 4, (uint32_t)row->n);
	schema_set_u64(slot + 8, row->id);
	schema_set_u64(slot + 16, row->index);
	memcpy(slot + SECRET_AT, row->secret, row->n);
	put_hash(slot);
}

void
vault_image_write_gone(uint8_t slot[VAULT_IMAGE_SLOT])
{
	memset(slot, 0, VAULT_IMAGE_SLOT);
	slot[0] = GONE;
}

enum err
vault_image_check(struct slice file, const uint8_t *cluster)
{
	uint64_t slots;

	if (file.n < VAULT_IMAGE_SLOT || memcmp(file.p, magic, sizeof magic) != 0)
		return ERR_CORRUPT;
	if (schema_get_u32(file.p + 16) != FORMAT)
		return ERR_VERSION;
	slots = schema_get_u64(file.p + 40);
	if (!has_hash(file.p) || slots == 0 || slots > VAULT_IMAGE_SLOTS_MAX ||
		(slots & (slots - 1)) || file.n != (slots + 1) * VAULT_IMAGE_SLOT)
		return ERR_CORRUPT;
	return !cluster || memcmp(file.p + 24, cluster, VAULT_IMAGE_CLUSTER) == 0 ? ERR_OK
										  : ERR_DENIED;
}

uint64_t
vault_image_slots(struct slice file)
{
	return file.n / VAULT_IMAGE_SLOT - 1;
}

static bool
is_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	while (n--)
		any |= p[n];
	return any == 0;
}

enum vault_image_state
vault_image_read(struct slice file, uint64_t n, struct vault_row *row)
{
	uint8_t slot[VAULT_IMAGE_SLOT];
	uint32_t size;

	memcpy(slot, file.p + (n + 1) * VAULT_IMAGE_SLOT, sizeof slot);
	if (slot[0] != 1)
		return !is_zero(slot + 1, sizeof slot - 1) ? VAULT_IMAGE_DAMAGED
		       : slot[0] == 0			   ? VAULT_IMAGE_FREE
		       : slot[0] == GONE		   ? VAULT_IMAGE_GONE
							   : VAULT_IMAGE_DAMAGED;
	size = schema_get_u32(slot + 4);
	if (!has_hash(slot) || size > VAULT_IMAGE_SECRET)
		return VAULT_IMAGE_DAMAGED;
	*row = (struct vault_row){.kind = slot[1],
		.wrap_kind = slot[2],
		.id = schema_get_u64(slot + 8),
		.index = schema_get_u64(slot + 16),
		.n = size};
	memcpy(row->secret, slot + SECRET_AT, size);
	return VAULT_IMAGE_ROW;
}

static uint64_t
first_slot(uint8_t kind, uint64_t id, uint64_t slots)
{
	uint64_t h = (id ^ (uint64_t)kind << 56) * UINT64_C(0x9E3779B97F4A7C15);

	return (h ^ h >> 32) & (slots - 1);
}

enum err
vault_image_find(
	struct slice file, uint8_t kind, uint64_t id, uint64_t *n, struct vault_row *row)
{
	uint64_t slots = vault_image_slots(file), at = first_slot(kind, id, slots);
	bool has_place = false;

	for (uint64_t i = 0; i < slots; i++, at = (at + 1) & (slots - 1)) {
		enum vault_image_state state = vault_image_read(file, at, row);

		if (state == VAULT_IMAGE_ROW && row->kind == kind && row->id == id) {
			*n = at;
			return ERR_OK;
		}
		if (state == VAULT_IMAGE_ROW || state == VAULT_IMAGE_DAMAGED)
			continue;
		if (!has_place)
			*n = at;
		has_place = true;
		if (state == VAULT_IMAGE_FREE)
			return ERR_NOT_FOUND;
	}
	return has_place ? ERR_NOT_FOUND : ERR_FULL;
}

bool
vault_image_next(struct slice file, uint64_t *n, struct vault_row *row)
{
	uint64_t slots = vault_image_slots(file);

	while (*n < slots)
		if (vault_image_read(file, (*n)++, row) == VAULT_IMAGE_ROW)
			return true;
	return false;
}
