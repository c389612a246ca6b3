/* gateway_plan: what is to be done with a mail that leaves, for each recipient: triggers,
 * mode, certificate, signature. Decides, and makes nothing. Pure.
 *
 * A mail must be encrypted for a recipient if the mode says so, if a trigger asks for it, or
 * if it answers a mail that was decrypted here. Mode `never` and a trigger contradict one
 * another: it bounces, since the sender takes it for encrypted. */
#ifndef CRYPTO_GATEWAY_PLAN_H
#define CRYPTO_GATEWAY_PLAN_H

#include "crypto/gateway_answer.h"
#include "crypto/gateway_pgp.h"

/* What the mail is as it came. */
enum gateway_plan_input { GATEWAY_PLAN_PLAIN, GATEWAY_PLAN_SIGNED, GATEWAY_PLAN_ENCRYPTED };

/* A header after the triggers of some recipients' settings. */
struct gateway_plan_variant {
	const Gateway__Settings *settings; /* whose triggers they were */
	struct gateway_head head;
	const char *why_encrypt; /* what asked for it, static; or NULL */
	bool asks_signature;
};
enum gateway_plan_fate { GATEWAY_PLAN_PASS, GATEWAY_PLAN_BOUNCE, GATEWAY_PLAN_WAIT };

struct gateway_plan_one {
	enum gateway_plan_fate fate;
	const char *words;		   /* of a fate that isn't PASS */
	Gateway__Certificate *certificate; /* NULL: not encrypted */
	/* By OpenPGP: what it is encrypted with; of what is only signed, what comes first. */
	bool is_openpgp;
	Gateway__Settings__Cipher cipher;
	size_t variant;
	bool must, sign, opaque, pss, alone;
};
struct gateway_plan {
	struct gateway_work *w;
	enum gateway_plan_input input;
	struct gateway_plan_variant variant[GATEWAY_RECIPIENTS_MAX];
	size_t variants;
	struct gateway_plan_one one[GATEWAY_RECIPIENTS_MAX];
	struct gateway_pgp_ring certs; /* OpenPGP's of recipients, as far as they were read */
};
/* original: the header as it came, for triggers; head: without forged marks. The arena has
 * the plan. Errors of the text. */
enum err gateway_plan_make(struct gateway_work *w, const struct gateway_head *original,
	const struct gateway_head *head, struct gateway_plan **plan);
bool gateway_plan_is_openpgp_first(Gateway__Settings__Methods methods);
/* The settings of a recipient, never NULL. */
const Gateway__Settings *gateway_plan_settings(const struct gateway_work *w, size_t recipient);

#endif
