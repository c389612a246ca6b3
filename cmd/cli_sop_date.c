#include "cmd/cli_sop_date.h"

#include <string.h>
#include <time.h>

/* So many digits, to a number of at most that. */
static bool
number(const char **at, int digits, int most, int *n)
{
	*n = 0;
	for (; digits; digits--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*n = *n * 10 + **at - '0';
	}
	return *n <= most;
}

static bool
skip(const char **at, char c)
{
	bool is_there = **at == c;

	*at += is_there;
	return is_there;
}

/* Dashes and colons stand everywhere or nowhere. */
static bool
day(const char **at, struct tm *tm)
{
	bool has_dashes;

	if (!number(at, 4, 9999, &tm->tm_year))
		return false;
	has_dashes = skip(at, '-');
	if (!number(at, 2, 12, &tm->tm_mon) || skip(at, '-') != has_dashes ||
		!number(at, 2, 31, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return true;
}

static bool
time_of_day(const char **at, struct tm *tm)
{
	bool has_colons;

	if (!number(at, 2, 23, &tm->tm_hour))
		return false;
	has_colons = skip(at, ':');
	if (!number(at, 2, 59, &tm->tm_min))
		return false;
	if (has_colons ? !skip(at, ':') : **at < '0' || **at > '9')
		return true;
	if (!number(at, 2, 60, &tm->tm_sec))
		return false;
	if (skip(at, '.') || skip(at, ',')) {
		size_t n = strspn(*at, "0123456789");

		*at += n;
		return n > 0;
	}
	return true;
}

/* How far it is ahead of UTC. */
static bool
zone(const char **at, int *sec)
{
	int hour, minute = 0;
	bool is_behind = **at == '-';

	*sec = 0;
	if (skip(at, 'Z') || skip(at, 'z'))
		return true;
	if (!skip(at, '+') && !skip(at, '-'))
		return false;
	if (!number(at, 2, 23, &hour))
		return false;
	if ((skip(at, ':') || **at) && !number(at, 2, 59, &minute))
		return false;
	*sec = (hour * 60 + minute) * (is_behind ? -60 : 60);
	return true;
}

bool
cli_sop_date_parse(const char *text, uint64_t *sec)
{
	struct tm tm = {0}, again;
	const char *at = text;
	time_t when;
	int ahead;

	if (!day(&at, &tm) || !(skip(&at, 'T') || skip(&at, 't')) || !time_of_day(&at, &tm) ||
		!zone(&at, &ahead) || *at)
		return false;
	tm.tm_sec -= tm.tm_sec == 60; /* a leap second */
	again = tm;
	when = timegm(&again);
	/* timegm makes the 31st of February one of March. */
	if (again.tm_mday != tm.tm_mday || again.tm_mon != tm.tm_mon)
		return false;
	when -= ahead;
	*sec = when < 0 ? 0 : (uint64_t)when;
	return true;
}
