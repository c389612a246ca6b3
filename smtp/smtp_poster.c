#include "smtp/smtp_poster.h"

#include "core/codec.h"

static struct slice
domain_of(struct slice address)
{
	size_t at = address.n;

	while (at && address.p[at - 1] != '@')
		at--;
	return at ? slice_from(address, at) : SLICE_EMPTY;
}

static bool
is_one_of(struct slice address, const Commands__Address *group)
{
	for (size_t i = 0; i < group->n_target && address.n; i++)
		if (slice_eq_nocase(codec_slice(group->target[i]), address))
			return true;
	return false;
}

/* Is the address what the entry allows? */
static bool
matches(struct slice entry, struct slice address)
{
	if (!address.n)
		return false;
	if (entry.n && entry.p[0] == '@')
		return slice_eq(slice_from(entry, 1), domain_of(address));
	return slice_eq(entry, address);
}

bool
smtp_poster_may(const Commands__Address *group, struct slice group_address,
	const struct smtp_poster *who)
{
	struct slice own = domain_of(group_address);
	struct slice name = who->is_authenticated ? who->account : SLICE_EMPTY;

	for (size_t i = 0; i < group->n_poster; i++) {
		struct slice entry = codec_slice(group->poster[i]);

		if (slice_eq(entry, slice_str(SMTP_POSTER_MEMBERS))) {
			if (is_one_of(name, group) || is_one_of(who->sender, group))
				return true;
		} else if (slice_eq(entry, slice_str(SMTP_POSTER_OWN_DOMAIN))) {
			if (who->is_authenticated &&
				(slice_eq(domain_of(name), own) ||
					slice_eq(domain_of(who->sender), own)))
				return true;
		} else if (matches(entry, name) || matches(entry, who->sender)) {
			return true;
		}
	}
	return group->n_poster == 0;
}
