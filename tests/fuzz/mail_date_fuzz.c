#include "core/mail_date.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice raw = slice_of(p, n);
	struct mail_date d;
	struct buf b;
	int64_t day;

	buf_init(&b, 1000);
	if (mail_date_parse(raw, &d) && (!mail_date_format(d, &b) || b.n > MAIL_DATE_TEXT_MAX))
		__builtin_trap();
	if (mail_date_parse_imap(raw, &d))
		mail_date_format_imap(d, &b);
	mail_date_parse_day(raw, &day);
	buf_fini(&b);
	return 0;
}
