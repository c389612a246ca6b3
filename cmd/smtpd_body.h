/* smtpd_body: a message's octets on their way to the store: sealed part by part
 * under a fresh data key as they arrive. What fits one part stays in memory;
 * of larger ones only the part being filled does, the rest is in a spool file
 * without a name. Hashes what passes, for the recognition of repeats. */
#ifndef CMD_SMTPD_BODY_H
#define CMD_SMTPD_BODY_H

#include "cmd/proc.h"
#include "core/buf.h"
#include "crypto/seal.h"

struct smtpd_body {
	bool is_open;
	enum err e; /* the first thing that went wrong: FULL or IO */
	struct seal_key key;
	struct buf plain;  /* of the part that is being filled */
	struct buf sealed; /* the last part, once finished, if it isn't in the file */
	uint64_t parts;	   /* sealed so far */
	uint64_t size, sealed_size;
	int fd; /* -1: all is in `sealed` */
	struct seal_hasher hasher;
	uint8_t hash[SEAL_HASH];
};

void smtpd_body_init(struct smtpd_body *b);
/* Makes a data key. */
void smtpd_body_begin(struct smtpd_body *b);
/* Errors are kept in b->e; then octets are forgotten. */
void smtpd_body_add(struct smtpd_body *b, struct proc *p, struct slice octets);
/* Seals the last part and fills in the hash. Afterwards the octets are b->sealed, or the file
 * b->fd of b->sealed_size octets. Returns b->e. */
enum err smtpd_body_finish(struct smtpd_body *b, struct proc *p);
/* Moves what is in memory to a spool file, when the frame has no room for it. After finish. */
enum err smtpd_body_to_spool(struct smtpd_body *b, struct proc *p);
void smtpd_body_wipe_key(struct smtpd_body *b);
/* Closes, frees, wipes; may be begun again. */
void smtpd_body_end(struct smtpd_body *b);

#endif
