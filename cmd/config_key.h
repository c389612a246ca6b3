/* config_key: the keys that stand once in the configuration file, one row each: where its value
 * goes, its bounds, its default; read from text and written as text. */
#ifndef CMD_CONFIG_KEY_H
#define CMD_CONFIG_KEY_H

#include <stddef.h>

#include "cmd/config.h"

struct config_key {
	const char *section, *name;
	uint8_t value; /* config_key's own */
	size_t at;     /* in struct config */
	uint64_t min, max;
	const char *preset;
};

extern const struct config_key config_keys[];
extern const size_t config_keys_n;

/* NULL: there is none. */
const struct config_key *config_key_find(const char *section, const char *name);
/* What may have been meant. */
const struct config_key *config_key_nearest(const char *section, const char *name);
/* False: not what the key takes. */
bool config_key_read(struct config *c, const struct config_key *k, const char *text);
/* What it takes, in words. */
const char *config_key_expected(const struct config_key *k);
/* Behind "name = "; of a list as many lines as it has texts. */
void config_key_put(struct buf *out, const struct config *c, const struct config_key *k);
/* A comment with type and bounds. */
void config_key_put_type(struct buf *out, const struct config_key *k);

/* For keys that aren't in the table. */
bool config_key_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);
bool config_key_flag(const char *text, bool *out);

#endif
