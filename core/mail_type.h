/* mail_type: Content-Type (RFC 2045 section 5), Content-Disposition (RFC 2183)
 * and whatever else has the form value; name=value. Lenient: what can't be read
 * is left out. Parameters stay as they were given (RFC 2231 pieces too);
 * core/mail_word joins and decodes them. Pure. */
#ifndef CORE_MAIL_TYPE_H
#define CORE_MAIL_TYPE_H

#include "core/arena.h"

enum { MAIL_TYPE_PARAMS_MAX = 64 };

/* Without quotes and comments; borrowed from the field or from the arena. */
struct mail_param {
	struct slice name, value;
};

struct mail_type {
	struct slice type, subtype; /* disposition: type only */
	struct mail_param *params;
	size_t param_count; /* at most MAIL_TYPE_PARAMS_MAX, the rest is dropped */
};

/* A Content-Type's body. False: it can't be read (RFC 2045 section 5.2: then it
 * is text/plain; charset=us-ascii); *out is not touched. */
bool mail_type_parse(struct slice body, struct arena *a, struct mail_type *out);
/* "attachment; filename=x": false when it has no value. */
bool mail_type_parse_value(struct slice body, struct arena *a, struct mail_type *out);
/* The first parameter of that name, any case. */
bool mail_type_param(const struct mail_type *t, struct slice name, struct slice *value);
/* Any case. */
bool mail_type_is(const struct mail_type *t, struct slice type, struct slice subtype);

/* The lexer, for fields of the same style. Blank: white space, folds and nested
 * comments. A token is what RFC 2045 calls so, or more: all up to white space,
 * ';', ',', '"' and '('; is_strict ends it at '/' and '=' too. */
struct slice mail_type_skip_blank(struct slice s);
struct slice mail_type_token(struct slice *s, bool is_strict);
/* A quoted string at *s (which begins with '"'), unquoted, line ends dropped.
 * Unterminated: all that is left. */
struct slice mail_type_quoted(struct slice *s, struct arena *a);

#endif
