/* apply_opened: which mails were decrypted here (tables opened, opened_due), by the hash of
 * their Message-ID: replies to them are encrypted again. */
#ifndef STORE_APPLY_OPENED_H
#define STORE_APPLY_OPENED_H

#include "store/apply.h"

enum { APPLY_OPENED_LIFE_MAX_SEC = 10 * 366 * 86400 };

/* hash: SCHEMA_OPENED_HASH octets; of zeros (no Message-ID) nothing is kept. until_sec is cut
 * to LIFE_MAX from now, the later of two holds; one that is over is nothing. */
enum err apply_opened_put(struct apply *a, const uint8_t *hash, uint64_t until_sec);
/* Forgets those whose time is over, at most limit. */
enum err apply_opened_expire(struct apply *a, uint32_t limit);

#endif
