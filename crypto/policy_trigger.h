/* policy_trigger: what in a mail's header asks for encryption or for a signature: a regular
 * expression (PCRE2, caseless, UTF-8) that is looked for in the subject as people read it
 * (RFC 2047), or in a field of a given name. What matched in the subject is taken out of it.
 * The home of pcre2. Pure.
 *
 * Neither a pattern nor a subject can cost more than a bounded time: what passes a bound is
 * UNDECIDED, and has to be taken for a match, as nothing may leave in plain because somebody
 * made the search too long. */
#ifndef CRYPTO_POLICY_TRIGGER_H
#define CRYPTO_POLICY_TRIGGER_H

#include "core/buf.h"

enum {
	POLICY_TRIGGER_PATTERN_MAX = 500, /* octets */
	POLICY_TRIGGER_TEXT_MAX = 4096,	  /* octets of UTF-8 that are searched */
	POLICY_TRIGGER_CUTS_MAX = 8,	  /* matches that are taken out of one subject */
	POLICY_TRIGGER_FIELDS_MAX = 64,	  /* fields of one name that are searched */
	POLICY_TRIGGER_NAME_MAX = 76	  /* octets of a field's name */
};

enum policy_trigger_found { POLICY_TRIGGER_NO, POLICY_TRIGGER_YES, POLICY_TRIGGER_UNDECIDED };

/* May it be a pattern? False: why has a sentence without a full stop. One that fits an empty
 * text would fit every mail: it may not. */
bool policy_trigger_check(struct slice pattern, struct buf *why);
/* The same of "Name: PATTERN". */
bool policy_trigger_check_field(struct slice setting, struct buf *why);

/* body: of the field Subject, folds and all. without: if it is YES, what is left of the body is
 * appended: folded as the body was, with the blank behind the colon (never less) and without
 * the last line end; encoded words that the match doesn't touch stay as they are, others are
 * written anew, whole. All of it is left if what fits is an empty text (a look-ahead). At most
 * 6 times the body's octets and 200 are written. NULL: isn't wanted. An empty pattern is never
 * found. */
enum policy_trigger_found policy_trigger_subject(
	struct slice pattern, struct slice body, struct buf *without);
/* Is there a field of that name in which the pattern is found? header: raw, many fields. Empty
 * setting: never. */
enum policy_trigger_found policy_trigger_header(struct slice setting, struct slice header);

#endif
