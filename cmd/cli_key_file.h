/* cli_key_file: files with keys and certificates, for the verbs of both: read with their
 * password, judged, and said what is wrong with them. */
#ifndef CMD_CLI_KEY_FILE_H
#define CMD_CLI_KEY_FILE_H

#include <jansson.h>

#include "cmd/cli.h"
#include "crypto/cert_info.h"
#include "crypto/key_file.h"

/* EX_OK, or why not, which was said. The password is --password's or --password-file's; if the
 * file wants one, and there is none, it is asked for. */
int cli_key_file_read(
	const struct cli_line *line, const char *path, struct arena *a, struct key_file *out);
/* --password, or --password-file's first line; *word stays NULL if neither was given. */
int cli_key_file_password(const struct cli_line *line, struct arena *a, const char **word);
/* Base64. */
json_t *cli_key_file_base64(struct slice octets);
/* The words from the second on as addresses; without any those that the certificate names.
 * is_alone: nothing else is in the file. NULL: there are none, which was said. */
json_t *cli_key_file_addresses(
	const struct cli_line *line, const struct cert_info *info, bool is_alone);
/* EX_OK, or why a certificate, or one with its private key, is of no use here, which was said:
 * an OpenPGP key of a kind that isn't known, or that nothing can be done with. One that is
 * revoked, or weak and private, is of use. */
int cli_key_file_check(const char *path, struct slice cert, bool is_private);
/* Says on standard error what is odd about a certificate, for these addresses. is_ours: its
 * private key comes, too. */
struct cli_key_file_odd {
	const char *path;
	struct slice cert;
	const struct cert_info *info;
	const json_t *addresses;
	bool is_ours;
};
void cli_key_file_warn(const struct cli_key_file_odd *c);
/* What went wrong with one of a file's keys or certificates: are the others looked at? */
bool cli_key_file_may_go_on(int code);
/* Says which of the keys that an OpenPGP certificate is used with have no private part in the
 * bundle: it is on a card, or elsewhere. */
void cli_key_file_warn_of_missing(const char *path, struct slice bundle, struct slice cert);
/* A new file of mode 600, synced; one that is there stays. EX_OK, or why not, which was
 * said. */
int cli_key_file_write(const char *path, struct slice octets);

#endif
