/* config_inner: what config's files share: a reading, sections [listener NAME]
 * (config_listener.c), and what only the whole can tell (config_check.c). */
#ifndef CMD_CONFIG_INNER_H
#define CMD_CONFIG_INNER_H

#include "cmd/config.h"

struct config_reading {
	struct config *c;
	struct config_error *why;
	const char *name; /* of the file */
	char what[400];	  /* is wrong, if e isn't ERR_OK */
	enum err e;
};
/* Always 0, as the parser wants to hear it. */
int config_refuse(struct config_reading *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A key of a listener, which is begun with the first. 1, or 0: refused. */
int config_listener_read(
	struct config_reading *r, const char *name, const char *key, const char *text);
/* "192.0.2.0/24, 2001:db8::1". False: it isn't that, or too many. */
bool config_listener_networks(
	const char *text, struct ip_network to[CONFIG_NETWORKS_MAX], uint32_t *n);
/* 0: lmtp's may be a path and has none of its own. */
uint16_t config_listener_port(enum config_kind kind);
/* Appends the section. */
void config_listener_format(const struct config_listener *l, struct buf *out);

/* Refuses what doesn't go together; fills in what follows from it. */
void config_check(struct config_reading *r);

#endif
