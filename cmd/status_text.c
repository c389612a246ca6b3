#include "cmd/status_text.h"

#include <stdio.h>
#include <time.h>

enum { DAY_MAX = 16 };

const char *
status_text_kind(enum view_status_kind kind)
{
	static const char *const kinds[] = {"unknown", "good", "revoked"};

	return kinds[kind];
}

const char *
status_text_reason(uint32_t reason)
{
	static const char *const reasons[] = {NULL, "keyCompromise", "cACompromise",
		"affiliationChanged", "superseded", "cessationOfOperation", "certificateHold",
		NULL, "removeFromCRL", "privilegeWithdrawn", "aACompromise"};

	return reason < sizeof reasons / sizeof *reasons ? reasons[reason] : NULL;
}

/* In UTC. */
static const char *
day(uint64_t sec, char text[DAY_MAX])
{
	time_t t = (time_t)sec;
	struct tm tm;

	if (!sec || !gmtime_r(&t, &tm) || !strftime(text, DAY_MAX, "%Y-%m-%d", &tm))
		snprintf(text, DAY_MAX, "?");
	return text;
}

static void
put_revoked(const struct view_status *s, char text[STATUS_TEXT_MAX])
{
	const char *reason = status_text_reason(s->row->reason);
	char since[DAY_MAX];

	snprintf(text, STATUS_TEXT_MAX, "%srevoked since %s%s%s%s, says %s",
		s->is_authoritys ? "its authority is " : "", day(s->row->since_sec, since),
		reason ? " (" : "", reason ? reason : "", reason ? ")" : "", s->row->source);
}

static void
put_unknown(const struct view_status *s, char text[STATUS_TEXT_MAX])
{
	char until[DAY_MAX];

	if (!s->row)
		snprintf(text, STATUS_TEXT_MAX, "revocation unknown: nobody has looked yet");
	else if (*s->row->why)
		snprintf(text, STATUS_TEXT_MAX, "revocation unknown: %s%s%s", s->row->source,
			*s->row->source ? ": " : "", s->row->why);
	else
		snprintf(text, STATUS_TEXT_MAX, "revocation unknown: what %s said ended on %s",
			s->row->source, day(s->row->next_sec, until));
}

void
status_text(const struct view_status *s, char text[STATUS_TEXT_MAX])
{
	char until[DAY_MAX];

	if (s->kind == VIEW_STATUS_REVOKED)
		put_revoked(s, text);
	else if (s->kind == VIEW_STATUS_GOOD)
		snprintf(text, STATUS_TEXT_MAX, "good until %s, says %s",
			day(s->row->next_sec, until), s->row->source);
	else
		put_unknown(s, text);
}
