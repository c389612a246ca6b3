/* An account's sending limits. What the store counts is looked at before a mail's octets come;
 * the store judges when it is taken in. */
#include <stdio.h>

#include "cmd/smtpd.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/zone.h"

enum { FULL_MAX = 200, CLOCK_MAX = 24 };

/* "12:00 +0100", in the zone of the configuration. */
static void
put_clock(uint64_t sec, char out[CLOCK_MAX])
{
	int zone_min = zone_offset_min((int64_t)sec), off = zone_min < 0 ? -zone_min : zone_min;
	unsigned min = (unsigned)((sec / 60 + (uint64_t)(1440 + zone_min)) % 1440);

	snprintf(out, CLOCK_MAX, "%02u:%02u %c%02d%02d", min / 60, min % 60,
		zone_min < 0 ? '-' : '+', off / 60, off % 60);
}

/* One is as good as many: once an hour for each account. */
static bool
is_said(struct smtpd *d, uint64_t account)
{
	uint64_t hour = clock_wall_sec() / SENDING_HOUR_SEC;

	for (size_t i = 0; i < SMTPD_ALARMS; i++)
		if (d->alarm[i].account == account && d->alarm[i].hour == hour)
			return true;
	d->alarm[d->alarms++ % SMTPD_ALARMS] = (struct smtpd_alarm){account, hour};
	return false;
}

struct limit {
	bool is_full;
	uint32_t recipients;
	const char *unit;
	uint64_t again_sec; /* 0: n are too many for ever */
};

/* May n more follow, as far as can be seen here? */
static enum err
look(struct smtpd_client *c, uint32_t n, struct limit *out)
{
	struct sending use;
	enum sending_verdict verdict;
	enum err e = smtpd_lookup_sending(c, &c->sending, &use);

	if (e)
		return e;
	verdict = sending_check(&use, &c->sending, n, &out->again_sec);
	out->is_full = verdict != SENDING_FITS;
	out->unit = verdict == SENDING_DAY_FULL ? "day" : "hour";
	out->recipients = verdict == SENDING_DAY_FULL ? c->sending.per_day
						      : c->sending.per_hour;
	return ERR_OK;
}

static void
put_full(const struct limit *l, struct buf *out)
{
	char clock[CLOCK_MAX];

	buf_printf(out, "%u recipients per %s, try again ", l->recipients, l->unit);
	put_clock(l->again_sec, clock);
	if (l->again_sec)
		buf_printf(out, "after %s; your postmaster can raise it", clock);
	else
		buf_put_str(out, "with fewer recipients");
}

static void
say(struct smtpd_client *c, const struct limit *l)
{
	const struct smtp_envelope *env = smtp_session_envelope(c->session);

	if (!is_said(c->d, env->account))
		log_warn("account=<%.*s> reached its sending limit of %u recipients per %s: "
			 "client=unknown[%s], session=%s. If its password was stolen, `hairpin "
			 "user password` locks it; if it may send more, `hairpin user set "
			 "--recipients-per-%s`",
			SLICE_FMT(env->user), l->recipients, l->unit, c->from.text, c->name,
			l->unit);
}

static uint32_t
least(const struct sending_limits *l)
{
	if (!l->per_hour || !l->per_day)
		return l->per_hour ? l->per_hour : l->per_day;
	return l->per_hour < l->per_day ? l->per_hour : l->per_day;
}

void
smtpd_sending_ask(struct smtpd_client *c)
{
	uint32_t n = (uint32_t)smtp_session_envelope(c->session)->rcpt_n;
	struct smtp_event ev = {.kind = SMTP_EV_SENDING};
	struct limit limit = {0};
	struct buf full;

	buf_init(&full, FULL_MAX);
	ev.sending.e = look(c, n ? n : 1, &limit);
	ev.sending.rcpt_max = least(&c->sending);
	if (ev.sending.e)
		log_error("directory: %s", err_text(ev.sending.e));
	if (limit.is_full) {
		put_full(&limit, &full);
		say(c, &limit);
	}
	ev.sending.full = buf_slice(&full);
	smtpd_client_step(c, &ev);
	buf_fini(&full);
}

void
smtpd_sending_put_full(struct smtpd_client *c, struct buf *out)
{
	uint32_t n = (uint32_t)smtp_session_envelope(c->session)->rcpt_n;
	struct limit limit = {0};

	/* An hour later it would have been taken: then that is what it is told. */
	if (look(c, n, &limit) || !limit.is_full) {
		buf_put_str(out, "recipients, try again");
		return;
	}
	put_full(&limit, out);
	say(c, &limit);
}
