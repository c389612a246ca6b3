/* mail_list: the address lists of From, To, Cc and the like (RFC 5322 sections
 * 3.4 and 4.4: groups, comments, obsolete routes and spacing). Lenient, linear
 * in its input, bounded in its result; encoded words stay as they are. Nothing
 * here is checked as an envelope's address is: see core/mail_addr. Pure. */
#ifndef CORE_MAIL_LIST_H
#define CORE_MAIL_LIST_H

#include "core/arena.h"

enum { MAIL_LIST_MAX = 1000 };

enum mail_list_kind {
	MAIL_LIST_MAILBOX,
	MAIL_LIST_GROUP,     /* name only; the members follow */
	MAIL_LIST_GROUP_END, /* nothing else is set; always there for each group */
};

/* Slices live in the arena or are borrowed from the field. */
struct mail_list_item {
	enum mail_list_kind kind;
	struct slice name;   /* phrase without quotes, or the last comment; may be empty */
	struct slice route;  /* obsolete "@a,@b", mostly empty */
	struct slice local;  /* without quotes, may be empty: words alone are a name */
	struct slice domain; /* empty: there was none */
};

struct mail_list {
	struct mail_list_item *items;
	size_t count; /* at most `max`, and one GROUP_END */
	bool is_cut;  /* there was more than max */
};

/* body: of the field, folds kept. max: items at most, MAIL_LIST_MAX if unsure. */
void mail_list_parse(struct slice body, struct arena *a, size_t max, struct mail_list *out);

#endif
