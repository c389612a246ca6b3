/* view_vault: the vault's secrets for those who take them to keyd (imapd, courier). Read-only.
 * What comes out is wrapped: of no use to anybody but keyd. */
#ifndef STORE_VIEW_VAULT_H
#define STORE_VIEW_VAULT_H

#include "store/vault_image.h"

struct view_vault;

/* dir: the folder of the vault, which is looked at with the first question. Never fails. */
struct view_vault *view_vault_open(const char *dir);
void view_vault_close(struct view_vault *v);
/* ERR_NOT_FOUND: no such row. ERR_IO, ERR_CORRUPT, ERR_VERSION: the file can't be read. */
enum err view_vault_get(
	struct view_vault *v, enum vault_kind kind, uint64_t id, struct vault_row *row);
/* The whole file, for vault_image's reading functions; until the next call. */
enum err view_vault_file(struct view_vault *v, struct slice *file);

#endif
