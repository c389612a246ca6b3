/* policy_file: levels of the encryption engine's policy (crypto/policy) in a file: sections
 * [cluster], [.example.com], [example.com], [ann@example.com] with lines `name = value`; # or ;
 * begin a comment, where a line begins. For `hairpin gateway`, which has no database.
 *
 * It isn't read by inih as the configuration is: that cuts long names of sections and long
 * lines without a word, and takes ` ;` within a pattern for a comment. */
#ifndef CMD_POLICY_FILE_H
#define CMD_POLICY_FILE_H

#include "core/err.h"
#include "crypto/policy.h"

enum { POLICY_FILE_SIZE_MAX = 1 << 20, POLICY_FILE_LEVELS_MAX = 1000 };

struct policy_file {
	struct policy_level level[POLICY_FILE_LEVELS_MAX]; /* in the order of their sections */
	size_t n;
};

/* Levels live in the arena and borrow from text. ERR_CONFIG: *why has "NAME:LINE: words". */
enum err policy_file_parse(struct slice text, const char *name, struct arena *a,
	struct policy_file **out, struct buf *why);
/* ERR_CONFIG: also if it can't be read. */
enum err policy_file_load(
	const char *path, struct arena *a, struct policy_file **out, struct buf *why);
/* What is decided for two addresses in any form, either of which may be empty. */
void policy_file_decide(const struct policy_file *f, struct slice sender,
	struct slice recipient, struct arena *a, struct policy_decision *out);

#endif
