/* vault: the file of secrets, apart from the database, so that a backup of the mail holds
 * none, and so that a secret that is deleted is gone. It is written by the store alone, next
 * to the database: what the log decided is put here after the commit, and what is missing
 * after a crash is put again from the log (engine_vault.c). So no journal is needed: a row is
 * written in its slot, in place, and wiped there. Only to grow the file is made anew, beside
 * the old one, and renamed. Each secret is wrapped (by the master key). Layout:
 * vault_image.h. */
#ifndef STORE_VAULT_H
#define STORE_VAULT_H

#include "store/vault_image.h"

struct vault;

/* dir/secrets; made when create and there is none. ERR_NOT_FOUND. ERR_VERSION: newer,
 * untouched. ERR_DENIED: of another cluster. ERR_CORRUPT, ERR_IO, ERR_FULL. */
enum err vault_open(
	const char *dir, const uint8_t cluster[16], bool create, struct vault **vault);
/* NULL is fine. */
void vault_close(struct vault *v);
/* Makes sure that so many rows can be put without more space. ERR_FULL: all is as before. */
enum err vault_reserve(struct vault *v, uint64_t rows);
/* Takes the place of a row of this kind and id. On disk after vault_sync. ERR_FULL: no room was
 * reserved, ERR_IO. */
enum err vault_put(struct vault *v, const struct vault_row *row);
/* Wipes it; a row that isn't there is fine. On disk after vault_sync. */
enum err vault_del(struct vault *v, uint8_t kind, uint64_t id);
/* Wipes the slots that are damaged. *n: how many. */
enum err vault_clear_damaged(struct vault *v, uint64_t *n);
/* Nothing to do without a change. */
enum err vault_sync(struct vault *v);
/* For vault_image's reading functions. Valid until the next vault_reserve. */
struct slice vault_file(const struct vault *v);

#endif
