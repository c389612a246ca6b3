/* mail_date: dates of mail, RFC 5322 section 3.3 and 4.3 (obsolete forms), and
 * IMAP's date and date-time (RFC 9051 section 9). The proleptic Gregorian
 * calendar, years 1 to 9999. Never asks libc for a locale or a time zone. Pure. */
#ifndef CORE_MAIL_DATE_H
#define CORE_MAIL_DATE_H

#include "core/buf.h"

/* A moment, and the zone in which it was or is to be written. */
struct mail_date {
	int64_t utc_sec;  /* since 1970-01-01 00:00:00 UTC, leap seconds not counted */
	int16_t zone_min; /* east of Greenwich, -1439 to 1439 */
};

enum { MAIL_DATE_DAY_SEC = 86400 };

/* Octets that the longest formatted date needs. */
enum { MAIL_DATE_TEXT_MAX = 40 };

/* A Date field's body, folded or not, lenient: comments, missing day name,
 * missing seconds, 2- and 3-digit years, obsolete zones, missing zone (read as
 * UTC), rubbish after the zone. False: no date can be made of it. */
bool mail_date_parse(struct slice raw, struct mail_date *out);
/* "Mon, 2 Jan 2006 15:04:05 -0700" */
bool mail_date_format(struct mail_date d, struct buf *out);
/* IMAP date-time without its quotes: "02-Jan-2006 15:04:05 -0700"; the day has
 * two places, of which the first may be a space. Strict. */
bool mail_date_parse_imap(struct slice raw, struct mail_date *out);
/* The same with the quotes that INTERNALDATE wants. */
bool mail_date_format_imap(struct mail_date d, struct buf *out);
/* IMAP date without quotes: "2-Jan-2006"; gives midnight UTC of that day. */
bool mail_date_parse_day(struct slice raw, int64_t *midnight_sec);
/* Midnight (as if UTC) of the day on which d falls in its own zone: what
 * SENTSINCE, ON and BEFORE compare. */
int64_t mail_date_day(struct mail_date d);
/* Days since 1970-01-01; month 1 to 12, day 1 to 31 (checked by the caller). */
int64_t mail_date_days(int64_t year, int month, int day);

#endif
