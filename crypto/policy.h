/* policy: the settings of the encryption engine: their names as an administrator types them,
 * what they may say, their defaults, and which of what was said for a sender and a recipient
 * holds. Pure.
 *
 * A level is a place where settings stand; what it doesn't say it inherits from the next:
 *   address       ann@example.com    canonical (core/mail_addr): case folded
 *   domain        example.com        that one alone
 *   all below it  .example.com       the longest that fits first
 *   cluster       cluster            its name is empty where it is stored
 *   factory                          the defaults below
 * Of a setting that is one side's (policy_settings.whose) the nearest level of that side
 * holds. Of one that is both sides': what is said for an address or domain beats what is said
 * for all; of two equals the stricter (the greater value; of keep the longer time) holds. */
#ifndef CRYPTO_POLICY_H
#define CRYPTO_POLICY_H

#include "core/arena.h"
#include "core/buf.h"
#include "crypto/gateway.pb-c.h"

enum {
	POLICY_LEVELS_MAX = 132, /* of one address: a label each, and three more */
	POLICY_VALUE_MAX = 600,	 /* octets of a value as it is typed */
	POLICY_KEEP_MAX_SEC = 90 * 86400,
	POLICY_WHY_MAX = 1200 /* octets that may go into a `why` */
};

enum policy_name {
	POLICY_MODE,
	POLICY_SIGN,
	POLICY_CIPHER,
	POLICY_OPAQUE,
	POLICY_SUBJECT_TRIGGER,
	POLICY_HEADER_TRIGGER,
	POLICY_SIGN_TRIGGER,
	POLICY_TAG_SUBJECT,
	POLICY_REPLIES_MUST,
	POLICY_KEEP,
	POLICY_RSA_BITS_MIN,
	POLICY_HOLD_CHANGED_KEYS,
	POLICY_TRUST_MIN,
	POLICY_RSA_SIGNATURE,
	POLICY_METHODS,
	POLICY_AUTOCRYPT,
	POLICY_COUNT
};
enum policy_whose { POLICY_SENDERS, POLICY_RECIPIENTS, POLICY_BOTH };
struct policy_setting {
	const char *name;
	enum policy_whose whose;
	const char *preset;   /* the factory's */
	const char *expected; /* what it may say, for people */
	const char *text;     /* what it does */
};
extern const struct policy_setting policy_settings[POLICY_COUNT];

/* A value: a number (of a word: its number in gateway.proto), or a pattern. */
struct policy_value {
	uint32_t number;
	struct slice pattern; /* empty: none */
};
struct policy_level {
	struct slice name; /* as it is stored */
	struct policy_value value[POLICY_COUNT];
	struct slice text[POLICY_COUNT]; /* as it was typed; empty: inherited */
};

/* --- names and values. All borrow; why: a sentence without a full stop, which names the next
 * step, is appended where they return false. --- */

/* POLICY_COUNT: there is none; why has the nearest. */
enum policy_name policy_find(struct slice name, struct buf *why);
bool policy_parse(
	enum policy_name name, struct slice text, struct policy_value *value, struct buf *why);
/* Says it of the level. Empty text: it is inherited again. */
bool policy_put(
	struct policy_level *level, enum policy_name name, struct slice text, struct buf *why);
/* What is stored, and was checked then: no pattern is looked into. False: a setting or a value
 * that this program doesn't know. Borrows. */
bool policy_load(struct policy_level *level, struct slice name, struct slice text);
/* A level as it is typed; *name: as it is stored, from the arena. */
bool policy_parse_level(
	struct slice text, struct arena *a, struct slice *name, struct buf *why);
/* The way back: "cluster" for the empty one. */
struct slice policy_level_text(struct slice name);
/* Is it for an address or a domain, and not for all? */
bool policy_is_specific(const struct policy_level *level);
/* A value that stands for itself, whatever it was typed as: 120h is 5d. */
void policy_format(enum policy_name name, const struct policy_value *value, struct buf *out);

/* --- who inherits from where --- */

/* The names of all levels of an address, the nearest first, the cluster's last; memory from
 * the arena. delimiter: that of subaddressing if the domain is ours (as in smtp_route): ann+x@
 * has ann@'s too; else 0. Empty address (the null path): the cluster's alone. Never fails:
 * what has no canonical form goes as it is, in lower case. */
struct policy_chain {
	struct slice name[POLICY_LEVELS_MAX];
	size_t n;
};
void policy_chain(
	struct slice address, char delimiter, struct arena *a, struct policy_chain *out);

/* The levels that there are of a chain, the nearest first. */
struct policy_side {
	const struct policy_level *level[POLICY_LEVELS_MAX];
	size_t n;
};
struct policy_said {
	const struct policy_level *level; /* NULL: the factory's */
	struct policy_value value;
};
/* Why it is so. sender and recipient: what holds for each of them alone. */
struct policy_decision {
	struct policy_said sender[POLICY_COUNT], recipient[POLICY_COUNT];
	enum policy_whose by[POLICY_COUNT]; /* BOTH: they say the same */
	struct policy_side of_sender, of_recipient;
};
/* Borrows the levels. */
void policy_decide(const struct policy_side *sender, const struct policy_side *recipient,
	struct policy_decision *out);
const struct policy_said *policy_decided(
	const struct policy_decision *d, enum policy_name name);
/* What was decided, for the engine; texts from the arena. */
void policy_resolve(const struct policy_decision *d, struct arena *a, Gateway__Settings *out);

#endif
