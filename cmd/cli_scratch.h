/* cli_scratch: what a verb keeps until it is known to be good: a file in memory that isn't the
 * heap's, so that a mail of any size is taken, and an endless one isn't. */
#ifndef CMD_CLI_SCRATCH_H
#define CMD_CLI_SCRATCH_H

#include "core/err.h"
#include "core/slice.h"

enum { CLI_SCRATCH_MAX = 1536 << 20 }; /* octets: a body of 1 GiB, in base64 */

/* The caller closes it. */
int cli_scratch_new(void);
/* At its end. ERR_TOO_BIG, ERR_FULL, ERR_IO. */
enum err cli_scratch_put(int fd, struct slice octets);
/* All of it to standard output; an exit code, and then the reason is said. */
int cli_scratch_show(int fd);

#endif
