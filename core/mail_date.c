#include "core/mail_date.h"

#include "core/mail_type.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

struct parts {
	int64_t year;
	int month, day, hour, minute, second, zone_min;
};

int64_t
mail_date_days(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era, of_era, of_year;

	/* Years begin in March, so that the leap day is the last. */
	era = (y >= 0 ? y : y - 399) / 400;
	of_era = y - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void
split_days(int64_t days, struct parts *p)
{
	int64_t z = days + 719468, era, doe, yoe, doy, mp;

	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	p->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	p->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	p->year = yoe + era * 400 + (p->month <= 2);
}

static bool
is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool
join(const struct parts *p, struct mail_date *out)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int last;

	if (p->year < 1 || p->year > 9999 || p->month < 1 || p->month > 12)
		return false;
	last = lengths[p->month - 1] + (p->month == 2 && is_leap(p->year));
	if (p->day < 1 || p->day > last || p->hour > 23 || p->minute > 59 || p->second > 60)
		return false;
	out->utc_sec = mail_date_days(p->year, p->month, p->day) * MAIL_DATE_DAY_SEC +
		       p->hour * 3600 + p->minute * 60 + p->second - p->zone_min * 60;
	out->zone_min = (int16_t)p->zone_min;
	return true;
}

static int64_t
floor_day(int64_t sec)
{
	return (sec >= 0 ? sec : sec - (MAIL_DATE_DAY_SEC - 1)) / MAIL_DATE_DAY_SEC;
}

int64_t
mail_date_day(struct mail_date d)
{
	return floor_day(d.utc_sec + d.zone_min * 60) * MAIL_DATE_DAY_SEC;
}

/* Keeps the arithmetic and the four digits of the year inside their range. */
static void
split(struct mail_date d, struct parts *p)
{
	const int64_t first = mail_date_days(1, 1, 2) * MAIL_DATE_DAY_SEC;
	const int64_t last = mail_date_days(9999, 12, 31) * MAIL_DATE_DAY_SEC;
	int64_t utc = d.utc_sec < first ? first : d.utc_sec > last ? last : d.utc_sec;
	int64_t sec, days;

	if (d.zone_min < -1439 || d.zone_min > 1439)
		d.zone_min = 0;
	sec = utc + d.zone_min * 60;
	days = floor_day(sec);
	split_days(days, p);
	sec -= days * MAIL_DATE_DAY_SEC;
	p->hour = (int)(sec / 3600);
	p->minute = (int)(sec / 60 % 60);
	p->second = (int)(sec % 60);
	p->zone_min = d.zone_min;
}

bool
mail_date_format(struct mail_date d, struct buf *out)
{
	struct parts p;
	int64_t days;
	int zone, weekday;

	split(d, &p);
	days = mail_date_days(p.year, p.month, p.day);
	weekday = (int)(((days + 4) % 7 + 7) % 7);
	zone = p.zone_min < 0 ? -p.zone_min : p.zone_min;
	return buf_printf(out, "%.3s, %d %.3s %04d %02d:%02d:%02d %c%02d%02d",
		weekdays + weekday * 3, p.day, months + (p.month - 1) * 3, (int)p.year, p.hour,
		p.minute, p.second, p.zone_min < 0 ? '-' : '+', zone / 60, zone % 60);
}

static void
two_digits(char *to, int v)
{
	to[0] = (char)('0' + v / 10 % 10);
	to[1] = (char)('0' + v % 10);
}

/* By hand: one for each message of a listing, where printf was a tenth of the time. */
bool
mail_date_format_imap(struct mail_date d, struct buf *out)
{
	char text[] = "\"00-Mon-0000 00:00:00 +0000\"";
	struct parts p;
	int zone;

	split(d, &p);
	zone = p.zone_min < 0 ? -p.zone_min : p.zone_min;
	two_digits(text + 1, p.day);
	if (text[1] == '0')
		text[1] = ' ';
	memcpy(text + 4, months + (p.month - 1) * 3, 3);
	two_digits(text + 8, (int)(p.year / 100));
	two_digits(text + 10, (int)(p.year % 100));
	two_digits(text + 13, p.hour);
	two_digits(text + 16, p.minute);
	two_digits(text + 19, p.second);
	text[22] = p.zone_min < 0 ? '-' : '+';
	two_digits(text + 23, zone / 60);
	two_digits(text + 25, zone % 60);
	return buf_put(out, text, sizeof text - 1);
}

/* --- the lenient reader ---------------------------------------------------- */

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Takes 1 to `most` digits; gives how many. */
static size_t
take_number(struct slice *s, size_t most, int *out)
{
	size_t n = 0;
	int v = 0;

	while (n < most && n < s->n && is_digit(s->p[n]))
		v = v * 10 + (s->p[n++] - '0');
	if (n)
		*out = v;
	*s = slice_from(*s, n);
	return n;
}

static struct slice
take_word(struct slice *s)
{
	size_t n = 0;
	struct slice word;

	while (n < s->n && is_alpha(s->p[n]))
		n++;
	word = slice_cut(*s, 0, n);
	*s = slice_from(*s, n);
	return word;
}

static bool
take_octet(struct slice *s, uint8_t c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_from(*s, 1);
	return true;
}

/* 1 to 12, or 0. Only the first three letters count ("Sept", "June"). */
static int
month_of(struct slice word)
{
	if (word.n < 3)
		return 0;
	for (int m = 0; m < 12; m++)
		if (slice_eq_nocase(slice_cut(word, 0, 3), slice_of(months + m * 3, 3)))
			return m + 1;
	return 0;
}

/* RFC 5322 section 4.3: other words than these are read as -0000. */
static int
zone_of(struct slice word)
{
	static const struct {
		const char *name;
		int hours;
	} zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7},
		{"MDT", -6}, {"PST", -8}, {"PDT", -7}};

	for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++)
		if (slice_eq_nocase(word, slice_str(zones[i].name)))
			return zones[i].hours * 60;
	return 0;
}

/* "+hhmm", "-hhmm", a word, or nothing. */
static void
take_zone(struct slice *s, struct parts *p)
{
	bool is_west = s->n && s->p[0] == '-';
	int v = 0;

	p->zone_min = 0;
	if (take_octet(s, '+') || take_octet(s, '-')) {
		if (take_number(s, 4, &v) != 4 || v % 100 > 59 || v > 2359)
			return;
		v = v / 100 * 60 + v % 100;
		p->zone_min = is_west ? -v : v;
	} else {
		p->zone_min = zone_of(take_word(s));
	}
}

static bool
take_time(struct slice *s, struct parts *p)
{
	if (!take_number(s, 2, &p->hour))
		return false;
	*s = mail_type_skip_blank(*s);
	if (!take_octet(s, ':') && !take_octet(s, '.'))
		return false;
	*s = mail_type_skip_blank(*s);
	if (!take_number(s, 2, &p->minute))
		return false;
	*s = mail_type_skip_blank(*s);
	p->second = 0;
	if (take_octet(s, ':') || take_octet(s, '.')) {
		*s = mail_type_skip_blank(*s);
		if (!take_number(s, 2, &p->second))
			return false;
	}
	return true;
}

/* RFC 5322 section 4.3: 00-49 are 20xx, 50-99 and three digits add 1900. */
static int64_t
full_year(int year, size_t digits)
{
	if (digits == 2)
		return year + (year < 50 ? 2000 : 1900);
	return digits == 3 ? year + 1900 : year;
}

/* The asctime form: "Jan  2 15:04:05 2006". */
static bool
take_asctime(struct slice *s, struct parts *p)
{
	int year = 0;

	*s = mail_type_skip_blank(*s);
	if (!take_number(s, 2, &p->day))
		return false;
	*s = mail_type_skip_blank(*s);
	if (!take_time(s, p))
		return false;
	*s = mail_type_skip_blank(*s);
	if (s->n && is_alpha(s->p[0]))
		take_zone(s, p);
	*s = mail_type_skip_blank(*s);
	if (take_number(s, 4, &year) != 4)
		return false;
	p->year = year;
	*s = mail_type_skip_blank(*s);
	if (s->n && (s->p[0] == '+' || s->p[0] == '-'))
		take_zone(s, p);
	return true;
}

static struct slice
skip_dash(struct slice s)
{
	s = mail_type_skip_blank(s);
	take_octet(&s, '-');
	return mail_type_skip_blank(s);
}

static bool
take_date_time(struct slice *s, struct parts *p)
{
	size_t digits;
	int year = 0;

	if (!take_number(s, 2, &p->day))
		return false;
	*s = skip_dash(*s);
	p->month = month_of(take_word(s));
	take_octet(s, '.');
	*s = skip_dash(*s);
	digits = take_number(s, 5, &year);
	if (!p->month || digits < 2 || digits > 4)
		return false;
	p->year = full_year(year, digits);
	*s = mail_type_skip_blank(*s);
	if (s->n && !take_time(s, p))
		return false;
	*s = mail_type_skip_blank(*s);
	take_zone(s, p);
	return true;
}

bool
mail_date_parse(struct slice raw, struct mail_date *out)
{
	struct parts p = {0};
	struct slice s = mail_type_skip_blank(raw), word;

	if (s.n && is_alpha(s.p[0])) {
		word = take_word(&s);
		s = mail_type_skip_blank(s);
		if (!take_octet(&s, ','))
			take_octet(&s, '.');
		s = mail_type_skip_blank(s);
		if (s.n && is_alpha(s.p[0]))
			word = take_word(&s);
		p.month = month_of(word);
	}
	if (p.month ? !take_asctime(&s, &p) : !take_date_time(&s, &p))
		return false;
	return join(&p, out);
}

/* --- the strict readers of IMAP ---------------------------------------------- */

static bool
take_imap_day(struct slice *s, struct parts *p)
{
	int year = 0;
	struct slice word;

	if (!take_octet(s, '-'))
		return false;
	word = take_word(s);
	p->month = word.n == 3 ? month_of(word) : 0;
	if (!p->month || !take_octet(s, '-') || take_number(s, 4, &year) != 4)
		return false;
	p->year = year;
	return true;
}

bool
mail_date_parse_day(struct slice raw, int64_t *midnight_sec)
{
	struct parts p = {0};
	struct mail_date d;

	if (!take_number(&raw, 2, &p.day) || !take_imap_day(&raw, &p) || raw.n || !join(&p, &d))
		return false;
	*midnight_sec = d.utc_sec;
	return true;
}

bool
mail_date_parse_imap(struct slice raw, struct mail_date *out)
{
	struct parts p = {0};
	bool is_short = take_octet(&raw, ' ');

	if (take_number(&raw, 2, &p.day) != (is_short ? 1u : 2u) || !take_imap_day(&raw, &p))
		return false;
	if (!take_octet(&raw, ' ') || take_number(&raw, 2, &p.hour) != 2 ||
		!take_octet(&raw, ':') || take_number(&raw, 2, &p.minute) != 2 ||
		!take_octet(&raw, ':') || take_number(&raw, 2, &p.second) != 2 ||
		!take_octet(&raw, ' '))
		return false;
	if (raw.n != 5 || (raw.p[0] != '+' && raw.p[0] != '-'))
		return false;
	for (size_t i = 1; i < 5; i++)
		if (!is_digit(raw.p[i]))
			return false;
	if ((raw.p[1] - '0') * 10 + raw.p[2] - '0' > 23 || raw.p[3] > '5')
		return false;
	take_zone(&raw, &p);
	return join(&p, out);
}
