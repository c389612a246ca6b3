/* cli_setup: what `init` and `join` have in common: the places that the command
 * line names, the folders and files of a node, its configuration. What was made
 * is remembered, so that a set-up that fails can be undone. */
#ifndef CMD_CLI_SETUP_H
#define CMD_CLI_SETUP_H

#include <sys/types.h>

#include "cmd/cli.h"
#include "crypto/seal.h"

enum {
	CLI_SETUP_PATH = 600,
	CLI_SETUP_MADE_MAX = 64,
	CLI_SETUP_PEER_PORT = 4627,
	CLI_SETUP_UID = 10025
};

struct cli_setup {
	const char *config, *data, *hostname, *listen;
	/* Where the other nodes of the cluster reach this one: ADDRESS:PORT; empty: nowhere. */
	char cluster_address[64];
	unsigned port_base, uid;
	bool plaintext;
	bool arbiter;			/* it serves no clients */
	char *made[CLI_SETUP_MADE_MAX]; /* in order; folders end with / */
	size_t mades;
};

/* All return an exit code; what is wrong was said. */

/* --data, --listen, --port-base, --uid, --plaintext-auth, --cluster-address, and -c. Refuses a
 * machine that is set up. hostname stays NULL without --hostname. */
int cli_setup_read(struct cli_setup *s, const struct cli_line *line);
/* The configuration's (none, if config is "") and the data folder's. */
int cli_setup_folders(struct cli_setup *s);
/* A new file, synced; one that is there stays as it is. */
int cli_setup_write(struct cli_setup *s, const char *path, mode_t mode, struct slice text);
/* The same, below the data folder. */
int cli_setup_write_below(
	struct cli_setup *s, const char *below, mode_t mode, struct slice text);
/* tls/key.pem and tls/cert.pem: a certificate of its own for names. */
int cli_setup_certificate(struct cli_setup *s, const struct slice *names, size_t n);
/* tls/node.key, node.pem, cluster.pem: under which name other nodes of the cluster of that
 * master key know this one: a new one. */
int cli_setup_node(struct cli_setup *s, const struct seal_key *master);
/* The files of a new database get their owner, and are remembered. */
int cli_setup_own_database(struct cli_setup *s);
/* The configuration's text: node, listeners, then more (sections; may be empty). */
void cli_setup_format(const struct cli_setup *s, struct slice more, struct buf *out);
/* Removes what was made, the last first; a folder only when it is empty. */
void cli_setup_undo(struct cli_setup *s);

#endif
