/* smtp_poster: who may write to a group. Pure: facts that the process looked up. A list of
 * posters holds what is allowed: `members`, `own-domain`, addresses, @DOMAIN for all of a
 * domain; an empty one allows anyone. */
#ifndef SMTP_POSTER_H
#define SMTP_POSTER_H

#include "core/slice.h"
#include "store/commands.pb-c.h"

#define SMTP_POSTER_ANYONE "anyone"
#define SMTP_POSTER_MEMBERS "members"
#define SMTP_POSTER_OWN_DOMAIN "own-domain"

struct smtp_poster {
	bool is_authenticated;
	struct slice account; /* its name: canonical; if authenticated */
	struct slice sender; /* of the envelope, canonical; empty: the null sender, or none that
				 could be anybody */
};

/* group: of the address as it was given. own-domain: somebody with a login here whose name or
 * sender is of the group's domain. A group among the members is one address: its own members
 * aren't looked at. The null sender may write to groups for anyone only. */
bool smtp_poster_may(const Commands__Address *group, struct slice group_address,
	const struct smtp_poster *who);

#endif
