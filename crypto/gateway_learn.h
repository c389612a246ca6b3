/* gateway_learn: OpenPGP's certificates of the one From: those that are known, and copies that
 * a mail brings, in its Autocrypt field or as application/pgp-keys: they verify what he signs,
 * and what is new in them is harvested. A copy of a known one is put together with it
 * (pgp_merge), so who leaves something out, a revocation above all, changes nothing, and what
 * was blocked stays so. A mail that came by a list, or is a report, brings nothing. Pure. */
#ifndef CRYPTO_GATEWAY_LEARN_H
#define CRYPTO_GATEWAY_LEARN_H

#include "crypto/gateway_judge.h"
#include "crypto/gateway_pgp.h"

enum {
	GATEWAY_LEARN_TEXT_MAX = 1048576, /* a larger mail isn't looked through for keys */
	GATEWAY_LEARN_PARTS_MAX = 4,	  /* with keys, of one mail */
	GATEWAY_LEARN_PART_MAX = 524288,  /* octets of one, encoded */
	GATEWAY_LEARN_PACKED_MAX = 16,	  /* certificates of one */
	/* Of one mail that name its sender, and that don't: to check their signatures costs
	 * time. */
	GATEWAY_LEARN_COPIES_MAX = 3,
	GATEWAY_LEARN_STRANGERS_MAX = 3
};

struct gateway_learn {
	struct gateway_work *w;
	struct slice address;		 /* canonical; empty: nothing is learned */
	struct gateway_pgp_ring signers; /* those that are in use, and what the mail brings */
	struct gateway_pgp_ring others;	 /* known, and not in use any more, or not yet */
	bool has_all;			 /* signers has those, too */
	size_t copies, strangers;	 /* that were looked at; that name somebody else */
};
/* With what the question knows of him. */
void gateway_learn_begin(
	struct gateway_learn *l, struct gateway_work *w, const struct gateway_judge_from *from);
/* Of a mail as it came. ERR_IO, ERR_CORRUPT: the text. */
enum err gateway_learn_mail(
	struct gateway_learn *l, const struct gateway_head *head, const struct text *t);
/* Who may have signed it: also what isn't in use, which is worth nothing, but says why: it is
 * revoked, past its time. */
struct gateway_pgp_ring *gateway_learn_signers(struct gateway_learn *l);
/* Of what was inside. Errors as above. */
enum err gateway_learn_attached(
	struct gateway_learn *l, const struct gateway_head *head, const struct text *t);

#endif
