/* vault_image: the octets of the vault's file (vault.h). Pure.
 *
 * A table of slots of VAULT_IMAGE_SLOT octets, integers big-endian. The first is the head:
 *
 *     0  16   "hairpin-vault", zeros
 *    16  u32  format (1)
 *    20  u32  zero
 *    24  16   the cluster's id, which the database has too
 *    40  u64  slots that follow: a power of two
 *    48       zeros
 *   224  32   BLAKE2b-256 of the octets before it
 *
 * The others are free (all zeros), gone (0xff, zeros: a row was here), or a row:
 *
 *     0  u8   1
 *     1  u8   kind
 *     2  u8   wrap_kind
 *     3  u8   zero
 *     4  u32  octets of the secret
 *     8  u64  id
 *    16  u64  index of the log entry that brought it
 *    24  200  the secret, then zeros
 *   224  32   BLAKE2b-256 of the octets before it
 *
 * A row lies in the slot that its kind and id choose, or in one behind that (round the end),
 * with no free slot in between. Whatever else a slot holds is damaged: a write that a power
 * cut tore, or worse. It is passed over like one that is gone. */
#ifndef STORE_VAULT_IMAGE_H
#define STORE_VAULT_IMAGE_H

#include "core/err.h"
#include "core/slice.h"

enum {
	VAULT_IMAGE_SLOT = 256,
	VAULT_IMAGE_SECRET = 200,
	VAULT_IMAGE_CLUSTER = 16,
	VAULT_IMAGE_SLOTS_MAX = 1 << 26
};

enum vault_image_state {
	VAULT_IMAGE_FREE,
	VAULT_IMAGE_ROW,
	VAULT_IMAGE_GONE,
	VAULT_IMAGE_DAMAGED
};

/* Of a row; what its id is. */
enum vault_kind {
	VAULT_ACCOUNT = 'a', /* account */
	VAULT_QUEUE = 'q',   /* queue key */
	VAULT_KEY = 'k',     /* private key: what its row in table key is sealed under */
	VAULT_LOG = 'l'	     /* log key: it seals the entries above this index */
};

struct vault_row {
	uint8_t kind, wrap_kind;
	uint64_t id, index;
	size_t n; /* octets of the secret */
	uint8_t secret[VAULT_IMAGE_SECRET];
};

void vault_image_write_head(uint8_t slot[VAULT_IMAGE_SLOT],
	const uint8_t cluster[VAULT_IMAGE_CLUSTER], uint64_t slots);
void vault_image_write_row(uint8_t slot[VAULT_IMAGE_SLOT], const struct vault_row *row);
void vault_image_write_gone(uint8_t slot[VAULT_IMAGE_SLOT]);

/* Is it a whole file with a head of ours? ERR_VERSION: a newer format. ERR_DENIED: of another
 * cluster (NULL: any will do). ERR_CORRUPT. The others want a file that was checked. */
enum err vault_image_check(struct slice file, const uint8_t *cluster);
uint64_t vault_image_slots(struct slice file);
/* n below vault_image_slots. row: filled in for VAULT_IMAGE_ROW. It is read once: another
 * process may be writing. */
enum vault_image_state vault_image_read(struct slice file, uint64_t n, struct vault_row *row);
/* ERR_NOT_FOUND: then *n is the first slot where such a row may be put; ERR_FULL: and there is
 * none. */
enum err vault_image_find(
	struct slice file, uint8_t kind, uint64_t id, uint64_t *n, struct vault_row *row);
/* The next row at or behind slot *n, which then stands behind it. False: there is none. */
bool vault_image_next(struct slice file, uint64_t *n, struct vault_row *row);

#endif
